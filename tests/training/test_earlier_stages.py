"""The stages that run before a model in training: what they see, what is kept of them, and what a resumed
training makes again."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from gmner_cli.classes.class_paths import new_model
from gmner_cli.weights.model_folder import save_model
from tests.conftest import read_jsonl, write_jsonl

EVERY = ["dev0", "dev1", "train0", "train1", "train2", "train3"]


@pytest.fixture
def run(tmp_path):
    """``run(*options, **sections)``: ``gmner train-ner`` (``train``, ``model``) on four posts with the stages
    of tests.training.makers."""
    from typer.testing import CliRunner

    from gmner_cli.app import build

    gold = {"start": 0, "end": 3, "type": "PER", "boxes": [[0, 0, 2, 2]], "groundable": 1.0, "own": 7,
            "masks": [{"size": [2, 2], "counts": "04"}]}
    other = {"start": 7, "end": 11, "type": "LOC", "boxes": []}
    for name, count in (("train", 4), ("dev", 2)):
        write_jsonl(tmp_path / f"{name}.jsonl", [
            {"id": f"{name}{n}", "text": "Ada in Rome", "note": "n", "entities": [gold, other]}
            for n in range(count)])
    log, out = tmp_path / "log", tmp_path / "out"

    def call(*options, train="ner", model="Reader", code=0, extra=None, **sections):
        recipe = {"name": "made", "stages": [*sections, train], **{
            name: stage(call, value) if isinstance(value, str) else value
            for name, value in sections.items()}, train: {
                "model": f"tests.training.makers:{model}", "settings": {"log": str(tmp_path / "read")},
                "train": {"epochs": 3, "batch_size": 2, "lr": 0.1, **(extra or {})}}}
        (tmp_path / "made.yaml").write_text(yaml.safe_dump(recipe))
        done = CliRunner().invoke(build(), [
            f"train-{train}", str(tmp_path / "train.jsonl"), "--dev", str(tmp_path / "dev.jsonl"),
            "-o", str(out), "--recipe", str(tmp_path / "made.yaml"), "--device", "cpu", "--threads", "1",
            *map(str, options)])
        assert done.exit_code == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    call.out, call.log, call.folder = out, log, tmp_path
    call.asked = lambda: log.read_text().splitlines() if log.exists() else []
    call.killed = lambda *options, **rest: in_child(lambda: call(*options, **rest))
    return call


def in_child(work) -> int:
    """The signal that ends a forked child which does ``work``."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


def stage(run, kind="Proposer", **settings):
    return {"stage": f"tests.training.makers:{kind}", "settings": {"log": str(run.log), **settings}}


def facts(run):
    return json.loads((run.out / "config.json").read_text())["facts"]["labels"]


def test_what_the_model_reads_is_made_in_training_as_in_prediction(run):
    run(propose=stage(run, label="dog"))
    assert facts(run) == ["", "dog"]
    assert sorted(line.split()[0] for line in run.asked()) == EVERY
    assert not (run.out / "made").exists()
    assert "made" not in json.loads((run.out / "run.json").read_text())["files"]


@pytest.mark.parametrize(("section", "model", "seen"), [
    ("ner", "Reader", "no entities"), ("vg", "BoxReader", "0 1.0 None None;7 None None None")])
def test_stages_do_not_see_what_the_trained_model_is_to_find(run, section, model, seen):
    run(train=section, model=model, propose="Proposer")
    assert {line.partition(" ")[2] for line in run.asked()} == {seen}


def test_gold_comes_back_by_entity_in_all_versions_and_in_any_order(run):
    run(train="vg", model="BoxReader", shades={"stage": "tests.training.makers:Twice"}, extra={"epochs": 1})
    lines = set((run.folder / "read").read_text().splitlines())
    box = "[(0.0, 0.0, 2.0, 2.0)] 1.0"
    assert lines == {f"0 {box} light 7 n", f"0 {box} dark 7 n", "7 [] None light None n",
                     "7 [] None dark None n"}


def test_what_finds_anything_of_gold_is_left_out(run):
    run(propose="Masker")
    assert run.asked() == [] and facts(run) == [""]


def test_what_a_post_brings_is_kept_and_not_made_again(run):
    posts = read_jsonl((run.folder / "train.jsonl").read_text())
    posts[1]["proposals"] = [{"box": [0, 0, 1, 1], "label": "brought"}]
    posts[2]["proposals"] = []
    write_jsonl(run.folder / "train.jsonl", posts)
    run(propose="Proposer")
    assert "brought" in facts(run)
    assert [line.split()[0] for line in run.asked()] == ["train0", "train3", "dev0", "dev1"]


def test_an_own_field_that_some_entities_bring_is_kept_in_those(run):
    posts = read_jsonl((run.folder / "train.jsonl").read_text())
    for post in posts:
        post["entities"][0]["shade"] = "mine"
    write_jsonl(run.folder / "train.jsonl", posts)
    run(train="vg", model="BoxReader", shades={"stage": "tests.training.makers:Twice"}, extra={"epochs": 1})
    read = (run.folder / "read").read_text()
    assert " mine " in read and "0 [(0.0, 0.0, 2.0, 2.0)] 1.0 light" not in read and "7 [] None light" in read


def test_a_model_with_weights_runs_before_and_draws_no_random_numbers_of_the_training(run):
    model = new_model("tests.training.makers:Captions", {}, [], recipe="made", offline=True)
    save_model(model, run.folder / "captions")
    section = {"model": "tests.training.makers:Captions", "weights": str(run.folder / "captions")}
    run(caption=section, propose="Proposer")
    assert facts(run) == ["Ada in Rome, 0.0", "thing"]
    weights = (run.out / "model.safetensors").read_bytes()
    run(propose="Proposer")
    assert (run.out / "model.safetensors").read_bytes() == weights
    sections = {"caption": section, "propose": stage(run, kill="train2")}
    run.killed(**sections)
    torch.nn.init.ones_(model.weight)
    save_model(model, run.folder / "captions")
    assert "(caption.weights has changed)" in run("--resume", **sections, code=1)
    run(**sections)
    assert facts(run) == ["Ada in Rome, 1.0", "thing"]


def test_a_training_killed_within_a_stage_makes_nothing_again_and_ends_as_an_unbroken_one(run):
    assert run.killed(propose=stage(run, kill="train3")) == signal.SIGKILL
    made = run.folder / "out.partial" / "made" / "train.propose.jsonl"
    before = run.asked()
    assert len(made.read_text().splitlines()) == 1 + 3 and len(before) == 3
    with open(made, "ab") as file:  # a line that the kill tore
        file.write(b'{"id": "train3", "key": "')
    told = run("--resume", propose=stage(run, kill="train3"))
    assert "stage propose runs for 1 train posts, 3 were made before" in told
    assert sorted(line.split()[0] for line in run.asked()) == EVERY
    broken = (run.out / "model.safetensors").read_bytes()
    run(propose=stage(run, kill="train3"))
    assert (run.out / "model.safetensors").read_bytes() == broken


def test_a_training_killed_in_its_epochs_makes_nothing_again(run, monkeypatch):
    from gmner_cli.training import loop

    def killed():
        monkeypatch.setattr(loop, "_one_epoch", lambda *args: os.kill(os.getpid(), signal.SIGKILL))
        run(propose="Proposer")

    assert in_child(killed) == signal.SIGKILL
    before = run.asked()
    run("--resume", propose="Proposer")
    assert run.asked() == before and len(before) == 6


def test_other_settings_weights_or_code_of_a_stage_are_refused(run, monkeypatch):
    from gmner_cli.training import earlier_stages

    weights = run.folder / "net.onnx"
    weights.write_text("a")
    section = stage(run, kill="train3", source=str(weights))
    run.killed(propose=section)
    assert "propose.settings.label: none then, x now" in run(
        "--resume", propose=stage(run, kill="train3", source=str(weights), label="x"), code=1)
    weights.write_text("b")
    assert "(propose.files.source has changed)" in run("--resume", propose=section, code=1)
    weights.write_text("a")
    with monkeypatch.context() as edited:
        edited.setattr(earlier_stages, "digests", lambda path: {"own.py": "changed"})
        assert "(propose.code." in run("--resume", propose=section, code=1)
    told = run(propose=section)
    assert "discarded" in told and [line.split()[0] for line in run.asked()].count("train0") == 2


def test_other_settings_of_a_model_that_runs_before_are_refused_and_how_it_is_trained_is_nothing(run):
    save_model(new_model("tests.training.makers:Captions", {}, [], recipe="made", offline=True),
               run.folder / "captions")
    caption = {"model": "tests.training.makers:Captions", "weights": str(run.folder / "captions")}
    propose = stage(run, kill="train2")
    run.killed(caption=caption, propose=propose)
    told = run("--resume", caption={**caption, "batch_size": 2, "settings": {"log": "x"}}, propose=propose,
               code=1)
    assert 'caption.batch_size: 16 then, 2 now, caption.settings.log: "" then, x now' in told
    run("--resume", caption={**caption, "train": {"epochs": 9}}, propose=propose)


def test_stored_results_of_another_input_are_not_used(tmp_path):
    from gmner_cli.records import Post
    from gmner_cli.training.made import Made, changed, changes_to, key_of

    post, other = Post(id="1", text="a"), Post(id="1", text="b")
    made = Made(tmp_path, "train", "a/b", "x")
    made.begin(["caption"])
    after = Post(id="1", text="a", caption="c", extra={"own": [0.1]})
    made.add([{"id": "1", "key": key_of(post), "made": [changes_to(post, after)]}])
    made.close()
    again = Made(tmp_path, "train", "a/b", "x")
    assert changed(post, again.lines[key_of(post)]["made"][0]) == after and key_of(other) not in again.lines
    again.close()
    assert Made(tmp_path, "train", "a/b", "y").lines == {}


def test_a_post_on_which_a_stage_fails_is_set_aside_and_counted(run):
    told = run(propose=stage(run, fail="train1"))
    assert "post train1: stage propose: unexpected ValueError: nothing to see" in told
    assert "1 of 4 train posts are left out" in told and "3 posts to train on, 2 to choose by" in told
    assert json.loads((run.out / "run.json").read_text())["set_aside"] == {"train": 1, "dev": 0}


def test_a_stage_that_always_fails_ends_the_training_and_so_does_one_that_makes_entities(run):
    told = run(propose=stage(run, fail="dev"), code=1)
    assert "nothing to see" in told
    told = run(train="vg", model="BoxReader", propose="Thief", code=1)
    assert "stage propose: it gives an entity at 0..1 of type 'PER', which the post has not" in told


@pytest.mark.parametrize(("label", "given"), [("none", 0), ("one", 1), ("twice", 4)])
def test_a_stage_neither_takes_gold_entities_away_nor_doubles_them(run, label, given):
    told = run(train="vg", model="BoxReader", propose=stage(run, "Loser", label=label))
    assert f"post dev1: stage propose: it gives {given} entities, and the post has 2" in told
    assert "1 posts to train on, 1 to choose by" in told


@pytest.mark.parametrize(("epoch", "posts"), [(0, 4), (1, 3)])
def test_a_failed_post_is_tried_again_until_the_model_has_learnt_from_others(run, monkeypatch, epoch, posts):
    from gmner_cli.training import loop
    from tests.training import makers

    def killed():
        real, name = (loop.save_checkpoint, "save_checkpoint") if epoch else (loop._one_epoch, "_one_epoch")

        def step(*args):
            if epoch:
                real(*args)
            os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr(loop, name, step)
        run(propose=stage(run, fail="train1"))

    assert in_child(killed) == signal.SIGKILL
    mended = property(lambda self: "", lambda self, value: None)
    monkeypatch.setattr(makers.Proposer, "fail", mended, raising=False)
    assert f"{posts} posts to train on" in run("--resume", propose=stage(run, fail="train1"))


def test_stages_that_look_get_pictures_and_only_the_posts_that_they_are_given_need_one(run):
    posts, dev = (read_jsonl((run.folder / f"{name}.jsonl").read_text()) for name in ("train", "dev"))
    for post in posts:
        post["image"] = f"{post['id']}.png"
    posts[0]["proposals"] = []
    write_jsonl(run.folder / "train.jsonl", posts)
    write_jsonl(run.folder / "dev.jsonl", [{**post, "proposals": []} for post in dev])
    for post in posts[1:3]:
        Image.new("RGB", (8, 6), "red").save(run.folder / post["image"])
    told = run(propose="Looker", code=1)
    assert "1 of 6 posts have a picture that cannot be read" in told and "train3.png" in told
    run("--on-missing-image", "skip", propose="Looker")
    assert facts(run) == ["", "(8, 6)"]
    assert [line.split()[0] for line in run.asked()] == ["train1", "train2"]


def test_a_dev_picture_that_a_stage_looked_at_is_not_another_when_resumed(run):
    for name in ("train", "dev"):
        posts = read_jsonl((run.folder / f"{name}.jsonl").read_text())
        write_jsonl(run.folder / f"{name}.jsonl", [{**post, "image": f"{name}.png"} for post in posts])
        Image.new("RGB", (8, 6), "red").save(run.folder / f"{name}.png")
    run(propose="Looker")
    Image.new("RGB", (8, 6), "blue").save(run.folder / "dev.png")
    assert "(pictures.dev: not what they were)" in run("--resume", propose="Looker", code=1)


def test_a_stage_that_cannot_be_made_costs_no_interrupted_training(run):
    run.killed(propose=stage(run, kill="train3"))
    made = (run.folder / "out.partial" / "made" / "train.propose.jsonl").read_bytes()
    untrained = {"model": "tests.training.makers:Captions"}
    assert "comes untrained" in run(caption=untrained, code=2)
    assert (run.folder / "out.partial" / "made" / "train.propose.jsonl").read_bytes() == made


def test_a_finished_model_is_trained_on_with_what_is_made_anew(run):
    run(propose="Proposer")
    assert "already finished" in run("--resume", propose="Proposer") and len(run.asked()) == 6
    assert run.killed("--resume", "--set", "epochs=4", propose="Proposer") == 0
    assert len(json.loads((run.out / "run.json").read_text())["epochs"]) == 4
    assert Path(run.out.with_name("out.before")).is_dir()
