"""What gmner left at 0f9e0c0 loads, predicts as it did, and goes on: see tests/fixtures/0f9e0c0/README.md."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.conftest import read_jsonl, write_jsonl

MADE = Path(__file__).parent / "fixtures" / "0f9e0c0"
TRAINED = {"tagger": ("ner", "tiny"), "spotter": ("ve", "tiny"), "one_stage": ("vg", "tiny"),
           "letters": ("ner", "own"), "sees": ("ve", "own"), "finds": ("vg", "own")}


@pytest.fixture
def then(tmp_path) -> Path:
    """A copy of what was made, where it says that it lies."""
    here = tmp_path / "then"
    shutil.copytree(MADE, here)
    for path in here.rglob("*"):
        if path.suffix in (".json", ".yaml"):
            path.write_text(path.read_text().replace("@ROOT@", str(here)))
    for part in here.glob("*.stopped"):
        part.rename(part.with_suffix(".partial"))
    return here


@pytest.fixture
def call(capsys):
    """``call(*words)``: the command, in this process."""
    from gmner_cli.app import build

    def run(*words) -> SimpleNamespace:
        with pytest.raises(SystemExit) as left:
            build()([*map(str, words), "--device", "cpu", "--threads", "1", "--offline"])
        return SimpleNamespace(code=left.value.code or 0, err=capsys.readouterr().err)

    return run


def train(then: Path, name: str, *more) -> list:
    command, recipe = TRAINED[name]
    return [f"train-{command}", then / "train.jsonl", "--dev", then / "dev.jsonl",
            "--recipe", then / f"{recipe}.yaml", *more]


def near(found, expected):
    """Equal, but for the last digits of numbers, and for fields that there were none of then."""
    if isinstance(expected, dict):
        return all(key in found and near(found[key], value) for key, value in expected.items())
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(near, found, expected))
    return found == (pytest.approx(expected, abs=0.02) if isinstance(expected, float) else expected)


@pytest.mark.parametrize(("name", "posts", "options"), [
    ("tiny", "dev", ["--recipe", "tiny.yaml"]), ("own", "dev", ["--recipe", "own.yaml"]),
    ("gold", "dev", ["--recipe", "tiny.yaml", "--gold", "spans"]),
    ("least", "dev", ["--recipe", "own.yaml", "--set", "ner.settings.least=0.7"]),
    ("mini", "plain", ["--recipe", "mini"])])
def test_models_and_recipes_of_then_predict_the_same(then, call, monkeypatch, name, posts, options):
    monkeypatch.chdir(then)
    done = call("predict", f"{posts}.jsonl", *options, "-o", "now.jsonl")
    assert done.code == 0, done.err
    found, expected = (read_jsonl((then / file).read_text()) for file in ("now.jsonl", f"{name}.found.jsonl"))
    assert near(found, expected)


@pytest.mark.parametrize("name", [name for name in TRAINED if name != "spotter"])
def test_a_training_that_was_killed_then_goes_on_to_where_it_ended_unbroken(then, call, name):
    done = call(*train(then, name, "-o", then / f"half_{name}", "--resume"))
    assert done.code == 0, done.err
    assert [line.split()[1] for line in done.err.splitlines() if line.startswith("epoch ")] == ["2", "3"]
    found, expected = (json.loads((then / made / "run.json").read_text()) for made in (f"half_{name}", name))
    assert found["best_epoch"] == expected["best_epoch"]
    for row in expected["epochs"]:
        del row["train_seconds"], row["posts_per_second"]
    assert near(found["epochs"], expected["epochs"])


def test_a_recipe_whose_other_sections_have_changed_since_goes_on(then, call):
    done = call("train-ner", then / "train.jsonl", "--dev", then / "dev.jsonl", "--recipe", "plim-bert",
                "--set", f"encoder={then / 'encoder'}", "--set", "max_length=48", "--set", "epochs=2",
                "-o", then / "half_plim", "--resume")
    assert done.code == 0 and "epoch 2" in done.err and "epoch 1 " not in done.err, done.err


@pytest.mark.parametrize("name", TRAINED)
def test_a_training_that_was_finished_then_is_finished(then, call, name):
    done = call(*train(then, name, "-o", then / name, "--resume"))
    assert done.code == 0 and "already finished" in done.err, done.err


@pytest.mark.parametrize("name", ["tagger", "letters", "one_stage"])
def test_a_training_starts_from_a_model_of_then(then, call, name):
    done = call(*train(then, name, "-o", then / "next", "--init", then / name, "--set", "epochs=1"))
    said = re.search(r"starts from (\d+) of the (\d+) tensors", done.err)
    assert done.code == 0 and said and said[1] == said[2], done.err


@pytest.mark.parametrize("name", ["tagger", "sees"])
def test_a_finished_training_of_then_takes_more_epochs(then, call, name):
    done = call(*train(then, name, "-o", then / name, "--resume", "--set", "epochs=4"))
    assert done.code == 0 and "epoch 4" in done.err, done.err


def test_facts_that_were_not_learnt_then_are_what_a_checkpoint_without_them_has(then, call, monkeypatch):
    """The tokens of these posts say that "#" stays with its word; a training of then knew nothing of that."""
    from gmner_cli.training import loop

    class Killed(BaseException):
        pass

    def die(folder, *rest, real=loop.save_checkpoint):
        real(folder, *rest)
        raise Killed

    for name in ("train", "dev"):
        records = read_jsonl((then / f"{name}.jsonl").read_text())
        for record in records:
            record |= {"text": f"{record['text']} #x", "tokens": [*record["text"].split(), "#x"]}
        write_jsonl(then / f"{name}.jsonl", records)
    words = train(then, "tagger", "-o", then / "tokens")
    with monkeypatch.context() as change, pytest.raises(Killed):
        change.setattr(loop, "save_checkpoint", die)
        call(*words)
    path = then / "tokens.partial" / "run.json"
    run = json.loads(path.read_text())
    assert run["facts"].pop("cut")["front"] == "#"
    path.write_text(json.dumps(run))
    done = call(*words, "--resume")
    assert done.code == 0, done.err
    assert json.loads((then / "tokens" / "config.json").read_text())["facts"]["cut"]["front"] == ""


@pytest.mark.parametrize(("name", "setting"), [
    ("tagger", "ner.train.patience=1"), ("tagger", "ner.settings.max_length=40"),
    ("one_stage", "vg.settings.train_together=2"), ("one_stage", "expressions.settings.invented=0.25"),
    ("half_own.jsonl", "ner.settings.least=0.5")])
def test_what_has_changed_since_is_still_refused(then, call, name, setting):
    words = train(then, name, "-o", then / f"half_{name}") if name in TRAINED else [
        "predict", then / "dev.jsonl", "--recipe", then / "own.yaml", "-o", then / name]
    done = call(*words, "--resume", "--set", setting)
    assert done.code == 1 and setting.partition("=")[0] in done.err, done.err


@pytest.mark.parametrize("name", ["own", "mini"])
def test_a_predict_that_was_killed_then_goes_on(then, call, name):
    posts, recipe = ("plain", "mini") if name == "mini" else ("dev", then / "own.yaml")
    out = then / f"half_{name}.jsonl"
    done = call("predict", then / f"{posts}.jsonl", "--recipe", recipe, "-o", out, "--resume")
    assert done.code == 0 and "1 were finished before" in done.err, done.err
    assert near(*(read_jsonl(file.read_text()) for file in (out, then / f"{name}.found.jsonl")))


MORE = """
from gmner_cli.ner.crf_tagger import CrfTagger, TaggerConfig
from torch import nn

class More(CrfTagger):
    Config = TaggerConfig

    def __init__(self, config, facts, site):
        super().__init__(config, facts, site)
        self.more = nn.Linear(self.encoder.width, len(self.labels))

    def emissions(self, batch):
        return super().emissions(batch) + self.more(self.word_states(batch))

    def parameter_groups(self, lr, head_lr):
        return [*super().parameter_groups(lr, head_lr), {"params": self.more.parameters(), "lr": lr}]
"""


def test_a_users_crf_tagger_names_the_layers_that_it_added(then, call):
    (then / "more.py").write_text(MORE)
    (then / "more.yaml").write_text("extends: ./tiny.yaml\nner: {model: more.py:More, weights: null}\n")
    done = call("train-ner", then / "train.jsonl", "--dev", then / "dev.jsonl", "--recipe",
                then / "more.yaml", "--set", "epochs=1", "-o", then / "more")
    assert done.code == 0, done.err


def test_optimiser_state_of_weights_in_another_order_is_refused(then, call):
    path = then / "half_tagger.partial" / "resume.safetensors"
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    turned = {name.replace("optimizer/0/", "optimizer/1/"): value for name, value in load_file(path).items()
              if not name.startswith("optimizer/1/")}
    save_file(turned, path, metadata)
    done = call(*train(then, "tagger", "-o", then / "half_tagger", "--resume"))
    assert done.code == 1 and "in another order" in done.err and "without --resume" in done.err, done.err
