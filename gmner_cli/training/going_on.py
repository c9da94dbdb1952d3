"""What ``--resume`` finds and how it goes on, and how a finished model compares to the one it replaces.

The number of epochs may grow. A killed training then goes on from its checkpoint, with the learning rate that
the schedule of the larger number gives from there on (it may rise again). A finished training has no
checkpoint any more: it goes on from the weights of its best epoch with a fresh optimiser. Neither ends where
an unbroken training of that many epochs would.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gmner_cli import sections
from gmner_cli.classes.shipped import is_shipped
from gmner_cli.errors import GmnerError
from gmner_cli.model import Model, WeightSource
from gmner_cli.training import folder, manifest
from gmner_cli.training.dev_loss import shown
from gmner_cli.training.loop import History, out_of_patience
from gmner_cli.training.resume_state import read_progress, resumable_tensors, save_checkpoint
from gmner_cli.training.settings import TrainSettings
from gmner_cli.weights.model_folder import WEIGHTS, read_tensors, save_model

CONTINUED = "continued"
"""In run.json: after how many epochs a finished training was taken up again, and whose weights it went on
from."""


@dataclass(frozen=True)
class Earlier:
    """The training that a resumed one goes on from, if there is one."""

    run: dict[str, Any] | None = None
    """Its manifest."""
    where: Path = Path()
    history: History | None = None
    """All that there is to say, when nothing is left to do."""
    finished: dict[str, Any] | None = None
    """The manifest of a finished model that is to be trained for more epochs."""

    def refuse_changes(self, about: dict[str, Any]) -> None:
        """Raise GmnerError, naming every value, when ``about`` is another training than this one, but for
        more epochs."""
        if self.run is None:
            return
        epochs = _epochs_key(about)
        if changed := manifest.changes(self.run, about, growing=[epochs]):
            raise GmnerError(f"was started with another {' and '.join(changed)}", where=str(self.where),
                             hint="train without --resume to start again, or with the old values; of them "
                                  f"only {epochs} may grow")


NOTHING = Earlier()


def as_begun(model: Model, run: dict[str, Any], offline: bool) -> Model:
    """``model`` for a training that goes on from ``run``, its manifest.

    Where that was begun before some of the ``facts`` were learnt, they are what the model takes them for in a
    checkpoint that lacks them.
    """
    then, now = run.get("facts"), json.loads(json.dumps(model.facts))
    if (not isinstance(then, dict) or not is_shipped(type(model).__module__) or not then.keys() < now.keys()
            or any(now[name] != value for name, value in then.items())):
        return model
    begun = type(model)(model.config, dict(then), WeightSource(offline=offline))
    begun.origin = model.origin
    return begun


def look_back(work: Path, out: Path, about: dict[str, Any], settings: TrainSettings,
              tell: Callable[[str], Any], place: Callable[[], Any]) -> Earlier:
    """What was done of the training ``about``; ``place`` is called for a ``work`` that is finished and still
    has to go to ``out``. Raises GmnerError for another training."""
    if run := manifest.read(work):
        earlier = Earlier(run, work)
        earlier.refuse_changes(about)
        if not run.get("finished"):
            return _interrupted(earlier, out, about, settings, tell)
        place()
        tell(f"was already finished; {out} is in place")
    elif work.exists():
        return NOTHING
    done = manifest.read(out) or {}
    if not done.get("finished"):
        return NOTHING
    earlier = Earlier(done, out)
    earlier.refuse_changes(about)
    history = History(done["epochs"], done["best_epoch"], done["best_score"], _metric(done))
    if _epochs(done) == settings.epochs:
        if run is None:
            tell(f"{out} is already finished (train without --resume to train it again)")
        return Earlier(done, out, history=history)
    if out_of_patience(history, settings, len(history.rows) + 1):
        tell(f"{out} stopped after {len(history.rows)} epochs by train.patience={settings.patience}; more "
             "epochs change nothing")
        return Earlier(done, out, history=history)
    return _taken_up(done, out, tell)


def _interrupted(earlier: Earlier, out: Path, about: dict[str, Any], settings: TrainSettings,
                 tell: Callable[[str], Any]) -> Earlier:
    run = earlier.run or {}
    if CONTINUED in run:
        about[CONTINUED] = run[CONTINUED]
        if read_progress(earlier.where) is None:  # killed before the first word of it was written
            return _taken_up(manifest.read(out) or {}, out, tell)
    if _epochs(run) != settings.epochs:
        tell(f"goes on with {settings.epochs} epochs instead of {_epochs(run)}; from here on the learning "
             "rate follows the "
             "schedule of the larger number")
    return earlier


def _taken_up(done: dict[str, Any], out: Path, tell: Callable[[str], Any]) -> Earlier:
    tell(f"{out} is finished after {len(done['epochs'])} epochs; it is trained on from the weights of its "
         "best one, epoch "
         f"{done['best_epoch']}, with a fresh optimiser, whose state a finished model does not keep")
    return Earlier(done, out, finished=done)


def continued(done: dict[str, Any]) -> dict[str, Any]:
    """What CONTINUED says of a training that goes on from the finished one with the manifest ``done``."""
    return {"after": len(done["epochs"]), "from_epoch": done["best_epoch"]}


def begin_again(model: Model, done: dict[str, Any], out: Path, work: Path, about: dict[str, Any]) -> None:
    """Make ``work`` a training that was interrupted when it had done the epochs of the finished model in
    ``out``.

    ``model`` gets that model's weights. Notes it in ``about``. Killed at any moment, it can be called again.
    """
    about[CONTINUED] = continued(done)
    manifest.write(work, {**about, "finished": False, "epochs": done["epochs"]})
    model.load_saved_state(read_tensors(out / WEIGHTS))
    save_model(model, work)  # it may stay the best
    save_checkpoint(
        work, resumable_tensors(model), None, {
            "epoch": len(done["epochs"]), "rows": done["epochs"], "best_epoch": done["best_epoch"],
            "best_score": done["best_score"]
        })


def comparison(work: Path, out: Path) -> str | None:
    """How the finished model in ``work`` compares to the one in ``out`` that it replaces, and where that will
    be kept; None if there is none."""
    if not folder.holds_something(out):
        return None
    new, old, kept = manifest.read(work) or {}, manifest.read(out) or {}, f"kept in {folder.before(out)}"
    if not isinstance(old.get("best_score"), int | float):
        return f"the model that was there is {kept}"
    other = "" if _dev(old) == _dev(new) else " on other dev posts"
    name = "" if _metric(old) == _metric(new) else f"{_metric(old)} "
    now, then = (shown(_metric(run), run["best_score"]) for run in (new, old))
    metric = _metric(new).removeprefix("dev_")
    return f"dev {metric} {now}, the model that was there had {name}{then}{other}; it is {kept}"


def _trained(run: dict[str, Any]) -> dict[str, Any]:
    """The recipe's section that a manifest is about, without its settings."""
    return run["recipe"][sections.of_run(run["command"])]["train"]


def _epochs(run: dict[str, Any]) -> int:
    return _trained(run).get("epochs", TrainSettings().epochs)


def _epochs_key(run: dict[str, Any]) -> str:
    return f"{sections.of_run(run['command'])}.train.epochs"


def _metric(run: dict[str, Any]) -> str:
    """What the dev score is; older manifests say it only where their recipe does."""
    return run.get("metric") or _trained(run).get("metric") or "score"


def _dev(run: dict[str, Any]) -> list[Any]:
    """What the dev posts were: a file by its content, and what was read of it."""
    file = run.get("data", {}).get("dev", {}).get("sha256")
    return [file, run.get("limit"), run.get("label_map") or {}, run.get("usable", {}).get("dev")]
