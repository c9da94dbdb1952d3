"""--resume: what it goes on with, what it refuses, and that a finished training stays as it is."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import write_jsonl
from tests.training.point import Killed, post


def test_a_killed_training_goes_on_after_its_last_epoch(training):
    training.kill_after(1)
    assert training().code == "killed"
    done = training("--resume")
    assert done.code == 0 and len(done.epochs) == 2
    assert [row["epoch"] for row in training.run()["epochs"]] == [1, 2, 3]


@pytest.mark.parametrize(("options", "named"), [
    (["--label-map", "PER=HUMAN"], "--label-map"), (["--limit", "2"], "--limit"), (["--seed", "5"], "seed"),
    (["--set", "lr=0.2"], "recipe")])
def test_another_option_is_refused(training, options, named):
    training.kill_after(1)
    training()
    done = training("--resume", *options)
    assert done.code == 1 and f"another {named}" in done.err


@pytest.mark.parametrize(("options", "named"),
                         [(["--label-map", "PER=HUMAN"], "(PER: none then, HUMAN now)"),
                          (["--limit", "2"], "--limit (none then, 2 now)"),
                          (["--seed", "5"], "seed (0 then, 5 now)"),
                          (["--set", "lr=0.2", "--set", "ner.train.clip=2"
                            ], "(ner.train.lr: 0.1 then, 0.2 now, ner.train.clip: 1.0 then, 2 now)"),
                          (["--set", "epochs=2"], "ner.train.epochs: 3 then, 2 now"),
                          (["--dev", "train.jsonl"], "dev.jsonl then,")])
def test_what_differs_is_named_with_its_value_then_and_now(training, monkeypatch, options, named):
    monkeypatch.chdir(training.folder)
    training.kill_after(1)
    training()
    done = training("--resume", *options)
    assert done.code == 1 and named in done.err and "old values" in done.err
    assert training("--resume").code == 0


def test_a_changed_file_is_named(training):
    training.kill_after(1)
    training()
    write_jsonl(training.folder / "train.jsonl", [post("new")])
    (training.folder / "base.txt").write_text("other " * 100)
    done = training("--resume")
    assert "train.jsonl has changed" in done.err and "(base: weights then, other " in done.err and len(
        done.err) < 900


@pytest.mark.parametrize("options", [["--images", "other"], ["--on-missing-image", "text-only"]])
def test_other_pictures_are_refused_where_the_model_looks(training, options):
    for folder, colour in (("images", "red"), ("other", "blue")):
        (training.folder / folder).mkdir()
        Image.new("RGB", (4, 4), colour).save(training.folder / folder / "a.png")
    write_jsonl(training.folder / "train.jsonl", [post("t0", image="a.png")])
    options = [training.folder / "other" if word == "other" else word for word in options]
    training.kill_after(1)
    training(model="Seer")
    done = training("--resume", *options, model="Seer")
    assert done.code == 1 and f"another {options[0]}" in done.err


def test_other_pictures_do_not_matter_to_a_model_that_reads_text(training):
    training.kill_after(1)
    training()
    assert training("--resume", "--images", training.folder).code == 0


def test_other_base_weights_are_refused(training):
    training.kill_after(1)
    training()
    (training.folder / "base.txt").write_text("other weights")
    done = training("--resume")
    assert done.code == 1 and "base weights" in done.err


def test_a_pipe_counts_by_what_came_out_of_it(training, monkeypatch):
    def piped(text: bytes, *options):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        return training(*options, train="-")

    lines = (training.folder / "train.jsonl").read_bytes()
    training.kill_after(1)
    piped(lines)
    done = piped(lines.replace(b"Ada", b"Bob"), "--resume")
    assert done.code == 1 and "another training data" in done.err
    assert piped(lines, "--resume").code == 0


def test_one_stdin_cannot_be_both_files(training, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    done = training("--dev", "-", train="-")
    assert done.code == 2 and "both" in done.err


def test_rows_of_all_epochs_are_there_after_kills_between_checkpoint_and_row(training):
    training.kill_after(1)
    training()
    training.kill_after(2)
    assert training("--resume").code == "killed"
    training.kill_after(3)
    assert training("--resume").code == "killed"
    rows = json.loads((training.folder / "out.partial" / "run.json").read_text())["epochs"]
    assert [row["epoch"] for row in rows] == [1, 2]


def test_a_finished_training_is_not_repeated(training):
    assert training().code == 0
    before = (training.out / "model.safetensors").stat()
    done = training("--resume")
    assert done.code == 0 and "already finished" in done.err and not done.epochs
    assert (training.out / "model.safetensors").stat() == before
    other = training("--resume", "--set", "lr=0.2")
    assert other.code == 1 and "another recipe" in other.err and (training.out /
                                                                  "model.safetensors").stat() == before
    assert len(training("--set", "lr=0.2").epochs) == 3, "without --resume it is trained again"


@pytest.mark.parametrize("old_model", [False, True])
@pytest.mark.parametrize("step", range(5))
def test_a_kill_while_the_folder_is_put_in_place_costs_no_training(training, monkeypatch, step, old_model):
    """Killed before or after each change to the disk once all epochs are done; then --resume."""
    from gmner_cli.training import folder, runs

    if old_model:
        assert training("--seed", "9").code == 0
    changes = iter(range(100))

    def kill_at_step(real):
        def change(*args, **kwargs):
            if next(changes) == step:
                raise Killed
            return real(*args, **kwargs)
        return change

    def placing(work, out, real=runs.put_in_place):
        with monkeypatch.context() as disk:
            for module, name in ((Path, "unlink"), (os, "rename"), (shutil, "rmtree"), (folder,
                                                                                        "_exchanged")):
                disk.setattr(module, name, kill_at_step(getattr(module, name)))
            real(work, out)

    with monkeypatch.context() as end:
        end.setattr(runs, "put_in_place", placing)
        killed = training()
    assert len(killed.epochs) == 3
    assert killed.code == ("killed" if step < 4 + old_model else 0)
    done = training("--resume")
    assert done.code == 0 and not done.epochs, done.err
    assert training.run()["seed"] == 0 and training.run()["finished"]
    assert {p.name
            for p in training.folder.iterdir()
            if "out" in p.name} == {"out", *(["out.before"] if old_model else [])}
    assert not (training.out / "resume.safetensors").exists()


def test_other_data_is_refused(training):
    training.kill_after(1)
    training()
    write_jsonl(training.folder / "dev.jsonl", [post("new")])
    done = training("--resume")
    assert done.code == 1 and "another dev data" in done.err
