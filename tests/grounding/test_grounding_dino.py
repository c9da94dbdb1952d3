"""The detectors' loss over a batch, and a trained folder that stands alone; both published kinds, small and
random."""

from __future__ import annotations

import random
import shutil

import pytest
import torch
from PIL import Image
from transformers.loss.loss_grounding_dino import GroundingDinoForObjectDetectionLoss

from gmner_cli.classes.class_paths import new_model
from gmner_cli.records import Entity, Post
from gmner_cli.weights.model_folder import load_model, save_model
from tests import tiny

PICTURES = [Image.frombytes("RGB", (96, 64), random.Random(seed).randbytes(96 * 64 * 3)) for seed in range(3)]
"""Noise: in an even picture all regions tie, and which ones are proposed depends on the batch."""


@pytest.fixture(params=["GroundingDino", "MMGroundingDino"])
def checkpoint(request, tmp_path):
    return tiny.save_grounding_dino(tmp_path / "net", request.param)


@pytest.fixture
def model(checkpoint):
    return new_model("gmner_cli.grounding.grounding_dino:GroundingDino",
                     {"checkpoint": str(checkpoint), "threshold": 0.0}, [], recipe="test",
                     offline=True).eval()


WORDS = (["abcde"], ["a", "b", "c"], ["ab", "cd"])
"""Expressions of three posts. A letter is a sub-word, and with the stops all have six: no row is padded."""


def posts(boxes=True):
    return [Post(id=str(n), text="a b c", image="x", image_size=(96, 64), entities=[
        Entity(start=2 * k, end=2 * k + 1, type="PER", expression=expression,
               boxes=[(8.0 * k + n, 4.0, 30.0 + 8 * k, 40.0 + n)] if boxes else None)
        for k, expression in enumerate(expressions)]) for n, expressions in enumerate(WORDS)]


def batch_of(model, part, pictures=PICTURES):
    return model.collate(model.examples(part, training=True), pictures)


@torch.no_grad()
def test_the_loss_of_a_batch_is_the_mean_over_its_boxes_whatever_stands_beside_them(model):
    whole = model.loss(batch_of(model, posts())).item()
    model.net.loss_function = GroundingDinoForObjectDetectionLoss  # right for one picture
    alone = [
        model.loss(batch_of(model, [post], [picture])).item()
        for post, picture in zip(posts(), PICTURES, strict=True)
    ]
    assert whole == pytest.approx((1 * alone[0] + 3 * alone[1] + 2 * alone[2]) / 6, rel=1e-4)


def test_a_step_against_the_gradient_lowers_the_loss_as_it_says_and_reaches_every_part(model):
    """One small step, because over twenty real ones the proposals and their matching jump, and where the loss
    ends hangs on the last digit of a sum, which is another one with other threads."""
    batch = batch_of(model, posts())
    before = model.loss(batch)
    before.backward()
    taught = {name: p for name, p in model.net.named_parameters() if p.grad is not None}
    for part in ("model.backbone", "model.text_backbone", "model.encoder", "model.decoder", "bbox_embed"):
        assert any(p.grad.abs().sum() > 0 for name, p in taught.items() if part in name), part
    lower = 1e-4 * before.item()
    with torch.no_grad():
        steep = sum((p.grad.double() ** 2).sum() for p in taught.values()).item()
        for p in taught.values():
            p -= lower / steep * p.grad
        after = model.loss(batch)
    assert before.item() - after.item() == pytest.approx(lower, rel=0.1)


def test_the_loss_under_bfloat16(model):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model.loss(batch_of(model, posts()))
    assert loss.dtype == torch.float32 and loss.isfinite()
    loss.backward()


@torch.no_grad()
def test_a_saved_model_needs_no_checkpoint_any_more(model, checkpoint, tmp_path):
    def answers(model):
        return model.predict(model.collate(model.examples(posts(boxes=False), training=False), PICTURES))

    before = answers(model)
    save_model(model, tmp_path / "trained")
    shutil.rmtree(checkpoint)
    assert answers(load_model(tmp_path / "trained", offline=True)) == before


def test_words_that_the_tokenizer_drops_still_hold_their_place(model):
    post = Post(id="p", text="x", image="x", image_size=(96, 64), entities=[
        Entity(start=0, end=1, type="PER", expression=words) for words in ("?!. ", "\u200d", "b")])
    (slots,) = model.collate(model.examples([post], training=False), PICTURES[:1])["slots"]
    assert len(slots) == 3 and all(a < b for a, b in slots)
