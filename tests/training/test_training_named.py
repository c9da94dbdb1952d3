"""Pictures beside ``image`` that a model names are all opened before a training starts."""

from __future__ import annotations

import json

import pytest
import torch
from PIL import Image

from gmner_cli.model import Example
from tests.conftest import write_jsonl
from tests.training import point


@pytest.fixture
def cropped(training, monkeypatch):
    def examples(self, posts, training):
        return [Example(n, 1, None, pictures=(*p.extra["crops"],)) for n, p in enumerate(posts)]

    monkeypatch.setattr(point.Seer, "examples", examples)
    monkeypatch.setattr(point.Seer, "collate", lambda self, examples, images: {
        "seen": torch.tensor([all(p is not None for p in row) for row in images])})
    Image.new("RGB", (4, 4)).save(training.folder / "c.png")
    write_jsonl(training.folder / "train.jsonl", [
        {**point.post(f"t{n}"), "crops": ["c.png", *(["gone.png"] if n == 1 else [])]} for n in range(3)])
    dev = [{**point.post(f"d{n}"), "crops": ["c.png"]} for n in range(2)]
    write_jsonl(training.folder / "dev.jsonl", dev)
    return training


def test_a_missing_one_is_told_before_anything_is_trained(cropped):
    done = cropped(model="Seer")
    assert done.code == 1 and not done.epochs, done.err
    assert "1 of 5 posts have a picture that cannot be read" in done.err and "post t1" in done.err


def test_its_post_may_be_skipped_and_the_number_is_part_of_the_run(cropped):
    cropped.kill_after(1)
    done = cropped("--on-missing-image", "skip", model="Seer")
    assert done.code == "killed" and "1 of 3 training posts are left out" in done.err, done.err
    assert cropped.run(cropped.folder / "out.partial")["named_pictures"] == {"train": 2, "dev": 2}
    Image.new("RGB", (4, 4)).save(cropped.folder / "gone.png")
    again = cropped("--on-missing-image", "skip", "--resume", model="Seer")
    assert again.code == 1 and "named pictures" in again.err


def test_text_only_goes_on_without_it(cropped):
    done = cropped("--on-missing-image", "text-only", model="Seer")
    assert done.code == 0, done.err
    assert "gone.png" in done.err and json.loads((cropped.out / "run.json").read_text())["finished"]


def test_one_that_has_changed_is_another_training(cropped):
    cropped.kill_after(1)
    assert cropped("--on-missing-image", "skip", model="Seer").code == "killed"
    Image.new("RGB", (4, 4), "red").save(cropped.folder / "c.png")
    again = cropped("--on-missing-image", "skip", "--resume", model="Seer")
    assert again.code == 1 and "(pictures.named dev: not what they were" in again.err
