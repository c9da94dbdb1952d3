"""Streaming JSON Lines: true line numbers going in, atomic and resumable files going out.

A record that cannot be used is never lost: it comes out as a record with an
``error`` field and the line as it came in under ``input`` (see ``failed_post``).
"""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import jsonlines
import msgspec

from gmner_cli.errors import GmnerError, RecordError
from gmner_cli.records import Post

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


@dataclass
class Line:
    """One non-blank line: either ``post`` or ``error`` is set. ``number`` counts from 1, blanks included."""

    number: int
    post: Post | None = None
    error: GmnerError | None = None
    raw: Any = None


def read_lines(source: str | Path, labels: Iterable[str] | None = None) -> Iterator[Line]:
    """Every record of a file ("-" is stdin), checked; a bad one carries its error, located as file:line.

    Raises GmnerError when the file itself cannot be read.
    """
    name = "stdin" if str(source) == "-" else str(source)
    seen: dict[str, int] = {}
    allowed = None if labels is None else set(labels)
    with _open_source(source) as stream:
        counter = _Counted(stream)
        reader = jsonlines.Reader(counter, loads=_loads)
        while True:
            raw: Any = None
            try:
                raw = reader.read(type=dict, skip_empty=True)
                if raw.get("id") is None:
                    raw = {**raw, "id": f"line-{counter.number}"}
                if isinstance(raw["id"], str):
                    first = seen.setdefault(raw["id"], counter.number)
                    if first != counter.number:
                        raise RecordError(f"duplicate id {raw['id']!r}, first seen in line {first}")
                yield Line(counter.number, post=Post.from_builtins(raw).check(allowed), raw=raw)
            except EOFError:
                return
            except jsonlines.InvalidLineError as problem:
                text = _shorten(problem.line)
                reason = _invalid_line(problem)
                yield Line(counter.number, error=RecordError(reason, where=f"{name}:{counter.number}"), raw=text)
            except RecordError as problem:
                post_id = raw.get("id")
                where = f"{name}:{counter.number}" + (f" (id {post_id})" if isinstance(post_id, str) else "")
                yield Line(counter.number, error=RecordError(problem.message, where=where, hint=problem.hint), raw=raw)


def read_posts(source: str | Path, labels: Iterable[str] | None = None, limit: int | None = None) -> Iterator[Post]:
    """Every post of a file, in order; the first bad record raises. For training, scoring and viewing."""
    for count, line in enumerate(read_lines(source, labels)):
        if limit is not None and count >= limit:
            return
        if line.error is not None:
            raise line.error
        yield line.post


def failed_post(line: Line) -> Post:
    """What comes out for a line that could not be read: a valid record that names the reason."""
    raw = line.raw if isinstance(line.raw, dict) else {}
    kept = {k: raw[k] for k in ("id", "text", "image") if isinstance(raw.get(k), str) and raw[k]}
    identity = kept.pop("id", None) or f"line-{line.number}"
    if "duplicate id" in line.error.message:
        identity = f"{identity}#{line.number}"
    return Post(id=identity, text=kept.get("text", ""), image=kept.get("image"),
                error=str(line.error).split("\n")[0], extra={"input": line.raw})


def encode(post: Post) -> bytes:
    """One line without its newline. Raises RecordError for a number that JSON cannot hold."""
    return _encode(_finite(post.to_builtins(), post.id))


class Sink:
    """Where a command writes its records: "-" or a file that appears only when it is whole.

    Records are appended to ``NAME.partial`` and flushed one by one; ``commit``
    syncs it and renames it over the old file. ``NAME.run.json`` holds the
    configuration the records were made with, so that ``resume`` can refuse to
    mix two configurations in one file.
    """

    def __init__(self, target: str | Path | None, *, resume: bool = False, config: dict[str, Any] | None = None):
        self.finished: set[str] = set()
        self.count = 0
        self._to_stdout = target is None or str(target) == "-"
        self._config = config or {}
        if self._to_stdout:
            self._file: IO[bytes] = sys.stdout.buffer
            self.path = None
            return
        self.path = Path(os.path.realpath(target))
        if self.path.is_dir():
            raise GmnerError("is a directory, not a file", where=str(target), hint="name a file, as in -o out.jsonl")
        self._special = self.path.exists() and not stat.S_ISREG(self.path.stat().st_mode)
        self._partial = self.path if self._special else self.path.with_name(self.path.name + ".partial")
        self._manifest = self.path.with_name(self.path.name + ".run.json")
        with _disk_errors(self._partial):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            kept = self._kept_lines() if resume and not self._special else []
            if not self._special:
                self._write_manifest(finished=False)
            self._file = open(self._partial, "wb")
            for line in kept:
                self._file.write(line)
            self._file.flush()

    def write(self, post: Post) -> None:
        """Append one record and hand it to the operating system."""
        line = encode(post) + b"\n"
        with _disk_errors(None if self._to_stdout else self._partial):
            self._file.write(line)
            self._file.flush()
        self.count += 1

    def commit(self, summary: dict[str, Any] | None = None) -> None:
        """Make the file whole: sync, rename, and note in the manifest that it is finished."""
        if self._to_stdout:
            self._file.flush()
            return
        with _disk_errors(self._partial):
            self._file.flush()
            if not self._special:
                os.fsync(self._file.fileno())
            self._file.close()
            if not self._special:
                os.replace(self._partial, self.path)
                self._write_manifest(finished=True, **(summary or {}))

    def _kept_lines(self) -> list[bytes]:
        """Whole, error-free lines of the interrupted file (or of the finished one); fills ``finished``."""
        old = self._partial if self._partial.exists() else self.path
        if not old.exists():
            return []
        if self._manifest.exists():
            before = json.loads(self._manifest.read_text(encoding="utf-8")).get("config", {})
            now = json.loads(json.dumps(self._config))
            changed = sorted(k for k in {*before, *now} if before.get(k) != now.get(k))
            if changed:
                raise GmnerError(
                    "was started with another configuration; changed: "
                    + ", ".join(f"{k} ({before.get(k)!r} -> {now.get(k)!r})" for k in changed),
                    where=str(old), hint="run without --resume to start again, or with the old configuration",
                )
        kept = []
        with open(old, "rb") as stream:
            for line in stream:
                try:
                    record = _loads(line)
                    if not line.endswith(b"\n") or record.get("error"):
                        continue
                except (ValueError, AttributeError):
                    continue  # torn by a kill, or never a record
                self.finished.add(record.get("id"))
                kept.append(line)
        return kept

    def _write_manifest(self, **more: Any) -> None:
        write_atomic(self._manifest, json.dumps({"config": self._config, **more}, indent=2, ensure_ascii=False))


def write_posts(path: str | Path, posts: Iterable[Post]) -> int:
    """Write a whole file atomically; returns the number of posts."""
    sink = _PlainSink(path)
    for post in posts:
        sink.write(post)
    sink.commit()
    return sink.count


class _PlainSink(Sink):
    """A sink without a manifest, for files that are made in one go."""

    def _write_manifest(self, **more: Any) -> None:
        return


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a temporary file beside ``path``, sync it, and rename it over ``path``."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _disk_errors(path):
        try:
            with open(temporary, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


class _Counted:
    """Lines of a binary stream, with the number of the current one."""

    def __init__(self, stream: IO[bytes]):
        self._stream, self.number = stream, 0

    def __iter__(self) -> Iterator[bytes]:
        for line in self._stream:
            self.number += 1
            yield line


def _loads(line: str | bytes) -> Any:
    try:
        return _decode(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except msgspec.DecodeError as problem:
        raise ValueError(str(problem)) from None


def _invalid_line(problem: jsonlines.InvalidLineError) -> str:
    reason = str(problem).split(" (line ")[0]
    if "does not match requested type" in reason or "null value" in reason:
        return "a line must hold one JSON object"
    return reason.replace("line contains invalid json: ", "malformed JSON: ").replace("line is not", "is not")


def _shorten(line: str | bytes, most: int = 2000) -> str:
    text = line if isinstance(line, str) else line.decode("utf-8", "replace")
    text = text.rstrip("\r\n")
    return text if len(text) <= most else text[:most] + "…"


def _finite(value: Any, post_id: str) -> Any:
    if isinstance(value, float):
        if value - value != 0:  # NaN or infinite: msgspec would write null
            raise RecordError(f"{value} cannot be written as JSON", where=post_id)
    elif isinstance(value, dict):
        for item in value.values():
            _finite(item, post_id)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _finite(item, post_id)
    return value


@contextmanager
def _open_source(source: str | Path) -> Iterator[IO[bytes]]:
    if str(source) == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = open(source, "rb")
    except FileNotFoundError:
        raise GmnerError("no such file", where=str(source)) from None
    except IsADirectoryError:
        raise GmnerError("is a directory, not a JSONL file", where=str(source)) from None
    except OSError as problem:
        raise GmnerError(f"cannot be read: {problem.strerror}", where=str(source)) from None
    with stream:
        yield stream


@contextmanager
def _disk_errors(path: Path | None) -> Iterator[None]:
    """Turn "disk full" and "no permission" into messages that say what is safe and what to do."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as problem:
        full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "free some space and run again with --resume: finished records are kept" if full else None
        raise GmnerError(f"cannot write: {problem.strerror}", where=str(path or "stdout"), hint=hint) from None
