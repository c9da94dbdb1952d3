"""A newcomer's model is one file and one recipe: it trains, resumes, saves, loads and predicts like those
shipped.

The dummies cover what the five systems need of the protocol: two CRF paths and
pictures (ColourTagger), a contrastive phase before (Align), generation (Speller).
"""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import DUMMIES, write_jsonl
from tests.training.killed import killed_in_training


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """Posts in which only the picture tells whether Allen is a person (red) or a dog (blue)."""
    folder = tmp_path_factory.mktemp("colours")
    posts = []
    for number in range(16):
        red = number % 2 == 0
        Image.new("RGB", (8, 8), "red" if red else "blue").save(folder / f"{number}.png")
        posts.append({"id": str(number), "text": f"Allen runs fast {number}", "image": f"{number}.png",
                      "entities": [{"start": 0, "end": 5, "type": "PER" if red else "OTHER"}]})
    write_jsonl(folder / "posts.jsonl", posts)
    return folder


def recipe(folder: Path, name: str, model: str, **train) -> Path:
    values = {"epochs": 40, "batch_size": 4, "lr": 0.05, **train}
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps({"name": name, "about": "a dummy", "stages": ["ner"], "ner": {
        "model": model, "batch_size": 4, "weights": None, "settings": {}, "train": values}}))
    return path


def f1(gmner, posts: Path, *options) -> float:
    found = gmner("predict", "--texts", posts, *options)
    assert found.returncode == 0, found.stderr
    scored = gmner("score", "-", posts, stdin=found.stdout)
    return json.loads(scored.stdout)["rows"]["MNER"]["f1"]


def test_a_two_path_tagger_that_reads_pictures_is_one_file_and_one_recipe(gmner, colours, tmp_path):
    mine = DUMMIES / "colour_tagger.yaml"
    posts = colours / "posts.jsonl"
    # Without --images the pictures are those beside the posts.
    done = gmner("train-ner", posts, "--dev", posts, "--recipe", mine, "-o", tmp_path / "model")
    assert done.returncode == 0, done.stderr
    last = json.loads((tmp_path / "model" / "run.json").read_text())["epochs"][-1]
    assert last["loss"] == pytest.approx((last["coarse_loss"] + last["fine_loss"]) / 2, abs=1e-4)
    seeing = f1(gmner, posts, "--images", colours, "--recipe", mine, "--ner", tmp_path / "model")
    assert seeing == 100
    # Without the pictures the same model cannot tell the two Allens apart.
    (tmp_path / "empty").mkdir()
    blind = f1(gmner, posts, "--images", tmp_path / "empty", "--on-missing-image", "text-only",
               "--recipe", mine, "--ner", tmp_path / "model")
    assert blind <= 50


def test_a_checkpoint_does_not_run_foreign_code_unless_the_users_recipe_names_it(gmner, colours, tmp_path):
    mine = recipe(tmp_path, "colour", f"{DUMMIES / 'colour_tagger.py'}:ColourTagger", epochs=1)
    posts = colours / "posts.jsonl"
    assert gmner("train-ner", posts, "--dev", posts, "--images", colours, "--recipe", mine,
                 "-o", tmp_path / "model").returncode == 0
    done = gmner("predict", "--texts", posts, "--ner", tmp_path / "model")
    assert done.returncode == 1
    assert "recipe 'colour'" in done.stderr and "Traceback" not in done.stderr


def test_a_contrastive_phase_comes_before_and_its_weights_are_used(gmner, colours, tmp_path):
    posts = colours / "posts.jsonl"
    first = recipe(tmp_path, "align", "tests.dummies.align:Align", epochs=10)
    second = recipe(tmp_path, "colour", "tests.dummies.colour_tagger:ColourTagger", epochs=20)
    aligned = gmner("train-ner", posts, "--dev", posts, "--images", colours, "--recipe", first, "-o",
                    tmp_path / "aligned")
    assert aligned.returncode == 0, aligned.stderr
    rows = json.loads((tmp_path / "aligned" / "run.json").read_text())["epochs"]
    assert rows[-1]["loss"] < rows[0]["loss"]
    done = gmner("train-ner", posts, "--dev", posts, "--images", colours, "--recipe", second,
                 "--init", tmp_path / "aligned", "-o", tmp_path / "model")
    assert done.returncode == 0, done.stderr
    assert "starts from" in done.stderr
    assert f1(gmner, posts, "--images", colours, "--recipe", second, "--ner", tmp_path / "model") == 100


def test_a_sequence_to_sequence_tagger_is_one_file_and_one_recipe(gmner, tmp_path):
    posts = write_jsonl(tmp_path / "posts.jsonl", [{
        "id": "1", "text": "Ada met Bob", "entities": [{"start": 0, "end": 3, "type": "PER"},
                                                       {"start": 8, "end": 11, "type": "PER"}]
    }, {"id": "2", "text": "in New York today", "entities": [{"start": 3, "end": 11, "type": "LOC"}]},
                                                   {"id": "3", "text": "nothing here", "entities": []}])
    mine = recipe(tmp_path, "speller", f"{DUMMIES / 'speller.py'}:Speller", epochs=60, lr=0.01)
    done = gmner("train-ner", posts, "--dev", posts, "--recipe", mine, "-o", tmp_path / "model")
    assert done.returncode == 0, done.stderr
    assert f1(gmner, posts, "--recipe", mine, "--ner", tmp_path / "model") == 100


def test_a_killed_training_goes_on_and_ends_like_an_unbroken_one(gmner, colours, tmp_path):
    """SIGKILL after the first whole epoch; --resume must give the very same weights."""
    posts = colours / "posts.jsonl"
    mine = DUMMIES / "colour_tagger.yaml"
    words = ["train-ner", posts, "--dev", posts, "--images", colours, "--recipe", mine, "--set", "epochs=60",
             "--seed", "3", "--threads", "1"]
    assert gmner(*words, "-o", tmp_path / "whole").returncode == 0
    done_before = killed_in_training(words, tmp_path / "broken", signal.SIGKILL)
    assert done_before < 60
    other = gmner(*words, "-o", tmp_path / "broken", "--resume", "--set", "lr=0.04")
    assert other.returncode == 1 and "another recipe" in other.stderr
    resumed = gmner(*words, "-o", tmp_path / "broken", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert sum(line.startswith("epoch ") for line in resumed.stderr.splitlines()) == 60 - done_before
    assert "Warning" not in resumed.stderr
    assert (tmp_path / "broken" / "model.safetensors").read_bytes() == (tmp_path / "whole" /
                                                                        "model.safetensors").read_bytes()
    assert not (tmp_path / "broken" / "resume.safetensors").exists()
