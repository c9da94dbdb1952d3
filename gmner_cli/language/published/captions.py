"""Caption files as they are published: ``NAME.jpg :caption`` a line (PGIM), ``imgid:ID###text`` (RiVEG), or
JSON Lines.

The first line of a file tells which of them it is. What is odd is listed with file:line, and costs no other
caption.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gmner_cli.data.conll import read_lines
from gmner_cli.errors import GmnerError, printable
from gmner_cli.records.jsonl import loads

HEAD, MARK = "imgid:", "###"
"""Around the id of a caption that may go on over several lines."""

COLON = " :"
"""Between a picture's name and its caption on one line."""

Numbered = Sequence[tuple[int, str]]
"""Lines with their numbers, from 1."""


@dataclass(frozen=True, slots=True)
class PublishedCaption:
    """What ``file:line`` says of the post or picture ``key``: an id, or a file name."""

    where: str
    key: str
    text: str


@dataclass
class CaptionFile:
    """The captions of a file in its order, doubles included, and as "file:line: reason" what is none."""

    path: Path
    captions: list[PublishedCaption] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)

    def where(self, line: int) -> str:
        return f"{self.path}:{line}"

    def take(self, line: int, key: str, text: object) -> None:
        """Add a caption, without white space around it; or an oddity, where there is no key or no text."""
        key, text = key.strip(), text.strip() if isinstance(text, str) else ""
        if not key:
            self.note(line, "a caption of nothing: there is no id before it")
        elif not text:
            self.note(line, f"no caption for {key}")
        else:
            self.captions.append(PublishedCaption(self.where(line), key, text))

    def note(self, line: int, problem: str) -> None:
        self.oddities.append(printable(f"{self.where(line)}: {problem}"))


def read_captions(path: Path, name: str = "caption") -> CaptionFile:
    """The captions of a published file.

    ``name``: the field of JSON Lines that is wanted; an object that lacks it is
    asked for "caption". Raises GmnerError when the file cannot be read, is not
    UTF-8, is empty, or is of none of the three formats.
    """
    lines = [(number, line) for number, line in enumerate(read_lines(path), start=1)]
    first = next(((number, line) for number, line in lines if line.strip()), None)
    if first is None:
        raise GmnerError("is empty", where=printable(str(path)), hint="was it downloaded whole?")
    found = CaptionFile(path)
    _reader(path, *first)(lines, found, name)
    return found


def _reader(path: Path, number: int, line: str) -> Callable[[Numbered, CaptionFile, str], None]:
    if line.startswith("{"):
        return _read_objects
    if line.startswith(HEAD) and MARK in line:
        return _read_blocks
    name, mark, _ = line.partition(COLON)
    if mark and name.strip() and name.isprintable():
        return _read_rows
    raise GmnerError(
        f"is not a caption file that is known: {line[:60]!r}", where=printable(f"{path}:{number}"),
        hint=f'a line is NAME.jpg{COLON}CAPTION, {HEAD}ID{MARK}CAPTION (over several lines), or '
        '{"id": ..., "caption": ...}')


def _read_rows(lines: Numbered, found: CaptionFile, name: str) -> None:
    for number, line in lines:
        key, mark, text = line.partition(COLON)
        if mark:
            found.take(number, key, text)
        elif line.strip():
            found.note(number, f"is not NAME{COLON}CAPTION: {line[:60]!r}")


def _read_blocks(lines: Numbered, found: CaptionFile, name: str) -> None:
    for number, head, rest in _blocks(lines):
        key, mark, text = head.removeprefix(HEAD).partition(MARK)
        if mark:
            found.take(number, key, "\n".join([text, *rest]))
        else:
            found.note(
                number, f"is not {HEAD}ID{MARK}CAPTION: {head[:60]!r}" +
                (f"; left out with the {len(rest)} lines below it" if any(map(str.strip, rest)) else ""))


def _blocks(lines: Numbered) -> Iterator[tuple[int, str, list[str]]]:
    """``(number, first line, further lines)`` of everything that begins with the mark of an id."""
    number, head = 0, ""
    rest: list[str] = []
    for at, line in lines:
        if line.startswith(HEAD):
            if head:
                yield number, head, rest
            number, head, rest = at, line, []
        else:
            rest.append(line)
    yield number, head, rest


def _read_objects(lines: Numbered, found: CaptionFile, name: str) -> None:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            value = loads(line)
        except ValueError as problem:
            found.note(number, f"malformed JSON: {problem}")
            continue
        if not isinstance(value, dict) or type(value.get("id")) not in (str, int):
            found.note(number, 'is not an object with an "id"')
            continue
        found.take(number, str(value["id"]), value.get(name) or value.get("caption"))
