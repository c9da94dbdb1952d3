"""Slices of GOLD and posts that PRED abstained on, counted by hand."""

import json

import pytest
from posts_to_score import BOX, FAR, HALF, SPANS, TEXT, encoded, entity, pixels, post

from gmner_cli.errors import RecordError
from gmner_cli.records.jsonl import read_posts
from gmner_cli.scoring.printed_table import render
from gmner_cli.scoring.task_scores import score

WHOLE, PART, OFF = (encoded(pixels(0, 0, 8, end)) for end in (8, 6, 3))


def sliced(*names, **fields):
    return entity(**fields, slices=list(names))


GOLD = [
    sliced("seen", "small", span=SPANS[0], boxes=[BOX], masks=[WHOLE]),
    sliced("held-out", "small", span=SPANS[1], boxes=[BOX], masks=[WHOLE]),
    sliced("held-out", "held-out", span=SPANS[2], boxes=[]),
    entity(SPANS[3], boxes=[]),
]
FOUND = [
    entity(SPANS[0], boxes=[BOX], masks=[PART]),
    entity(SPANS[1], "LOC", boxes=[FAR], masks=[OFF]),
    entity(SPANS[2], boxes=[FAR], masks=[OFF]),
    entity(SPANS[3], boxes=[]),
]


def test_every_slice_counts_its_own_gold_entities():
    slices = score([post("a", *FOUND)], [post("a", *GOLD)])["slices"]
    assert list(slices) == ["held-out", "seen", "small"]
    assert {name: row["gold"] for name, row in slices.items()} == {"held-out": 2, "seen": 1, "small": 2}
    assert slices["small"]["recall"] == {
        "span": 100, "MNER": 50, "EEG": 50, "GMNER": 50, "EES": 50, "SMNER": 50
    }
    assert slices["held-out"]["recall"] == {
        "span": 100, "MNER": 50, "EEG": 0, "GMNER": 0, "EES": 0, "SMNER": 0
    }
    assert slices["held-out"]["groundability"] == {
        "accuracy": 50, "entities": 2, "tp": 1, "fp": 1, "fn": 0, "tn": 0
    }
    assert slices["small"]["grounding"] == {
        "precision": 50, "precision_given_box": 50, "correct": 1, "found": 2, "given_box": 2, "gold": 2
    }
    assert slices["seen"]["masks"] == {
        "mean_iou": 75, "mean_iou_given_mask": 75, "found": 1, "given_mask": 1, "gold": 1
    }


def test_an_entity_whose_span_is_not_found_is_in_recall_and_in_no_ratio_of_seeing():
    slices = score([post("a", FOUND[0])], [post("a", *GOLD[:2])])["slices"]
    assert slices["held-out"]["recall"]["span"] == 0 and slices["held-out"]["gold"] == 1
    assert slices["held-out"]["grounding"]["found"] == 0 and slices["held-out"]["grounding"]["gold"] == 1
    assert slices["held-out"]["groundability"]["entities"] == 0


def test_one_slice_that_holds_all_is_the_whole_report():
    gold = [sliced("all", span=g.span, boxes=g.boxes, masks=g.masks) for g in GOLD]
    report = score([post("a", *FOUND), post("b")], [post("a", *gold), post("b", sliced("all", boxes=[BOX]))])
    everything = report["slices"]["all"]
    for part in ("groundability", "grounding", "masks"):
        assert everything[part] == report[part]
    assert everything["recall"] == {name: row["recall"] for name, row in report["rows"].items()}
    assert everything["gold"] == 5


def test_without_boxes_or_slices_nothing_is_claimed():
    assert score([post("a", *FOUND)], [post("a", entity())])["slices"] is None
    textual = score([post("a", entity())], [post("a", sliced("seen"))])["slices"]["seen"]
    assert textual["recall"] == {"span": 100, "MNER": 100}
    assert [textual[part] for part in ("groundability", "grounding", "masks")] == [None] * 3


@pytest.mark.parametrize("value", ["seen", ["seen", 3], [""], {"seen": True}, 3, [["seen"]]])
def test_malformed_slices_stop_the_scoring_and_are_named(tmp_path, value):
    bad = {"start": 10, "end": 22, "type": "PER", "slices": value}
    gold = tmp_path / "gold.jsonl"
    gold.write_text(
        json.dumps({"id": "a", "text": TEXT, "entities": [{"start": 0, "end": 5, "type": "PER"}, bad]}))
    with pytest.raises(RecordError, match=r"entities\[1\]\.slices"):
        score([post("a")], read_posts(gold))


def test_the_table_leaves_a_ratio_over_nothing_open():
    shown = render(
        score([post("a", *FOUND)], [post("a", *GOLD[:1], sliced("unseen", span=SPANS[3], boxes=[]))]))
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "slice gold MNER R GMNER R EES R SMNER R visible? of Prec@0.5 of mIoU of" in lines
    assert "seen 1 100.00 100.00 100.00 100.00 100.00 1 100.00 1 75.00 1" in lines
    assert "unseen 1 100.00 100.00 100.00 100.00 100.00 1 - 0 - 0" in lines


def test_posts_that_pred_abstained_on_are_counted_and_noted():
    gold = [post("a", entity(boxes=[])), post("b", entity(boxes=[BOX])), post("c", entity(boxes=[HALF]))]
    predicted = [post("a", entity(), grounding="abstained"), post("b", entity(boxes=[BOX])),
                 post("c", entity(boxes=[HALF]), grounding="given")]
    report = score(predicted, gold)
    assert report["abstained"] == 1 and report["not_assessed"]["predicted"] == 1
    assert any(note.startswith("PRED abstained from grounding in 1 of 3 posts") for note in report["notes"])
    assert report["rows"]["GMNER"]["correct"] == 3, "not assessed counts as not visible"
    for p in predicted:
        p.grounding = None
    assert score(predicted, gold)["abstained"] == 0


def test_a_run_that_abstained_on_every_post_gives_the_rows_of_text_and_says_why():
    report = score([post("a", entity(), grounding="abstained")], [post("a", entity(boxes=[BOX]))])
    assert list(report["rows"]) == ["span", "MNER"]
    assert [note.split(",")[0] for note in report["notes"]] == [
        "PRED abstained from grounding in 1 of 1 posts", "no entity of PRED has boxes assessed"]
