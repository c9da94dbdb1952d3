"""Where an option's value comes from: defaults < recipe < gmner.yaml < environment < flags."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from gmner_cli.app import build
from gmner_cli.commands.config import Option, load_defaults, read_own
from gmner_cli.errors import UsageError
from gmner_cli.recipes import load

OPTIONS = {
    "predict": {
        "device": Option("device"), "batch-size": Option("batch_size"), "set": Option("overrides", True)
    }, "train-ner": {"device": Option("device"), "set": Option("overrides", True)},
    "recipes": {"set": Option("overrides", True)}
}


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """``settings(yaml, *args, env=None)``: what ``predict`` and its stages are called with, without running
    them."""
    monkeypatch.chdir(tmp_path)
    for name in ("GMNER_DEVICE", "GMNER_RECIPE", "GMNER_SEED", "GMNER_BATCH_SIZE", "GMNER_OFFLINE",
                 "GMNER_IMAGES"):
        monkeypatch.delenv(name, raising=False)
    seen = {}

    def fake_build(recipe, runtime, pictures, **options):
        seen.update(options, recipe=recipe, root=pictures.root)
        return [type("Pass", (), {"name": "pass", "__call__": lambda self, posts: posts})()]

    def fake_start(device, *, precision, seed, threads):
        seen.update(device=device, seed=seed, threads=threads)

    monkeypatch.setattr("gmner_cli.flow.build.build", fake_build)
    monkeypatch.setattr("gmner_cli.compute.runtime.start", fake_start)
    monkeypatch.setattr("gmner_cli.weights.hub.go_offline", lambda: seen.update(went_offline=True))

    def run(yaml, *args, env=None):
        seen.clear()
        (tmp_path / "gmner.yaml").write_text(yaml)
        done = CliRunner().invoke(build(), ["predict", "--texts", "-", *args], input='{"text": "x"}\n',
                                  env=env or {})
        return done, dict(seen)

    return run


def test_each_level_wins_over_the_ones_below_it(settings):
    yaml = "seed: 1\npredict:\n  seed: 2\n"
    for given, args, env, expected in (("", [], None, 0), ("seed: 1\n", [], None, 1), (yaml, [], None, 2),
                                       (yaml, [], {"GMNER_SEED": "3"}, 3), ("", [], {"GMNER_SEED": "3"}, 3),
                                       (yaml, ["--seed",
                                               "4"], {"GMNER_SEED": "3"}, 4), (yaml, ["--seed",
                                                                                      "0"], None, 0)):
        done, seen = settings(given, *args, env=env)
        assert done.exit_code == 0, done.stderr
        assert seen["seed"] == expected


def test_a_recipe_is_below_gmner_yaml_and_that_below_a_flag(settings):
    def epochs(yaml, *args):
        done, seen = settings(yaml, *args)
        assert done.exit_code == 0, done.stderr
        return seen["recipe"].values["ner"]["train"]["epochs"]

    assert epochs("") == load("mini").values["ner"]["train"]["epochs"], "the recipe's own"
    assert epochs("predict: {set: [ner.train.epochs=5]}") == 5
    assert epochs("set: ner.train.epochs=6") == 6, "one value needs no list"
    assert epochs("predict: {set: [ner.train.epochs=5]}", "--set", "ner.train.epochs=7") == 7
    assert settings("predict: {batch-size: 3}")[1]["batch_size"] == 3
    assert settings("predict: {batch_size: 3}")[1]["batch_size"] == 3
    assert settings("batch-size: 3", "--batch-size", "4", env={"GMNER_BATCH_SIZE": "5"})[1]["batch_size"] == 4


def test_switches_and_names_from_the_file(settings):
    _, seen = settings("offline: true\nrecipe: zero-shot\ndevice: cpu\nlabel-map: A=B\n")
    assert seen["offline"] is True and seen["went_offline"] and seen["recipe"].name == "zero-shot" and seen[
        "device"] == "cpu"
    assert settings("offline: true", "--online")[1]["offline"] is False
    assert settings("offline: true", env={"GMNER_OFFLINE": "0"})[1]["offline"] is False
    assert "went_offline" not in settings("")[1]


@pytest.mark.parametrize("yaml, words", {
    "devce: cpu": "unknown key 'devce'\n  hint: did you mean 'device'?",
    "predict: {recpie: x}": "unknown key 'recpie' for predict\n  hint: did you mean 'recipe'?",
    "train-ner: {gold: spans}": "unknown key 'gold' for train-ner",
    "overrides: [a=1]": "unknown key 'overrides'",
    "predct: {recipe: mini}": "unknown key 'predct'\n  hint: did you mean 'predict'?",
    "predict: 5": "'predict' is a command",
    "device: [cpu]": "'device' must be one plain value",
    "set: [[1]]": "'set' must be a plain value or a list",
    "set: {a: 1}": "'set' must be",
    "[1, 2]": "must hold keys and values",
    "a: b: c": "is not valid YAML",
    "a: \x01": "is not valid YAML",
    "seed: many": "--seed",
    "offline: perhaps": "--offline",
}.items())
def test_what_is_wrong_in_the_file_is_wrong_usage(settings, yaml, words):
    done, seen = settings(yaml)
    assert done.exit_code == 2 and words in done.stderr and done.stdout == "" and not seen
    assert done.exception is None or isinstance(done.exception, SystemExit)


def test_no_file_an_empty_one_and_bytes_that_are_no_text(tmp_path):
    assert load_defaults(OPTIONS, read_own(tmp_path)) == {}
    (tmp_path / "gmner.yaml").write_bytes(b"")
    assert load_defaults(OPTIONS, read_own(tmp_path)) == {"predict": {}, "train-ner": {}, "recipes": {}}
    (tmp_path / "gmner.yaml").write_bytes(b"\xef\xbb\xbfdevice: cpu\r\npredict:\r\n")
    assert load_defaults(OPTIONS, read_own(tmp_path)) == {
        "predict": {"device": "cpu"}, "train-ner": {"device": "cpu"}, "recipes": {}
    }
    (tmp_path / "gmner.yaml").write_bytes(b"device: \xff\xfe")
    with pytest.raises(UsageError, match="is not valid YAML"):
        load_defaults(OPTIONS, read_own(tmp_path))


def test_a_section_wins_over_the_top_wherever_it_stands(tmp_path):
    for content in ("predict: {device: cuda}\ndevice: cpu\n", "device: cpu\npredict: {device: cuda}\n"):
        (tmp_path / "gmner.yaml").write_text(content)
        found = load_defaults(OPTIONS, read_own(tmp_path))
        assert (found["predict"]["device"], found["train-ner"]["device"]) == ("cuda", "cpu")


OWN = "somewhere.else:Model"


@pytest.mark.parametrize("yaml", [
    "recipe: mine.yaml",
    "predict: {recipe: ./mine.yaml}",
    "recipe: below.yaml",
    "recipe: file.yaml",
    "recipe: stage.yaml",
    f"set: [ner.model={OWN}]",
    f"set: 'model={OWN}'",
    f"predict: {{set: ['ner={{model: {OWN}}}']}}",
    "set: ['ner = {stage: gmner_cli.evil.py:X}']",
])
def test_the_file_cannot_name_code_to_run(settings, tmp_path, yaml):
    (tmp_path / "mine.yaml").write_text(f"extends: mini\nner: {{model: '{OWN}'}}\n")
    (tmp_path / "below.yaml").write_text("extends: mine.yaml\n")
    (tmp_path / "file.yaml").write_text("extends: mini\nner: {model: 'gmner_cli.evil.py:X'}\n")
    (tmp_path / "stage.yaml").write_text("extends: mini\nmore: {stage: 'gmner_cli_evil:X'}\n")
    done, seen = settings(yaml)
    assert done.exit_code == 2 and "./gmner.yaml: names code from outside gmner_cli" in done.stderr
    assert not seen


def test_what_the_user_types_is_not_for_the_file_to_refuse(settings, tmp_path, monkeypatch):
    monkeypatch.setattr("gmner_cli.flow.build.looks", lambda recipe: False)
    (tmp_path / "mine.yaml").write_text(f"extends: mini\nner: {{model: '{OWN}'}}\n")
    (tmp_path / "values.yaml").write_text("extends: mini\nner: {train: {epochs: 3}}\n")

    def model(*args, **options):
        done, seen = settings(*args, **options)
        assert done.exit_code == 0, done.stderr
        return seen["recipe"].values["ner"]["model"]

    assert model("seed: 1", "--recipe", "mine.yaml") == OWN
    assert model("recipe: mine.yaml", "--recipe", "mine.yaml") == OWN, "nor when it says the same"
    assert model("recipe: mine.yaml", env={"GMNER_RECIPE": "mine.yaml"}) == OWN
    assert model(f"set: [ner.model={OWN}]", "--set",
                 "ner.train.epochs=2") != OWN, "a flag took the place of it"
    assert model("recipe: values.yaml") != OWN, "values of one's own are no code"


def test_it_is_said_when_the_file_has_a_say(settings):
    line = "gmner predict: defaults from ./gmner.yaml\n"
    assert settings("seed: 1")[0].stderr.count(line) == 1
    for yaml, args in (("", []), ("train-ner: {seed: 1}", []), ("seed: 1", ["--seed",
                                                                            "2"]), ("seed: 1", ["--help"])):
        assert "gmner.yaml" not in settings(yaml, *args)[0].stderr


def test_resume_refuses_another_folder_of_pictures(settings, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    out = ["-o", str(tmp_path / "out.jsonl")]
    assert settings("", "--images", "one", *out)[0].exit_code == 0
    assert settings("", "--images", str(tmp_path / "one"), "--resume",
                    *out)[0].exit_code == 0, "the same, spelled otherwise"
    done, _ = settings("", "--images", "two", "--resume", *out)
    assert done.exit_code == 1 and f"images ('{tmp_path / 'one'}' -> '{tmp_path / 'two'}')" in done.stderr
