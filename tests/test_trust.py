"""A gmner.yaml of somebody else's: what it can never say, and what it can say once it is trusted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from gmner_cli.app import build
from gmner_cli.commands.reach import Reach, reach
from tests.conftest import write_jsonl

POSTS = [{"id": "a", "text": "Allen swims", "entities": [{"start": 0, "end": 5, "type": "PER", "boxes": []}]}]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that commands run in, beside one that they must keep out of."""
    for name in [name for name in os.environ if name.startswith("GMNER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("typer.get_app_dir", lambda name: str(tmp_path / "config" / name))
    (tmp_path / "here" / "images").mkdir(parents=True)
    (tmp_path / "elsewhere" / "images").mkdir(parents=True)
    (tmp_path / "here" / "out").symlink_to("../elsewhere/images")
    write_jsonl(tmp_path / "here" / "posts.jsonl", POSTS)
    write_jsonl(tmp_path / "elsewhere" / "posts.jsonl", POSTS)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def run(folder):
    def call(*args: str, yaml: str | None = None, env: dict[str, str] | None = None):
        if yaml is not None:
            (folder / "gmner.yaml").write_text(yaml)
        return CliRunner().invoke(build(), list(args), env=env)

    return call


VIEW = ("view", "posts.jsonl", "-o", "page.html")
"""A command that reads pictures and needs no model."""


def test_every_option_of_every_command_says_what_it_reaches():
    for command, found in get_command(build()).commands.items():
        for parameter in found.params:
            for name in (spelled.lstrip("-") for spelled in parameter.opts if spelled.startswith("--")):
                assert reach(
                    name,
                    command) is not Reach.unknown, f"--{name} of {command} is missing in commands/reach.py"
    assert reach("a-new-one", "predict") is Reach.unknown


@pytest.mark.parametrize("yaml, args, key", [
    ("out: ../elsewhere/posts.jsonl", ("segment", "posts.jsonl"), "out"),
    ("out: found.jsonl", ("segment", "posts.jsonl"), "out"),
    ("segment: {out: found.jsonl}", ("segment", "posts.jsonl"), "out"),
    ("view: {out: page.html}", ("view", "posts.jsonl"), "out"),
    ("train-ner: {out: model}", ("train-ner", "posts.jsonl", "--dev", "posts.jsonl"), "out"),
    ("prepare: {out: data}", ("prepare", "conll", "--source", "posts.jsonl"), "out"),
    ("overwrite: true", ("caption", "posts.jsonl", "--from", "posts.jsonl"), "overwrite"),
    ("expand: {store: answers.sqlite}", ("expand", "posts.jsonl", "--task", "knowledge"), "store"),
    ("base_url: 'http://localhost:1/v1'", ("expand", "posts.jsonl", "--task", "knowledge"), "base-url"),
    ("llm: openai:x", ("expand", "posts.jsonl", "--task", "knowledge"), "llm"),
    ("trust: {forget: true}", ("trust",), "forget"),
    ("recipe: out.yaml", ("predict", "--texts", "posts.jsonl"), "recipe"),
    ("recipe: server.yaml", ("predict", "--texts", "posts.jsonl"), "recipe"),
    ("recipe: deep.yaml", ("predict", "--texts", "posts.jsonl"), "recipe"),
    ("recipe: code.yaml", ("predict", "--texts", "posts.jsonl"), "recipe"),
    ("set: [ner.settings.store=answers.sqlite]", ("predict", "--texts", "posts.jsonl"), "set"),
    ("set: ['ner.settings={out: x}']", ("predict", "--texts", "posts.jsonl"), "set"),
    ("set: ['encoder=http://somewhere/x']", ("predict", "--texts", "posts.jsonl"), "set"),
    ("set: ['ner={settings: {a: [openai:x]}}']", ("predict", "--texts", "posts.jsonl"), "set"),
    ("set: ['ner.model=evil.py:X']", ("recipes", "mini"), "set"),
])
@pytest.mark.parametrize("trusted", [False, True])
def test_what_is_written_a_server_and_code_never_come_from_the_file(run, folder, yaml, args, key, trusted):
    (folder / "out.yaml").write_text("extends: mini\nner: {settings: {out: x}}\n")
    (folder / "server.yaml").write_text("extends: mini\nner: {settings: {encoder: 'https://somewhere/x'}}\n")
    (folder / "deep.yaml").write_text("extends: server.yaml\n")
    (folder / "code.yaml").write_text("extends: mini\nner: {model: 'evil.py:X'}\n")
    before = {path: path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()}
    done = run(*args, yaml=yaml, env={"GMNER_TRUST": "1"} if trusted else None)
    assert done.exit_code == 2 and done.stdout == "", done.stderr
    assert f"with '{key}'" in done.stderr and f"--{key}" in done.stderr and "./gmner.yaml" in done.stderr
    after = {
        path: path.read_bytes()
        for path in folder.parent.rglob("*")
        if path.is_file() and path.name != "gmner.yaml"
    }
    assert after == before, "nothing is written"


def test_a_flag_in_the_place_of_what_is_refused_lifts_the_refusal(run, folder):
    done = run("view", "posts.jsonl", "-o", "mine.html", yaml="out: ../elsewhere/posts.jsonl")
    assert done.exit_code == 0 and (folder / "mine.html").exists() and "refuse" not in done.stderr


OUTSIDE = [
    "../elsewhere/images", "images/../../elsewhere/images", "out", "out/../images", "ABSOLUTE", "~", "~/x",
    "/", "C:\\Users", "\\\\host\\share", "..\\elsewhere"
]


@pytest.mark.parametrize("place", OUTSIDE)
def test_what_is_read_lies_in_the_folder(run, folder, place):
    place = place.replace("ABSOLUTE", str(folder.parent / "elsewhere"))
    done = run(*VIEW, yaml=json.dumps({"images": place}))
    assert done.exit_code == 2, done.stderr
    assert "./gmner.yaml: reads outside its folder, with 'images'" in done.stderr
    assert "--images" in done.stderr and "gmner trust" in done.stderr and not (folder / "page.html").exists()


@pytest.mark.parametrize("place", ["images", "./images", "images/../images", "ABSOLUTE"])
def test_what_lies_in_the_folder_may_be_read(run, folder, place):
    done = run(*VIEW, yaml=json.dumps({"images": place.replace("ABSOLUTE", str(folder / "images"))}))
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("yaml, args", [
    ("predict: {texts: ../elsewhere/posts.jsonl}", ("predict",)),
    ("ner: ../elsewhere", ("predict", "--texts", "posts.jsonl")),
    ("recipe: ../elsewhere/mine.yaml", ("predict", "--texts", "posts.jsonl")),
    ("recipe: extends.yaml", ("predict", "--texts", "posts.jsonl")),
    ("recipe: weights.yaml", ("predict", "--texts", "posts.jsonl")),
    ("recipe: traversal.yaml", ("predict", "--texts", "posts.jsonl")),
    ("set: [ner.settings.encoder=../elsewhere]", ("predict", "--texts", "posts.jsonl")),
    ("set: ['ner.settings={encoder: out}']", ("predict", "--texts", "posts.jsonl")),
    ("llm: file:../elsewhere/posts.jsonl", ("expand", "posts.jsonl", "--task", "knowledge")),
    ("llm: hf:/elsewhere", ("expand", "posts.jsonl", "--task", "knowledge")),
    ("against: [twitter-2015=../elsewhere]", ("prepare", "conll", "--source", "posts.jsonl", "-o", "x")),
    ("caption: {from: [../elsewhere/posts.jsonl]}", ("caption", "posts.jsonl")),
    ("score: {cascade: [spans=../elsewhere/posts.jsonl]}", ("score", "posts.jsonl", "posts.jsonl")),
])
def test_every_option_that_reads_is_looked_at(run, folder, yaml, args):
    (folder.parent / "elsewhere" / "mine.yaml").write_text("extends: mini\n")
    (folder / "extends.yaml").write_text("extends: ../elsewhere/mine.yaml\n")
    (folder / "weights.yaml").write_text("extends: mini\nner: {weights: ../elsewhere}\n")
    (folder / "traversal.yaml").write_text("extends: mini\nner: {weights: 'embedded:../../../../..'}\n")
    done = run(*args, yaml=yaml)
    assert done.exit_code == 2 and "reads outside its folder, with '" in done.stderr, done.stderr
    assert done.stdout == ""


def test_trust_is_by_path_and_content(run, folder):
    yaml = "images: ../elsewhere/images\n"
    assert run(*VIEW, yaml=yaml).exit_code == 2
    assert run(*VIEW, env={"GMNER_TRUST": "1"}).exit_code == 0
    assert run(*VIEW, env={"GMNER_TRUST": "0"}).exit_code == 2
    assert run("trust").exit_code == 0
    assert run(*VIEW).exit_code == 0
    stored = json.loads((folder.parent / "config" / "gmner" / "trusted.json").read_text())
    assert list(stored) == [str(folder / "gmner.yaml")]
    assert run("trust", "--list").stdout == f"{folder / 'gmner.yaml'}: trusted\n"

    done = run(*VIEW, yaml=yaml + "limit: 1\n")
    assert done.exit_code == 2 and "has changed since it was trusted" in done.stderr
    assert "changed, so not trusted" in run("trust", "--list").stdout
    assert run(*VIEW, yaml=yaml).exit_code == 0, "the same bytes again"

    copy = folder.parent / "copy"
    copy.mkdir()
    (copy / "gmner.yaml").write_text(yaml)
    (copy / "posts.jsonl").write_bytes((folder / "posts.jsonl").read_bytes())
    os.chdir(copy)
    done = run(*VIEW)
    assert done.exit_code == 2 and "changed" not in done.stderr, "the same bytes elsewhere"
    (copy / "gmner.yaml").unlink()
    (copy / "gmner.yaml").symlink_to(folder / "gmner.yaml")
    assert run(*VIEW).exit_code == 2, "a link to what is trusted"
    os.chdir(folder)
    assert run("trust", "--forget").exit_code == 0
    assert run(*VIEW).exit_code == 2
    assert run("trust", "--list").stdout == ""


def test_a_recipe_is_trusted_with_the_file_that_names_it_and_as_it_was_then(run, folder, monkeypatch):
    (folder.parent / "elsewhere" / "base.yaml").write_text("extends: mini\n")
    (folder / "mine.yaml").write_text("extends: ../elsewhere/base.yaml\nner: {weights: ../elsewhere}\n")
    (folder / "gmner.yaml").write_text("predict: {recipe: mine.yaml}\n")
    predict = ("predict", "--texts", "posts.jsonl", "--device", "cpu")
    assert "reads outside" in run(*predict).stderr
    os.chdir(folder.parent)
    assert run("trust", "here").exit_code == 0
    os.chdir(folder)
    assert len(run("trust", "--list").stdout.splitlines()) == 3, "it, its recipe, and what that extends"
    done = run(*predict)
    assert "reads outside" not in done.stderr
    assert "elsewhere" in done.stderr, "it gets as far as the weights, which are not there"
    (folder / "mine.yaml").write_text("extends: ../elsewhere/base.yaml\nner: {weights: ../elsewhere/more}\n")
    done = run(*predict)
    assert done.exit_code == 2 and "mine.yaml: reads outside its folder" in done.stderr
    assert "has changed" in done.stderr
    assert run("trust", "mine.yaml").exit_code == 0
    assert "reads outside" not in run(*predict).stderr


@pytest.mark.parametrize("content", ["[1]", "{", '{"a": 1}', "[" * 100_000])
def test_a_damaged_list_trusts_nothing(run, folder, content):
    store = folder.parent / "config" / "gmner" / "trusted.json"
    store.parent.mkdir(parents=True)
    store.write_text(content)
    done = run(*VIEW, yaml="images: ..\n")
    assert done.exit_code == 2 and str(store) in done.stderr and "unexpected" not in done.stderr


def test_there_must_be_something_to_trust(run, folder):
    for args, words in (((), "nothing to trust here"), (("none.yaml", ), "no such file"), (("x" * 300, ),
                                                                                           "no such file")):
        done = run("trust", *args)
        assert done.exit_code == 2 and words in done.stderr


def bomb(depth: int) -> str:
    return "".join(f"k{n}: &k{n} [{', '.join([f'*k{n - 1}'] * 9) if n else 'x, x'}]\n" for n in range(depth))


MERGES = "k0: &k0 {a: 1}\n" + "".join(f"k{n}: &k{n} {{<<: [{', '.join([f'*k{n - 1}'] * 9)}]}}\n"
                                      for n in range(1, 12))


@pytest.mark.parametrize("content, words", [(bomb(12), "values, aliases counted"),
                                            (MERGES, "values, aliases counted"),
                                            ("a: " + "x" * 300_000, "is larger than"),
                                            ("[" * 5000, "not valid YAML"), ("a: &a [*a]", "holds itself"),
                                            ("a: " + "[" * 900 + "]" * 900, ""),
                                            ("FIFO", "is not a regular file"), ("FOLDER", "is a directory"),
                                            ("DEVICE", "is not a regular file"), ("NOWHERE", "No such file")])
@pytest.mark.parametrize("name", ["gmner.yaml", "mine.yaml"])
def test_hostile_files_of_settings_are_refused_at_once(run, folder, name, content, words):
    path: Path = folder / name
    special = {
        "FIFO": lambda: os.mkfifo(path), "FOLDER": path.mkdir, "DEVICE": lambda: path.symlink_to("/dev/zero"),
        "NOWHERE": lambda: path.symlink_to("nowhere")
    }
    special.get(content, lambda: path.write_text(content))()
    done = run("recipes", *(["mine.yaml"] if name == "mine.yaml" else ["mini"]))
    assert done.exit_code == 2 and words in done.stderr and name in done.stderr, done.stderr
    assert "unexpected" not in done.stderr and len(done.stderr) < 2000


ODD = {
    "2024-01-01": "is a date", "010": "octal", "1:30": "sixtieths", ".inf": "not a finite",
    ".nan": "not a finite", "1e999": "not a finite", "!!set {a}": "is a set",
    "!!binary aGk=": "is binary data",
    "!!python/object/apply:os.system [ls]": "!!python/object/apply:os.system", "!mine x": "of the tag !mine"
}


@pytest.mark.parametrize("value", ODD)
def test_odd_values_are_one_sentence_with_the_key(run, folder, value):
    words = ODD[value]
    recipe = f"extends: mini\nner:\n  settings: {{encoder: {value}}}\n"
    (folder / "mine.yaml").write_text(recipe)
    for args, yaml, key in ((("recipes", "mine.yaml"), "",
                             "ner.settings.encoder"), (("recipes", "mini"), f"title: {value}", "title"),
                            (("recipes", "mini", "--set", f"ner.settings.encoder={value}"), "",
                             "ner.settings.encoder")):
        done = run(*args, yaml=yaml)
        assert done.exit_code == 2 and words in done.stderr and key in done.stderr, done.stderr
        assert "unexpected" not in done.stderr and done.stderr.count("\n") <= 2


@pytest.mark.parametrize("yaml, words", [("1: x", "the key 1 is a whole number"),
                                         ("yes: x", "the key yes is a boolean"),
                                         ("~: x", "the key ~ is nothing"), ("2024-01-01: x", "is a date"),
                                         ("[a]: x", "is a list"), ("seed: 1\nseed: 2", "'seed' stands twice"),
                                         ("title: no", "'title' is a boolean"), ("seed: 1.5", "--seed"),
                                         ("seed: true", "'seed' is a boolean"),
                                         ("set: [~]", "'set' is nothing")])
def test_odd_keys_and_booleans_that_were_meant_as_text(run, yaml, words):
    done = run("view", "posts.jsonl", "-o", "page.html", yaml=yaml) if "seed: 1.5" not in yaml else run(
        "segment", "posts.jsonl", yaml=yaml)
    assert done.exit_code == 2 and words in done.stderr, done.stderr


def test_numbers_are_read_as_people_write_them(run, folder):
    (folder / "mine.yaml").write_text("extends: mini\nner: {train: {lr: 5e-4, head_lr: 1E-3}}\n")
    assert "lr: 0.0005\n" in run("recipes", "mine.yaml").stdout and "head_lr: 0.001\n" in run(
        "recipes", "mine.yaml").stdout


@pytest.mark.parametrize(
    "section, words", {
        "stages: 5": "'stages' must be",
        "stages: [[1]]": "'stages' must be",
        "about: [x]": "'about' must be",
        "ner: {weights: 5}": "'ner.weights' must be",
        "ner: {settings: [1]}": "'ner.settings' must be",
        "ner: {train: x}": "'ner.train' must be",
        "ner: {model: 5}": "'ner.model' must be",
        "ner: {batch_size: many}": "'ner.batch_size' must be",
        "ner: {batch_size: 0}": "'ner.batch_size' must be",
        "ner: 5": "'ner'",
    }.items())
def test_values_of_another_kind_in_a_recipe(run, folder, section, words):
    (folder / "mine.yaml").write_text(f"extends: mini\n{section}\n")
    done = run("predict", "--texts", "posts.jsonl", "--recipe", "mine.yaml")
    assert done.exit_code == 2 and words in done.stderr and "unexpected" not in done.stderr
