"""What a tagger cannot be taught is said before it is trained, with what mends it."""

from __future__ import annotations

import json

import pytest

from gmner_cli.errors import GmnerError, RecordError
from gmner_cli.records import Entity, Post
from gmner_cli.training.gold import check_gold, same_type
from tests.conftest import write_jsonl
from tests.ner.test_crf_tagger import tagger
from tests.training.point import post


def gold(text: str, *spans: tuple[int, int, str], **more) -> Post:
    return Post(id=text[:5], text=text, entities=[Entity(start=a, end=b, type=kind) for a, b, kind in spans],
                **more)


GOOD = [
    gold("Ada in Oslo", (0, 3, "PER"), (7, 11, "LOC")),
    gold("Bob in Rome", (0, 3, "PER"), (7, 11, "LOC"))
]


@pytest.fixture(scope="module")
def model(tiny_encoder):
    return tagger(tiny_encoder, posts=GOOD)


def said(model, dev, train=GOOD) -> str:
    lines = []
    check_gold(model, train, dev, ("train.jsonl", "dev.jsonl"), lines.append)
    return "\n".join(lines)


def test_nothing_is_said_of_gold_that_fits(model):
    assert said(model, GOOD) == ""


@pytest.mark.parametrize(("kind", "known", "like"), [("MISC", "PER LOC ORG OTHER", "OTHER"),
                                                     ("OTHER", "PER MISC", "MISC"), ("per", "PER LOC", "PER"),
                                                     ("person", "PER LOC", "PER"),
                                                     ("PER", "person location", "person"),
                                                     ("GPE", "LOC PER", "LOC"), ("geo-loc", "LOC PER", "LOC"),
                                                     ("B-ORG", "ORG LOC", "ORG"),
                                                     ("ORGANIZATION", "ORG PER", "ORG"),
                                                     ("organisation", "organization", "organization"),
                                                     ("buildings", "building person", "building"),
                                                     ("corporation", "person group", "group"),
                                                     ("FOOD", "PER LOC", None),
                                                     ("product", "PER OTHER", None)])
def test_types_that_mean_the_same(kind, known, like):
    assert same_type(kind, known.split()) == like


def test_types_that_train_lacks_are_told_with_the_label_map_that_mends_them(model):
    line = said(model, [*GOOD, gold("x y z", (0, 1, "Location"), (2, 3, "FOOD"))])
    assert "2 of 6 entities" in line and "FOOD, Location" in line and "--label-map Location=LOC" in line
    assert "FOOD=" not in line


@pytest.mark.parametrize(("dev", "train", "wanted"), [
    ([post("d", entities=[{"start": 0, "end": 3, "type": "person"}])
      ], [post("t")], ["person", "PER", "--label-map person=PER"]),
    ([post("d", entities=[{"start": 0, "end": 3, "type": "MISC"}])
      ], [post("t", entities=[{"start": 0, "end": 3, "type": "OTHER"}])], ["--label-map MISC=OTHER"]),
    ([post("d", entities=[{"start": 0, "end": 3, "type": "FOOD"}])], [post("t")
                                                                      ], ["FOOD", "--label-map OLD=NEW"]),
    ([post("d", entities=[])], [post("t")], ["no post has an entity"]),
])
def test_a_dev_set_that_can_only_score_0_is_refused(training, dev, train, wanted):
    write_jsonl(training.folder / "dev.jsonl", dev)
    write_jsonl(training.folder / "train.jsonl", train)
    done = training()
    assert done.code == 1 and not done.epochs and not training.out.exists() and "dev.jsonl" in done.err
    assert all(word in done.err for word in wanted), done.err


def test_the_label_map_that_is_named_mends_it(training):
    write_jsonl(training.folder / "dev.jsonl",
                [post("d", entities=[{"start": 0, "end": 3, "type": "person"}])])
    assert training("--label-map", "person=PER").code == 0


def test_a_type_in_two_cases_is_told(model):
    line = said(model, GOOD, train=[*GOOD, gold("Eve in Bern", (0, 3, "per"))])
    assert "PER, per are different types" in line and "--label-map per=PER" in line


def test_a_type_that_is_mapped_to_o_is_left_out_and_one_that_is_nowhere_is_told(training):
    entities = [{"start": 0, "end": 3, "type": "PER"}, {"start": 4, "end": 5, "type": "FOOD"}]
    for name in ("train", "dev"):
        write_jsonl(training.folder / f"{name}.jsonl", [{"id": name, "text": "Ada x", "entities": entities}])
    done = training("--label-map", "FOOD=O", "--label-map", "PRE=PER")
    assert done.code == 0 and "no entity has the type PRE; there are FOOD, PER" in done.err
    assert json.loads((training.out / "run.json").read_text())["facts"]["types"] == ["PER"]


@pytest.mark.parametrize(("bad", "wanted"), [
    (gold("University of Oslo", (0, 18, "LOC"), (14, 18, "LOC")), "'Oslo' of post Unive"),
    (gold("Ada Lovelace Day", (0, 12, "PER"), (4, 16, "PER")), "share words with another entity"),
    (gold("the pro-EU vote", (8, 10, "LOC")), "begin or end inside a word (such as 'EU'"),
    (gold("in Oslo now", (3, 8, "LOC")), "white space"),
    (gold("🎉🎉 in Oslo now", (8, 12, "LOC")), "UTF-16"),
    (gold("fête à Oslo!", (9, 13, "LOC")), "bytes"),
    (gold("Ada's", (0, 3, "PER"), tokens=["Ada's"]), "inside a word"),
])
def test_spans_that_a_flat_tagger_cannot_hold_are_counted_with_an_example(model, bad, wanted):
    line = said(model, [*GOOD, bad])
    assert line.startswith("dev.jsonl: 1 of ") and wanted in line and "\n" not in line
    assert line.replace("dev", "train") == said(model, GOOD, train=[*GOOD, bad])


def test_a_file_of_which_most_spans_do_not_fit_is_refused(model):
    emoji = [gold(f"🎉🎉 in Oslo {n}", (8, 12, "LOC")) for n in range(5)]
    for files in ({"dev": emoji}, {"train": emoji, "dev": GOOD}):
        with pytest.raises(GmnerError,
                           match="5 of 5 entities fit only if their offsets count UTF-16") as problem:
            said(model, **files)
        assert "convert the offsets" in problem.value.hint


@pytest.mark.parametrize(("start", "end", "text", "unit"), [(8, 12, "Oslo", "UTF-16"),
                                                            (12, 16, "Oslo", "bytes"), (8, 12, "Rome", None),
                                                            (8, 12, None, "UTF-16"), (12, 40, None, None)])
def test_a_record_that_is_refused_says_which_offsets_it_may_have(start, end, text, unit):
    bad = Post(id="a", text="🎉🎉 in Oslo", entities=[Entity(start=start, end=end, type="LOC", text=text)])
    with pytest.raises(RecordError) as problem:
        bad.check()
    assert (unit in problem.value.hint) if unit else problem.value.hint is None


def test_a_tagger_of_ones_own_may_hold_more(model, monkeypatch):
    monkeypatch.setattr(type(model), "representable",
                        lambda self, post: [(*e.span, e.type) for e in post.entities])
    assert said(model, [*GOOD, gold("University of Oslo", (0, 18, "LOC"), (14, 18, "LOC"))]) == ""
