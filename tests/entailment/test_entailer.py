"""Visual entailment's common base: who is asked, what is written, what is learned from dev and kept."""

from __future__ import annotations

import math

import pytest
import torch
from PIL import Image

from gmner_cli.entailment.entailer import Entailer, EntailerConfig
from gmner_cli.errors import GmnerError
from gmner_cli.model import WeightSource
from gmner_cli.records import Entity, Post
from gmner_cli.weights.model_folder import load_model, save_model


class Sizes(Entailer):
    """Says of every text the odds that stand in it; the picture's width is added."""

    Config = EntailerConfig
    most_together = 2

    def __init__(self, config=None, facts=None, source=None):
        super().__init__(config or EntailerConfig(), facts or {}, source or WeightSource())
        self.weight = torch.nn.Parameter(torch.ones(1))

    def inputs(self, texts, images):
        return {
            "odds": torch.tensor([float(t) for t in texts]),
            "widths": torch.tensor([float(i.width) for i in images])
        }

    def match(self, batch):
        return self.weight * batch["odds"] + batch["widths"][batch["owner"]] - 1


def post(odds, visible=(), image="x.png", name="p"):
    """A post whose entities' expressions are numbers; ``visible``: whether each has a box, or None."""
    boxes = [None if v is None else [(0.0, 0.0, 1.0, 1.0)] if v else []
             for v in visible] or [None] * len(odds)
    return Post(id=name, text="a" * len(odds), image=image, entities=[
        Entity(start=n, end=n + 1, type="PER" if n % 2 else "LOC", expression=str(o), boxes=b)
        for n, (o, b) in enumerate(zip(odds, boxes, strict=True))])


def asked(model, posts):
    """What ``predict_posts`` does, with pictures one pixel wide."""
    copies = [model.blank(p) for p in posts]
    examples = model.examples(copies, training=False)
    batch = model.collate(examples, [Image.new("RGB", (1, 1))] * len(examples)) if examples else None
    model.write(copies, examples, model.predict(batch) if examples else [])
    return copies


def test_a_post_with_many_entities_is_asked_in_parts_and_answers_find_their_entities():
    model = Sizes().eval()
    (found,) = asked(model, [post([3, -3, 0.1, -0.1, 2])])
    assert [len(e.data) for e in model.examples([found], False)] == [2, 2, 1]
    expected = [1 / (1 + math.exp(-o)) for o in (3, -3, 0.1, -0.1, 2)]
    assert [e.groundable for e in found.entities] == pytest.approx(expected, abs=1e-4)
    assert [e.boxes for e in found.entities] == [None, [], None, [], None]
    assert [e.visible for e in found.entities] == [True, False, True, False, True]


def test_without_a_picture_nothing_is_visible():
    (found,) = asked(Sizes().eval(), [post([9, 9], image=None)])
    assert [(e.groundable, e.visible, e.boxes) for e in found.entities] == [(0.0, False, [])] * 2


def test_training_asks_assessed_entities_alone_and_prediction_never_sees_boxes():
    model = Sizes()
    posts = [post([1, 2, 3], [True, None, False])]
    questions = [q for e in model.examples(posts, training=True) for q in e.data]
    assert [(q.entity, q.visible) for q in questions] == [(0, True), (2, False)]
    posts[0].entities[0].visible = True
    blank = model.blank(posts[0])
    assert all(e.boxes is None and e.visible is None for e in blank.entities)
    seen = [q for e in model.examples([blank], training=False) for q in e.data]
    assert [q.visible for q in seen] == [None] * 3 and "visible" not in model.collate(
        model.examples([blank], False), [Image.new("RGB", (1, 1))] * 2)


def test_the_loss_is_the_cross_entropy_of_visible():
    model = Sizes()
    examples = model.examples([post([1.5, -0.5], [True, False])], training=True)
    loss = model.loss(model.collate(examples, [Image.new("RGB", (1, 1))]))
    assert loss.item() == pytest.approx((math.log1p(math.exp(-1.5)) + math.log1p(math.exp(-0.5))) / 2,
                                        rel=1e-5)


GOLD = [
    post([5, 3, 4, 1, 2, 0.5], [True, True, True, False, False, False], name="a"),
    post([2.5, 3.5, 1.5, 7], [False, True, False, None], name="b"),
    post([9], [False], image=None, name="c")
]


def test_dev_chooses_threshold_and_calibration_and_reports_by_type():
    model = Sizes().eval()
    scores = model.evaluate(asked(model, GOLD), GOLD)
    assert {k: scores[k] for k in ("accuracy", "precision", "recall", "f1", "tp", "fp", "fn", "tn")} == {
        "accuracy": 100, "precision": 100, "recall": 100, "f1": 100, "tp": 4, "fp": 0, "fn": 0, "tn": 6}
    assert scores["accuracy_PER"] == scores["accuracy_LOC"] == 100
    again = asked(model, GOLD)  # now in the calibrated scale
    pairs = [(e.groundable, bool(g.boxes), e.boxes) for p, q in zip(again, GOLD, strict=True)
             for e, g in zip(p.entities, q.entities, strict=True) if g.boxes is not None]
    assert all((p > scores["threshold"]) == visible == (boxes is None) for p, visible, boxes in pairs)
    assert max(p for p, visible, _ in pairs if not visible) < 0.5 < min(
        p for p, visible, _ in pairs if visible)


def test_evaluating_what_a_calibrated_model_said_changes_nothing():
    model = Sizes().eval()
    first = model.evaluate(asked(model, GOLD), GOLD)
    before = model.calibration.clone()
    second = model.evaluate(asked(model, GOLD), GOLD)
    assert second == pytest.approx(first, abs=1e-2)  # percent, of chances with four digits
    assert model.calibration.tolist() == pytest.approx(before.tolist(), abs=1e-3)


def test_wrong_answers_are_counted_where_they_belong():
    model = Sizes(EntailerConfig(threshold=0.999)).eval()
    scores = model.evaluate(asked(model, GOLD), GOLD)
    assert (scores["tp"], scores["fp"], scores["fn"], scores["tn"]) == (0, 0, 4, 6)
    assert scores["accuracy"] == 60 and scores["recall"] == scores["f1"] == 0 and scores["threshold"] == 0.999
    assert scores["accuracy_LOC"] == pytest.approx(66.6667) and scores["accuracy_PER"] == 50


def test_calibration_and_threshold_are_saved_and_further_training_voids_them(tmp_path):
    model = Sizes().eval()
    model.origin = {"model": "tests.entailment.test_entailer:Sizes", "recipe": "test"}
    model.evaluate(asked(model, GOLD), GOLD)
    kept = model.calibration.tolist()
    assert kept != [1, 0, 0.5]
    save_model(model, tmp_path)
    loaded = load_model(tmp_path, wanted="tests.entailment.test_entailer:Sizes")
    assert loaded.calibration.tolist() == kept
    assert [p.to_builtins() for p in asked(loaded, GOLD)] == [p.to_builtins() for p in asked(model, GOLD)]
    strict = load_model(tmp_path, wanted="tests.entailment.test_entailer:Sizes", changes={"threshold": 1})
    assert all(e.boxes == [] for p in asked(strict, GOLD) for e in p.entities)
    assert loaded.train().calibration.tolist() == [1, 0, 0.5]


def test_dev_posts_that_nobody_assessed_are_refused():
    model = Sizes().eval()
    posts = [post([1], [None])]
    with pytest.raises(GmnerError, match="no entity with `boxes`"):
        model.evaluate(asked(model, posts), posts)
