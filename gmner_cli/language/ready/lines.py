"""JSON Lines that are not posts: one object of a known shape a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from gmner_cli.errors import GmnerError, RecordError, printable

T = TypeVar("T")


def read_typed(path: Path, kind: type[T]) -> Iterator[tuple[str, T]]:
    """``(file:line, object)`` of every line that is not blank; fields beyond those of ``kind`` do not matter.

    Raises RecordError at the first line that is not one, GmnerError when the file cannot be read.
    """
    decode = msgspec.json.Decoder(kind).decode
    try:
        with open(path, "rb") as stream:
            for number, line in enumerate(stream, 1):
                line = line.removeprefix(b"\xef\xbb\xbf").strip()
                if not line:
                    continue
                where = f"{printable(str(path))}:{number}"
                try:
                    yield where, decode(line)
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
                    raise RecordError(str(problem).replace("`", ""), where=where) from None
    except (OSError, ValueError) as problem:
        raise GmnerError(f"cannot be read: {getattr(problem, 'strerror', None) or problem}",
                         where=printable(str(path))) from None
