"""The dev loss: computed by the loop where epochs are chosen by it or ties parted, and nowhere else."""

from __future__ import annotations

import json
import math
import random

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from gmner_cli import recipes
from gmner_cli.compute import runtime
from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.model import Example, Model
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import Entity, Post
from gmner_cli.training import loop
from gmner_cli.training.dev_loss import DevLoss
from gmner_cli.training.loop import fit
from gmner_cli.training.settings import parse_train
from tests.training.point import Killed

CPU = runtime.Runtime(torch.device("cpu"))
POSTS = [Post(id=str(i), text="x", entities=[Entity(start=0, end=1, type="PER")]) for i in range(10)]


class Scripted(Model):
    """A weight and dropout; in eval mode its loss and its figures are scripted, an epoch each, and so is its
    dev score."""

    finds = ()
    Config = msgspec.Struct

    def __init__(self, losses=(), scores=(), figures=()):
        super().__init__(None, {}, None)
        self.origin = {"model": "scripted", "recipe": "scripted"}
        self.weight, self.drop = torch.nn.Parameter(torch.zeros(8)), torch.nn.Dropout(0.5)
        self.losses, self.scores, self.figures, self.epoch = losses, scores, dict(figures), 0
        self.seen, self.draws = [], []

    def begin_epoch(self, epoch):
        self.epoch = epoch - 1

    def examples(self, posts, training):
        return [Example(i, 1, post.entities[0].type) for i, post in enumerate(posts) if post.entities]

    def collate(self, examples, images):
        return {"n": torch.tensor(len(examples)), "pictures": [image is not None for image in images],
                "of": [e.post for e in examples], "types": [e.data for e in examples]}

    def loss(self, batch):
        if not self.training:
            assert not torch.is_grad_enabled()
            self.seen.append(batch)
            self.draws.append((random.random(), float(np.random.rand()), float(torch.rand(1))))
            value = torch.tensor(self.losses[self.epoch])
            figures = {name: of[self.epoch] for name, of in self.figures.items()}
            return (value, figures) if figures else value
        noise = torch.rand(1) + random.random() + np.random.rand()
        return (self.drop(self.weight - noise)).square().mean()


class Scored(Scripted):
    def predict(self, batch):
        return [0] * int(batch["n"])

    def write(self, posts, examples, outputs):
        return

    def evaluate(self, predicted, gold):
        return {"f1": self.scores[self.epoch]}


def train(model, folder, dev=POSTS, pictures=Pictures(None), resume=False, **settings):
    torch.manual_seed(0)
    parsed = parse_train({"epochs": len(model.losses), "batch_size": 4, "lr": 0.1, **settings}, "test")
    return fit(model, POSTS, dev, parsed, folder, CPU, pictures=pictures, resume=resume)


def test_a_model_that_cannot_predict_is_chosen_by_its_loss_on_dev(tmp_path):
    model = Scripted([3.0, 1.5, 2.0])
    history = train(model, tmp_path, metric="dev_loss")
    assert [row["dev_loss"] for row in history.rows] == [3.0, 1.5, 2.0]
    assert (history.best_epoch, history.best_score, history.told) == (2, -1.5, "dev loss 1.5000")
    saved = load_file(tmp_path / "model.safetensors")["weight"]
    assert not torch.equal(saved, model.weight), "the second epoch's, not the last one's"


def test_the_same_dev_batches_and_draws_in_every_epoch(tmp_path):
    model = Scripted([3.0, 1.5])
    train(model, tmp_path, metric="dev_loss")
    assert [b["of"] for b in model.seen[:3]] == [b["of"] for b in model.seen[3:]]
    assert model.draws[:3] == model.draws[3:]
    assert sorted(i for b in model.seen[:3] for i in b["of"]) == list(range(10))


@pytest.mark.parametrize(("metric", "figures", "best"), [
    ("dev_accuracy", {"accuracy": [0.5, 0.9, 0.7]}, 2), ("dev_word_loss", {"word_loss": [0.5, 0.9, 0.2]}, 3)])
def test_a_watched_figure_chooses(tmp_path, metric, figures, best):
    history = train(Scripted([1.0, 1.0, 1.0], figures=figures), tmp_path, metric=metric)
    assert history.best_epoch == best
    assert [row[metric] for row in history.rows] == [*figures.values()][0]


@pytest.mark.parametrize(("ties", "best"), [("first", 1), ("loss", 3)])
def test_of_equal_epochs_the_first_or_the_one_of_the_lower_dev_loss(tmp_path, ties, best):
    model = Scored([3.0, 4.0, 1.0, 2.0], [50, 50, 50, 50])
    assert train(model, tmp_path, ties=ties).best_epoch == best
    assert len(model.seen) == (0 if ties == "first" else 12), "it is computed only where it is used"


def test_a_better_score_wins_whatever_its_loss(tmp_path):
    assert train(Scored([1.0, 9.0], [50, 51]), tmp_path, ties="loss").best_epoch == 2


def test_training_draws_the_same_random_numbers_with_it_and_without(tmp_path):
    weights = []
    for ties in ("first", "loss"):
        model = Scored([1.0, 1.0, 1.0], [1, 2, 3])
        train(model, tmp_path / ties, ties=ties)
        weights.append(model.weight.detach())
        assert model.training is False
    assert torch.equal(*weights)


@pytest.mark.parametrize(("metric", "scores"), [("f1", [50] * 4), ("dev_loss", [])])
@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_resumed_training_chooses_as_an_unbroken_one(tmp_path, monkeypatch, metric, scores, after):
    losses, settings = [3.0, 1.1, 1.0999999, 2.0], {"metric": metric, "ties": "loss"}
    whole = train(Scored(losses, scores), tmp_path / "whole", **settings)
    real = loop.save_checkpoint

    def save(folder, tensors, optimizer, progress):
        real(folder, tensors, optimizer, progress)
        if progress["epoch"] == after:
            raise Killed

    with monkeypatch.context() as kill, pytest.raises(Killed):
        kill.setattr(loop, "save_checkpoint", save)
        train(Scored(losses, scores), tmp_path / "broken", **settings)
    history = train(Scored(losses, scores), tmp_path / "broken", resume=True, **settings)
    assert (history.best_epoch, history.best_score) == (3, whole.best_score) and whole.best_epoch == 3
    one, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "broken"))
    assert one == other


def test_patience_counts_from_an_epoch_that_won_by_its_loss(tmp_path):
    scores = [50] * 6
    first = train(Scored([3.0, 4.0, 5.0, 1.0, 1.0, 1.0], scores), tmp_path, patience=2, ties="first")
    lower = train(Scored([3.0, 2.0, 5.0, 5.0, 1.0, 1.0], scores), tmp_path, patience=2, ties="loss")
    assert (len(first.rows), len(lower.rows)) == (3, 4)
    assert len(train(Scripted([3.0, 2.0, 5.0, 5.0, 1.0]), tmp_path, patience=2, metric="dev_loss").rows) == 4


def test_a_dev_loss_that_is_not_a_number_never_wins(tmp_path):
    nan = math.nan
    history = train(Scripted([nan, 2.0, nan, math.inf]), tmp_path, metric="dev_loss")
    assert history.best_epoch == 2 and [row["dev_loss"] for row in history.rows] == [None, 2.0, None, None]
    json.dumps(history.rows, allow_nan=False)
    assert train(Scored([nan, nan, 2.0, 1.0], [50] * 4), tmp_path, ties="loss").best_epoch == 4
    assert train(Scored([nan, nan], [50] * 2), tmp_path, ties="loss").best_epoch == 1
    with pytest.raises(GmnerError, match="no epoch has a dev_loss that is a number"):
        train(Scripted([nan, nan]), tmp_path, metric="dev_loss")


def test_types_that_training_does_not_have_have_no_loss(tmp_path):
    odd = [Post(id="o", text="x", entities=[Entity(start=0, end=1, type="LOC")])]
    model = Scripted([1.0])
    train(model, tmp_path, dev=[*POSTS, *odd], metric="dev_loss")
    assert {kind for batch in model.seen for kind in batch["types"]} == {"PER"}
    with pytest.raises(GmnerError, match="the dev posts give no example"):
        train(Scripted([1.0]), tmp_path, dev=odd, metric="dev_loss")


def test_a_fine_type_counts_only_where_the_model_learnt_fine_types(tmp_path):
    def of(fine):
        return [Post(id="o", text="x", entities=[Entity(start=0, end=1, type="PER", fine_type=fine)])]

    dev, seen = [*of("actor"), *of("singer"), *of(None)], []
    learnt = ({}, None), ({"types": ["PER"]}, "actor"), ({"fine": {"PER": ["actor"]}}, "actor")
    for facts, train_fine in learnt:
        model = Scripted([1.0])
        model.facts = facts
        on_dev = DevLoss(model, of(train_fine), dev, parse_train({}, "test"), CPU, Pictures(None))
        seen.append([[entity.fine_type for entity in post.entities] for post in on_dev._posts])
    assert seen == [[["actor"], ["singer"], [None]]] * 2 + [[["actor"], [], []]]


def test_a_model_that_looks_only_while_training_looks_for_the_dev_loss_too(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "p.png")
    dev = [msgspec.structs.replace(post, image="p.png") for post in POSTS]
    model = Scripted([1.0])
    model.trains_on_images = True
    train(model, tmp_path / "out", dev=dev, pictures=Pictures(tmp_path), metric="dev_loss")
    assert all(all(batch["pictures"]) for batch in model.seen)


def test_what_cannot_be_chosen_by_is_explained(tmp_path):
    with pytest.raises(GmnerError, match="'dev_em'") as problem:
        train(Scripted([1.0], figures={"accuracy": [1.0]}), tmp_path, metric="dev_em")
    assert "dev_accuracy, dev_loss" in problem.value.hint
    with pytest.raises(UsageError, match="Scripted has no `predict`") as problem:
        train(Scripted([1.0]), tmp_path)
    assert 'metric = "dev_loss"' in problem.value.hint
    with pytest.raises(UsageError, match="unknown ties 'last'") as problem:
        parse_train({"ties": "last"}, "test")
    assert "first or loss" in problem.value.hint


def test_ties_can_be_set_though_recipes_do_not_spell_it():
    for key in ("ties", "ner.train.ties"):
        recipe = recipes.load("mini", [f"{key}=loss"], within="ner")
        assert recipe.values["ner"]["train"]["ties"] == "loss" and "ties" not in recipe.values["ve"]["train"]
    assert "ties" not in recipes.load("mini").values["ner"]["train"]


def test_a_model_that_finds_something_must_still_write_it(tmp_path):
    from gmner_cli.classes.class_paths import find_class

    (tmp_path / "mine.py").write_text("from tests.training.test_dev_loss import Scripted\n\n\n"
                                      "class Mine(Scripted):\n    finds = ('boxes',)\n")
    with pytest.raises(UsageError, match="Mine has no `predict`, `write`"):
        find_class(f"{tmp_path}/mine.py:Mine", trusted=[f"{tmp_path}/mine.py:Mine"])
