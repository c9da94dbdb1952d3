"""The page shows exactly what the score counts: every mark, verdict and figure, on random posts."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from gmner_cli.app import build
from gmner_cli.pictures.masks import encode
from gmner_cli.records import Entity, Mask, Post
from gmner_cli.records.jsonl import write_posts
from gmner_cli.report import render_page
from gmner_cli.scoring.counts import Settings
from gmner_cli.scoring.published_count import score_by_text
from gmner_cli.scoring.task_scores import score
from tests.scoring.posts_to_score import SPANS, TEXT, pixels

BOXES = [(0.0, 0.0, 10.0, 10.0), (0.0, 0.0, 10.0, 9.0), (0.0, 0.0, 10.0, 5.0), (20.0, 20.0, 30.0, 30.0),
         (1.0, 1.0, 2.0, 2.0)]
MASKS = [encode(pixels(0, 0, 9, 9).astype(bool)), encode(pixels(0, 0, 9, 8).astype(bool)),
         encode(pixels(2, 2, 5, 5).astype(bool))]


def entity(rng: random.Random, masks: bool, boxes: bool) -> Entity:
    start, end = rng.choice(SPANS[:2])
    found = rng.choice([None, [], *([box] for box in BOXES), rng.sample(BOXES, 2)]) if boxes else None
    own = [rng.choice(MASKS) for _ in found] if masks and found is not None and rng.random() < 0.7 else None
    kind = rng.choice(["PER", "PER", "PER", "LOC", "MISC", "OTHER"])
    return Entity(start=start, end=end, text=TEXT[start:end], type=kind,
                  fine_type=rng.choice([None, "actor", "city"]), boxes=found, masks=own)


def posts_of(rng: random.Random, ids: range, **which) -> list[Post]:
    sizes = [None, (40, 40), (40, 40)]
    return [Post(id=str(n), text=TEXT, image=f"{n // 2}.jpg", image_size=rng.choice(sizes),
                 entities=rng.choice([None, *3 * [[entity(rng, **which) for _ in range(rng.randrange(6))]]]),
                 error="stage ve: x" if which and rng.random() < 0.05 else None) for n in ids]


class Rows(HTMLParser):
    """Attributes of the rows of entities, and the cells of the table of the score."""

    def __init__(self, page: str):
        super().__init__()
        self.entities: list[dict[str, str]] = []
        self.table: dict[str, list[str]] = {}
        self.row = None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "tr":
            self.row = self.table.setdefault(given["data-row"], []) if "data-row" in given else None
            if "data-e" in given:
                self.entities.append(given)

    def handle_endtag(self, tag):
        if tag == "tr":
            self.row = None

    def handle_data(self, data):
        if self.row is not None:
            self.row.append(data)

    def counted(self, name: str) -> Counter:
        return Counter(mark for row in self.entities for mark in row[name].split())


def pair_of_files(seed: int) -> tuple[list[Post], list[Post]]:
    rng = random.Random(seed)
    which = {"masks": seed % 3 == 0, "boxes": seed % 7 != 0}
    gold = posts_of(rng, range(4), **which)
    for post in gold:
        post.error = None
    return posts_of(rng, range(4), **which), gold


SETTINGS = [Settings(), Settings(iou=0.7, small=0.05),
            Settings(iou=0.3, renames={"OTHER": "MISC", "LOC": "PER"})]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("by_text", [False, True])
def test_every_mark_is_one_that_the_score_counts(settings, by_text, tmp_path):
    kinds_seen = set()
    for seed in range(90):
        ours, theirs = pair_of_files(seed)
        report = (score_by_text if by_text else score)(ours, theirs, settings)
        shown = Rows(render_page(ours, theirs, tmp_path, "t", settings=settings, by_text=by_text))
        right, found = shown.counted("data-rows"), shown.counted("data-gold-rows")
        for name, row in report["rows"].items():
            assert right[name] == found[name] == row["correct"], (seed, name)
            assert shown.table[name][4:] == [str(row[key]) for key in ("predicted", "gold", "correct")]
            assert shown.table[name][1:4] == [f"{row[key]:.2f}" for key in ("precision", "recall", "f1")]
        assert {*right, *found} <= {*report["rows"]} <= {*shown.table}
        kinds = [row["data-kinds"].split() for row in shown.entities]
        kinds_seen |= {kind for of_row in kinds for kind in of_row}
        judged = [k for k in kinds if not {"wrong-span", "spurious", "missed"} & {*k}]
        regions = {"wrong-region", "wrongly-grounded", "wrongly-none"}
        assert len(judged) == report["rows"]["span"]["correct"]
        assert sum("wrong-type" not in k for k in judged) == report["rows"]["MNER"]["correct"]
        if "GMNER" in report["rows"]:
            wrong = {*regions, "wrong-type"}
            assert sum(not wrong & {*k} for k in judged) == report["rows"]["GMNER"]["correct"]
        else:
            assert not {*regions, "correct"} & {kind for k in kinds for kind in k}
        if not by_text:
            check_small(report["small_objects"], shown)
    assert len(kinds_seen) >= 8


def check_small(small, shown: Rows) -> None:
    gold = [row for row in shown.entities if "gold" in row["data-small"].split()]
    found = [row for row in shown.entities if "found" in row["data-small"].split()]
    if small is None:
        return
    for name in ("EEG", "GMNER"):
        assert len(gold) == small[name]["gold"] and len(found) == small[name]["predicted"]
        assert sum(name in row["data-gold-rows"].split() for row in gold) == small[name]["correct_gold"]
        assert sum(name in row["data-rows"].split() for row in found) == small[name]["correct_predicted"]
        row = shown.table[f"{name}, regions under {small['share']:g} of the image"]
        assert row[1] == f"{small[name]['precision']:.2f}"


def test_warnings_and_notes_of_the_score_stand_above(tmp_path):
    ours = [Post(id="1", text=TEXT, entities=[Entity(start=0, end=5, type="PERSON", boxes=[BOXES[0]])])]
    theirs = [Post(id="1", text=TEXT, entities=[Entity(start=0, end=5, type="PER", boxes=[BOXES[0]])]),
              Post(id="2", text=TEXT, entities=[Entity(start=0, end=5, type="PER", boxes=[])])]
    page = render_page(ours, theirs, tmp_path, "t")
    assert "--label-map PERSON=PER" in page and "have no image_size and are left out" in page
    assert "1 gold posts with 1 entities are not on this page" in page
    renames = Settings(renames={"PERSON": "PER", "GPE": "LOC"})
    mapped = render_page(ours, theirs, tmp_path, "t", settings=renames)
    assert "--label-map GPE=LOC renames nothing" in mapped and "PERSON" not in mapped


def test_a_gold_entity_of_another_post_of_the_picture_is_shown_with_its_own_words(tmp_path):
    """--match text joins posts by their image; the partner may stand in another tweet."""
    ours = [Post(id="a", text="Bo and Ann", image="p.jpg", entities=[
        Entity(start=7, end=10, type="PER", boxes=[])])]
    theirs = [Post(id="b", text="Ann!", image="p.jpg", entities=[
        Entity(start=0, end=3, type="PER", boxes=[]), Entity(start=3, end=4, type="LOC", boxes=[])])]
    page = render_page(ours, theirs, tmp_path, "t", by_text=True)
    rows = Rows(page).entities
    assert sorted(row["data-kinds"] for row in rows) == ["correct", "missed"]
    assert page.count("<bdi>Ann</bdi>") == 2 and "<bdi>!</bdi>" in page
    assert not re.search(r'<mark class="[^"]*gold', page)  # its span is not one of this text


def test_posts_of_another_text_count_as_in_the_score(tmp_path):
    ours = [Post(id="a", text="Ann met Bo", entities=[Entity(start=0, end=3, type="PER", boxes=[])])]
    theirs = [Post(id="a", text="Bob", entities=[Entity(start=0, end=3, type="PER", boxes=[])])]
    page = render_page(ours, theirs, tmp_path, "t")
    assert score(ours, theirs)["rows"]["GMNER"]["correct"] == 1
    assert [row["data-kinds"] for row in Rows(page).entities] == ["correct"]
    assert "gold has another text" in page and "<bdi>Bob</bdi>" in page


def test_what_the_score_refuses_is_said_and_not_counted(tmp_path):
    whole = Post(id="1", text=TEXT, entities=[
        Entity(start=0, end=5, type="PER", boxes=[BOXES[0]], masks=[MASKS[0]])])
    broken = Post(id="1", text=TEXT, entities=[
        Entity(start=0, end=5, type="PER", boxes=[BOXES[0]], masks=[Mask(size=(1, 1), counts="ö")])])
    page = render_page([whole], [broken], tmp_path, "t")
    assert "`gmner score` refuses such a file" in page
    assert "GMNER" in Rows(page).table and "SMNER" not in Rows(page).table
    failed = Post(id="1", text=TEXT, error="x", entities=whole.entities)
    assert "<details class=\"totals\">" not in render_page([whole], [failed], tmp_path, "t")


@pytest.mark.parametrize("options", [[], ["--iou", "0.7"], ["--match", "text", "--iou", "0.6"],
                                     ["--label-map", "OTHER=MISC", "--small", "0.1"]])
def test_the_command_shows_what_score_prints_for_the_same_options(tmp_path, capsys, options):
    ours, theirs = pair_of_files(3)
    write_posts(tmp_path / "found.jsonl", ours)
    write_posts(tmp_path / "gold.jsonl", theirs)
    with pytest.raises(SystemExit) as left:
        build()(["score", str(tmp_path / "found.jsonl"), str(tmp_path / "gold.jsonl"), *options, "--json"])
    assert not left.value.code
    report = json.loads(capsys.readouterr().out)
    with pytest.raises(SystemExit):
        build()(["view", str(tmp_path / "found.jsonl"), "--gold", str(tmp_path / "gold.jsonl"), *options,
                 "-o", str(tmp_path / "p.html")])
    shown = Rows((tmp_path / "p.html").read_text())
    assert {name: int(row[-1]) for name, row in shown.table.items() if name in report["rows"]} == {
        name: row["correct"] for name, row in report["rows"].items()}
    assert all(shown.counted("data-rows")[name] == row["correct"] for name, row in report["rows"].items())


def test_options_that_compare_need_gold(tmp_path):
    write_posts(tmp_path / "found.jsonl", pair_of_files(1)[0])
    with pytest.raises(SystemExit) as left:
        build()(["view", str(tmp_path / "found.jsonl"), "--iou", "0.7", "-o", str(tmp_path / "p.html")])
    assert left.value.code == 2 and not (tmp_path / "p.html").exists()


def test_as_many_pairs_are_right_as_in_the_score_where_taking_the_nearest_first_finds_fewer(tmp_path):
    box, near, half = BOXES[:3]
    sides = [[Entity(start=0, end=5, type="PER", boxes=[one]) for one in boxes]
             for boxes in ((box, near), (near, half))]
    ours, theirs = ([Post(id="1", text=TEXT, entities=entities)] for entities in sides)
    assert score(ours, theirs)["rows"]["GMNER"]["correct"] == 2
    shown = Rows(render_page(ours, theirs, tmp_path, "t"))
    assert [row["data-kinds"] for row in shown.entities] == ["correct", "correct"]
