"""The folder a training ends in: never someone else's, never half a model, never of two runs at once.

Beside ``OUT`` lie, while it is written, ``OUT.partial`` (the work), ``OUT.lock``
and, for a moment, ``.OUT.replaced`` (the model that was there).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gmner_cli.errors import GmnerError, UsageError, printable
from gmner_cli.jsonl import disk_errors
from gmner_cli.model_folder import CONFIG, WEIGHTS
from gmner_cli.sink import open_locked
from gmner_cli.training import checkpoint, manifest, trained_on

KNOWN = {CONFIG, WEIGHTS, manifest.FILE, checkpoint.FILE, trained_on.FILE, "encoder", "README.md", "LICENSE"}
"""What a model folder may hold besides the files that its own run.json lists."""


def refuse_foreign(out: Path) -> None:
    """Raise UsageError unless ``out`` is absent, empty, or a model folder with nothing in it that is not the model's."""
    if not os.path.lexists(out):
        return
    if not out.is_dir():
        raise UsageError("is not a folder; it will not be replaced", where=str(out))
    # A config.json alone says little: every other model on the hub has one, too.
    config, run = _json_object(out / CONFIG), _json_object(out / manifest.FILE)
    ours = config.get("format") == 1 and isinstance(config.get("model"), str) and isinstance(config.get("facts"), dict)
    known = {*KNOWN, *run.get("files", [])} if ours else set()
    foreign = next((name for name in sorted(os.listdir(out)) if name not in known), None)
    if foreign is not None:
        raise UsageError(f"holds {printable(foreign)!r}, which is not part of a gmner model; the folder will not be replaced",
                         where=str(out), hint="give a new folder with -o, or move what is not the model's")


@contextmanager
def claimed(out: Path, tell: Callable[[str], Any]) -> Iterator[Path]:
    """``OUT.partial``, for this process alone; what a kill left of an earlier change of models is mended first.

    Raises GmnerError when another training writes ``out``.
    """
    work, lock = out.with_name(out.name + ".partial"), out.with_name(out.name + ".lock")
    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            held = open_locked(lock)
        except GmnerError:
            raise GmnerError("another training is writing this model", where=str(out),
                             hint="wait until it ends, or give another folder with -o") from None
    try:
        with disk_errors(out):
            _mend(out, tell)
        if os.path.lexists(work) and not _is_work(work):
            raise UsageError("is in the way: it is not an interrupted training", where=str(work),
                             hint="move it, or give another folder with -o")
        yield work
    finally:
        with suppress(OSError):  # Windows does not remove open files
            lock.unlink()  # while it is held, so that it is never another run's
        held.close()


def discard(work: Path, tell: Callable[[str], Any]) -> None:
    """Remove what an interrupted training left."""
    if work.exists():
        tell(f"{work} holds an interrupted training, which is discarded (--resume would go on with it)")
        shutil.rmtree(work)


def contents(work: Path) -> list[str]:
    """What the model folder will hold, without what only the training needs."""
    return sorted(name for name in os.listdir(work) if name != checkpoint.FILE and not _torn(name))


def put_in_place(work: Path, out: Path) -> None:
    """Swap the finished folder in. Renames are atomic one by one; the old model is deleted last.

    Killed at any moment, it can be called again: the manifest in ``work`` says that all is done but this.
    """
    refuse_foreign(out)  # a training is long: somebody may have put something there
    with disk_errors(out):
        for name in os.listdir(work):
            if name == checkpoint.FILE or _torn(name):
                (work / name).unlink()
        if out.exists():
            os.rename(out, _replaced(out))
        os.rename(work, out)
        shutil.rmtree(_replaced(out), ignore_errors=True)


def _mend(out: Path, tell: Callable[[str], Any]) -> None:
    """Undo or complete a swap that was killed."""
    old = _replaced(out)
    if not old.exists():
        return
    if out.exists():
        shutil.rmtree(old)
    else:
        os.rename(old, out)
        tell(f"{out} was being replaced when a training was killed; the old model is back")


def _replaced(out: Path) -> Path:
    # Hidden and unlike what a person calls a backup, because it is deleted without a question.
    return out.with_name(f".{out.name}.replaced")


def _torn(name: str) -> bool:
    """Whether a kill within ``jsonl.write_atomic`` left this file."""
    return name.startswith(".") and name.endswith(".tmp")


def _is_work(work: Path) -> bool:
    if not work.is_dir():
        return False
    names = [name for name in os.listdir(work) if not _torn(name)]
    return not names or str(_json_object(work / manifest.FILE).get("command", "")).startswith("train-")


def _json_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty for everything else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
