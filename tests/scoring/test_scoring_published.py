"""``--match text`` against a literal, slow reading of the published procedure, and by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from posts_to_score import BOX, FAR, HALF, SPANS, crowds, entity, post, wire

from gmner_cli.errors import GmnerError
from gmner_cli.scoring.published_count import score_by_text
from gmner_cli.scoring.task_scores import Settings

ALLEN, SECOND_ALLEN = SPANS[0], SPANS[2]
"""Two spans with the same text."""


def right_by_the_book(predicted, gold, threshold, reuse=False):
    """Lines of (image, name, type, boxes): every prediction in order takes the first free gold line that
    fits.

    ``reuse``: no gold line is ever taken, as in the script itself.
    """
    used, right = [False] * len(gold), 0
    for image, name, type_, boxes in predicted:
        for n, (gold_image, gold_name, gold_type, gold_boxes) in enumerate(gold):
            if used[n] or (image, name, type_) != (gold_image, gold_name, gold_type):
                continue
            if not boxes:
                fits = not gold_boxes
            else:
                fits = False
                for g in gold_boxes:
                    x, y = max(boxes[0][0], g[0]), max(boxes[0][1], g[1])
                    x2, y2 = min(boxes[0][2], g[2]), min(boxes[0][3], g[3])
                    shared = max(0, x2 - x) * max(0, y2 - y)
                    both = (boxes[0][2] - boxes[0][0]) * (boxes[0][3] - boxes[0][1]) + (g[2] - g[0]) * (g[3] -
                                                                                                        g[1])
                    if shared / (both - shared) >= threshold:
                        fits = True
            if fits:
                used[n] = not reuse
                right += 1
                break
    return right


def lines(posts):
    return [(p.image.split("/")[-1].rsplit(".", 1)[0], e.text, e.type, e.boxes)
            for p in posts
            for e in p.entities]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(crowds, crowds, st.sampled_from("xy")), min_size=1, max_size=4),
       st.sampled_from([0.3, 0.5, 0.75]))
def test_it_counts_by_the_book(rows, iou):
    predicted = [post(str(n), *ours, image=f"a/{image}.jpg") for n, (ours, _, image) in enumerate(rows)]
    gold = [post(str(n), *theirs, image=f"{image}.png") for n, (_, theirs, image) in enumerate(rows)]
    before = wire(predicted), wire(gold)
    report = score_by_text(predicted, gold, Settings(iou=iou))
    assert (wire(predicted), wire(gold)) == before
    if "GMNER" in report["rows"]:
        once = right_by_the_book(lines(predicted), lines(gold), iou)
        assert report["rows"]["GMNER"]["correct"] == once
        assert report["reused"] == right_by_the_book(lines(predicted), lines(gold), iou, reuse=True) - once
    else:
        assert not lines(predicted) or not lines(gold)


def gmner(predicted, gold):
    report = score_by_text([post("a", *predicted)], [post("a", *gold)])
    return report["rows"]["GMNER"]["correct"], report["reused"]


def test_by_hand():
    assert gmner([entity(boxes=[HALF])],
                 [entity(boxes=[BOX])]) == (1, 0), "an IoU of exactly 0.5 is right here"
    assert gmner([entity(boxes=[])], [entity(boxes=[BOX])]) == (0, 0)
    assert gmner([entity(boxes=[BOX])], [entity(boxes=[])]) == (0, 0)
    assert gmner([entity(boxes=[])], [entity(boxes=[])]) == (1, 0)
    assert gmner([entity(ALLEN, boxes=[BOX])],
                 [entity(SECOND_ALLEN, boxes=[BOX])]) == (1, 0), "spans play no part"
    assert gmner([entity(boxes=[FAR, BOX])], [entity(boxes=[BOX])]) == (0, 0), "only the first box"


def test_a_gold_entity_counts_once_and_the_script_s_second_count_is_told():
    assert gmner([entity(ALLEN, boxes=[BOX]), entity(SECOND_ALLEN, boxes=[BOX])],
                 [entity(ALLEN, boxes=[BOX])]) == (1, 1)


def test_greedy_in_order_can_miss_what_the_best_assignment_finds():
    near = (0.0, 0.0, 10.0, 8.0)
    gold = [entity(ALLEN, boxes=[BOX]), entity(SECOND_ALLEN, boxes=[near])]
    assert gmner([entity(ALLEN, boxes=[near]),
                  entity(SECOND_ALLEN, boxes=[(0.0, 4.0, 10.0, 10.0)])], gold) == (1, 1)


def test_posts_join_by_image_not_by_id():
    predicted, gold = post("p1", entity(boxes=[]), image="x/7.jpg"), post("g1", entity(boxes=[]),
                                                                          image="7.png")
    assert score_by_text([predicted], [gold])["rows"]["GMNER"]["f1"] == 100
    predicted.image = "8.jpg"
    with pytest.raises(GmnerError, match="the first is id 'p1'"):
        score_by_text([predicted], [gold])
    ignored = score_by_text([predicted], [gold], Settings(ignore_extra=True))
    assert (ignored["ignored"], ignored["missing"], ignored["rows"]["span"]["predicted"]) == (1, 1, 0)


def test_not_assessed_boxes_and_renamed_types():
    report = score_by_text([post("a", entity(type="OTHER"))], [post("a", entity(type="MISC"))],
                           Settings(renames={"OTHER": "MISC"}))
    assert {name: row["correct"] for name, row in report["rows"].items()} == {"span": 1, "MNER": 1}
    assert report["per_type"] == {"MNER": {"MISC": report["rows"]["MNER"]}} and report["reused"] is None
