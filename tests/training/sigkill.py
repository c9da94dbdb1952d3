"""Trains over a finished model, killed by SIGKILL before its changes to the disk, and says what each kill
left.

Run as a program: RECIPE TRAIN DEV FOLDER, then "all", or the first words of how a kill comes (see ``main``).
A line of JSON for each kill. Children are forked, so that torch is imported once.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from gmner_cli.app import build
from gmner_cli.training import folder, runs


def in_child(work: Callable[[], None]) -> int:
    """The status of a forked child that does ``work``."""
    child = os.fork()
    if not child:
        code = 99
        try:
            work()
        except SystemExit as left:
            code = left.code or 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_before(change: int) -> None:
    """Make this process die by SIGKILL before its change to the disk of that number, counted from 0."""
    left = iter(range(change, -1, -1))

    def counted(real):
        def do(*args, **kwargs):
            if next(left) == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)
        return do

    for module, name in ((os, "rename"), (os, "replace"), (os, "fsync"), (Path, "unlink"), (Path, "touch"),
                         (shutil, "rmtree")):
        setattr(module, name, counted(getattr(module, name)))
    folder._exchanged = counted(folder._exchanged)


def seed_of(model: Path) -> int | None:
    """Of a whole model the seed that it was trained with."""
    run = json.loads((model / "run.json").read_text()) if (model / "run.json").exists() else {}
    return run["seed"] if run.get("finished") and (model / "model.safetensors").exists() else None


def train(files: list[str], out: Path, *options: str) -> None:
    recipe, posts, dev = files
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        build()([
            "train-ner", posts, "--dev", dev, "--recipe", recipe, "-o",
            str(out), "--device", "cpu", "--threads", "1", *options
        ])


def killed(files: list[str], out: Path, change: int, placing: bool, steps: bool) -> None:
    """A training that dies, counted from the end of its epochs (``placing``) or from the first one's
    checkpoint; ``steps``: where two folders cannot be swapped in one step."""
    if steps:
        folder._exchanged = lambda a, b: False
    module, name = (runs, "put_in_place") if placing else (runs, "fit")
    real = getattr(module, name)

    def begin(*args, **kwargs):
        die_before(change)
        return real(*args, **kwargs)

    setattr(module, name, begin)
    train(files, out, "--seed", "1")


def one(files: list[str], root: Path, change: int, placing: bool, steps: bool) -> dict:
    out = root / f"{change}-{placing}-{steps}" / "out"
    shutil.copytree(root / "old", out)
    shutil.copytree(root / "older", folder.before(out))
    code = in_child(lambda: killed(files, out, change, placing, steps))
    state = {"change": change, "placing": placing, "steps": steps, "killed": code == -signal.SIGKILL,
             "out": seed_of(out), "before": seed_of(folder.before(out)),
             "left": sorted(str(p.relative_to(out.parent)) for p in out.parent.rglob(".*"))}
    state["resumed"] = in_child(lambda: train(files, out, "--seed", "1", "--resume"))
    return state | {
        "out_then": seed_of(out), "before_then": seed_of(folder.before(out)),
        "left_then": sorted(p.name for p in out.parent.iterdir()) + sorted(p.name
                                                                           for p in out.parent.rglob(".*"))
    }


def main(recipe: str, posts: str, dev: str, root: str, what: str) -> None:
    files, at = [recipe, posts, dev], Path(root)
    for seed, name in (("0", "old"), ("7", "older")):
        with contextlib.suppress(SystemExit):
            train(files, at / name, "--seed", seed)
    ways = [(True, False, 1), (True, True, 1), (False, False, 1 if what == "all" else 4)]
    for placing, steps, stride in ways:
        for change in range(0, 200, stride):
            state = one(files, at, change, placing, steps)
            print(json.dumps(state), flush=True)
            if not state["killed"]:
                break


if __name__ == "__main__":
    main(*sys.argv[1:])
