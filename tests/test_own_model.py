"""A model of one's own: what entailment and grounding need, where its file is looked for, and what it is told
when it is wrong."""

from __future__ import annotations

import json
import random
import re
import signal
import struct
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from typer.testing import CliRunner

from gmner_cli.app import build
from gmner_cli.errors import ModelError
from gmner_cli.weights.model_folder import read_tensors
from tests.conftest import DUMMIES, SMALL_POSTS, read_jsonl, write_jsonl
from tests.training.killed import killed_in_training

TAGGER = """
import msgspec, torch
from torch import nn
from gmner_cli.model import Example, Model
from gmner_cli.records import Entity

class Config(msgspec.Struct, forbid_unknown_fields=True):
    width: int = 4

class Mine(Model):
    Config = Config
    finds = ("entities",)
    metric = "right"

    def __init__(self, config, facts, source):
        super().__init__(config, facts, source)
        self.word = nn.Linear(1, config.width)

    def examples(self, posts, training):
        return [Example(n, 1, post.text.split()) for n, post in enumerate(posts)]

    def collate(self, examples, images):
        return {"lengths": torch.tensor([[float(len(e.data))] for e in examples])}

    def loss(self, batch):
        return self.word(batch["lengths"]).square().mean()

    def predict(self, batch):
        return [0] * len(batch["lengths"])

    def write(self, posts, examples, outputs):
        for post in posts:
            post.entities = [Entity(start=0, end=1, type="PER")]

    def evaluate(self, predicted, gold):
        return {"right": 50.0}
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """``mine(command, ..., code=0, edits=())``: a command with the recipe and model in mine/, from another
    folder; its stderr."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    write_jsonl(tmp_path / "elsewhere" / "posts.jsonl", SMALL_POSTS)
    recipe = {"extends": "mini", "stages": ["ner"], "ner": {"model": "model.py:Mine", "train": {"epochs": 2}}}
    (tmp_path / "mine" / "mine.yaml").write_text(yaml.safe_dump(recipe))

    def call(command, *args, code=0, edits=()):
        text = TAGGER
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "mine" / "model.py").write_text(text)
        done = CliRunner().invoke(
            build(), [command, *map(str, args), "--recipe",
                      str(tmp_path / "mine" / "mine.yaml")])
        assert done.exit_code == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    call.train = ("train-ner", "posts.jsonl", "--dev", "posts.jsonl", "-o", "trained")
    return call


def test_a_file_lies_beside_its_recipe_and_may_be_moved_with_it(mine, tmp_path, monkeypatch):
    mine(*mine.train)
    mine("predict", "--texts", "posts.jsonl", "--ner", "trained", "-o", "found.jsonl")
    for post in read_jsonl(Path("found.jsonl").read_text()):
        assert post["entities"] == [{"start": 0, "end": 1, "type": "PER", "text": post["text"][0]}]
    (tmp_path / "mine").rename(tmp_path / "moved")
    done = CliRunner().invoke(
        build(), ["predict", "--texts", "posts.jsonl", "--ner", "trained", "--recipe", "../moved/mine.yaml"])
    assert done.exit_code == 0, done.stderr


def test_its_settings_can_be_set_though_the_recipe_does_not_repeat_them(mine):
    for key in ("width", "ner.settings.width"):
        mine(*mine.train, "--set", f"{key}=7")
        assert json.loads(Path("trained/config.json").read_text())["config"] == {"width": 7}
    assert "unknown setting 'widht' for Mine" in mine(*mine.train, "--set", "widht=7", code=2)
    assert "did you mean 'width'?" in mine(*mine.train, "--set", "ner.settings.widht=7", code=2)


def test_it_does_not_predict_untrained(mine):
    assert "comes untrained" in mine("predict", "--texts", "posts.jsonl", code=2)


def test_resume_notices_another_file_and_other_values_also_of_a_finished_training(mine):
    mine(*mine.train)
    before = Path("trained/model.safetensors").read_bytes()
    assert "already finished" in mine(*mine.train, "--resume")
    edit = [("square()", "abs()")]
    assert "another file of the model" in mine(*mine.train, "--resume", code=1, edits=edit)
    assert "another recipe" in mine(*mine.train, "--resume", "--set", "width=5", code=1)
    assert Path("trained/model.safetensors").read_bytes() == before
    mine(*mine.train, edits=edit)


@pytest.mark.parametrize(("old", "new", "words"), [
    ("    Config = Config\n", "", "Mine has no Config of its settings"),
    ('("entities",)', '"entities"', "does not say which fields it finds"),
    ('("entities",)', '("boxes",)', "not what section 'ner' is for"),
    ("def write", "def wirte", "Mine has no `write`"),
    ("width: int = 4", "width: int = = 4", "model.py:8: invalid syntax"),
    (".square().mean()", ".square()", r"Mine.loss gives a tensor of shape \[4, 4\]"),
    ("return self.word", "self.word", "Mine.loss gives NoneType"),
    ("    def loss", "    def less", "Mine has no `loss`"),
    ("[0] * len", "[0] + [0] * len", "Mine.predict gives 5 outputs for a batch of 4 examples"),
    ("def examples", "@classmethod\n    def learn_facts(cls, config, posts):\n        return {'types': "
                     "{'PER'}}\n\n    def examples",
     "Mine.learn_facts gives what cannot be saved as JSON"),
])
def test_a_mistake_in_it_is_named(mine, old, new, words):
    assert re.search(words, mine(*mine.train, code=2, edits=[(old, new)]))


def test_an_error_in_it_is_placed_and_not_called_ours(mine):
    told = mine(*mine.train, code=1, edits=[('batch["lengths"]).square', 'batch["length"]).square')])
    assert re.search(r"unexpected KeyError: 'length'\n  in .*/mine/model.py:\d+, loss\n",
                     told) and "report" not in told


def test_invalid_records_of_it_are_noticed_in_training_and_in_prediction(mine):
    assert "Mine.write leaves an invalid record: entities[0] span 3..0" in mine(
        *mine.train, code=1, edits=[("start=0, end=1", "start=3, end=0")])
    mine(*mine.train)
    edit = [("start=0, end=1", "start=0, end=20")]
    told = mine("predict", "--texts", "posts.jsonl", "--ner", "trained", "-o", "found.jsonl", code=3,
                edits=edit)
    assert "span 0..20 is not inside the text" in told
    assert ["error" in post
            for post in read_jsonl(Path("found.jsonl").read_text())] == [False, False, True, True]


def test_a_rate_for_a_head_that_it_has_not_is_told(mine):
    assert "train.head_lr has no effect" in mine(*mine.train, "--set", "ner.train.head_lr=0.1")
    assert "head_lr" not in mine(*mine.train)


def test_no_length_of_a_header_is_taken_for_a_pickle(tmp_path):
    """Pickles begin with 0x80 and the number of their protocol, and so do the bytes of the lengths 640, 896,
    1152 and 1408."""
    lengths = set()
    for more in range(0, 1500, 8):
        save_file({"a": torch.ones(1)}, tmp_path / "model", metadata={"format": "x" * more})
        lengths |= {struct.unpack("<Q", (tmp_path / "model").read_bytes()[:8])[0]}
        assert read_tensors(tmp_path / "model")["a"] == 1
    assert {640, 896, 1152, 1408} <= lengths


def test_a_pickle_is_still_one(tmp_path):
    torch.save({"a": torch.ones(1)}, tmp_path / "zip")
    torch.save({"a": torch.ones(1)}, tmp_path / "old", _use_new_zipfile_serialization=False)
    for name in ("zip", "old"):
        with pytest.raises(ModelError, match="is a pickle"):
            read_tensors(tmp_path / name)


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    """Pictures with a red or a blue square; of both colours is spoken."""
    folder, dice = tmp_path_factory.mktemp("squares"), random.Random(5)
    posts = []
    for number in range(24):
        picture, shown = Image.new("RGB", (64, 48), "white"), dice.choice(["red", "blue"])
        x, y = dice.randrange(0, 50), dice.randrange(0, 34)
        ImageDraw.Draw(picture).rectangle((x, y, x + 13, y + 13), fill=shown)
        picture.save(folder / f"{number}.png")
        posts.append({
            "id": str(number), "text": "red blue", "image": f"{number}.png", "entities": [{
                "start": a, "end": b, "type": "OTHER",
                "boxes": [[x, y, x + 14, y + 14]] if name == shown else []
            } for name, a, b in (("red", 0, 3), ("blue", 4, 8))]
        })
    return write_jsonl(folder / "posts.jsonl", posts)


def test_entailment_and_grounding_of_ones_own_are_one_file_and_a_recipe(gmner, squares, tmp_path):
    file = DUMMIES / "squares.py"
    train = {"epochs": 30, "batch_size": 8, "lr": 0.1}
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        yaml.safe_dump({
            "name": "mine", "about": "squares", "stages": ["ve", "vg"],
            "ve": {"model": f"{file}:SeesColour",
                   "train": train}, "vg": {"model": f"{file}:FindsColour", "train": {**train, "lr": 0.01}}
        }))
    for stage in ("ve", "vg"):
        done = gmner(f"train-{stage}", squares, "--dev", squares, "--recipe", mine, "-o", tmp_path / stage)
        assert done.returncode == 0, done.stderr
    found = gmner("predict", "--texts", squares, "--images", squares.parent, "--recipe", mine, "--gold",
                  "spans", "--ve", tmp_path / "ve", "--vg", tmp_path / "vg")
    assert found.returncode == 0, found.stderr
    scored = json.loads(gmner("score", "-", squares, "--json", stdin=found.stdout).stdout)
    assert scored["rows"]["GMNER"]["f1"] == 100


@pytest.mark.parametrize(("stage", "kind", "number", "code"), [("ve", "SeesColour", signal.SIGKILL, None),
                                                               ("vg", "FindsColour", signal.SIGINT, 130)])
def test_visual_training_that_is_stopped_goes_on_and_ends_like_an_unbroken_one(
        gmner, squares, tmp_path, stage, kind, number, code):
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump({"name": "mine", "about": "squares", "stages": [stage], stage: {
        "model": f"{DUMMIES / 'squares.py'}:{kind}", "train": {"epochs": 40, "batch_size": 4, "lr": 0.01}}}))
    words = [f"train-{stage}", squares, "--dev", squares, "--recipe", mine, "--seed", 2, "--threads", 1]
    assert gmner(*words, "-o", tmp_path / "whole").returncode == 0
    before = killed_in_training(words, tmp_path / "broken", number, code)
    assert before < 40
    resumed = gmner(*words, "-o", tmp_path / "broken", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert sum(line.startswith("epoch ") for line in resumed.stderr.splitlines()) == 40 - before
    assert (tmp_path / "broken" / "model.safetensors").read_bytes() == (tmp_path / "whole" /
                                                                        "model.safetensors").read_bytes()


def test_corners_in_pixels_are_noticed(gmner, squares, tmp_path):
    (tmp_path / "squares.py").write_text(
        (DUMMIES / "squares.py").read_text().replace("(corners, 1.0)", "([64 * c for c in corners], 1.0)"))
    (tmp_path / "mine.yaml").write_text(
        yaml.safe_dump({
            "name": "mine", "about": "squares", "stages": ["vg"],
            "vg": {"model": "squares.py:FindsColour", "train": {"epochs": 1, "batch_size": 8, "lr": 0.01}}
        }))
    done = gmner("train-vg", squares, "--dev", squares, "--recipe", tmp_path / "mine.yaml", "-o",
                 tmp_path / "vg")
    assert done.returncode == 2
    assert re.search(r"FindsColour.predict gives a corner \d\d pictures away.*\n.*not pixels", done.stderr)
