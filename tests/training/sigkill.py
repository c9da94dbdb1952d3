"""Trains over a finished model, killed by SIGKILL before its every change to the disk, and says what each kill left.

Run as a program, with a recipe, TRAIN and DEV and a folder; a line of JSON for each kill. Children are forked,
so that torch is imported once.
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
from gmner_cli.training import folder


def in_child(work: Callable[[], None]) -> int:
    """The status of a forked child that does ``work``."""
    child = os.fork()
    if not child:
        code = 99
        try:
            work()
            code = 0
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

    for module, name in ((os, "rename"), (os, "replace"), (os, "fsync"), (Path, "unlink"), (Path, "touch"), (shutil, "rmtree")):
        setattr(module, name, counted(getattr(module, name)))
    folder._exchanged = counted(folder._exchanged)


def seed_of(model: Path) -> int | None:
    """Of a whole model the seed that it was trained with."""
    run = json.loads((model / "run.json").read_text()) if (model / "run.json").exists() else {}
    return run["seed"] if run.get("finished") and (model / "model.safetensors").exists() else None


def main(recipe: str, train: str, dev: str, root: str) -> None:
    def run(out: Path, *options: str) -> None:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
            build()(["train-ner", train, "--dev", dev, "--recipe", recipe, "-o", str(out), "--device", "cpu", "--threads", "1", *options])

    def killed(out: Path, change: int) -> None:
        die_before(change)
        run(out, "--seed", "1")

    for change in range(200):
        out = Path(root, str(change), "out")
        if change == 0:
            in_child(lambda out=out: run(out, "--seed", "0"))
            shutil.copytree(out, Path(root, "old"))
        else:
            shutil.copytree(Path(root, "old"), out)
        shutil.copytree(Path(root, "old"), folder.before(out))  # an older one, which is to go
        code = in_child(lambda out=out, change=change: killed(out, change))
        state = {"change": change, "killed": code == -signal.SIGKILL, "out": seed_of(out), "before": seed_of(folder.before(out)),
                 "left": sorted(p.name for p in out.parent.iterdir())}
        state["resumed"] = in_child(lambda out=out: run(out, "--seed", "1", "--resume"))
        state |= {"out_then": seed_of(out), "before_then": seed_of(folder.before(out)), "torn": [
            str(p.relative_to(out.parent)) for p in out.parent.rglob("*") if p.name.startswith(".") or p.suffix == ".partial"]}
        print(json.dumps(state), flush=True)
        if not state["killed"]:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
