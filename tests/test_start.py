"""What a command loads before it works: help, prepare and score never wait for torch."""

from __future__ import annotations

import os
import re
import sys

import numpy as np
import pytest

from gmner_cli.app import COMMANDS, main
from gmner_cli.pictures.masks import encode
from tests.conftest import ROOT, write_jsonl

HEAVY = {
    "torch", "cv2", "torchvision", "transformers", "peft", "safetensors", "segment_anything", "torchcrf",
    "huggingface_hub"
}


def imported(done) -> set[str]:
    """Top-level modules that a process run under PYTHONPROFILEIMPORTTIME imported."""
    names = {
        m.group(1) for m in re.finditer(r"^import time:[ \d|]+\|\s+([\w.]+)$", done.stderr, re.MULTILINE)
    }
    assert "typer" in names and "gmner_cli.app" in names, "the listing of imports is not what it was"
    return {name.split(".")[0] for name in names}


PROFILE = {"PYTHONPROFILEIMPORTTIME": "1"}


@pytest.mark.parametrize("command", [(), *((name, ) for name in COMMANDS)], ids=lambda c: " ".join(
    ("gmner", *c)))
def test_help_loads_nothing_heavy(gmner, command):
    done = gmner(*command, "--help", env=PROFILE)
    assert done.returncode == 0 and "Usage:" in done.stdout
    assert not imported(done) & (HEAVY | {"numpy", "PIL", "pycocotools", "jsonlines", "yaml"})


def test_ctrl_c_while_the_command_is_imported_is_no_traceback(gmner, tmp_path):
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt")
    done = gmner("--version", env={"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"})
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "gmner: interrupted\n")


def test_the_installed_command_starts_where_this_one_does():
    assert 'gmner = "gmner_cli.__main__:main"' in (ROOT / "pyproject.toml").read_text()


class Odd(Exception):
    """A class that no list of exceptions has, such as safetensors' own."""


@pytest.mark.parametrize(
    "problem",
    [Odd("odd"), AssertionError("odd"),
     SyntaxError("odd"), StopIteration("odd")], ids=repr)
@pytest.mark.parametrize("place", ["in a command", "before a command"])
def test_no_traceback_of_any_class_without_debug(monkeypatch, capsys, problem, place):
    def fail(*args, **options):
        raise problem

    monkeypatch.setattr(
        "gmner_cli.recipes.names" if place == "in a command" else "gmner_cli.app.load_defaults", fail)
    monkeypatch.setattr(sys, "argv", ["gmner", "recipes"])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr().err
    assert left.value.code == 1 and f"unexpected {type(problem).__name__}: odd\n" in said
    assert "hint: `gmner --debug" in said
    assert f"in {__file__}:" in said and "Traceback" not in said  # code that is not the tool's is named
    monkeypatch.setattr(sys, "argv", ["gmner", "--debug", "recipes"])
    with pytest.raises(type(problem)):
        main()


def test_prepare_and_score_work_without_torch(gmner, tmp_path):
    (tmp_path / "tagged.txt").write_text("Allen B-PER\nswims O\nin O\nLondon B-LOC\n\nNASA B-ORG\n")
    done = gmner("prepare", "conll", "--source", tmp_path / "tagged.txt", "-o", tmp_path / "posts",
                 env=PROFILE)
    assert done.returncode == 0, done.stderr[-2000:]
    assert not imported(done) & HEAVY
    posts, = (tmp_path / "posts").glob("*.jsonl")
    done = gmner("score", posts, posts, "--json", env=PROFILE)
    assert done.returncode == 0 and '"f1": 100.0' in done.stdout
    assert not imported(done) & HEAVY


def test_score_of_boxes_and_masks_works_without_torch(gmner, tmp_path):
    mask = encode(np.eye(4, dtype=bool)).to_builtins()
    gold = write_jsonl(tmp_path / "gold.jsonl", [{
        "id": "a", "text": "Allen", "image": "a.png", "image_size": [4, 4],
        "entities": [{"start": 0, "end": 5, "type": "PER", "boxes": [[0, 0, 3, 3]], "masks": [mask]}]
    }])
    done = gmner("score", gold, gold, "--json", env=PROFILE)
    assert done.returncode == 0, done.stderr[-2000:]
    assert not imported(done) & HEAVY
