"""Where a run writes its records: stdout, or a file that appears only when it is whole.

Killed at any moment, a run leaves the old file untouched, and beside it a ``NAME.partial`` with which
``resume`` goes on. ``run_file`` writes to it; ``outputs`` has the manifest, ``run_contents`` and
``recipe_values`` say whether an earlier run was the same.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.files.temporary import clear_leftovers, open_locked, temporary_for
from gmner_cli.flow import outputs
from gmner_cli.flow.interrupts import heed
from gmner_cli.flow.outputs import MANIFEST, PARTIAL
from gmner_cli.flow.run_contents import compared
from gmner_cli.moved import current_files
from gmner_cli.records import Post
from gmner_cli.records.jsonl import disk_errors, encode, loads


class Sink:
    """Appends records to ``NAME.partial``, one flush each; ``commit`` renames it over ``NAME``.

    Making a Sink checks everything and changes nothing. Only ``begin`` touches what an earlier run left, so
    that a run that cannot start costs no records.

    The manifest ``NAME.run.json`` holds the configuration of the run, so that ``resume`` refuses to mix two,
    and the digest of the records, which tells them from a file of somebody else's. The partial file is locked
    while the process lives, so that two runs cannot write it at once. A device or a FIFO is written directly.
    With ``keep_longer`` a NAME that has more records than the new one is kept as ``NAME.before``. Raises
    GmnerError when the file cannot be written.
    """

    def __init__(self, target: str | Path | None, *, resume: bool = False,
                 config: dict[str, Any] | None = None, keep_longer: bool = False):
        self.finished: dict[str, int] = {}
        """What the resumed run wrote and need not be made again: ``fingerprint`` by id."""
        self._begun = self._replaces = False
        self._old: Path | None = None
        self._before: dict[str, Any] | None = None
        self._earlier: dict[str, _Record] = {}
        name = "-" if target is None else target
        self._to_stdout = str(name) == "-"
        if self._to_stdout:
            if resume:
                raise UsageError("--resume needs a file to go on with", hint="name it with -o FILE")
            if sys.stdout is None:
                raise GmnerError("is closed", where="stdout", hint="name a file with -o FILE")
            self._file: IO[bytes] = sys.stdout.buffer
            return
        self.path = Path(os.path.realpath(name))
        if self.path.is_dir():
            raise GmnerError("is a directory, not a file", where=str(target),
                             hint="name a file, as in -o out.jsonl")
        self._special = self.path.exists() and not stat.S_ISREG(self.path.stat().st_mode)
        self.partial = self.path if self._special else self.path.with_name(self.path.name + PARTIAL)
        self._resume, self._keep_longer = resume, keep_longer
        self._config = json.loads(json.dumps(config or {}))
        if not self._special and (self.partial.is_symlink() or
                                  (self.partial.exists() and not self.partial.is_file())):
            # A link could lead to any file, which would be emptied; a FIFO would never open.
            raise UsageError("is in the way: it is not what a run leaves", where=str(self.partial),
                             hint="move it, or give another -o FILE")
        with self._disk_errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._special:
                self._file = open(self.path, "wb")
                return
            # An empty one is the lock of a run that was killed before it began.
            self._created = not self.partial.exists() or (not self.partial.stat().st_size
                                                          and self._finished())
            self._file = open_locked(self.partial)
            try:
                self._look_back()
            except BaseException:
                self.close()
                raise

    def begin(self, tell: Callable[[str], None] = lambda message: None) -> None:
        """Make the partial file what this run starts from; ``tell`` hears of records that are lost by it."""
        self._begun = True
        if not self.resumable:
            return
        lost = 0 if self._resume else sum(r.finished is not None for r in self._earlier.values())
        if lost:
            way = "would have gone on" if self._refusal() is None else "could not go on"
            tell(f"{lost} finished posts of a run that was stopped are discarded from {self.partial}; "
                 f"--resume {way} with them")
        with self._disk_errors():
            clear_leftovers(self.partial)
            # The manifest of the file that is there still tells that it is ours.
            manifest = outputs.read_manifest(self.path)
            self._before = outputs.last_whole(self.path, manifest) if self.path.exists() else None
            # The records go before the manifest changes, so that none ever lies under a wrong one.
            if self._resume and self._old is not None:
                self._rewrite(self._old, {self._earlier[identity].number for identity in self.finished})
            else:
                self._file.truncate(0)
            self._write_manifest(finished=False)

    @property
    def resumable(self) -> bool:
        """Whether a run that stops now leaves something to go on with."""
        return self._begun and not self._to_stdout and not self._special

    def write(self, post: Post) -> None:
        """Append one record and hand it to the operating system. Raises RecordError for one JSON cannot hold.

        A record with the id of a finished one replaces it.
        """
        heed()
        line = encode(post) + b"\n"
        self._replaces |= post.id in self.finished
        with self._disk_errors():
            self._file.write(line)
            self._file.flush()

    def commit(self, summary: dict[str, Any] | None = None,
               tell: Callable[[str], None] = lambda message: None) -> None:
        """Make the file whole: sync, rename, and note in the manifest that it is finished; ``tell`` hears of
        what is kept."""
        heed()
        with self._disk_errors():
            self._file.flush()
            if self.resumable:
                if self._replaces:
                    self._rewrite(self.partial, {record.number for record in _records(self.partial).values()})
                os.fsync(self._file.fileno())
                written = outputs.described(self.partial)
                if (self._keep_longer and self._before
                        and outputs.count_lines(self.path) > outputs.count_lines(self.partial)):
                    outputs.keep_before(self.path, self._before, tell)
                self._write_manifest(finished=False, written=written)
                os.replace(self.partial, self.path)
                self._before = None
                self._write_manifest(finished=True, written=written, **(summary or {}))
        self.close()

    def close(self) -> None:
        """Let go of the file as it is: an unfinished one can be resumed."""
        if self._to_stdout:
            return
        if not self._begun and not self._special and self._created:
            with suppress(OSError):
                self.partial.unlink()  # while it is locked: it was there for the lock alone
        with suppress(OSError):  # a full disk was said when the record was written
            self._file.close()

    def _disk_errors(self):
        if self._to_stdout:
            return disk_errors("stdout")
        if self._special:
            return disk_errors(self.path)
        return disk_errors(self.partial, "free some space and run again with --resume: finished records are "
                                         "kept")

    def _look_back(self) -> None:
        """Find what an earlier run left. Raises GmnerError when this one is to go on with it and cannot."""
        begun = self.partial.stat().st_size or not self._finished()
        if begun and not self._created:
            self._old = self.partial
        elif self._resume and self.path.exists():
            self._old = self.path
        if self._old is None:
            return
        refusal = self._refusal()
        if self._resume and refusal is not None:
            raise refusal
        self._earlier = _records(self._old)
        if self._resume:
            self.finished = {name: r.finished for name, r in self._earlier.items() if r.finished is not None}

    def _finished(self) -> bool:
        """Whether the last run that began ended, or none did."""
        manifest = outputs.read_manifest(self.path)
        return manifest is None or bool(manifest.get("finished"))

    def _refusal(self) -> GmnerError | None:
        """Why this run cannot go on with the earlier one."""
        again = "run without --resume to start again"
        manifest, name = outputs.read_manifest(self.path), self.path.name + MANIFEST
        if manifest is None:
            return GmnerError(f"cannot be resumed: {name}, which says how it was made, is not beside it",
                              where=str(self._old), hint=again)
        if not manifest:
            return GmnerError("is damaged, so it cannot be told how the records were made",
                              where=str(self.path.with_name(name)), hint=again)
        before, changed = compared(current_files(manifest["config"]), self._config)
        now = self._config
        if isinstance(recipe := now.get("recipe"), dict):
            from gmner_cli.flow.recipe_values import spelled_out

            then, recipe = spelled_out((before.get("recipe"), recipe), recipe.get("stages") or recipe)
            before, now = {**before, "recipe": then}, {**now, "recipe": recipe}
        # An option that was not there yet changes nothing where it is not used.
        differences = [d for k in sorted({*before, *now})
                       if before.get(k) != now.get(k) and (k in before or now[k])
                       for d in _differences(k, before.get(k), now.get(k))]
        differences += [f"{name} ({how})" for name, how in changed.items()]
        if differences:
            return GmnerError("was started with another configuration; changed: " + ", ".join(differences),
                              where=str(self._old), hint=f"{again}, or with the old configuration")
        return None

    def _rewrite(self, old: Path, numbers: set[int]) -> None:
        """Leave in the partial file just these lines of ``old``."""
        temporary = temporary_for(self.partial)
        try:
            kept = open_locked(temporary)  # the lock moves with the file when it is renamed
            with open(old, "rb") as stream:
                kept.writelines(line for number, line in enumerate(stream) if number in numbers)
            kept.flush()
            os.fsync(kept.fileno())
            os.replace(temporary, self.partial)
        finally:
            temporary.unlink(missing_ok=True)
        self._file.close()
        self._file = kept

    def _write_manifest(self, **more: Any) -> None:
        before = {key: value for key, value in (self._before or {}).items() if key != "before"}
        outputs.write_manifest(self.path, {"config": self._config, **more,
                                           **({"before": before} if self._before else {})})


def fingerprint(text: Any, image: Any) -> int:
    """Tells posts of one id apart by what came in; both pass through every stage unchanged.

    Good for this process alone: it is made again from the records, never stored.
    """
    return hash((text, image))


class _Record(NamedTuple):
    """A record of an earlier run: its line, and its fingerprint unless it must be made again."""

    number: int
    finished: int | None


def _records(path: Path) -> dict[str, _Record]:
    """By id, the last whole record of each; torn and foreign lines are left out."""
    found = {}
    with open(path, "rb") as stream:
        for number, line in enumerate(stream):
            try:
                record = loads(line)
            except ValueError:
                continue
            if not (line.endswith(b"\n") and isinstance(record, dict) and isinstance(record.get("id"), str)):
                continue
            text, image = record.get("text"), record.get("image")
            again = record.get("error") is not None or record.get("skipped") is not None
            sound = isinstance(text, str) and (image is None or isinstance(image, str))
            found[record["id"]] = _Record(number, fingerprint(text, image) if sound and not again else None)
    return found


def _differences(name: str, before: Any, now: Any) -> list[str]:
    """Dotted paths of what differs, with both values, as deep as both sides are objects."""
    if isinstance(before, dict) and isinstance(now, dict):
        return [d for k in sorted({*before, *now}) if before.get(k) != now.get(k)
                for d in _differences(f"{name}.{k}", before.get(k), now.get(k))]
    return [f"{name} ({before!r} -> {now!r})"]
