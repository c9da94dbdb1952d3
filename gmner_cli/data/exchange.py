"""Several files put into a folder as one: records never stand beside another set's pictures or splits.

They are made in a hidden folder inside it. When all are whole, the old set's records are removed first, and
the new set's records come last. A kill before that leaves the old files as they were. A kill on the way
leaves a list of what is still to be moved, which the next run moves first.

report.json says which files are whose: "files" of the run that wrote it, "earlier" of runs before it, as far
as they still stand.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.files.temporary import open_locked
from gmner_cli.records.jsonl import disk_errors, write_atomic

REPORT, IMAGES = "report.json", "images"
DRAWN = f"{IMAGES}/"
"""Stands in a list of files for all drawn pictures."""
KNOWLEDGE = "knowledge.jsonl"

_ASIDE, _LOCK, _MOVES = ".prepare.", ".prepare.lock", "moves.json"
_PICTURE = re.compile(r"(?:train|dev|test|caption)-\d{6,}\.jpg")


class Exchange:
    """One run's way into ``folder``: write everything into ``new``, then ``put``.

    Attributes
    ----------
    new: an empty folder on the file system of ``folder``; what stands in it, and in ``new/images``, is the
    new set.
    """

    def __init__(self, folder: Path, new: Path, inputs: Sequence[Path], overwrite: bool):
        self.folder, self.new = folder, new
        self._inputs, self._overwrite = inputs, overwrite
        self._sets = _sets(folder)

    def check(self, names: Iterable[str]) -> None:
        """Raise UsageError when one of ``names`` (DRAWN for pictures) would replace what is not this tool's
        to replace."""
        names = list(names)
        owned = {name for old in self._sets for name in old}
        if DRAWN in names and os.path.lexists(self.folder / IMAGES) and not (self.folder / IMAGES).is_dir():
            raise UsageError("is not a folder, and the pictures go there", where=str(self.folder / IMAGES),
                             hint="give another -o DIR")
        for name in [*names, *self._going(names)]:
            for path in self._pictures() if name == DRAWN else [self.folder / name]:
                if os.path.lexists(path):
                    self._refuse(path, name in owned)

    def earlier(self, names: Sequence[str]) -> list[list[str]]:
        """The sets of earlier runs that still stand when a set of these ``names`` has been put."""
        return [[name for name in old if name != REPORT] for old in self._sets if not _overlap(old, names)]

    def put(self) -> None:
        """Exchange the old set for the new one. Raises UsageError as ``check`` does."""
        files = sorted(path.name for path in self.new.iterdir() if path.is_file())
        pictures = sorted(path.name for path in (self.new / IMAGES).glob("*"))
        names = [*files, DRAWN] if pictures else files
        self.check(names)
        going = self._going(names)
        old = [path.name for path in self._pictures()] if DRAWN in (*going, *names) else []
        # A report alone, which says that nothing was written, leaves the records as they are.
        others = sorted({*files, *going} - {DRAWN, REPORT}, key=_records_last)
        moves = {"remove": [REPORT, *reversed(others), *(f"{IMAGES}/{name}" for name in old)],
                 "come": [*(f"{IMAGES}/{name}" for name in pictures), *sorted(files, key=_records_last)]}
        with disk_errors(self.folder):
            if pictures:
                (self.folder / IMAGES).mkdir(exist_ok=True)
            write_atomic(self.new / _MOVES, json.dumps(moves))
            _move(self.folder, self.new)

    def _going(self, names: Sequence[str]) -> list[str]:
        """Files of earlier sets that lose one of theirs to a set of ``names``: a set goes as a whole."""
        return [name for old in self._sets if _overlap(old, names) for name in old]

    def _pictures(self) -> list[Path]:
        return sorted(path for path in (self.folder / IMAGES).glob("*.jpg") if _PICTURE.fullmatch(path.name))

    def _refuse(self, path: Path, owned: bool) -> None:
        if path.is_dir() and not path.is_symlink():
            raise UsageError("is a folder, where a file is to be written", where=str(path),
                             hint="give another -o DIR")
        for given in self._inputs:
            same = path.exists() and given.exists() and (path.samefile(given) or
                                                         (not owned and given.is_dir()
                                                          and path.resolve().is_relative_to(given.resolve())))
            if same:
                raise UsageError("is one of the files that are read, and would be replaced", where=str(path),
                                 hint="give another -o DIR")
        if not owned and not self._overwrite and (not path.is_file() or path.stat().st_size):
            raise UsageError("exists, and no report.json beside it says that gmner prepare wrote it",
                             where=str(path), hint="give another -o DIR, or replace it with --overwrite")


@contextmanager
def exchange(folder: str | Path, *, inputs: Iterable[str | Path | None] = (),
             overwrite: bool = False) -> Iterator[Exchange]:
    """An ``Exchange`` with ``folder``, which is made where it is not there; what is not ``put`` is thrown
    away.

    First finishes or clears away what a killed run left. ``inputs``: files and folders
    that this run reads, none of which is ever replaced. ``overwrite``: replace also files
    that no earlier run wrote. Raises GmnerError when the folder cannot be made or another run is at it.
    """
    folder = Path(folder)
    missing = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise GmnerError(f"cannot make the folder: {problem.strerror}", where=str(folder)) from None
    with disk_errors(folder):
        try:
            lock = open_locked(folder / _LOCK)
        except GmnerError:
            raise GmnerError("another run is writing into this folder", where=str(folder),
                             hint="wait until it ends, or give another -o DIR") from None
    try:
        with disk_errors(folder):
            _clear(folder)
            new = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=folder))
        try:
            yield Exchange(folder, new, [Path(given) for given in inputs if given is not None], overwrite)
        finally:
            if not (new / _MOVES).exists():  # else the next run goes on with the moving
                shutil.rmtree(new, ignore_errors=True)
    finally:
        (folder / _LOCK).unlink(missing_ok=True)
        lock.close()
        if missing:
            with suppress(OSError):  # something was put into it
                folder.rmdir()


def _clear(folder: Path) -> None:
    """Finish what killed runs had begun to move, and remove what they had not."""
    for left in folder.glob(f"{_ASIDE}*"):
        if left.is_dir() and not left.is_symlink():
            if (left / _MOVES).is_file():
                _move(folder, left)
            shutil.rmtree(left, ignore_errors=True)


def _move(folder: Path, new: Path) -> None:
    """Do the moves listed in ``new``, or those that are left of them, and remove the list."""
    moves = _read(new / _MOVES)
    remove, come = (_names(moves.get(part)) for part in ("remove", "come"))
    for name in remove:
        if name not in come or (new / name).exists():  # otherwise the new one is in its place already
            (folder / name).unlink(missing_ok=True)
    for name in come:
        if (new / name).exists():
            _rename(new / name, folder / name)
    with suppress(OSError):  # no picture is left in it, or it is a link to a place of the user's
        if remove[-1:] and remove[-1].startswith(DRAWN):
            (folder / IMAGES).rmdir()
    (new / _MOVES).unlink()
    shutil.rmtree(new, ignore_errors=True)


def _rename(old: Path, new: Path) -> None:
    try:
        os.replace(old, new)
    except OSError as problem:
        if problem.errno != errno.EXDEV:  # images/ may be a link to another disk
            raise
        write_atomic(new, old.read_bytes())
        old.unlink()


def _sets(folder: Path) -> list[list[str]]:
    """The files of every run that still stand, the latest first, by report.json; [] where it is not one of
    ours."""
    report = _read(folder / REPORT)
    if not (isinstance(report.get("dataset"), str) and isinstance(report.get("splits"), dict)):
        return []
    files = _names(report["files"]) if "files" in report else _names_by_splits(report)
    earlier = report.get("earlier")
    # What the file says may have been typed by hand: only names that a run can write are believed.
    sets = [[REPORT, *files], *map(_names, earlier if isinstance(earlier, list) else [])]
    return [[name
             for name in old
             if name in (REPORT, DRAWN) or name.endswith((".jsonl", "-sheet.png"))]
            for old in sets
            if old]


def _names_by_splits(report: dict[str, Any]) -> list[str]:
    """The files that go with a report of before there was a list of them."""
    files = [f"{split}.jsonl" for split in report["splits"]]
    if report["dataset"] == "scenes":
        files += [KNOWLEDGE, DRAWN, *(f"{split}-sheet.png" for split in report["splits"])]
    return _names(files)


def _names(value: Any) -> list[str]:
    """Those of a list read from a file that are names inside the folder."""
    def inside(name: str) -> bool:
        plain = name.removeprefix(DRAWN)
        return name == DRAWN or (Path(plain).name == plain and plain not in ("", "..") and "\0" not in plain)

    return [name for name in value
            if isinstance(name, str) and inside(name)] if isinstance(value, list) else []


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _overlap(old: Sequence[str], names: Iterable[str]) -> bool:
    """Whether two sets have a file in common besides the report."""
    return bool({*old} & {*names} - {REPORT})


def _records_last(name: str) -> tuple[bool, bool, str]:
    """Sorts the files of a set: knowledge and sheets, then records, then the report, which says that all is
    there."""
    return name == REPORT, name.endswith(".jsonl") and name != KNOWLEDGE, name
