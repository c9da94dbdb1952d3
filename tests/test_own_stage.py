"""A stage without weights from a user's file: how it is made, what is said of it, and who may name it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from gmner_cli.app import build
from tests.conftest import read_jsonl, write_jsonl

STAGE = """
from words import shout

class Shout:
    name = "shout"
    finds = ("caption",)
    window = 4

    def __init__(self, mark="!", *, loud: bool = True):
        self.mark, self.loud = mark, loud

    def __call__(self, posts):
        for post in posts:
            post.caption = shout(post.text) + self.mark
        return posts
"""
WORDS = "def shout(text):\n    import louder\n    return louder.up(text)\n"
LOUDER = "def up(text):\n    return text.upper()\n"
POSTS = [{"id": "a", "text": "Allen swims"}, {"id": "b", "text": "x"}]


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """``mine(*args, code=0, stage=STAGE, **settings)``: ``predict`` elsewhere, with the stage of ``mine``."""
    folder, here = tmp_path / "mine", tmp_path / "elsewhere"
    folder.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    write_jsonl(here / "posts.jsonl", POSTS)
    (folder / "words.py").write_text(WORDS)
    (folder / "louder.py").write_text(LOUDER)

    def call(*args, code=0, stage=STAGE, recipe=None, **settings):
        (folder / "stage.py").write_text(stage)
        values = {
            "stages": ["shout"],
            "shout": {"stage": "stage.py:Shout", "settings": settings, **(recipe or {})},
        }
        (folder / "mine.yaml").write_text(yaml.safe_dump(values))
        words = [
            "predict",
            "posts.jsonl",
            "--recipe",
            "../mine/mine.yaml",
            "-o",
            "out.jsonl",
            "--device",
            "cpu",
            *map(str, args),
        ]
        done = CliRunner().invoke(build(), words)
        assert done.exit_code == code, done.stderr
        assert "Traceback" not in done.stderr and "gmner_own_" not in done.stderr
        return done.stderr

    call.folder, call.here = folder, here
    call.found = lambda: read_jsonl((here / "out.jsonl").read_text())
    return call


def test_it_is_made_with_the_recipes_settings_and_finds_its_neighbours(mine):
    mine(mark="?")
    assert [post["caption"] for post in mine.found()] == ["ALLEN SWIMS?", "X?"]
    mine("--set", "shout.settings.mark=.", "--overwrite")
    assert mine.found()[1]["caption"] == "X.", "a setting that the recipe does not repeat"


def test_with_reads_images_it_is_given_the_pictures(mine):
    Image.new("RGB", (7, 5)).save(mine.here / "a.png")
    write_jsonl(
        mine.here / "posts.jsonl", [{**POSTS[0], "image": "a.png"}, {**POSTS[1], "image": "none.png"}]
    )
    stage = (
        STAGE.replace("loud: bool = True", "pictures")
        .replace(", loud", ", pictures")
        .replace("window = 4", "reads_images = True")
        .replace("shout(post.text)", "str(self.loud.load(post).size)")
    )
    done = mine("--images", ".", "--on-missing-image", "error", stage=stage, code=3)
    found = mine.found()
    assert (
        found[0]["caption"] == "(7, 5)!"
        and "no such image" in found[1]["error"]
        and "caption" not in found[1]
    ), done
    assert "takes none" in mine(stage=STAGE.replace("window = 4", "reads_images = True"), code=2)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"marc": 1}, "unknown setting 'marc' for Shout\n  hint: did you mean 'mark'?"),
        ({"pictures": 1}, "unknown setting 'pictures'"),
    ],
)
def test_an_unknown_setting_is_refused_with_the_near_one(mine, settings, words):
    assert words in mine(code=2, **settings)


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("def __call__", "def call", 2, "stage.py: Shout has no `__call__`"),
        ('name = "shout"', "", 2, "Shout has no `name`"),
        ('("caption",)', '"caption"', 2, "Shout does not say which fields it finds"),
        ("class Shout", "class Shuot", 2, "has no class named 'Shout'\n  hint: did you mean 'Shuot'?"),
        ('mark="!"', "mark", 2, "Shout needs the setting 'mark'"),
        ("from words", "from wrods", 2, "stage.py:2: stage"),
        (
            "self.mark, self.loud = mark, loud",
            "self.mark = {}[mark]",
            1,
            "unexpected KeyError: '!'\n  in {mine}/stage.py:10, __init__",
        ),
        ("return posts", "pass", 2, "stage shout gives back NoneType; wanted is the list of posts"),
        ("return posts", "return [post.text for post in posts]", 2, "gives back a list of something else"),
        ("return posts", "return posts[1:]", 2, "does not give back the posts that it got"),
        ("return posts", "return posts * 2", 2, "does not give back the posts that it got"),
        (
            "post.caption = ",
            "post.caption = {}[post.id] + ",
            1,
            "unexpected KeyError: 'a'\n  in {mine}/stage.py:14, __call__",
        ),
        ("post.caption = ", "post.image_size = (0, 0) # ", 1, "image_size [0, 0] is not positive"),
    ],
)
def test_a_mistake_in_it_is_named(mine, old, new, code, words):
    assert old in STAGE
    write_jsonl(mine.here / "posts.jsonl", [*POSTS, {"id": "c", "text": "y"}])
    assert words.format(mine=mine.folder) in mine(code=code, stage=STAGE.replace(old, new))


def test_a_post_that_it_cannot_bear_says_where_and_those_that_failed_before_are_not_given_to_it(mine):
    (mine.folder / "louder.py").write_text("def up(text):\n    return {'x': 'X'}[text]\n")
    write_jsonl(mine.here / "posts.jsonl", [POSTS[1], POSTS[0], {**POSTS[1], "id": "c"}])
    mine(code=3)
    found = mine.found()
    assert (
        found[1]["error"]
        == f"stage shout: unexpected KeyError: 'Allen swims' (in {mine.folder / 'louder.py'}:2)"
    )
    assert [post.get("caption") for post in found] == ["X!", None, "X!"]
    again = mine.here / "out.jsonl"
    again.rename(mine.here / "posts.jsonl")
    mine(
        code=3,
        stage=STAGE.replace(
            "for post in posts:",
            "assert all(post.error is None for post in posts)\n        for post in posts:",
        ),
    )


def test_models_and_stages_are_not_mistaken_for_each_other(mine):
    model = "from tests.training.point import Point as Shout\n"
    assert "Shout is a Model, which has weights\n  hint: name it by `model:`" in mine(stage=model, code=2)
    told = mine(recipe={"stage": None, "model": "stage.py:Shout"}, code=2)
    assert "Shout is no Model\n  hint: a stage without weights is named by `stage:`" in told


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize(
    "yaml_text",
    [
        "predict: {recipe: ../mine/mine.yaml}",
        "predict: {recipe: here.yaml}",
        "predict: {set: ['expressions.stage=stage.py:Shout']}",
        "predict: {set: ['x={stage: \"stage.py:Shout\"}']}",
    ],
)
def test_a_gmner_yaml_never_says_that_it_runs(mine, monkeypatch, yaml_text, trusted):
    mine()
    (mine.here / "here.yaml").write_text("stages: [x]\nx: {stage: 'stage.py:Shout'}\n")
    (mine.here / "stage.py").write_text("raise SystemExit('it ran')")
    (mine.here / "gmner.yaml").write_text(yaml_text)
    if trusted:
        assert CliRunner().invoke(build(), ["trust"]).exit_code == 0
    done = CliRunner().invoke(build(), ["predict", "posts.jsonl"])
    assert done.exit_code == 2 and ("names code from outside gmner_cli" in done.stderr or not trusted), (
        done.stderr
    )
    assert "it ran" not in done.stderr


def test_a_stage_that_comes_with_the_tool_must_be_one(mine):
    """Recipes may come from anywhere, and a class that is made may do much."""
    target = mine.here / "precious"
    told = mine(recipe={"stage": "gmner_cli.flow.sink:Sink", "settings": {"target": str(target)}}, code=2)
    assert "Sink has no `__call__`" in told and not list(mine.here.glob("precious*"))
    assert "has no class named 'Nothing'" in mine(recipe={"stage": "gmner_cli.flow.compose:Nothing"}, code=2)


def test_from_another_folder_in_a_process_of_its_own_and_resume_refuses_a_changed_neighbour(gmner, tmp_path):
    place, here = tmp_path / "mine" / "deep", tmp_path / "elsewhere"
    place.mkdir(parents=True)
    here.mkdir()
    for name, text in (("stage.py", STAGE), ("words.py", WORDS), ("louder.py", LOUDER)):
        (place / name).write_text(text)
    (tmp_path / "mine" / "base.yaml").write_text(
        "stages: [shout]\nshout: {stage: './deep/stage.py:Shout', settings: {mark: '?'}}\n"
    )
    (place / "mine.yaml").write_text("extends: ../base.yaml\n")
    write_jsonl(here / "posts.jsonl", POSTS)
    words = ["predict", "posts.jsonl", "--recipe", "../mine/deep/mine.yaml", "-o", "out.jsonl"]
    assert (done := gmner(*words, cwd=here)).returncode == 0, done.stderr
    (tmp_path / "mine").rename(tmp_path / "moved")
    words[3] = "../moved/deep/mine.yaml"
    write_jsonl(here / "posts.jsonl", [*POSTS, {"id": "c", "text": "more"}])
    assert (
        done := gmner(*words, "--resume", cwd=here)
    ).returncode == 0 and "2 were finished before" in done.stderr, done.stderr
    (tmp_path / "moved" / "deep" / "louder.py").write_text(LOUDER + "# more\n")
    done = gmner(*words, "--resume", cwd=here)
    assert done.returncode == 1 and "shout.stage (louder.py has changed)" in done.stderr, done.stderr
    assert [post["caption"] for post in read_jsonl(Path(here / "out.jsonl").read_text())] == [
        "ALLEN SWIMS?",
        "X?",
        "MORE?",
    ]
    known = json.loads((here / "out.jsonl.run.json").read_text())["config"]["contents"]["shout.stage"]
    assert list(known) == ["stage.py", "louder.py", "words.py"]
