"""Runs are told apart by what their files hold, wherever these lie: code, weights, data, pictures."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from gmner_cli.app import build
from tests.conftest import read_jsonl, write_jsonl
from tests.training.point import post

MODEL = "import helper\n\nclass Mine(helper.Base):\n    reads_images = True\n"
HELPER = """from tests.training.point import Seer

class Base(Seer):
    class Config(Seer.Config):
        net: str = ""
        more: list[str] = []

def late():
    import later
"""


@pytest.fixture
def project(training):
    """A recipe with its code, a checkpoint, weights, data and pictures in one folder, which can be moved."""
    folder = training.folder / "project"
    for name in ("net", "old", "notes", "images"):
        (folder / name).mkdir(parents=True)
    for name, text in {
        "model.py": MODEL,
        "helper.py": HELPER,
        "later.py": "X = 1\n",
        "base.txt": "weights",
        "net/config.json": "{}",
        "net/model.safetensors": "net",
        "old/config.json": "{}",
        "old/model.safetensors": "old",
        "notes/a.txt": "12345",
        "base.yaml": "extends: more.yaml\nprecision: auto\n",
    }.items():
        (folder / name).write_text(text)
    (folder / "more.yaml").write_text(
        yaml.safe_dump(
            {
                "stages": ["ner"],
                "ner": {
                    "model": "./model.py:Mine",
                    "settings": {"base": "./base.txt", "net": "./net", "more": ["./notes"]},
                    "weights": "./old",
                    "batch_size": 2,
                    "train": {"epochs": 3, "batch_size": 2, "lr": 0.1, "warmup": 0.0},
                },
            }
        )
    )
    (folder / "mine.yaml").write_text("extends: ./base.yaml\nabout: mine\n"
                                      "other: {model: ./model.py:Mine, weights: ./away}\n")
    for number in range(3):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(folder / "images" / f"{number}.png")
    for name in ("train", "dev"):
        write_jsonl(folder / f"{name}.jsonl", [post(f"{name}{n}", image=f"{n}.png") for n in range(3)])

    def call(*options, place=folder, code=0, recipe="mine.yaml"):
        if code == "killed":
            training.kill_after(1)
        done = training(
            *options, "--recipe", place / recipe, "--dev", place / "dev.jsonl", train=place / "train.jsonl"
        )
        assert done.code == code, done.err
        return done

    call.folder, call.training = folder, training
    return call


def test_a_training_goes_on_whose_folder_was_moved(project):
    project(code="killed")
    moved = project.folder.rename(project.folder.with_name("moved"))
    assert len(project("--resume", place=moved).epochs) == 2
    assert "already finished" in project("--resume", place=moved).err
    run = project.training.run()
    assert list(run["code"]) == ["model.py", "helper.py", "later.py"]
    assert set(run["contents"]) == {
        "ner.settings.base",
        "ner.weights",
        "ner.settings.net",
        "ner.settings.more.0",
    }, "and nothing of sections that do not run"
    assert run["recipe"]["ner"]["model"] == f"{moved}/model.py:Mine" and run["images"] == str(
        moved / "images"
    ), "for people"


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("helper.py", HELPER + "#", "another file of the model (helper.py has changed)"),
        ("later.py", "X = 2\n", "another file of the model (later.py has changed)"),
        ("helper.py", HELPER + "import fourth\n", "fourth.py is new"),
        ("base.txt", "other", "ner.settings.base"),
        ("net/model.safetensors", "ten", "ner.settings.net"),
        ("net/config.json", "[]", "ner.settings.net"),
        ("old/model.safetensors", "new", "ner.weights"),
        ("notes/a.txt", "123456", "ner.settings.more.0"),
        ("images/2.png", "", "another --images (pictures.dev"),
        ("train.jsonl", json.dumps(post("x")) + "\n", "training data ("),
        ("mine.yaml", None, "ner.train.lr: 0.1 then, 0.2 now"),
    ],
)
@pytest.mark.parametrize("move", [True, False])
def test_what_holds_something_else_is_refused_by_name(project, file, text, said, move):
    project(code="killed")
    place = project.folder.rename(project.folder.with_name("moved")) if move else project.folder
    (place / "fourth.py").write_text("")
    if file.endswith(".png"):
        Image.new("RGB", (4, 4), (9, 9, 9)).save(place / file)
    elif text is None:
        (place / file).write_text((place / file).read_text() + "ner: {train: {lr: 0.2}}\n")
    else:
        (place / file).write_text(text)
    if file == "notes/a.txt" and not move:
        assert project("--resume").epochs, "a folder at its old place that holds no model may be written to"
        return
    assert said in project("--resume", place=place, code=1).err


def test_the_same_values_by_another_way_are_the_same_training(project):
    project(code="killed")
    values = {
        "stages": ["ner"],
        "precision": "auto",
        "other": {"model": "./model.py:Mine", "weights": "./away"},
        **yaml.safe_load((project.folder / "more.yaml").read_text()),
    }
    (project.folder / "flat.yaml").write_text(yaml.safe_dump(values))
    assert project("--resume", recipe="flat.yaml").epochs
    assert "--set" not in project("--resume", "--set", "ner.train.lr=1e-1", recipe="flat.yaml").err


def test_a_run_from_before_neighbours_counted_goes_on_while_its_file_is_the_same(project):
    project(code="killed")
    path = project.training.out.with_name("out.partial") / "run.json"
    run = json.loads(path.read_text())
    old = {key: value for key, value in run.items() if key not in ("contents", "pictures")} | {
        "code": run["code"]["model.py"]
    }
    path.write_text(json.dumps(old))
    (project.folder / "model.py").write_text(MODEL + "#")
    assert "another file of the model (model.py has changed)" in project("--resume", code=1).err
    (project.folder / "model.py").write_text(MODEL)
    (project.folder / "helper.py").write_text(HELPER + "#")
    assert project("--resume").epochs, "nobody knows what the neighbour was"


def test_what_is_typed_is_meant_from_the_working_directory(project, monkeypatch):
    here = project.folder.parent / "here"
    here.mkdir()
    (here / "base.txt").write_text("typed")
    monkeypatch.chdir(here)
    project("--set", "ner.settings.base=./base.txt", code="killed")
    assert (
        json.loads((project.training.out.with_name("out.partial") / "run.json").read_text())["facts"]["base"]
        == "typed"
    )
    assert "ner.settings.base" in project("--resume", code=1).err, "the recipe's ./base.txt lies beside it"
    shutil.copy(here / "base.txt", project.folder / "base.txt")
    assert project("--resume").epochs, "which holds the same now"


@pytest.fixture
def predict(project):
    """``predict(*options, place, code=0)``: with the model that was trained."""
    project()
    shutil.move(project.training.out, project.folder / "tagger")
    (project.folder / "found.yaml").write_text("extends: mine.yaml\nner: {weights: ./tagger}\n")

    def call(*options, place=project.folder, code=0, posts="dev.jsonl", recipe="found.yaml"):
        done = CliRunner().invoke(
            build(),
            [
                str(word)
                for word in (
                    "predict",
                    place / posts,
                    "--recipe",
                    place / recipe,
                    "-o",
                    project.training.folder / "found.jsonl",
                    "--device",
                    "cpu",
                    *options,
                )
            ],
        )
        assert done.exit_code == code, done.stderr
        return done.stderr

    call.folder, call.out = project.folder, project.training.folder / "found.jsonl"
    return call


def test_a_prediction_goes_on_whose_folder_was_moved(predict):
    predict()
    moved = predict.folder.rename(predict.folder.with_name("moved"))
    assert "3 were finished before" in predict("--resume", place=moved)
    shutil.move(moved / "images", moved / "pictures")
    assert "3 were finished before" in predict(
        "--resume", "--images", moved / "pictures", "--on-missing-image", "text-only", place=moved
    )


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("helper.py", "ner.model (helper.py has changed)"),
        ("later.py", "ner.model (later.py has changed)"),
        ("tagger/model.safetensors", "weights.ner"),
        ("net/model.safetensors", "ner.settings.net"),
        ("images/1.png", "pictures.1.png"),
    ],
)
def test_a_prediction_is_not_mixed_with_another(predict, file, said):
    predict()
    moved = predict.folder.rename(predict.folder.with_name("moved"))
    before = predict.out.read_bytes()
    if file.endswith(".png"):
        Image.new("RGB", (4, 4), (9, 9, 9)).save(moved / file)
    else:
        (moved / file).write_bytes((moved / file).read_bytes() + b"#")
    told = predict("--resume", place=moved, code=1)
    assert said in told and told.count("weights") <= 1 and predict.out.read_bytes() == before


def test_pictures_that_were_missing_may_be_put_there_and_posts_may_be_added(predict):
    (predict.folder / "images" / "1.png").rename(predict.folder / "1.png")
    predict("--images", predict.folder / "images", code=3)
    (predict.folder / "1.png").rename(predict.folder / "images" / "1.png")
    write_jsonl(
        predict.folder / "dev.jsonl",
        [
            *read_jsonl((predict.folder / "dev.jsonl").read_text()),
            {"id": "new", "text": "x", "image": "0.png"},
        ],
    )
    assert "2 were finished before" in predict("--images", predict.folder / "images", "--resume")


def test_a_prediction_from_before_contents_were_kept_goes_on(predict):
    predict()
    note = predict.out.with_name("found.jsonl.run.json")
    run = json.loads(note.read_text())
    for key in ("contents", "pictures"):
        del run["config"][key]
    note.write_text(json.dumps(run))
    assert "3 were finished before" in predict("--resume")
    note.write_text(json.dumps(run))
    moved = predict.folder.rename(predict.folder.with_name("moved"))
    told = predict("--resume", place=moved, code=1)
    assert "recipe.ner.model" in told and "images (" in told and "ner.weights" not in told, (
        "of weights it always kept the content"
    )
