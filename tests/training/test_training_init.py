"""--init: a folder, or a recipe that comes with weights."""

from __future__ import annotations

import pytest

from gmner_cli import recipes
from gmner_cli.errors import UsageError
from gmner_cli.recipes import EMBEDDED
from gmner_cli.training.start import start_folder


@pytest.mark.parametrize(("name", "stage", "folder"), [("mini", "ner", "mini/ner"), ("mini", "ve", "mini/ve"),
                                                       ("mini", "vg", "mini/vg"),
                                                       ("zero-shot", "ner", "mini/ner"),
                                                       ("embedded:mini/vg", "ve", "mini/vg")])
def test_a_recipe_stands_for_its_weights_of_the_section(name, stage, folder):
    assert start_folder(name, stage) == EMBEDDED / folder


@pytest.mark.parametrize(("name", "stage", "said"), [("zero-shot", "vg", "no weights for 'vg'"),
                                                     ("minni", "ner", "did you mean 'mini'"),
                                                     ("a/b", "ner", "no such folder"),
                                                     ("embedded:mini/nothing", "ner", "no weights"),
                                                     ("image-text", "ner", "no weights for 'ner'"),
                                                     ("", "ner", "no such")])
def test_what_has_no_weights_is_refused_with_a_list_of_what_has(name, stage, said, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as problem:
        start_folder(name, stage)
    assert said in str(problem.value) and "mini" in problem.value.hint


def test_a_folder_of_a_recipe_s_name_is_meant_before_the_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mini").mkdir()
    assert start_folder("mini", "ner").resolve() == tmp_path / "mini"


def test_a_recipe_file_with_weights_and_a_file_that_is_none(tmp_path):
    (tmp_path / "mine.yaml").write_text("extends: mini\n")
    assert start_folder(tmp_path / "mine.yaml", "ve") == recipes.load("mini").section("ve").weights_folder()
    (tmp_path / "model.safetensors").write_text("x")
    with pytest.raises(UsageError, match="not a file of it"):
        start_folder(tmp_path / "model.safetensors", "ve")


def test_the_command_starts_from_mini(training):
    from tests.conftest import write_jsonl
    from tests.training.point import post

    write_jsonl(training.folder / "train.jsonl", [post(f"t{n}") for n in range(2)])
    done = training("--recipe", "mini", "--init", "mini", "--set", "ner.train.epochs=1", "--offline")
    # Another label set, so the tag scores stay behind, and the rest is taken.
    assert done.code == 0 and f"tensors in {EMBEDDED / 'mini/ner'}" in done.err, done.err
    assert training.run()["init"]["path"] == str(EMBEDDED / "mini/ner/model.safetensors")
    wrong = training("--init", "riveg")
    assert wrong.code == 2 and "mini" in wrong.err
