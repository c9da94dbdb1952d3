"""Visual grounding's common base: who is sought, boxes that fit the picture, and Prec@0.5."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gmner_cli.errors import GmnerError
from gmner_cli.grounding.grounder import Grounder, GrounderConfig, fitted
from gmner_cli.model import WeightSource
from gmner_cli.records import Entity, Post, check_box


class Fixed(Grounder):
    """Answers with the numbers that stand in the expression: four corners and a score."""

    Config = GrounderConfig
    most_together = 2

    def __init__(self, threshold=0.0):
        super().__init__(GrounderConfig(threshold=threshold), {}, WeightSource())

    def collate(self, examples, images):
        return {"texts": [[sought.text for sought in e.data] for e in examples]}

    def predict(self, batch):
        numbers = [[[float(n) for n in text.split()] for text in row] for row in batch["texts"]]
        return [[(row[:4], row[4]) for row in example] for example in numbers]


def post(*answers, boxes=None, image="x.png", size=(200, 100)):
    return Post(id="p", text="a" * len(answers), image=image, image_size=size, entities=[
        Entity(start=n, end=n + 1, type="PER", expression=answer, boxes=boxes[n] if boxes else None)
        for n, answer in enumerate(answers)])


def asked(model, *posts):
    copies = [model.blank(p) for p in posts]
    examples = model.examples(copies, training=False)
    model.write(copies, examples, model.predict(model.collate(examples, [])))
    return copies


def test_boxes_come_in_pixels_and_low_scores_give_none():
    (found,) = asked(Fixed(threshold=0.5), post("0.1 0.2 0.5 0.7 0.9", "0 0 1 1 0.4", "0.9 0.9 0.8 0.8 0.5"))
    assert [(e.boxes, e.box_scores) for e in found.entities] == [
        ([(20.0, 20.0, 100.0, 70.0)], [0.9]), ([], []), ([(160.0, 80.0, 180.0, 90.0)], [0.5])]


def test_what_entailment_denied_stays_denied_and_gold_boxes_are_forgotten():
    boxes = [[], [(1.0, 1.0, 2.0, 2.0)], None]
    (found,) = asked(Fixed(), post(*["0 0 0.5 0.5 1"] * 3, boxes=boxes))
    assert [e.boxes for e in found.entities] == [[], [(0.0, 0.0, 100.0, 50.0)], [(0.0, 0.0, 100.0, 50.0)]]
    (text,) = asked(Fixed(), post("0 0 1 1 1", image=None))
    assert text.entities[0].boxes == []


def test_what_is_said_not_to_be_visible_is_not_looked_for_and_what_gets_no_box_is_not_visible():
    given = post(*["0 0 0.5 0.5 1"] * 3, "0 0 0.5 0.5 0.1", "0 0 0.5 0.5 0.1")
    for entity, visible in zip(given.entities, (True, False, None, True, None), strict=True):
        entity.visible = visible
    (found,) = asked(Fixed(threshold=0.5), given)
    box = [(0.0, 0.0, 100.0, 50.0)]
    assert [(e.visible, e.boxes, e.box_scores) for e in found.entities] == [
        (True, box, [1.0]), (False, [], None), (None, box, [1.0]), (False, [], []), (None, [], [])]
    given.image = None
    (text,) = asked(Fixed(), given)
    assert [e.visible for e in text.entities] == [False, False, None, False, None]
    assert all(e.boxes == [] for e in text.entities)


def test_training_seeks_visible_entities_by_their_largest_box_in_shares_of_the_picture():
    boxes = [[(0.0, 0.0, 10.0, 10.0), (50.0, 0.0, 250.0, 50.0)], [], None, [(100.0, 50.0, 200.0, 100.0)]]
    model = Fixed()
    examples = model.examples([post(*["0 0 1 1 1"] * 4, boxes=boxes)], training=True)
    assert [(s.entity, s.box) for e in examples for s in e.data] == [(0, boxes[0][1]), (3, boxes[3][0])]
    expected = torch.tensor([[0.25, 0, 1, 0.5], [0.5, 0.5, 1, 1]])  # a corner beyond the edge is on it
    assert torch.equal(model.targets(examples, [Image.new("RGB", (200, 100))]), expected)


@given(st.tuples(*[st.floats(allow_nan=True, allow_infinity=True, width=32)] * 4), st.integers(1, 5000),
       st.integers(1, 5000))
def test_any_four_numbers_give_a_valid_box_inside_the_picture_or_none(shares, width, height):
    box = fitted(shares, (width, height))
    if not all(map(math.isfinite, shares)):
        assert box is None
        return
    check_box(box, "box")
    assert min(box) >= 0 and box[2] <= width and box[3] <= height
    assert box[2] - box[0] >= 0.99 and box[3] - box[1] >= 0.99


@pytest.mark.parametrize(("shares", "box"), [
    ((0.5, 0.5, 0.5, 0.5), (99.5, 49.5, 100.5, 50.5)), ((1.0, 1.0, 2.0, 3.0), (199.0, 99.0, 200.0, 100.0)),
    ((-1.0, -1.0, 0.0, 0.5), (0.0, 0.0, 1.0, 50.0)), ((0.75, 1.0, 0.25, 0.0), (50.0, 0.0, 150.0, 100.0))])
def test_boxes_without_an_area_get_a_pixel_and_crossed_corners_are_put_in_order(shares, box):
    assert fitted(shares, (200, 100)) == box


def test_precision_counts_every_visible_gold_entity_and_any_of_its_boxes():
    model = Fixed(threshold=0.5)
    gold = post("0 0 0.5 1 1", "0 0 0.5 1 1", "0 0 0.5 1 0.1", "0 0 1 1 1", boxes=[
        [(150.0, 0.0, 200.0, 100.0), (0.0, 0.0, 100.0, 80.0)],  # the second box: 0.8
        [(0.0, 0.0, 50.0, 100.0)],  # exactly half, which is not above it
        [(0.0, 0.0, 100.0, 100.0)],  # scored too low, so no box
        []])
    scores = model.evaluate(asked(model, gold), [gold])
    assert scores == pytest.approx({"prec@0.5": 100 / 3, "mean_iou": 100 * (0.8 + 0.5) / 3}, abs=1e-4)
    with pytest.raises(GmnerError, match="nothing to find"):
        model.evaluate([post("0 0 1 1 1")], [post("0 0 1 1 1", boxes=[[]])])
