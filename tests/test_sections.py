"""Sections of any name are trained and given, and the known names are spelled in one place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from gmner_cli import sections
from gmner_cli.app import build
from gmner_cli.commands import completing
from gmner_cli.commands.config import Option, OwnFile, load_defaults
from tests.conftest import DUMMIES, SMALL_POSTS, read_jsonl, write_jsonl


@pytest.fixture
def run(tmp_path, monkeypatch):
    """``run(*args, code=0, yaml=None)``: a command in a folder with posts and two recipes; its stderr."""
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "posts.jsonl", SMALL_POSTS)
    speller = {"model": f"{DUMMIES / 'speller.py'}:Speller", "train": {"epochs": 1, "batch_size": 4}}
    for name in ("ner", "joint", "odd-one"):
        content = {"stages": [name], name: speller}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))

    def call(*args, code=0, yaml=None):
        if yaml is not None:
            (tmp_path / "gmner.yaml").write_text(yaml)
        done = CliRunner().invoke(build(), list(map(str, args)))
        assert done.exit_code == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    return call


TRAIN = ("posts.jsonl", "--dev", "posts.jsonl", "-o")


@pytest.mark.parametrize("name", ["joint", "odd-one"])
def test_a_section_of_any_name_is_trained_and_given(run, name):
    said = run("predict", "posts.jsonl", "--recipe", f"{name}.yaml", code=2)
    assert f"`gmner train {name} " in said and f"--weights {name}=DIR" in said
    run("train", name, *TRAIN, "model", "--recipe", f"{name}.yaml")
    assert json.loads(Path("model/run.json").read_text())["command"] == f"train-{name}"
    assert "already finished" in run("train", name, *TRAIN, "model", "--recipe", f"{name}.yaml", "--resume")
    given = ("--weights", f"{name}=model")
    run("predict", "posts.jsonl", "--recipe", f"{name}.yaml", *given, "-o", "found.jsonl")
    assert len(read_jsonl(Path("found.jsonl").read_text())) == len(SMALL_POSTS)


def test_the_known_names_are_the_general_form(run):
    run("train-ner", *TRAIN, "model", "--recipe", "ner.yaml")
    assert "already finished" in run("train", "ner", *TRAIN, "model", "--recipe", "ner.yaml", "--resume")
    run("train", "ner", *TRAIN, "again", "--recipe", "ner.yaml")
    assert Path("again/model.safetensors").read_bytes() == Path("model/model.safetensors").read_bytes()
    for given in (("--ner", "model"), ("--weights", "ner=model")):
        run("predict", "posts.jsonl", "--recipe", "ner.yaml", *given, "-o", f"{given[0]}.jsonl")
    assert Path("--ner.jsonl").read_bytes() == Path("--weights.jsonl").read_bytes()
    said = run("predict", "posts.jsonl", "--recipe", "ner.yaml", code=2)
    assert "`gmner train-ner " in said and "--ner DIR" in said


def test_resume_does_not_go_on_with_another_section(run):
    speller = {"model": f"{DUMMIES / 'speller.py'}:Speller", "train": {"epochs": 1, "batch_size": 4}}
    Path("two.yaml").write_text(yaml.safe_dump({"stages": ["first"], "first": speller, "second": speller}))
    run("train", "first", *TRAIN, "model", "--recipe", "two.yaml")
    said = run("train", "second", *TRAIN, "model", "--recipe", "two.yaml", "--resume", code=1)
    assert "another section (train-first then, train-second now)" in said


@pytest.mark.parametrize(("given", "words"), [
    (("--ner", "a", "--weights", "ner=b"), "given twice: --ner a and --weights ner=b"),
    (("--weights", "ner=b", "--ner", "a"), "given twice"),
    (("--weights", "ner=a", "--weights", "ner=a"), "given twice"),
    (("--weights", "vg=a", "--vg", "a"), "given twice"),
    (("--weights", "ner"), "NAME=DIR"), (("--weights", "=a"), "NAME=DIR"),
    (("--weights", "ner="), "NAME=DIR"),
    (("--weights", "nre=a"), "no stage 'nre'"),
    (("--weights", "segment=a"), "stages with weights are ner, ve, vg"),
    (("--weights", "name=a"), "no stage 'name'")])
def test_wrong_weights_are_wrong_usage(run, given, words):
    assert words in run("predict", "posts.jsonl", *given, code=2)
    assert not Path("found.jsonl").exists()


@pytest.mark.parametrize(("content", "given", "words"), [
    ("predict: {ner: a, weights: [ner=b]}", (), "given twice"),
    ("ner: a\nweights: ner=b", (), "given twice"),
    ("weights: [vg=a, vg=b]", (), "given twice"),
    ("weights: [ner=../elsewhere]", (), "reads outside its folder, with 'weights'"),
    ("weights: ['ner=~/elsewhere']", (), "reads outside its folder, with 'weights'"),
    ("predict: {weights: [nre=a]}", (), "no stage 'nre'"),
])
def test_gmner_yaml_may_say_no_more_than_with_ner(run, content, given, words):
    assert words in run("predict", "posts.jsonl", *given, yaml=content, code=2)


@pytest.mark.parametrize(("content", "given"), [
    ("ner: nowhere", ("--weights", "ner=typed")), ("weights: [ner=nowhere]", ("--ner", "typed")),
    ("weights: [ner=nowhere]", ("--weights", "ner=typed"))])
def test_what_is_typed_is_above_gmner_yaml(run, content, given):
    said = run("predict", "posts.jsonl", *given, yaml=content, code=1)
    assert "typed: no such model folder" in said and "gmner train SECTION" in said


@pytest.mark.parametrize(("section", "words"), [
    ("joint", "has no section 'joint'"), ("segment", "sections that are trained: ner, ve, vg"),
    ("stages", "no section"),
    ("", "no section ''")])
def test_what_cannot_be_trained_is_said(run, section, words):
    assert words in run("train", section, *TRAIN, "model", code=2)
    assert not Path("model").exists()


def test_a_key_that_is_a_command_and_an_option_is_told_by_its_value():
    options = {"prepare": {"train": Option("train")}, "train": {"seed": Option("seed")},
               "expand": {"pool": Option("pool")}, "pool": {"posts": Option("posts")}}

    def read(**content):
        return load_defaults(options, OwnFile(Path("gmner.yaml"), b"", content))

    assert read(train=5)["prepare"] == {"train": "5"}
    assert read(pool="p.jsonl")["expand"] == {"pool": "p.jsonl"}
    assert read(train={"seed": 3})["train"] == {"seed": "3"} and read(train={"seed": 3})["prepare"] == {}


class Words:
    """As much of a context as completing asks for."""

    def __init__(self, **params):
        self.params = params


def test_tab_knows_the_sections_of_the_recipe(run):
    assert completing.sections(Words(), "") == ["ner", "ve", "vg"]
    assert completing.weights(Words(), "v") == ["ve=", "vg="]
    assert completing.sections(Words(recipe="odd-one.yaml"), "") == ["odd-one"]
    assert completing.weights(Words(recipe="nowhere.yaml"), "j") == ["joint="]


def test_words_and_ways_follow_from_the_name():
    assert sections.words("ner") == "the tagger" and sections.words("mine") == "stage mine"
    commands = {name for name in sections.KNOWN if sections.training(name) != f"gmner train {name}"}
    assert commands == set(sections.OWN)
    for name in ("ner", "mine", "train-it"):
        assert sections.of_run(sections.run_name(name)) == name
