"""Reading Twitter-GMNER shaped folders: every trap of text and boxes, on invented posts."""

from __future__ import annotations

import pytest
from conftest import Folder, conll, voc

from gmner_cli.data import Options, load
from gmner_cli.errors import GmnerError

FIX = Options(fix=True)


def entities(splits, split="train", post=0):
    return splits[split][post].entities


def test_a_post_becomes_a_record(gmner):
    gmner.xml("t1", [("Ada Brook", (5, 6, 50, 70))], size=(100, 80))
    post = load("twitter-gmner", gmner.root)["train"][0]
    assert post.to_builtins() == {
        "id": "t1", "text": "Ada Brook sings", "tokens": ["Ada", "Brook", "sings"], "image": "t1.jpg",
        "image_size": (100, 80), "meta": {"dataset": "twitter-gmner", "split": "train"}, "entities": [{
            "start": 0, "end": 9, "type": "PER", "text": "Ada Brook", "token_start": 0, "token_end": 2,
            "boxes": [(5.0, 6.0, 50.0, 70.0)]
        }]
    }


@pytest.mark.parametrize(("name", "version"), [("twitter-gmner-v1", "1.0"), ("Twitter10000_v2.0", "2.0"),
                                               ("twitter-gmner", None), ("dev10", None)])
def test_version_comes_from_the_folder(tmp_path, name, version):
    splits = load("twitter-gmner", Folder(tmp_path / name).root)
    assert splits.version == version
    assert ("version" in splits["train"][0].meta) == (version is not None)


def test_crlf_and_byte_order_mark_are_tolerated(gmner):
    plain = load("twitter-gmner", gmner.root)["train"]
    gmner.write(train="\ufeff" + conll(("t1", "Ada/B-PER Brook/I-PER sings")).replace("\n", "\r\n"))
    assert [p.to_builtins()
            for p in load("twitter-gmner", gmner.root)["train"]] == [p.to_builtins() for p in plain]


def test_odd_tokens_are_kept_whole(gmner):
    odd = ["\ufe0f", "\u200a", "\x85", "\x92", "a\u2028b", "\xa0"]
    gmner.write(train="IMGID:t1\n" + "".join(f"{token}\tO\n" for token in odd))
    assert load("twitter-gmner", gmner.root)["train"][0].tokens == odd


@pytest.mark.parametrize(("line", "word", "entity", "fixed"), [("Ada", "Ada", None, True),
                                                               ("Ada\t", "Ada", None, True),
                                                               ("Ada B-PER", "Ada", "PER", True),
                                                               ("\tO", None, None, True),
                                                               ("Ada\tB-PER\tB-artist", "Ada", "PER", False),
                                                               ("\tB-PER", None, None, False),
                                                               ("Ada\tB-DOG", "Ada", None, False),
                                                               ("Ada\tPER", "Ada", None, False)])
def test_a_malformed_line_is_named_and_keeps_its_word(gmner, line, word, entity, fixed):
    gmner.write(train=f"IMGID:t1\nHello\tO\n{line}\nworld\tO\n")
    with pytest.raises(GmnerError, match=r"train\.txt:3: ") as caught:
        load("twitter-gmner", gmner.root)
    assert ("repair them with --fix" in caught.value.hint) == fixed
    splits = load("twitter-gmner", gmner.root, options=FIX)
    assert splits["train"][0].tokens == ["Hello", *([word] if word else []), "world"]
    assert [e.type for e in entities(splits)] == ([entity] if entity else [])
    assert [f.fixed for f in splits.report.findings] == [fixed]
    assert bool(splits.report.lost()) == (not fixed)


def test_tokens_outside_a_post_are_malformed(gmner):
    gmner.write(dev="lost\tO\n" + conll(("d1", "rain")) + "stray\tO\n")
    report = load("twitter-gmner", gmner.root, stop=False).report
    assert [f.where.rpartition(":")[2] for f in report.of("malformed_line")] == ["1", "5"]


def test_bytes_that_are_not_utf8_are_located(gmner):
    (gmner.root / "txt" / "dev.txt").write_bytes(b"IMGID:d1\ncaf\xe9\tO\n")
    with pytest.raises(GmnerError, match=r"dev\.txt:2: is not UTF-8"):
        load("twitter-gmner", gmner.root)


def test_missing_files_say_what_belongs_there(gmner):
    (gmner.root / "txt" / "dev.txt").unlink()
    with pytest.raises(GmnerError, match=r"dev\.txt: no such file"):
        load("twitter-gmner", gmner.root)


def test_orphans_start_entities_unless_told_otherwise(gmner):
    gmner.write(train=conll(("t1", "Ada/I-PER Brook/I-PER x/I-LOC")))
    splits = load("twitter-gmner", gmner.root)
    assert [(e.text, e.type) for e in entities(splits)] == [("Ada Brook", "PER"), ("x", "LOC")]
    assert [f.where.rpartition(":")[2] for f in splits.report.of("orphan_tag")] == ["2", "4"]
    assert not entities(load("twitter-gmner", gmner.root, options=Options(orphans="drop")))


def test_boxes_of_one_name_reach_every_entity_of_that_name(gmner):
    gmner.write(train=conll(("t1", "Ada/B-PER meets Ada/B-PER Kim/B-PER")))
    gmner.xml("t1", [("Ada", (1, 2, 30, 40)), ("Ada", (5, 5, 9, 9))])
    splits = load("twitter-gmner", gmner.root)
    two = [(1.0, 2.0, 30.0, 40.0), (5.0, 5.0, 9.0, 9.0)]
    assert [e.boxes for e in entities(splits)] == [two, two, []]
    assert splits.report.counts() == {"repeated_name": 1}


def test_escaped_names_join_as_the_text_has_them(gmner):
    gmner.write(train=conll(("t1", "Salt/B-ORG &amp/I-ORG ;/I-ORG Sons/I-ORG")))
    gmner.xml("t1", [("Salt &amp;amp ; Sons", (1, 2, 30, 40))])
    assert entities(load("twitter-gmner", gmner.root))[0].boxes == [(1.0, 2.0, 30.0, 40.0)]


@pytest.mark.parametrize("name", ["ada brook", "AdaBrook", "Ada  Brook\n", "Ada-Brook", "Ada Broo"])
def test_near_names_join_only_with_fix(gmner, name):
    gmner.xml("t1", [(name, (1, 2, 30, 40))])
    plain = load("twitter-gmner", gmner.root)
    assert entities(plain)[0].boxes == []
    assert len(plain.report.of("box_without_entity")) == len(plain.report.problems()) == 1
    fixed = load("twitter-gmner", gmner.root, options=FIX)
    assert entities(fixed)[0].boxes == [(1.0, 2.0, 30.0, 40.0)]
    assert not fixed.report.problems()


def test_a_name_that_could_be_two_entities_is_not_guessed(gmner):
    gmner.write(train=conll(("t1", "ADA/B-PER Ada/B-PER Kim/B-PER")))
    gmner.xml("t1", [("ada", (1, 2, 30, 40)), ("Ki", (1, 2, 3, 4)), ("Kim", (5, 6, 7, 8)),
                     ("", (1, 1, 2, 2))])
    splits = load("twitter-gmner", gmner.root, options=FIX)
    assert [e.boxes for e in entities(splits)] == [[], [], [(5.0, 6.0, 7.0, 8.0)]]
    assert [f.fixed for f in splits.report.of("box_without_entity")] == [False] * 3


def test_boxes_outside_are_clipped_by_fix_alone(gmner):
    gmner.xml("t1", [("Ada Brook", (-5, 10, 130, 90))], size=(100, 80))
    plain = load("twitter-gmner", gmner.root)
    assert entities(plain)[0].boxes == [(-5.0, 10.0, 130.0, 90.0)]
    assert [f.kind for f in plain.report.problems()] == ["box_outside"]
    fixed = load("twitter-gmner", gmner.root, options=FIX)
    assert entities(fixed)[0].boxes == [(0.0, 10.0, 100.0, 80.0)]
    assert not fixed.report.problems()


def test_an_entity_whose_boxes_are_all_unusable_is_not_called_invisible(gmner):
    gmner.xml("t1", [("Ada Brook", (10, 10, 10, 40)), ("Ada Brook", (120, 5, 130, 9))], size=(100, 80))
    fixed = load("twitter-gmner", gmner.root, options=FIX)
    assert entities(fixed)[0].boxes is None
    assert fixed.report.counts() == {"degenerate_box": 2, "box_outside": 1}
    plain = load("twitter-gmner", gmner.root)
    assert entities(plain)[0].boxes == [(120.0, 5.0, 130.0, 9.0)]


def test_swapped_corners_are_reordered_by_fix(gmner):
    gmner.xml("t1", [("Ada Brook", (50, 70, 5, 6))])
    assert entities(load("twitter-gmner", gmner.root))[0].boxes is None
    assert entities(load("twitter-gmner", gmner.root, options=FIX))[0].boxes == [(5.0, 6.0, 50.0, 70.0)]


BOMB = ('<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]>'
        + voc("t1", (9, 9), []).replace("<filename>", "<filename>&y;"))


@pytest.mark.parametrize(("content", "reason"), [
    ("<annotation><object>", "no element found"), ("", "no element found"), (BOMB, "DOCTYPE"),
    (voc("t1", (9, 9), [("Ada Brook", (1, 1, float("nan"), 3))]), "not finite"),
    (voc("t1", (9, 9), [("Ada Brook", (1, 1, 2, 3))]).replace("<xmax>2</xmax>", ""), "no <bndbox/xmax>"),
    (voc("t1", (9, 9), []).replace("<width>9</width>", "<width>nine</width>"), "could not convert"),
])
def test_broken_xml_leaves_boxes_unassessed(gmner, content, reason):
    (gmner.root / "xml" / "t1.xml").write_text(content)
    splits = load("twitter-gmner", gmner.root)
    assert entities(splits)[0].boxes is None
    assert entities(splits, "test")[0].boxes == []
    (finding,) = splits.report.of("broken_annotation")
    assert finding.where == "xml/t1.xml" and reason in finding.message


def test_an_unknown_picture_size_is_left_out(gmner):
    gmner.xml("t1", [("Ada Brook", (1, 2, 30, 40))], size=(0, 0))
    assert load("twitter-gmner", gmner.root)["train"][0].image_size is None


def test_xml_of_no_post_and_of_another_picture_are_reported(gmner):
    gmner.xml("zz", [])
    gmner.xml("t1", [], named="t2")
    gmner.xml("s1", [], named="s1_region")
    report = load("twitter-gmner", gmner.root).report
    assert report.counts() == {"annotation_without_post": 1, "foreign_annotation": 1, "region_file_name": 1}
    assert [f.where for f in report.problems()] == ["xml/t1.xml", "xml/zz.xml"]


def test_empty_posts_are_kept_and_reported(gmner):
    gmner.write(dev="IMGID:d0\n\n" + conll(("d1", "rain")))
    splits = load("twitter-gmner", gmner.root)
    assert [(p.id, p.text) for p in splits["dev"]] == [("d0", ""), ("d1", "rain")]
    assert [f.message for f in splits.report.of("empty_post")] == ["post d0 has no tokens"]
