"""``precision``: of a whole prediction, by the recipe or by --set; training's own stays where it was."""

from __future__ import annotations

import json

import pytest
import torch

from gmner_cli import recipes
from gmner_cli.compute import runtime
from gmner_cli.compute.cpu import this_cpu
from gmner_cli.compute.runtime import Runtime
from gmner_cli.errors import UsageError
from gmner_cli.records import Entity, Post
from gmner_cli.training.loop import _optimizer, fit
from gmner_cli.training.settings import parse_train
from tests.conftest import read_jsonl, write_jsonl


@pytest.mark.parametrize("name", recipes.names())
def test_short_precision_is_the_predictions_and_within_training_its_own(name):
    assert recipes.load(name).precision == "auto"
    assert recipes.load(name, ["precision=bfloat16"]).precision == "bfloat16"
    stage = next(s for s in recipes.load(name).stages if recipes.load(name).section(s).train)
    trained = recipes.load(name, ["precision=bfloat16"], within=stage)
    assert (trained.precision, trained.section(stage).train["precision"]) == ("auto", "bfloat16")


def test_a_recipe_of_ones_own_may_say_it_or_not(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("extends: mini\nprecision: bfloat16\n")
    assert recipes.load(str(own)).precision == "bfloat16"
    assert recipes.load(str(own), ["precision=float32"]).precision == "float32"
    own.write_text("stages: [ner]\nner: {model: 'gmner_cli.ner.crf_tagger:CrfTagger'}\n")
    assert recipes.load(str(own)).precision == "auto"
    assert recipes.load(str(own), ["precision=bfloat16"]).precision == "bfloat16"


@pytest.mark.parametrize("value", ["half", 16, None])
def test_another_word_is_refused(value):
    with pytest.raises(UsageError, match="unknown precision"):
        runtime.start("cpu", precision=str(value))


def test_predict_computes_in_bfloat16_or_says_why_not(gmner, tmp_path, tiny_tagger):
    posts = write_jsonl(tmp_path / "p.jsonl", [{"id": "a", "text": "Allen swims in London"}])
    done = gmner("predict", "--texts", posts, "--ner", tiny_tagger, "--recipe", _only_ner(tmp_path), "--set",
                 "precision=bfloat16", "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert [(e["text"], e["type"]) for e in read_jsonl(done.stdout)[0]["entities"]] == [("Allen", "PER"),
                                                                                        ("London", "LOC")]
    assert ("no instructions for bfloat16" in done.stderr) == (not this_cpu().bfloat16)


def _only_ner(folder):
    recipe = folder / "text.yaml"
    recipe.write_text("extends: mini\nstages: [ner]\n")
    return recipe


def small(tiny_encoder):
    from gmner_cli.classes.class_paths import new_model

    posts = [
        Post(id=str(i), text="Ada met Bob", entities=[Entity(start=0, end=3, type="PER")]) for i in range(8)
    ]
    torch.manual_seed(0)
    return posts, new_model("gmner_cli.ner.crf_tagger:CrfTagger",
                            {"encoder": str(tiny_encoder), "max_length": 64, "dropout": 0.0}, posts,
                            recipe="test", offline=True)


@pytest.mark.parametrize(
    "where", [Runtime(torch.device("cpu"), "bfloat16"),
              Runtime(torch.device("cpu"), onednn=True)], ids=["bfloat16", "oneDNN"])
def test_training_learns_on_every_route_and_its_checkpoint_is_plain(tmp_path, tiny_encoder, where):
    from gmner_cli.flow.model_stage import predict_posts
    from gmner_cli.weights.model_folder import load_model

    posts, model = small(tiny_encoder)
    history = fit(model, posts, posts,
                  parse_train({"epochs": 12, "batch_size": 4, "lr": 1e-2, "head_lr": 5e-2}, "t"), tmp_path,
                  where)
    assert history.best_score == 100
    again = load_model(tmp_path)
    assert {type(m) for m in again.modules() if isinstance(m, torch.nn.Linear)} == {torch.nn.Linear}
    assert {p.dtype for p in again.parameters()} == {torch.float32}
    assert predict_posts(again, posts, Runtime(torch.device("cpu")), 4)[0].entities[0].span == (0, 3)
    assert json.loads((tmp_path / "config.json").read_text())["format"] == 1


def test_one_pass_of_adamw_is_the_many_passes_but_for_the_last_digits(tiny_encoder):
    settings = parse_train({"lr": 1e-3, "head_lr": 1e-2}, "t")
    (_, one), (_, many) = small(tiny_encoder), small(tiny_encoder)
    ours = _optimizer(one, settings)
    assert ours.defaults["fused"]
    plain = torch.optim.AdamW(
        [dict(group, fused=False, foreach=False) for group in _optimizer(many, settings).param_groups])
    for step in range(3):
        torch.manual_seed(step)
        for a, b in zip(one.parameters(), many.parameters(), strict=True):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        ours.step(), plain.step()
    for a, b in zip(one.parameters(), many.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)
