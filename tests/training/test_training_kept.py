"""Training over a finished model: it is kept in OUT.before, both scores are said, and nothing is lost at any
kill."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gmner_cli.weights.model_folder import load_model
from tests.conftest import ROOT, write_jsonl
from tests.training.point import Point, post


def test_the_model_that_was_there_is_kept_and_both_scores_are_in_one_line(training):
    training("--set", "lr=0.2")
    better = training.run()
    done = training("--set", "lr=0.01")
    assert done.code == 0
    line = next(line for line in done.err.splitlines() if "that was there" in line)
    assert f"dev f1 {training.run()['best_score']:.2f}" in line
    assert f"{better['best_score']:.2f}" in line and str(training.before) in line
    assert training.run()["best_score"] < better["best_score"] and training.run(training.before) == better
    load_model(training.before, wanted="tests.training.point:Point")
    training("--set", "lr=0.05")
    assert training.run(training.before)["recipe"]["ner"]["train"]["lr"] == 0.01, "the last one only"
    assert {p.name for p in training.folder.iterdir() if "out" in p.name} == {"out", "out.before"}


def test_a_first_model_replaces_nothing(training):
    training.out.mkdir()
    done = training()
    assert done.code == 0 and "was there" not in done.err and not training.before.exists()


def test_scores_on_other_dev_posts_and_by_another_metric_are_not_passed_off_as_the_same(
        training, monkeypatch):
    training()
    write_jsonl(training.folder / "dev.jsonl", [post("other")])
    monkeypatch.setattr(Point, "metric", "seen")
    done = training()
    assert "dev seen 0.00, the model that was there had f1 " in done.err
    assert "on other dev posts; it is kept" in done.err


def test_a_model_without_a_manifest_is_kept_too(training):
    training()
    (training.out / "run.json").unlink()
    (training.out / "notes.txt").unlink()
    done = training("--seed", "2")
    assert done.code == 0 and f"the model that was there is kept in {training.before}" in done.err
    load_model(training.before, wanted="tests.training.point:Point")


@pytest.mark.parametrize("kind", ["folder", "file", "link", "file in it"])
def test_somebody_s_own_in_the_place_of_the_kept_model_is_refused_before_training(training, kind):
    training()
    mine = training.folder / "mine"
    mine.mkdir()
    if kind == "file in it":
        training("--seed", "1")
        (training.before / "thesis.tex").write_text("years")
    elif kind == "folder":
        training.before.mkdir()
        (training.before / "thesis.tex").write_text("years")
    elif kind == "file":
        training.before.write_text("years")
    else:
        training.before.symlink_to(mine, target_is_directory=True)
    seed = training.run()["seed"]
    done = training("--seed", "2")
    assert done.code == 2 and not done.epochs and str(training.before) in done.err
    assert training.run()["seed"] == seed and os.path.lexists(training.before)


def test_the_old_model_stays_when_all_dev_scores_are_no_numbers(training, monkeypatch):
    training()
    monkeypatch.setattr(Point, "evaluate", lambda self, predicted, gold: {"f1": float("nan")})
    done = training("--seed", "2")
    assert done.code == 1 and "number" in done.err and training.run()["seed"] == 0


def test_killed_by_sigkill_old_or_new_is_in_place_and_nothing_stays_behind(training):
    files = [training.folder / name for name in ("Point.yaml", "train.jsonl", "dev.jsonl", "kills")]
    done = subprocess.run([sys.executable, "-m", "tests.training.sigkill", *map(str, files), "some"],
                          capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
                          cwd=ROOT, timeout=300, check=False)
    states = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and len(states) > 20, done.stderr
    torn = 0
    for state in states:
        assert state["out"] in (0, 1) or (state["steps"] and ".out.replaced" in state["left"]), state
        assert state["out"] == 0 or state["before"] == 0 or state["left"], state  # the old one is somewhere
        assert state["resumed"] == 0 and (state["out_then"], state["before_then"]) == (1, 0), state
        assert state["left_then"] == ["out", "out.before"], state
        torn += any(name.endswith(".tmp") for name in state["left"])
    assert torn, "some kill leaves a torn file"


def test_torn_files_of_several_kills_do_not_pile_up(training):
    training.kill_after(1)
    training()
    torn = training.folder / "out.partial" / ".model.safetensors.123.tmp"
    torn.write_bytes(b"half")
    (training.folder / ".out.abc.probe").mkdir()
    training.kill_after(2)
    assert training("--resume").code == "killed"
    assert not torn.exists() and not (training.folder / ".out.abc.probe").exists() and (
        training.folder / "out.partial" / "model.safetensors").exists()


def _empty_mount() -> Path | None:
    lines = Path("/proc/self/mountinfo").read_text().splitlines() if Path(
        "/proc/self/mountinfo").exists() else []
    folders = [Path(line.split()[4]) for line in lines]
    return next(
        (f for f in folders
         if f.is_dir() and os.path.ismount(f) and f.name and os.access(f, os.R_OK) and not os.listdir(f)),
        None)


def test_a_mount_point_is_refused_before_training(training):
    mount = _empty_mount()
    if mount is None:
        pytest.skip("no empty mount point here")
    done = training("-o", mount)
    assert done.code == 2 and not done.epochs and "mount point" in done.err and str(
        mount / "model") in done.err


@pytest.mark.parametrize("code", [errno.EBUSY, errno.EXDEV, errno.EACCES])
def test_what_could_not_be_renamed_in_the_end_is_refused_before_training(training, monkeypatch, code):
    """As for a bind mount (busy, on the same device), a layer of a container (another device), a sticky
    folder of others."""
    training()
    real = os.rename

    def rename(source, target, **more):
        if Path(source) == training.out:
            raise OSError(code, os.strerror(code))
        return real(source, target, **more)

    monkeypatch.setattr(os, "rename", rename)
    done = training("--seed", "2")
    assert done.code == 2 and not done.epochs and str(training.out / "model") in done.err
    assert training.run()["seed"] == 0 and {p.name for p in training.folder.iterdir() if "out" in p.name
                                            } == {"out"}


@pytest.mark.parametrize("out", ["/proc/model", "train.jsonl/model"])
def test_a_place_that_cannot_be_written_is_refused_before_training(training, out):
    done = training("-o", out if out[0] == "/" else training.folder / out)
    assert done.code == 2 and not done.epochs and out in done.err and "-o" in done.err
