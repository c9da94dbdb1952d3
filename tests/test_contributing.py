"""CONTRIBUTING says what is so: its skeletons train and predict, by the commands that it gives for them."""

from __future__ import annotations

import re
import shlex
import sys
import types

import pytest
from PIL import Image
from typer.testing import CliRunner

from gmner_cli import app, data
from tests.conftest import ROOT, read_jsonl, write_jsonl

PAGE = (ROOT / "tests" / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILES = {body.partition("\n")[0].removeprefix("# "): body
         for body in re.findall(r"^```(?:python|yaml)\n(.*?)^```", PAGE, re.M | re.S)}
"""Every skeleton by its name, which is the comment in its first line."""
COMMANDS = [shlex.split(line)[1:] for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)
            for line in block.splitlines() if line.startswith("gmner ")]
"""Every command that the page gives for them, in its order."""
EYES = {"start": 0, "end": 5, "type": "PER", "boxes": [[2.0, 2.0, 12.0, 10.0]]}
POSTS = [{"id": str(n), "text": f"Allen swims in London #sea{n} #sun", "image": "a.png",
          "proposals": [{"box": [2, 2, 12, 10], "score": 0.9}],
          "entities": [EYES, {"start": 15, "end": 21, "type": "LOC", "boxes": []}]} for n in range(8)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The skeletons that a user keeps, and posts for them."""
    folder = tmp_path_factory.mktemp("contributing")
    for name, text in FILES.items():
        if "/" not in name:
            (folder / name).write_text(text, encoding="utf-8")
    for name in ("posts", "train", "dev", "test"):
        write_jsonl(folder / f"{name}.jsonl", POSTS)
    Image.new("RGB", (16, 12), "red").save(folder / "a.png")
    return folder


def run(words, code=0):
    done = CliRunner().invoke(app.build(), list(map(str, words)))
    assert done.exit_code == code, (words, done.output, done.exception)
    return done


def of_recipe(*names):
    """The commands of the page that name one of the recipes, as they stand there."""
    found = [words for words in COMMANDS if any(f"{name}.yaml" in words for name in names)]
    assert found, names
    return found


def test_all_skeletons_are_found_and_compile():
    kinds = {"my_stage.py", "my_tagger.py", "my_phase.py", "my_eyes.py", "my_joint.py", "hashtags.yaml",
             "gmner_cli/data/my_set.py", "gmner_cli/api/topics.py", "gmner_cli/commands/hashtags.py"}
    assert kinds <= FILES.keys()
    for name, text in FILES.items():
        if name.endswith(".py"):
            compile(text, name, "exec")


@pytest.mark.parametrize("recipes", [("tagger", "phase"), ("eyes",), ("joint",)], ids=" and ".join)
def test_a_model_trains_and_predicts(recipes, folder, monkeypatch):
    monkeypatch.chdir(folder)
    said = [run([*words, "--device", "cpu"]).stdout for words in sorted(of_recipe(*recipes), key=_predicts)]
    found = read_jsonl(said[-1])
    assert [post["id"] for post in found] == [post["id"] for post in POSTS]
    assert all("error" not in post and "entities" in post for post in found)
    if recipes != ("tagger", "phase"):
        assert all("boxes" in entity for post in found for entity in post["entities"])


def _predicts(words):
    """Trainings first, and what is started from before what starts from it."""
    return words[0] == "predict", "--init" in words


def test_a_stage_fills_its_field(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (words,) = of_recipe("hashtags")
    found = read_jsonl(run([*words, "--set", "stages=[hashtags]", "--device", "cpu"]).stdout)
    assert [post["hashtags"] for post in found] == [[f"#sea{n}", "#sun"] for n in range(len(POSTS))]


def test_a_data_set_is_prepared(folder, monkeypatch):
    monkeypatch.chdir(folder)
    module = _module("gmner_cli.data.my_set", "gmner_cli/data/my_set.py", monkeypatch)
    known = data.adapters()
    monkeypatch.setattr(data, "adapters", lambda: {**known, **{each.name: each for each in module.ADAPTERS}})
    (folder / "my-set").mkdir()
    for split in ("train", "dev", "test"):
        (folder / "my-set" / f"{split}.tsv").write_text(f"{split}1\tAllen in {split}\t0-5-PER\n")
    (words,) = [words for words in COMMANDS if words[:2] == ["prepare", "my-set"]]
    run(words)
    (post,) = read_jsonl((folder / "posts" / "dev.jsonl").read_text())
    assert [(entity["text"], entity["type"]) for entity in post["entities"]] == [("Allen", "PER")]
    with (folder / "my-set" / "dev.tsv").open("a") as file:
        file.write("torn\n")
    assert "dev.tsv:2" in run(words, code=1).stderr


def test_a_command_runs_and_has_help(folder, monkeypatch):
    monkeypatch.chdir(folder)
    for name in ("api.topics", "commands.hashtags"):
        _module(f"gmner_cli.{name}", f"gmner_cli/{name.replace('.', '/')}.py", monkeypatch)
    monkeypatch.setattr(app, "COMMANDS", (*app.COMMANDS, "hashtags"))
    assert "Give every post its hashtags." in run(["hashtags", "--help"]).stdout
    run(["hashtags", "posts.jsonl", "-o", "tagged.jsonl"])
    assert read_jsonl((folder / "tagged.jsonl").read_text())[3]["hashtags"] == ["#sea3", "#sun"]


def _module(name, skeleton, monkeypatch):
    """A skeleton that belongs into the package, imported as if it lay there."""
    module = types.ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(FILES[skeleton], skeleton, "exec"), module.__dict__)  # noqa: S102 - it is our own page
    return module
