"""Grounding DINO asks for an entity of several wordings by one of them a picture and epoch."""

from __future__ import annotations

import random

import pytest
import torch
from PIL import Image

from gmner_cli.classes.class_paths import new_model
from gmner_cli.compute import runtime
from gmner_cli.language.expressions import Expressions
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import Entity, Expansion, Post
from gmner_cli.training import loop
from gmner_cli.training.settings import parse_train
from tests import tiny
from tests.training.point import Killed

TEXTS = ["red", "green", "blue", "grey", "pink"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return tiny.save_grounding_dino(tmp_path_factory.mktemp("dino") / "net")


def made(checkpoint):
    torch.manual_seed(0)
    return new_model("gmner_cli.grounding.grounding_dino:GroundingDino",
                     {"checkpoint": str(checkpoint), "threshold": 0.0}, [], recipe="test", offline=True)


def worded(count=2):
    """Posts of two entities: one with five wordings, one with none."""
    posts = [
        Post(
            id=str(n), text="Ada at Rome", image=f"{n}.png", image_size=(96, 64), entities=[
                Entity(start=0, end=3, type="PER", boxes=[(8.0, 4.0, 30.0, 40.0)],
                       expansions=[Expansion(text=t, source=t) for t in TEXTS]),
                Entity(start=7, end=11, type="LOC", boxes=[(40.0, 4.0, 90.0, 60.0)])
            ]) for n in range(count)
    ]
    return Expressions("{expansion}", "{name}", {}).variants(posts)


def asked(model, examples, pictures):
    """The words of every post in the present epoch."""
    batch = model.collate(examples, pictures)
    return [[model.tokenizer.decode(batch["ids"][row, a:b]).replace(" ", "") for a, b in ranges]
            for row, ranges in enumerate(batch["slots"])], batch


def test_in_five_epochs_each_wording_is_asked_once_and_no_box_is_taught_twice_at_a_time(checkpoint):
    model, posts = made(checkpoint), worded()
    pictures = [Image.new("RGB", (96, 64))] * 2
    examples = model.examples(posts, training=True)
    assert [len(e.data) for e in examples] == [2, 2], "a picture is one pass, with each entity once"
    heard = []
    for epoch in range(1, 6):
        model.begin_epoch(epoch)
        words, batch = asked(model, examples, pictures)
        assert len(batch["boxes"]) == 4 and all(
            len(set(map(tuple, part.tolist()))) == 2 for part in batch["boxes"].split(2))
        assert [w[1] for w in words] == ["rome", "rome"
                                         ] and words[0][0] != words[1][0], "posts differ within an epoch"
        heard.append(words[0][0])
    assert sorted(heard) == sorted(TEXTS)


def test_in_prediction_nothing_changes(checkpoint):
    model = made(checkpoint)
    post = Post(
        id="1", text="Ada at Rome", image="x", image_size=(96, 64), entities=[
            Entity(start=0, end=3, type="PER", expression="red"),
            Entity(start=0, end=3, type="PER", expression="blue")
        ])
    model.begin_epoch(3)
    (example,) = model.examples([post], training=False)
    assert asked(model, [example], [Image.new("RGB", (96, 64))])[0] == [["red", "blue"]]


def test_a_long_wording_leaves_room_for_itself_in_every_epoch(checkpoint):
    model = made(checkpoint)
    long = [Expansion(text="a", source="s"), Expansion(text="b" * 200, source="l")]
    post = Post(id="1", text="Ada at Rome", image="x", image_size=(96, 64), entities=[
        Entity(start=0, end=3, type="PER", boxes=[(1, 1, 9, 9)], expansions=long),
        Entity(start=7, end=11, type="LOC", boxes=[(4, 4, 9, 9)], expansions=long)])
    examples = model.examples(Expressions("{expansion}", "{name}", {}).variants([post]), training=True)
    for epoch in (1, 2):
        model.begin_epoch(epoch)
        assert model.collate(examples, [Image.new("RGB", (96, 64))] * len(examples))["ids"].shape[1] <= 256


def test_a_training_that_is_killed_and_resumed_asks_in_the_same_words(checkpoint, tmp_path, monkeypatch):
    for n in range(2):
        Image.frombytes("RGB", (96, 64), random.Random(n).randbytes(96 * 64 * 3)).save(tmp_path / f"{n}.png")
    settings = parse_train({"epochs": 3, "batch_size": 2, "lr": 1e-3}, "test")

    def fit(folder, resume=False):
        folder.mkdir(exist_ok=True)
        model = made(checkpoint)
        loop.fit(model, worded(), worded(), settings, folder, runtime.Runtime(torch.device("cpu")),
                 pictures=Pictures(tmp_path), resume=resume)
        return model.state_dict()

    whole = fit(tmp_path / "whole")
    real = loop.save_checkpoint

    def save(folder, tensors, optimizer, progress):
        real(folder, tensors, optimizer, progress)
        raise Killed

    monkeypatch.setattr(loop, "save_checkpoint", save)
    with pytest.raises(Killed):
        fit(tmp_path / "killed")
    monkeypatch.setattr(loop, "save_checkpoint", real)
    resumed = fit(tmp_path / "killed", resume=True)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
