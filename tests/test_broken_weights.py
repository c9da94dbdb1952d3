"""Weights or results that are NaN: said, never "nothing found"."""

from __future__ import annotations

import math
import shutil

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from gmner_cli.compute import runtime
from gmner_cli.errors import ModelError, RecordError
from gmner_cli.flow.compose import compose
from gmner_cli.flow.model_stage import ModelStage, predict_posts
from gmner_cli.model import WeightSource
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import Entity, Post
from gmner_cli.weights import hub
from gmner_cli.weights.model_folder import WEIGHTS, init_from, load_model, save_model
from tests.dummies.squares import FindsColour, SeesColour
from tests.ner.test_crf_tagger import tagger

CPU = runtime.Runtime(torch.device("cpu"))


def break_file(path, value, only=None):
    tensors = load_file(path)
    for name in [only] if only else list(tensors):
        if tensors[name].is_floating_point() and tensors[name].numel():
            tensors[name].view(-1)[-1] = value
    save_file(tensors, path, metadata={"format": "gmner-1"})
    return path


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_checkpoint_that_is_not_finite_is_refused_by_file_and_tensor(tiny_encoder, tmp_path, value):
    save_model(tagger(tiny_encoder, save_dtype="float16"), tmp_path / "m")
    break_file(tmp_path / "m" / WEIGHTS, value, only="head.bias")
    for use in (lambda: load_model(tmp_path / "m", offline=True),
                lambda: init_from(tagger(tiny_encoder), tmp_path / "m")):
        with pytest.raises(ModelError, match="head.bias holds NaN or infinity") as problem:
            use()
        assert problem.value.where == str(tmp_path / "m" / WEIGHTS) and problem.value.hint


def test_all_weights_nan_end_the_command(gmner, tiny_tagger, tmp_path):
    shutil.copytree(tiny_tagger, tmp_path / "m")
    break_file(tmp_path / "m" / WEIGHTS, math.nan)
    done = gmner("predict", "--texts", "-", "--ner", tmp_path / "m", "--offline",
                 stdin='{"text": "Allen swims"}\n')
    assert done.returncode == 1 and not done.stdout, done.stderr
    assert "NaN" in done.stderr and WEIGHTS in done.stderr and "Traceback" not in done.stderr


def test_a_pretrained_model_that_is_not_finite_is_refused(tiny_encoder, tmp_path):
    shutil.copytree(tiny_encoder, tmp_path / "bert")
    break_file(next((tmp_path / "bert").glob("*.safetensors")), math.nan)
    with pytest.raises(ModelError, match="holds NaN"):
        hub.pretrained_model(AutoModel, str(tmp_path / "bert"))


def test_only_posts_for_which_nan_is_computed_fail(tiny_encoder):
    model = tagger(tiny_encoder)
    emissions = model.emissions
    model.emissions = lambda batch: torch.where(
        (batch["word_mask"].sum(1) == 2)[:, None, None], math.nan, emissions(batch))
    posts = [
        Post(id=str(n), text=text)
        for n, text in enumerate(["Allen swims in London", "Maria runs", "NASA flies", "one two three"])
    ]
    made = list(compose([ModelStage("ner", model, CPU, 4)], posts))
    assert ["NaN" in (post.error or "") for post in made] == [False, True, True, False]
    assert all(post.entities is not None for post in made if post.error is None)
    with pytest.raises(RecordError, match="computed NaN"):
        list(compose([ModelStage("ner", model, CPU, 4)], posts[1:3]))


@pytest.mark.parametrize("kind", [SeesColour, FindsColour])
def test_a_model_that_looks_and_computes_nan_does_not_say_invisible(tmp_path, kind):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    model = kind(kind.Config(), {}, WeightSource())
    with torch.no_grad():
        next(model.parameters()).fill_(math.nan)
    asked = Post(id="a", text="Ada", image="a.png", image_size=(8, 8),
                 entities=[Entity(start=0, end=3, type="PER", expression="red")])
    with pytest.raises(RecordError, match="computed NaN"):
        predict_posts(model, [asked], CPU, 4, Pictures(tmp_path))
