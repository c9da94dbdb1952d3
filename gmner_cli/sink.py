"""Where a long command writes its records: stdout, or a file that appears only when it is whole.

Killed at any moment, a run leaves the old file untouched and beside it a
``NAME.partial`` that ``resume`` goes on with.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.jsonl import disk_errors, encode, loads, write_atomic
from gmner_cli.records import Post

try:
    import fcntl
except ImportError:  # Windows: two runs to one file are not noticed there
    fcntl = None


class Sink:
    """Appends records to ``NAME.partial``, one flush each; ``commit`` renames it over ``NAME``.

    ``NAME.run.json`` holds the configuration that the records were made with, so
    that ``resume`` can refuse to mix two. The partial file is locked while the
    process lives, so that two runs cannot write it at once. A device or a FIFO
    is written directly. Raises GmnerError when the file cannot be written.
    """

    def __init__(self, target: str | Path | None, *, resume: bool = False, config: dict[str, Any] | None = None):
        self.finished: set[str] = set()
        """Ids that were written, without an error, by the run that is resumed."""
        self.path: Path | None = None
        self._to_stdout = target is None or str(target) == "-"
        if self._to_stdout:
            if resume:
                raise UsageError("--resume needs a file to go on with", hint="name it with -o FILE")
            if sys.stdout is None:
                raise GmnerError("is closed", where="stdout", hint="name a file with -o FILE")
            self._file: IO[bytes] = sys.stdout.buffer
            return
        self.path = Path(os.path.realpath(target))
        if self.path.is_dir():
            raise GmnerError("is a directory, not a file", where=str(target), hint="name a file, as in -o out.jsonl")
        self._special = self.path.exists() and not stat.S_ISREG(self.path.stat().st_mode)
        self.partial = self.path if self._special else self.path.with_name(self.path.name + ".partial")
        self._manifest = self.path.with_name(self.path.name + ".run.json")
        self._config = json.loads(json.dumps(config or {}))
        with self._disk_errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._special:
                self._file = open(self.path, "wb")
                return
            old = next((p for p in (self.partial, self.path) if p.exists()), None) if resume else None
            if old is not None:
                self._refuse_another_config(old)
            self._file = _open_locked(self.partial)
            # The records go before the manifest changes, so that none ever lies under a wrong one.
            self._keep(old)
            self._write_manifest(finished=False)

    @property
    def resumable(self) -> bool:
        """Whether a run that stops now can be resumed."""
        return not self._to_stdout and not self._special

    def write(self, post: Post) -> None:
        """Append one record and hand it to the operating system. Raises RecordError for one JSON cannot hold."""
        line = encode(post) + b"\n"
        with self._disk_errors():
            self._file.write(line)
            self._file.flush()

    def commit(self, summary: dict[str, Any] | None = None) -> None:
        """Make the file whole: sync, rename, and note in the manifest that it is finished."""
        with self._disk_errors():
            self._file.flush()
            if self.resumable:
                os.fsync(self._file.fileno())
                os.replace(self.partial, self.path)
                self._write_manifest(finished=True, **(summary or {}))
        self.close()

    def close(self) -> None:
        """Let go of the file as it is: an unfinished one can be resumed."""
        if not self._to_stdout:
            with suppress(OSError):  # a full disk was said when the record was written
                self._file.close()

    def _disk_errors(self):
        if self._to_stdout:
            return disk_errors("stdout")
        if self._special:
            return disk_errors(self.path)
        return disk_errors(self.partial, "free some space and run again with --resume: finished records are kept")

    def _refuse_another_config(self, old: Path) -> None:
        again = "run without --resume to start again"
        if not self._manifest.exists():
            raise GmnerError(f"cannot be resumed: {self._manifest.name}, which says how it was made, is not beside it",
                             where=str(old), hint=again)
        try:
            before = json.loads(self._manifest.read_text(encoding="utf-8"))["config"]
            changed = sorted(k for k in {*before, *self._config} if before.get(k) != self._config.get(k))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise GmnerError("is damaged, so it cannot be told how the records were made",
                             where=str(self._manifest), hint=again) from None
        if changed:
            differences = [d for k in changed for d in _differences(k, before.get(k), self._config.get(k))]
            raise GmnerError("was started with another configuration; changed: " + ", ".join(differences),
                             where=str(old), hint=f"{again}, or with the old configuration")

    def _keep(self, old: Path | None) -> None:
        """Leave in the partial file just the whole, error-free records of ``old``; fills ``finished``."""
        if old is None:
            self._file.truncate(0)
            return
        temporary = self.partial.with_name(f".{self.partial.name}.{os.getpid()}.tmp")
        try:
            kept = _open_locked(temporary)  # the lock moves with the file when it is renamed
            with open(old, "rb") as stream:
                for line in stream:
                    identity = _finished_id(line)
                    if identity is not None and identity not in self.finished:
                        self.finished.add(identity)
                        kept.write(line)
            kept.flush()
            os.fsync(kept.fileno())
            os.replace(temporary, self.partial)
        finally:
            temporary.unlink(missing_ok=True)
        self._file.close()
        self._file = kept

    def _write_manifest(self, **more: Any) -> None:
        write_atomic(self._manifest, json.dumps({"config": self._config, **more}, indent=2, ensure_ascii=False) + "\n")


def _finished_id(line: bytes) -> str | None:
    """The id of a record that need not be made again; None for a torn, foreign or failed one."""
    try:
        record = loads(line)
    except ValueError:
        return None
    if not line.endswith(b"\n") or not isinstance(record, dict) or record.get("error") is not None:
        return None
    identity = record.get("id")
    return identity if isinstance(identity, str) else None


def _differences(name: str, before: Any, now: Any) -> list[str]:
    """Dotted paths of what differs, with both values, as deep as both sides are objects."""
    if isinstance(before, dict) and isinstance(now, dict):
        return [d for k in sorted({*before, *now}) if before.get(k) != now.get(k)
                for d in _differences(f"{name}.{k}", before.get(k), now.get(k))]
    return [f"{name} ({before!r} -> {now!r})"]


def _open_locked(path: Path) -> IO[bytes]:
    """Open for appending, as the only process. Raises GmnerError when another one has it open."""
    while True:
        stream = open(path, "ab")
        if fcntl is None:
            return stream
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            raise GmnerError("another run is writing this file", where=str(path),
                             hint="wait until it ends, or give another -o FILE") from None
        except OSError:  # a file system without locks
            return stream
        # The other run may have renamed the file between our opening and locking it.
        if path.exists() and os.path.samestat(os.fstat(stream.fileno()), path.stat()):
            return stream
        stream.close()
