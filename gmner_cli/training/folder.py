"""The folder that a training leaves: never someone else's, half a model, or of two trainings at once.

While it is written, ``OUT.partial`` (the work) and ``OUT.lock`` lie beside ``OUT``. The model that was there
is kept in ``OUT.before``, the last one only. Hidden folders ``.OUT.*`` are there for a moment; after a kill
the next training removes them.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gmner_cli.errors import GmnerError, UsageError, printable
from gmner_cli.files.temporary import open_locked
from gmner_cli.records.jsonl import disk_errors
from gmner_cli.training import made, manifest, resume_state
from gmner_cli.weights import trained_on
from gmner_cli.weights.model_folder import CONFIG, WEIGHTS

PLACING = ".placing"
"""Stands in a finished folder while it takes the place of the old one, so that after a kill the two can be
told apart."""

KNOWN = {
    CONFIG, WEIGHTS, manifest.FILE, resume_state.FILE, trained_on.FILE, PLACING, "encoder", "README.md",
    "LICENSE"
}
"""What a model folder may hold besides the files that its own run.json lists."""

_EXCHANGE, _HERE = 2, -100
"""``RENAME_EXCHANGE`` and ``AT_FDCWD`` of Linux."""

_PROBE = ".probe"


def before(out: Path) -> Path:
    """Where the model goes that a new one replaces."""
    return out.with_name(out.name + ".before")


def refuse_foreign(out: Path) -> None:
    """Raise UsageError unless ``out`` is absent, empty, or a model folder with nothing in it that is not the
    model's.

    Where a model is there, the same holds of ``before(out)``, which it would replace.
    """
    _refuse_foreign(out)
    if holds_something(out):
        _refuse_foreign(before(out))


def _refuse_foreign(out: Path) -> None:
    if not os.path.lexists(out):
        return
    if out.is_symlink():  # of OUT itself it was followed
        raise UsageError("is a link; it will not be replaced", where=str(out),
                         hint="move it, or give another folder with -o")
    if not out.is_dir():
        raise UsageError("is not a folder; it will not be replaced", where=str(out))
    # A config.json alone says little: every other model on the hub has one, too.
    config, run = _json_object(out / CONFIG), _json_object(out / manifest.FILE)
    ours = config.get("format") == 1 and isinstance(config.get("model"), str) and isinstance(
        config.get("facts"), dict)
    known = {*KNOWN, *run.get("files", [])} if ours else set()
    foreign = next((name for name in sorted(os.listdir(out)) if name not in known), None)
    if foreign is not None:
        raise UsageError(f"holds {printable(foreign)!r}, which is not part of a gmner model; the folder will "
                         "not be replaced",
                         where=str(out), hint="give a new folder with -o, or move what is not the model's")


def refuse_inputs(out: Path, inputs: Iterable[Path | str | None]) -> None:
    """Raise UsageError where something that is read lies in a folder that a training of ``out`` removes."""
    for gone in (_work(out), *([before(out)] if holds_something(out) else [])):
        for path in inputs:
            if path is not None and str(path) != "-" and Path(os.path.realpath(path)).is_relative_to(
                    os.path.realpath(gone)):
                raise UsageError(f"is read, and a training that ends in {out} removes {gone.name}",
                                 where=printable(str(path)), hint="move it, or give another folder with -o")


@contextmanager
def claimed(out: Path, tell: Callable[[str], Any]) -> Iterator[Path]:
    """``OUT.partial``, for this process alone; what a kill left of an earlier change of models is mended
    first.

    Raises GmnerError when another training writes ``out``, UsageError where nothing can be written.
    """
    work, lock = _work(out), out.with_name(out.name + ".lock")
    if lock.is_symlink() or (lock.exists() and (not lock.is_file() or lock.stat().st_size)):
        raise UsageError("is in the way: it is not the lock of a training", where=str(lock),
                         hint="move it, or give another folder with -o")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        held = open_locked(lock)
    except GmnerError:
        raise GmnerError("another training is writing this model", where=str(out),
                         hint="wait until it ends, or give another folder with -o") from None
    except OSError as problem:
        kind = GmnerError if problem.errno in (errno.ENOSPC, errno.EDQUOT) else UsageError
        raise kind(f"cannot be written: {problem.strerror}", where=str(out),
                   hint="give another folder with -o") from None
    try:
        with disk_errors(out):
            _mend(work, out, tell)
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
    left = (resume_state.FILE, made.FOLDER)
    return sorted(name for name in os.listdir(work) if name not in left and not _torn(name))


def refuse_unmovable(out: Path) -> None:
    """Raise UsageError where ``put_in_place`` could not rename: mount points, other file systems, folders
    without permission.

    Nothing is moved. To be called within ``claimed``.
    """
    elsewhere = f"give a folder inside it, as in -o {out / 'model'}" if out.is_dir(
    ) else "give another folder with -o"
    for folder in (out, before(out)):
        if os.path.ismount(folder):
            raise UsageError("is a mount point, and a trained model takes its place by renaming",
                             where=str(folder), hint=elsewhere)
    probe = None
    try:
        probe = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=_PROBE, dir=out.parent))
        (probe / "full").touch()
        if out.is_dir():
            # Onto a folder that is not empty it never goes; how it fails says whether it could have gone
            # elsewhere.
            os.rename(out, probe)
            os.rename(probe, out)  # not every file system keeps to that
    except OSError as problem:
        if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            reason = f"cannot be written: {problem.strerror}"
            if out.is_dir():
                busy = problem.errno == errno.EBUSY
                reason = "is a mount point or in use" if busy else f"cannot be renamed: {problem.strerror}"
            raise UsageError(reason,
                             where=str(out), hint=elsewhere) from None
    finally:
        if probe is not None:
            _remove_probe(probe)


def _remove_probe(probe: Path) -> None:
    """Remove what ``refuse_unmovable`` made, and nothing else that may stand there."""
    with suppress(OSError):
        (probe / "full").unlink(missing_ok=True)
        probe.rmdir()


def put_in_place(work: Path, out: Path) -> None:
    """Put the finished folder in place. The model that was there becomes ``before(out)``; an older one goes.

    After a kill at any moment, ``out`` is the old or the new model, and this can be called again: the
    manifest in ``work`` says that all is done but this. Where two folders cannot be swapped in one step, the
    next ``claimed`` may have to bring the old one back.
    """
    refuse_foreign(out)  # a training is long: somebody may have put something there
    with disk_errors(out):
        for name in os.listdir(work):
            if name == resume_state.FILE or _torn(name):
                (work / name).unlink()
        if (work / made.FOLDER).exists():
            shutil.rmtree(work / made.FOLDER)
        (work / PLACING).touch()
        if holds_something(out):
            if not _exchanged(work, out):
                _swap_in_steps(work, out)
        else:
            if out.exists():
                out.rmdir()
            os.rename(work, out)
        _end_placing(work, out)


def _swap_in_steps(work: Path, out: Path) -> None:
    os.rename(out, _replaced(out))
    try:
        os.rename(work, out)
    except OSError:
        os.rename(_replaced(out), out)
        raise


def _end_placing(work: Path, out: Path) -> None:
    """Move the old model out of the way, once the new one is in place."""
    old = _replaced(out) if _replaced(out).exists() else work
    if old.exists():
        if before(out).exists():
            os.rename(before(out), _dropped(out))
        os.rename(old, before(out))
    shutil.rmtree(_dropped(out), ignore_errors=True)
    (out / PLACING).unlink()


def _mend(work: Path, out: Path, tell: Callable[[str], Any]) -> None:
    """Undo or complete a change of models that was killed, and remove what a kill left of temporary files."""
    for name in os.listdir(out.parent):
        if name.startswith(f".{out.name}.") and name.endswith(_PROBE):
            _remove_probe(out.parent / name)
    shutil.rmtree(_dropped(out), ignore_errors=True)
    if (out / PLACING).exists():
        _end_placing(work, out)
    elif _replaced(out).exists():
        if out.exists():
            shutil.rmtree(_replaced(out))
        else:
            os.rename(_replaced(out), out)
            tell(f"{out} was being replaced when a training was killed; the old model is back")
    if _is_work(work):
        for name in filter(_torn, os.listdir(work)):
            (work / name).unlink()


def _exchanged(a: Path, b: Path) -> bool:
    """Swap two folders in one step, where the system can do that (Linux); whether it was done."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    return renameat2(_HERE, os.fsencode(a), _HERE, os.fsencode(b), _EXCHANGE) == 0


def holds_something(folder: Path) -> bool:
    """Whether ``folder`` is one that is not empty."""
    return folder.is_dir() and bool(os.listdir(folder))


def _work(out: Path) -> Path:
    return out.with_name(out.name + ".partial")


# What is deleted without a question is hidden, and unlike what a person calls a backup.
def _replaced(out: Path) -> Path:
    return out.with_name(f".{out.name}.replaced")


def _dropped(out: Path) -> Path:
    return out.with_name(f".{out.name}.dropped")


def _torn(name: str) -> bool:
    """Whether a kill within ``jsonl.write_atomic`` left this file."""
    return name.startswith(".") and name.endswith(".tmp")


def _is_work(work: Path) -> bool:
    if work.is_symlink() or not work.is_dir():
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
