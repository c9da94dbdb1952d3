"""The one loop: schedule, batches, stopping, averages and the errors it must raise."""

from __future__ import annotations

import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gmner_cli.compute import runtime
from gmner_cli.compute.batches import ahead, bucket
from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.model import Example, Model
from gmner_cli.records import Post
from gmner_cli.training.loop import fit
from gmner_cli.training.settings import parse_train

CPU = runtime.Runtime(torch.device("cpu"))
POSTS = [Post(id=str(i), text="x") for i in range(10)]


class Line(Model):
    """One weight that is pulled to 1; its dev score is scripted."""

    import msgspec

    finds = ()

    class Config(msgspec.Struct):
        scores: list[float] = []

    def __init__(self, scores=()):
        super().__init__(self.Config(list(scores)), {}, None)
        self.origin = {"model": "line", "recipe": "line"}
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.scripted, self.value, self.rates = iter(scores), None, []

    def examples(self, posts, training):
        return [Example(i, 1 + i, None) for i in range(len(posts))]

    def collate(self, examples, images):
        return {"n": torch.tensor(len(examples))}

    def loss(self, batch):
        return ((self.weight - 1) ** 2).sum() if self.value is None else self.weight.sum() * 0 + self.value

    def predict(self, batch):
        return [0] * int(batch["n"])

    def write(self, posts, examples, outputs):
        return

    def evaluate(self, predicted, gold):
        return {"f1": next(self.scripted)}


def train(model, folder, **settings):
    return fit(model, POSTS, POSTS, parse_train({"epochs": 5, "batch_size": 4, "lr": 0.1, **settings},
                                                "test"), folder, CPU)


def test_the_best_epoch_is_kept_and_patience_stops(tmp_path):
    model = Line([10, 30, 20, 25, 28])
    history = train(model, tmp_path, patience=2)
    assert [row["f1"] for row in history.rows] == [10, 30, 20, 25]
    assert (history.best_epoch, history.best_score) == (2, 30)
    from safetensors.torch import load_file

    saved = load_file(tmp_path / "model.safetensors")["weight"].item()
    assert 0 < saved < model.weight.item(), "the second epoch's weight, not the last one's"


def test_a_loss_that_is_not_a_number_ends_with_advice(tmp_path):
    model = Line([1] * 5)
    model.value = float("nan")
    with pytest.raises(GmnerError, match="loss is nan") as problem:
        train(model, tmp_path)
    assert "lr=" in problem.value.hint


def test_weights_that_are_no_numbers_are_not_kept_though_the_loss_was_one(tmp_path, monkeypatch):
    # at 0 its slope is 0 / 0
    monkeypatch.setattr(Line, "loss", lambda self, batch: (self.weight ** 2).sum().sqrt())
    with pytest.raises(GmnerError, match="no numbers any more after epoch 1"):
        train(Line([1] * 5), tmp_path, epochs=1, batch_size=10)
    assert not (tmp_path / "model.safetensors").exists()


def test_an_unknown_metric_names_the_known_ones(tmp_path):
    with pytest.raises(GmnerError, match="'em'") as problem:
        train(Line([1] * 5), tmp_path, metric="em")
    assert "f1" in problem.value.hint


def test_the_rate_rises_then_falls_to_zero(tmp_path, monkeypatch):
    rates = []
    original = torch.optim.AdamW.step

    def step(self, *args, **kwargs):
        rates.append(self.param_groups[0]["lr"])
        return original(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    train(Line([1] * 5), tmp_path, warmup=0.2, accumulate=1)
    assert len(rates) == 15
    assert rates[:3] == pytest.approx([0.1 / 3, 0.2 / 3, 0.1])
    assert all(a > b for a, b in zip(rates[3:], rates[4:], strict=False)) and 0 < rates[-1] < 0.1 / 10


def test_accumulating_steps_once_for_several_batches(tmp_path, monkeypatch):
    steps = []
    original = torch.optim.AdamW.step
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda self, *a, **k:
                        (steps.append(1), original(self, *a, **k))[1])
    train(Line([1] * 5), tmp_path, accumulate=3, epochs=1)
    assert len(steps) == 1


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 9), st.booleans(), st.integers(0, 99))
def test_batches_hold_every_example_once(lengths, size, shuffled, seed):
    examples = [Example(0, n, None) for n in lengths]
    batches = bucket(examples, size, random.Random(seed) if shuffled else None)
    assert sorted(i for b in batches for i in b) == list(range(len(lengths)))
    assert all(0 < len(b) <= size for b in batches)
    if not shuffled and batches:
        flat = [lengths[i] for b in batches for i in b]
        assert flat == sorted(flat, reverse=True)


def test_work_ahead_keeps_order_passes_errors_and_can_be_left():
    assert [r for _, r in ahead([1, 2, 3], lambda n: n * n)] == [1, 4, 9]
    with pytest.raises(ZeroDivisionError):
        list(ahead([1, 0], lambda n: 1 // n))
    for job, _ in ahead(range(1000), lambda n: n):
        if job == 3:
            break


@pytest.mark.parametrize("settings", [{"epochs": 0}, {"lr": -1}, {"epoch": 3}, {"lr": "fast"}])
def test_wrong_training_values_are_usage_errors(settings):
    with pytest.raises(UsageError):
        parse_train(settings, "test")


def test_a_device_that_is_not_there_is_a_usage_error():
    with pytest.raises(UsageError, match="unknown device"):
        runtime.start("warp")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="CUDA"):
            runtime.start("cuda")


@pytest.mark.gpu
def test_on_a_gpu_autocast_trains_and_predicts(tmp_path, tiny_encoder):
    from gmner_cli.classes.class_paths import new_model
    from gmner_cli.flow.model_stage import predict_posts
    from gmner_cli.records import Entity
    from gmner_cli.weights.model_folder import load_model

    posts = [
        Post(id=str(i), text="Ada met Bob", entities=[Entity(start=0, end=3, type="PER")]) for i in range(8)
    ]
    where = runtime.start("cuda")
    model = new_model("gmner_cli.ner.crf_tagger:CrfTagger", {"encoder": str(tiny_encoder), "max_length": 64},
                      posts, recipe="test", offline=True)
    history = fit(model, posts, posts,
                  parse_train({"epochs": 12, "batch_size": 4, "lr": 1e-2, "head_lr": 5e-2}, "t"), tmp_path,
                  where)
    assert where.precision == "bfloat16" and history.best_score == 100
    again = load_model(tmp_path).to("cuda")
    assert predict_posts(again, posts, where, 4)[0].entities[0].span == (0, 3)
