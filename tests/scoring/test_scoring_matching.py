"""The matching against brute force, and the joining of two streams."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from posts_to_score import crowds, post

from gmner_cli.errors import RecordError
from gmner_cli.records import Entity
from gmner_cli.scoring.joining import join
from gmner_cli.scoring.matching import largest_matching, span_groups
from gmner_cli.scoring.task_scores import Settings, score


def most_right(gold, predicted, is_right):
    """Tries every assignment of predictions to gold entities."""
    few, many, turned = (gold, predicted, False) if len(gold) <= len(predicted) else (predicted, gold, True)
    return max(sum(is_right(b, a) if turned else is_right(a, b) for a, b in zip(few, order, strict=False))
               for order in itertools.permutations(many, len(few)))


def overlap(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def region_right(gold, predicted, iou):
    if not gold.boxes or not predicted.boxes:
        return bool(gold.boxes) == bool(predicted.boxes)
    return any(overlap(predicted.boxes[0], box) > iou for box in gold.boxes)


RIGHT = {
    "span": lambda g, p, iou: True,
    "MNER": lambda g, p, iou: g.type == p.type,
    "EEG": region_right,
    "GMNER": lambda g, p, iou: g.type == p.type and region_right(g, p, iou),
    "MNER-fine": lambda g, p, iou: g.fine_type is not None and g.fine_type == p.fine_type,
    "GMNER-fine": lambda g, p, iou: g.fine_type is not None and g.fine_type == p.fine_type and region_right(
        g, p, iou),
}


@settings(max_examples=150, deadline=None)
@given(crowds, crowds, st.sampled_from([0.3, 0.5, 0.7]))
def test_every_row_is_the_best_of_all_assignments(gold, predicted, iou):
    report = score([post("a", *predicted)], [post("a", *gold)], Settings(iou=iou))
    for name, row in report["rows"].items():
        right = RIGHT[name]
        assert row["correct"] == most_right(
            gold, predicted, lambda g, p, right=right: g.span == p.span and right(g, p, iou)), name
        assert (row["predicted"], row["gold"]) == (len(predicted), len(gold))
    for name, rows in report["per_type"].items():
        assert sum(row["correct"] for row in rows.values()) == report["rows"][name]["correct"]
    for step, row in (report["sweep"] or {}).get("GMNER", {}).items():
        assert row["correct"] == most_right(
            gold, predicted, lambda g, p, step=step: g.span == p.span and RIGHT["GMNER"](g, p, float(step)))


@settings(deadline=None)
@given(
    st.integers(1, 6).flatmap(lambda width: st.lists(st.lists(st.booleans(), min_size=width, max_size=width),
                                                     min_size=1, max_size=6)))
def test_largest_matching_is_a_matching_and_largest(right):
    pairs = largest_matching(right)
    assert all(right[g][p] for g, p in pairs)
    assert len({g for g, _ in pairs}) == len({p for _, p in pairs}) == len(pairs)
    golds, predictions = range(len(right)), range(len(right[0]))
    assert len(pairs) == most_right(golds, predictions, lambda g, p: right[g][p])


def test_a_long_augmenting_path_does_not_overflow_the_stack():
    size = 1500
    right = [[p in (g, g + 1) for p in range(size)] for g in range(size - 1)]
    right.append([p == 0 for p in range(size)])
    assert len(largest_matching(right)) == size


@settings(deadline=None)
@given(st.permutations(range(6)), st.permutations(range(6)), st.integers(0, 6), st.integers(0, 6))
def test_join_pairs_every_id_once_in_any_order(first, second, few, many):
    predicted, gold = [post(str(n)) for n in first[:few]], [post(str(n)) for n in second[:many]]
    pairs = list(join(predicted, gold))
    ours, theirs = {str(n) for n in first[:few]}, {str(n) for n in second[:many]}
    assert sorted(p.id for p, g in pairs if p and g) == sorted(ours & theirs)
    assert all(p.id == g.id for p, g in pairs if p and g)
    assert [g.id for p, g in pairs if p is None] == [g.id for g in gold if g.id not in ours]
    assert [p.id for p, g in pairs if g is None] == [p.id for p in predicted if p.id not in theirs]


@pytest.mark.parametrize("shift", [0, 3])
def test_join_holds_no_more_posts_than_the_streams_are_apart(shift):
    """A post is let go as soon as its partner has come."""
    alive, most = set(), 0

    def stream(side, ids):
        nonlocal most
        for n in ids:
            alive.add((side, n))
            most = max(most, len(alive))
            yield post(str(n))

    for predicted, gold in join(stream("p", range(shift, 500)), stream("g", range(500))):
        if predicted is not None:
            alive -= {("p", int(predicted.id)), ("g", int(gold.id))}
    assert most <= 2 * shift + 3


def test_very_many_entities_of_one_span_are_refused_before_anything_is_compared():
    same = [Entity(start=0, end=5, type="PER", boxes=[])] * 20_000
    with pytest.raises(RecordError, match="20000 gold and 20000 predicted"):
        span_groups(same, same, {})
