"""Which prediction answers to which gold entity, and what is said of it."""

from __future__ import annotations

import pytest

from gmner_cli.records import Entity
from gmner_cli.report.compare import KINDS, best_overlap, compare, describe

BOX, FAR, NEAR = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 60.0, 60.0), (0.0, 0.0, 10.0, 9.0)


def entity(start, end, kind="PER", boxes=None):
    return Entity(start=start, end=end, type=kind, boxes=boxes)


@pytest.mark.parametrize(("found", "gold", "kinds"), [
    (entity(0, 5, boxes=[NEAR]), entity(0, 5, boxes=[FAR, BOX]), ("correct",)),
    (entity(0, 5, boxes=[]), entity(0, 5, boxes=[]), ("correct",)),
    (entity(0, 5), entity(0, 5, boxes=[BOX]), ("region-not-assessed",)),
    (entity(0, 5, "LOC"), entity(0, 5), ("wrong-type",)),
    (entity(0, 5, boxes=[FAR]), entity(0, 5, boxes=[BOX]), ("wrong-region",)),
    (entity(0, 5, boxes=[FAR, BOX]), entity(0, 5, boxes=[BOX]), ("wrong-region",)),
    (entity(0, 5, boxes=[BOX]), entity(0, 5, boxes=[]), ("wrongly-grounded",)),
    (entity(0, 5, boxes=[]), entity(0, 5, boxes=[BOX]), ("wrongly-none",)),
    (entity(0, 5, "LOC", boxes=[]), entity(0, 5, boxes=[BOX]), ("wrong-type", "wrongly-none")),
    (entity(0, 6), entity(0, 5), ("wrong-span",)),
])
def test_one_against_one(found, gold, kinds):
    (pair,) = compare([found], [gold])
    assert pair.kinds == kinds and pair.found is found and pair.gold is gold
    assert set(kinds) <= set(KINDS)


def test_an_iou_of_exactly_one_half_is_not_enough():
    found, gold = entity(0, 5, boxes=[(0.0, 0.0, 10.0, 5.0)]), entity(0, 5, boxes=[BOX])
    assert best_overlap(found, gold) == 0.5
    assert compare([found], [gold])[0].kinds == ("wrong-region",)


def test_neighbours_do_not_overlap():
    pairs = compare([entity(0, 5)], [entity(5, 9)])
    assert [pair.kinds for pair in pairs] == [("spurious",), ("missed",)]


def test_one_gold_answers_to_one_prediction():
    pairs = compare([entity(0, 5), entity(0, 5), entity(2, 5)], [entity(0, 5)])
    assert [pair.kinds for pair in pairs] == [("region-not-assessed",), ("wrong-span",), ("wrong-span",)]
    assert sum(pair.gold is not None for pair in pairs) == 1


def test_two_entities_on_one_span_meet_their_likes():
    pairs = compare([entity(0, 5, "ORG"), entity(0, 5, "LOC")], [entity(0, 5, "LOC"), entity(0, 5, "ORG")])
    assert all(pair.kinds == ("region-not-assessed",) and pair.found.type == pair.gold.type for pair in pairs)


def test_inputs_are_not_changed_and_the_order_is_that_of_the_text():
    found, gold = [entity(8, 9), entity(0, 2)], [entity(4, 6)]
    pairs = compare(found, gold)
    assert [(p.found or p.gold).start for p in pairs] == [0, 4, 8]
    assert [e.start for e in found] == [8, 0]


def test_states_without_gold():
    pairs = describe([entity(0, 1), entity(2, 3, boxes=[]), entity(4, 5, boxes=[BOX])])
    assert [pair.kinds for pair in pairs] == [("not-assessed",), ("not-in-picture",), ("grounded",)]
