"""Streaming JSON Lines: true line numbers going in, whole files going out.

A record that cannot be used is never lost: it comes out as a record with an
``error`` field and the line as it came in under ``unreadable`` (see ``failed_post``).
"""

from __future__ import annotations

import codecs
import errno
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import jsonlines
import msgspec

from gmner_cli.errors import GmnerError, RecordError, printable, shown
from gmner_cli.files.temporary import clear_leftovers, open_locked, temporary_for
from gmner_cli.records import Post

UNREADABLE = "unreadable"
"""Field of a failed record that holds the line as it came in."""
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""What files begin with that Windows calls Unicode."""

Given = Post | Mapping[str, Any]
"""A record in memory: a post, or a dict of what a line of a file holds."""
Source = str | Path | Iterable[Given]
"""A file of records ("-" is stdin), or records in memory."""

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


@dataclass
class Line:
    """One non-blank line: either ``post`` or ``error`` is set.

    ``number`` counts from 1, blank lines included. ``id`` is unique in the file,
    also where the line's own is missing, unusable or taken.
    """

    number: int
    id: str
    post: Post | None = None
    error: GmnerError | None = None
    raw: Any = None

    def checked(self) -> Post:
        """The post. Raises the error of a line that has none."""
        if self.error is not None:
            raise self.error
        return cast(Post, self.post)  # one of the two is set


def read_lines(source: str | Path, labels: Iterable[str] | None = None) -> Iterator[Line]:
    """Every record of a file ("-" is stdin), checked; a bad one carries its error, located as file:line.

    ``labels``: the declared coarse types; an entity of another type is an error of its line.
    Raises GmnerError when the file itself cannot be read.
    """
    name = "stdin" if str(source) == "-" else printable(str(source))
    seen: dict[str, int] = {}
    allowed = None if labels is None else set(labels)
    with _open_source(source) as stream:
        counter = _Counted(stream)
        reader = jsonlines.Reader(counter, loads=loads)
        while True:
            raw: Any = None
            try:
                raw = reader.read(type=dict, skip_empty=True)
            except EOFError:
                return
            except OSError as problem:
                raise GmnerError(f"cannot be read: {problem.strerror}",
                                 where=f"{name}:{counter.number}") from None
            except jsonlines.InvalidLineError as problem:
                error = RecordError(_invalid_line(problem), where=f"{name}:{counter.number}")
                yield Line(counter.number, _new_id(None, seen, counter.number), error=error,
                           raw=_as_text(counter.line))
                continue
            yield _checked(raw, counter.number, f"{name}:{counter.number}", seen, allowed)


def read_records(records: Iterable[Given], labels: Iterable[str] | None = None) -> Iterator[Line]:
    """As ``read_lines``, of records in memory, dicts or posts; errors call them posts[0], posts[1] and so on.

    What is given is copied, so that nothing changes it. What JSON cannot hold is an error of its record; a
    path is held as text.
    """
    seen: dict[str, int] = {}
    allowed = None if labels is None else set(labels)
    for number, record in enumerate(records, start=1):
        where = f"posts[{number - 1}]"
        try:
            raw = _as_json(record)
        except RecordError as problem:
            own = record.get("id") if isinstance(record, Mapping) else None
            identity = _new_id(own if isinstance(own, str) and own.isprintable() else None, seen, number)
            yield Line(number, identity, error=RecordError(problem.message, where=where),
                       raw=shown(repr(record)))
        else:
            yield _checked(raw, number, where, seen, allowed)


def _checked(raw: dict[str, Any], number: int, where: str, seen: dict[str, int],
             allowed: set[str] | None) -> Line:
    """The record of a JSON object; a bad one carries its error."""
    own = raw.get("id")
    own = str(own) if type(own) is int else own  # 7 and "7" are one id
    first = seen.get(own) if isinstance(own, str) else None
    identity = _new_id(own, seen, number)
    try:
        if first is not None:
            raise RecordError(f"duplicate id {own!r}, first seen in line {first}")
        post = Post.from_builtins({**raw, "id": identity} if own is None else raw).check(allowed)
    except RecordError as problem:
        where += f" (id {printable(own)})" if isinstance(own, str) and own else ""
        return Line(number, identity, error=RecordError(problem.message, where=where, hint=problem.hint),
                    raw=raw)
    return Line(number, identity, post=post, raw=raw)


def _as_json(record: Given) -> dict[str, Any]:
    """A record in memory as it would come back from a file. Raises RecordError for what cannot be written."""
    if not isinstance(record, (Post, Mapping)):
        raise RecordError(f"expected a record, as a dict or a Post, got {type(record).__name__}")
    try:
        content = record.to_builtins() if isinstance(record, Post) else dict(record)
        encoded = msgspec.json.encode(content, enc_hook=_path_as_text)
        _refuse_nan(content, "")
        return loads(encoded)
    except RecordError:
        raise
    except Exception as problem:  # what somebody put into it may raise anything
        raise RecordError(f"cannot be held in JSON: {problem}") from None


def _path_as_text(value: Any) -> str:
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    raise NotImplementedError(f"it holds a value of class {type(value).__name__}")


def lines_of(source: Source, labels: Iterable[str] | None = None) -> Iterator[Line]:
    """``read_lines`` of a file, or ``read_records`` of records in memory."""
    return read_lines(source, labels) if isinstance(source, (str, Path)) else read_records(source, labels)


def read_posts(source: Source, labels: Iterable[str] | None = None,
               limit: int | None = None) -> Iterator[Post]:
    """Every post of a file, or of records in memory, in order. For training, scoring and viewing.

    Raises RecordError at the first bad record.
    """
    for count, line in enumerate(lines_of(source, labels)):
        if limit is not None and count >= limit:
            return
        yield line.checked()


def failed_post(line: Line) -> Post:
    """What comes out for a line that could not be read: a valid record that names the reason."""
    raw = line.raw if isinstance(line.raw, dict) else {}
    error = cast(GmnerError, line.error)  # set where the post is not
    kept = {k: raw[k] for k in ("text", "image") if isinstance(raw.get(k), str)}
    return Post(id=line.id, text=kept.get("text", ""), image=kept.get("image"),
                error=error.reason, extra={UNREADABLE: line.raw})


def encode(post: Post) -> bytes:
    """One line without its newline. Raises RecordError for what JSON cannot hold (NaN, a lone surrogate)."""
    content = post.to_builtins()
    _refuse_nan(content, post.id)
    try:
        return _encode(content)
    except (UnicodeEncodeError, RecursionError, TypeError, msgspec.MsgspecError) as problem:
        raise RecordError(f"cannot be written as JSON: {problem}", where=printable(post.id)) from None


def loads(line: str | bytes) -> Any:
    """A JSON value. Raises ValueError for everything that is not one."""
    try:
        return _decode(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except msgspec.MsgspecError as problem:
        raise ValueError(str(problem)) from None


def write_posts(path: str | Path, posts: Iterable[Post]) -> int:
    """Write a whole file atomically; returns the number of posts. Raises GmnerError when it cannot."""
    count = 0
    with _replacing(Path(path)) as stream:
        for post in posts:
            stream.write(encode(post) + b"\n")
            count += 1
    return count


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a temporary file beside ``path``, sync it, and rename it over ``path``. Raises GmnerError.

    Bytes of file names that are not UTF-8 become escapes, as JSON has them.
    """
    with _replacing(path) as stream:
        stream.write(content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content)


@contextmanager
def disk_errors(where: Path | str, hint: str = "free some space and run again") -> Iterator[None]:
    """Turn "disk full" (with ``hint``) and "no permission" into messages. Raises GmnerError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as problem:
        full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
        raise GmnerError(f"cannot write: {problem.strerror}", where=str(where),
                         hint=hint if full else None) from None


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A stream whose content becomes ``path`` when all went well; a device or a FIFO is written directly."""
    with disk_errors(path):
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            with open(path, "wb") as stream:
                yield stream
            return
        clear_leftovers(path)
        temporary = temporary_for(path)
        try:
            with open_locked(temporary) as stream:
                stream.truncate(0)
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


class _Counted:
    """Lines of a binary stream, with the number of the current one; a byte order mark is dropped."""

    def __init__(self, stream: IO[bytes]):
        self._stream, self.number, self.line = stream, 0, b""

    def __iter__(self) -> Iterator[bytes]:
        for line in self._stream:
            self.number += 1
            self.line = line.removeprefix(codecs.BOM_UTF8)  # in any line: files are joined with cat
            yield self.line


def _new_id(own: Any, seen: dict[str, int], number: int) -> str:
    """The line's own id where it has a usable and new one, else one made from its number."""
    made = own if isinstance(own, str) and own else f"line-{number}"
    while made in seen:
        made = f"{made}#{number}"
    seen[made] = number
    return made


def _invalid_line(problem: jsonlines.InvalidLineError) -> str:
    reason = str(problem).split(" (line ")[0]
    if isinstance(problem.line, bytes) and problem.line.startswith(UTF16):
        return "is UTF-16, not UTF-8; convert the file with `iconv -f UTF-16 -t UTF-8`"
    if "does not match requested type" in reason or "null value" in reason:
        return "a line must hold one JSON object"
    return reason.replace("line contains invalid json: ", "malformed JSON: ").replace("line is not", "is not")


def _as_text(line: bytes) -> str:
    """The line without its end; bytes that are not UTF-8 are escaped, so that none is lost."""
    return line.decode("utf-8", "backslashreplace").rstrip("\r\n")


def _refuse_nan(content: Any, post_id: str) -> None:
    """Raise RecordError for NaN and infinity, which msgspec would write as null."""
    rest = [content]  # not recursive: unknown fields may be nested as deeply as JSON allows
    while rest:
        value = rest.pop()
        if isinstance(value, float):
            if value - value != 0:
                raise RecordError(f"{value} cannot be written as JSON", where=printable(post_id))
        elif isinstance(value, dict):
            rest.extend(value.values())
        elif isinstance(value, (list, tuple)):
            rest.extend(value)


@contextmanager
def _open_source(source: str | Path) -> Iterator[IO[bytes]]:
    if str(source) == "-":
        if sys.stdin is None:
            raise GmnerError("is closed", where="stdin", hint="pipe JSON Lines into it, or name a file")
        yield sys.stdin.buffer
        return
    try:
        stream = open(source, "rb")
    except FileNotFoundError:
        raise GmnerError("no such file", where=str(source)) from None
    except IsADirectoryError:
        raise GmnerError("is a directory, not a JSONL file", where=str(source)) from None
    except ValueError as problem:  # a NUL in the name
        raise GmnerError(f"cannot be read: {problem}", where=printable(str(source))) from None
    except OSError as problem:
        raise GmnerError(f"cannot be read: {problem.strerror}", where=str(source)) from None
    with stream:
        yield stream
