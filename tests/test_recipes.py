"""Recipes: every value visible, overrides by short names, and "did you mean"."""

from __future__ import annotations

import importlib

import pytest
import yaml

from gmner_cli import recipes
from gmner_cli.classes.class_paths import find_class, parse_config
from gmner_cli.errors import UsageError
from gmner_cli.training.settings import TrainSettings, parse_train
from tests.conftest import DUMMIES


@pytest.mark.parametrize("name", recipes.names())
def test_a_shipped_recipe_spells_out_every_value_and_is_valid(name):
    recipe = recipes.load(name)
    assert recipe.values["about"]
    for stage in recipe.stages:
        section = recipe.section(stage)
        if section.stage:
            module, _, cls = section.stage.partition(":")
            getattr(importlib.import_module(module), cls)(**section.settings)
            continue
        cls = find_class(section.model)
        parse_config(cls, section.settings, name)
        inherited = section.weights and section.weights != f"embedded:{name}/{stage}"
        if not inherited:
            assert set(section.settings) == set(cls.Config.__struct_fields__), "a default is hidden"
        if section.train is not None:
            parse_train(section.train, name)
            spelt = {*TrainSettings.__struct_fields__} - {*recipes.UNSPELT}
            assert set(section.train) == spelt, "a default is hidden"


def test_short_keys_find_their_place_and_numbers_are_numbers():
    changed = recipes.load("mini", [
        "ner.train.epochs=3", "ner.train.lr=1e-3", "encoder=here/there", "case_embeddings=false",
        "ner.train.batch_size=2"
    ], within="ner").values["ner"]
    assert changed["train"]["epochs"] == 3 and changed["train"]["lr"] == 1e-3
    assert changed["settings"]["encoder"] == "here/there" and changed["settings"]["case_embeddings"] is False
    assert changed["train"]["batch_size"] == 2 and changed["batch_size"] == 32


@pytest.mark.parametrize(("override", "message"), [("epohcs=3", "did you mean 'epochs'"),
                                                   ("epochs", "KEY=VALUE"), ("ner.train.lrr=1", "lr"),
                                                   ("=3", "no such value")])
def test_a_wrong_override_is_explained(override, message):
    with pytest.raises(UsageError) as problem:
        recipes.load("mini", [override])
    assert message in str(problem.value)


def test_a_key_that_stands_in_two_stages_must_be_written_whole():
    with pytest.raises(UsageError, match="ambiguous") as problem:
        recipes.load("zero-shot", ["checkpoint=x"])
    assert "vg.settings.checkpoint" in problem.value.hint


def test_a_recipe_of_ones_own_extends_another(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: mini\nner:\n  train: {epochs: 2}\n")
    recipe = recipes.load(str(mine))
    assert recipe.name == "mine"
    assert recipe.section("ner").train["epochs"] == 2
    assert recipe.section("ner").settings == recipes.load("mini").section("ner").settings
    assert yaml.safe_load(recipes.text_of(recipe)) == recipe.values


@pytest.mark.parametrize(("content", "message"), [
    ("extends: minni\n", "did you mean 'mini'"),
    ("stages: [ner]\n", "no section"),
    ("extends: mini\nner:\n  trian: {}\n", "did you mean 'train'"),
    ("extends: mini\nnote2: x\n", "did you mean 'note'"),
    ("[1, 2]\n", "keys and values"), ("a: [\n", "not valid YAML")])
def test_a_wrong_recipe_is_explained(tmp_path, content, message):
    path = tmp_path / "r.yaml"
    path.write_text(content)
    with pytest.raises(UsageError) as problem:
        recipes.load(str(path))
    assert message in str(problem.value)


def test_a_recipe_that_extends_itself_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_text(f"extends: {tmp_path}/b.yaml\n")
    (tmp_path / "b.yaml").write_text(f"extends: {tmp_path}/a.yaml\n")
    with pytest.raises(UsageError, match="extends itself"):
        recipes.load(str(tmp_path / "a.yaml"))


def test_the_command_lists_prints_and_round_trips(gmner, tmp_path):
    listed = gmner("recipes")
    assert listed.returncode == 0 and all(name in listed.stdout for name in recipes.names())
    whole = gmner("recipes", "mini", "--set", "ner.train.epochs=2")
    assert yaml.safe_load(whole.stdout)["ner"]["train"]["epochs"] == 2
    (tmp_path / "mine.yaml").write_text(whole.stdout)
    again = gmner("recipes", tmp_path / "mine.yaml")
    assert again.stdout == whole.stdout
    wrong = gmner("recipes", "minii")
    assert wrong.returncode == 2 and "did you mean 'mini'" in wrong.stderr and "Traceback" not in wrong.stderr


def test_of_ones_own_recipe_the_defaults_are_printed_too(gmner, tmp_path):
    (tmp_path / "model.py").write_text((DUMMIES / "colour_tagger.py").read_text())
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: mini\nner: {model: 'model.py:ColourTagger', settings: {width: 8}, train: "
                    "{epochs: 2}}\n"
                    "vg: {model: 'gmner_cli.grounding.seqtr:SeqTr'}\n")
    whole = gmner("recipes", mine)
    shown = yaml.safe_load(whole.stdout)
    assert shown["ner"]["settings"] == {"buckets": 512, "width": 8, "coarse_share": 0.5
                                        } and shown["ner"]["train"]["epochs"] == 2
    assert set(shown["vg"]["settings"]) == set(
        find_class("gmner_cli.grounding.seqtr:SeqTr").Config.__struct_fields__)
    assert shown["ve"] == recipes.load("mini").values["ve"]
    (tmp_path / "again.yaml").write_text(whole.stdout)
    assert gmner("recipes", tmp_path / "again.yaml").stdout == whole.stdout
    wrong = gmner("recipes", mine, "--set", "ner.settings.wdith=3")
    assert wrong.returncode == 2 and "did you mean 'width'" in wrong.stderr


def test_a_section_with_another_model_keeps_no_settings_and_no_weights_of_the_old_one(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: mini\nvg: {model: 'gmner_cli.grounding.seqtr:SeqTr', settings: {bins: "
                    "32}}\nve: {settings: {abstain: 0.0}}\n")
    recipe = recipes.load(str(mine))
    assert recipe.section("vg").settings == {"bins": 32} and recipe.section("vg").weights is None
    assert recipe.section(
        "vg").train == {**recipes.load("mini").section("vg").train, "head_lr": None, "metric": None}
    assert recipe.section("ve").settings["width"] == 96 and recipe.section("ve").weights == "embedded:mini/ve"
