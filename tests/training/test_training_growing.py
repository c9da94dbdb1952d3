"""--resume with more epochs: a killed training and a finished one."""

from __future__ import annotations

import json
import shutil

from gmner_cli.weights.model_folder import load_model
from tests.training.point import Killed


def weight(folder) -> float:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")["weight"].item()


def test_a_killed_training_may_be_given_more_epochs(training):
    training.kill_after(1)
    training()
    done = training("--resume", "--set", "epochs=5")
    assert done.code == 0 and len(done.epochs) == 4 and "5 epochs instead of 3" in done.err
    run = training.run()
    assert [row["epoch"]
            for row in run["epochs"]] == [1, 2, 3, 4, 5] and run["recipe"]["ner"]["train"]["epochs"] == 5
    assert run["seed"] == 0 and run["best_epoch"] == 5 and "continued" not in run
    done = training("--resume", "--set", "epochs=5")
    assert done.code == 0 and "already finished" in done.err


def test_a_finished_model_is_trained_on_from_its_best_weights(training):
    training()
    first = training.run()
    done = training("--resume", "--set", "epochs=5")
    assert done.code == 0 and len(done.epochs) == 2, done.err
    assert "fresh optimiser" in done.err and "finished after 3 epochs" in done.err
    run = training.run()
    assert run["epochs"][:3] == first["epochs"] and len(
        run["epochs"]) == 5 and run["continued"] == {"after": 3, "from_epoch": 3}
    assert run["best_score"] > first["best_score"] and weight(training.out) > weight(training.before)
    assert training.run(training.before) == first
    assert not (training.out / "resume.safetensors").exists()


def test_where_no_later_epoch_is_better_the_old_best_stays(training, monkeypatch):
    training()
    first, before = training.run(), weight(training.out)
    from tests.training.point import Point

    monkeypatch.setattr(Point, "evaluate", lambda self, predicted, gold: {"f1": 0.0, "posts": 1, "seen": 0})
    assert training("--resume", "--set", "epochs=5").code == 0
    run = training.run()
    assert (run["best_epoch"], run["best_score"]) == (first["best_epoch"], first["best_score"]) and weight(
        training.out) == before
    load_model(training.out, wanted="tests.training.point:Point")


def test_training_on_that_is_killed_goes_on(training, monkeypatch):
    from gmner_cli.training import going_on

    training()
    with monkeypatch.context() as end:  # before its first checkpoint
        end.setattr(going_on, "save_checkpoint", lambda *a: (_ for _ in ()).throw(Killed))
        assert training("--resume", "--set", "epochs=6").code == "killed"
    training.kill_after(4)
    assert training("--resume", "--set", "epochs=6").code == "killed"
    done = training("--resume", "--set", "epochs=6")
    assert done.code == 0 and [line.split()[1] for line in done.epochs] == ["5", "6"]
    assert training.run()["continued"]["after"] == 3 and len(training.run()["epochs"]) == 6


def test_a_finished_model_with_another_value_is_left_as_it_is(training):
    training()
    run = training.run()
    done = training("--resume", "--set", "epochs=5", "--set", "lr=0.2")
    assert done.code == 1 and "ner.train.lr: 0.1 then, 0.2 now" in done.err
    assert "epochs" not in done.err.split("hint")[0]
    done = training("--resume", "--set", "epochs=2")
    assert done.code == 1 and "ner.train.epochs: 3 then, 2 now" in done.err
    assert training.run() == run and not training.before.exists()


def test_more_epochs_do_not_move_a_model_that_patience_stopped(training, monkeypatch):
    from tests.training.point import Point

    monkeypatch.setattr(Point, "evaluate", lambda self, predicted, gold: {"f1": 1.0, "posts": 1, "seen": 0})
    assert len(training("--set", "ner.train.patience=1").epochs) == 2
    done = training("--resume", "--set", "ner.train.patience=1", "--set", "epochs=9")
    assert done.code == 0 and not done.epochs and "patience=1" in done.err and not training.before.exists()


def test_more_epochs_over_a_finished_work_that_was_not_yet_in_place(training, monkeypatch):
    from gmner_cli.training import runs

    with monkeypatch.context() as end:
        end.setattr(runs, "put_in_place", lambda *a: (_ for _ in ()).throw(Killed))
        assert training().code == "killed"
    done = training("--resume", "--set", "epochs=4")
    assert done.code == 0 and [line.split()[1] for line in done.epochs] == ["4"], done.err
    assert len(training.run()["epochs"]) == 4 and len(training.run(training.before)["epochs"]) == 3


def test_the_recipe_s_words_may_change(training):
    training.kill_after(1)
    training()
    recipe = training.folder / "Point.yaml"
    recipe.write_text(json.dumps({**json.loads(recipe.read_text()), "about": "said better"}))
    assert training("--resume").code == 0


def test_without_resume_more_epochs_begin_at_the_first(training):
    training()
    shutil.rmtree(training.out)
    training("--set", "epochs=2")
    assert len(training("--set", "epochs=4").epochs) == 4
