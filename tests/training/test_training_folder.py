"""-o DIR: only a model is ever replaced, by one training at a time."""

from __future__ import annotations

import fcntl
import json

import pytest


def test_a_model_is_replaced_by_a_new_one_with_the_files_of_its_own(training):
    assert training().code == 0
    assert "notes.txt" in training.run()["files"], "the model's own extra file"
    done = training("--seed", "2")
    assert done.code == 0, done.err
    assert training.run()["seed"] == 2


@pytest.mark.parametrize(
    "foreign", [{"config.json": '{"model_type": "bert"}', "pytorch_model.bin": "x"}, {"config.json": "{}"},
                {"config.json": "no JSON"}, {"thesis.tex": "years of work"}, {"README.md": "mine"}])
def test_a_foreign_folder_is_left_alone(training, foreign):
    training.out.mkdir()
    for name, text in foreign.items():
        (training.out / name).write_text(text)
    done = training()
    assert done.code == 2 and next(iter(foreign)) in done.err and not done.epochs
    assert {p.name: p.read_text() for p in training.out.iterdir()} == foreign


def test_a_model_folder_with_somebodys_file_in_it_is_left_alone(training):
    training()
    (training.out / "thesis.tex").write_text("years of work")
    done = training("--seed", "2")
    assert done.code == 2 and "thesis.tex" in done.err
    assert training.run()["seed"] == 0


def test_a_file_put_there_while_training_is_not_deleted(training, monkeypatch):
    from gmner_cli.training import runs

    training()

    def fit(*args, real=runs.fit, **kwargs):
        (training.out / "thesis.tex").write_text("years of work")
        return real(*args, **kwargs)

    monkeypatch.setattr(runs, "fit", fit)
    assert training("--seed", "2").code == 2
    assert (training.out / "thesis.tex").exists()
    (training.out / "thesis.tex").unlink()
    done = training("--seed", "2", "--resume")
    assert done.code == 0 and not done.epochs and training.run()["seed"] == 2


def test_a_file_or_a_folder_of_the_users_in_the_place_of_ours_is_left_alone(training):
    training.out.write_text("a file")
    assert training().code == 2
    training.out.unlink()
    partial = training.folder / "out.partial"
    partial.mkdir()
    (partial / "draft.txt").write_text("mine")
    for options in ((), ("--resume",)):
        done = training(*options)
        assert done.code == 2 and str(partial) in done.err
    assert (partial / "draft.txt").exists()


def test_what_a_folder_is_called_does_not_make_it_ours(training):
    """People name backups like this; a swap that was killed is found by another name."""
    backup = training.folder / "out.old-12"
    training()
    training.out.rename(backup)
    assert training("--seed", "2").code == 0
    assert json.loads((backup / "run.json").read_text())["seed"] == 0


def test_two_trainings_cannot_write_one_model(training):
    with open(training.folder / "out.lock", "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        done = training()
        assert done.code == 1 and "another training" in done.err
    assert training().code == 0
    assert not (training.folder / "out.lock").exists()


def test_a_file_of_the_users_that_is_called_like_our_lock_is_left_alone(training):
    """Also where it is what is read: the lock is removed at the end."""
    lock = training.folder / "out.lock"
    train = (training.folder / "train.jsonl").read_bytes()
    lock.write_bytes(train)
    for options in ({"train": lock}, {}):
        done = training(**options)
        assert done.code == 2 and str(lock) in done.err and lock.read_bytes() == train
    lock.unlink()
    lock.symlink_to("train.jsonl")
    assert training().code == 2 and lock.is_symlink()
    lock.unlink()
    lock.touch()  # what a kill leaves
    assert training().code == 0 and not lock.exists()


def test_what_is_read_is_not_in_a_folder_that_the_training_removes(training):
    training()
    training("--seed", "2")
    kept = (training.before / "run.json").read_bytes()
    done = training("--seed", "3", "--init", training.before)
    assert done.code == 2 and "out.before" in done.err and (training.before / "run.json").read_bytes() == kept
    training.kill_after(1)
    training("--seed", "3")
    work = training.folder / "out.partial"
    (work / "more.jsonl").write_bytes((training.folder / "train.jsonl").read_bytes())
    for options in ({"train": work / "more.jsonl"}, {}):
        assert training("--seed", "4", *(() if options else ("--init", work)), **options).code == 2
    assert (work / "more.jsonl").exists() and training.run()["seed"] == 2
    training.before.rename(training.folder / "kept")
    assert training("--seed", "5", "--init", training.folder / "kept").code == 0


def test_a_link_to_a_folder_stays_a_link(training):
    training.out.symlink_to(training.folder / "disk", target_is_directory=True)
    assert training().code == 0
    assert training("--seed", "2").code == 0
    assert training.out.is_symlink() and training.run()["seed"] == 2
