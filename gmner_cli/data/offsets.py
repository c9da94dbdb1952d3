"""Spans that tools mark in plain text: how a file counts characters, and the entities of its posts.

Records count code points. Programs in JavaScript count UTF-16 units, two for an
emoji; some in Go or Rust count bytes; some old ones include the last character. A span that quotes its text
tells which; without quotes, the way that cuts the fewest words does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gmner_cli.data.adapter import NO_ENTITY
from gmner_cli.data.findings import Report
from gmner_cli.records import Entity


@dataclass(frozen=True)
class Mark:
    """A span as the file gives it; ``quote`` is its text where the file repeats it."""

    start: int
    end: int
    type: str
    quote: str | None = None


Way = Callable[[str, int, int], "tuple[int, int] | None"]
"""Text and offsets of the file to code points, end exclusive; None where they are impossible."""


def _points(text: str, start: int, end: int) -> tuple[int, int] | None:
    return (start, end) if 0 <= start < end <= len(text) else None


def _units(text: str, start: int, end: int) -> tuple[int, int] | None:
    if max(text, default="") <= "\uffff":
        return _points(text, start, end)
    places, at = {}, 0
    for place, character in enumerate(text):
        places[at] = place
        at += 2 if ord(character) > 0xFFFF else 1
    places[at] = len(text)
    return (places[start], places[end]) if start < end and start in places and end in places else None


def _bytes(text: str, start: int, end: int) -> tuple[int, int] | None:
    if text.isascii():
        return _points(text, start, end)
    places, at = {}, 0
    for place, character in enumerate(text):
        places[at] = place
        at += len(character.encode("utf-8", "surrogatepass"))
    places[at] = len(text)
    return (places[start], places[end]) if start < end and start in places and end in places else None


def _inclusive(text: str, start: int, end: int) -> tuple[int, int] | None:
    return _points(text, start, end + 1)


WAYS: dict[str, Way] = {
    "code points": _points, "UTF-16 units": _units, "UTF-8 bytes": _bytes,
    "code points, the last one included": _inclusive
}


def counting(posts: Sequence[tuple[str, Sequence[Mark]]], where: object, report: Report) -> str:
    """The way, of WAYS, in which a whole file counts; reported where it is not the records' own, or not
    told."""
    votes: Counter[str] = Counter()
    open_ = unquoted = 0
    for text, marks in posts:
        for mark in marks:
            fits = {name: _fit(way, text, mark) for name, way in WAYS.items()}
            votes.update({name: fit for name, fit in fits.items() if fit})
            unquoted += mark.quote is None
            different = _points(text, mark.start, mark.end) != _units(text, mark.start, mark.end)
            open_ += different and fits["code points"] == fits["UTF-16 units"]
    name = max(WAYS, key=lambda way: (votes[way], -list(WAYS).index(way)))
    if name != "code points":
        report.add("other_offsets", where, f"counts in {name}")
    elif open_ and votes["code points"] == votes["UTF-16 units"]:
        report.add("unsure_offsets", where, f"{open_} spans stand behind characters that UTF-16 counts twice")
    elif unquoted and 2 * votes[name] < sum(len(marks) for _, marks in posts):
        report.add("unsure_offsets", where, "most spans begin or end inside a word, however characters are "
                                            f"counted; counted in {name}")
    return name


def _fit(way: Way, text: str, mark: Mark) -> int:
    """How well a span fits: 1 where it is its quote or, without one, begins and ends at the edges of
    words."""
    span = way(text, mark.start, mark.end)
    if span is None:
        return 0
    start, end = span
    if mark.quote is not None:
        return int(_same(text[start:end], mark.quote))
    if way is _inclusive:
        return 0  # only a quote can tell that the last character is meant
    inside = [text[at - 1].isalnum() and text[at].isalnum() for at in (start, end) if 0 < at < len(text)]
    return int(not any(inside) and not text[start].isspace())


def entities_of(text: str, marks: Sequence[Mark], way: str, renames: Mapping[str, str], where: object,
                report: Report) -> list[Entity | None]:
    """One entity a mark, in their order; None for a mark that does not stand in the text, or whose type is
    mapped to O.

    Marks of one span and type share one entity. White space at the ends of a span is left out.
    """
    made: dict[tuple[int, int, str], Entity] = {}
    found: list[Entity | None] = []
    for mark in marks:
        kind = renames.get(mark.type, mark.type)
        span = _place(text, mark, way)
        if span is None:
            report.add(
                "unusable_span", where, f"{mark.start}..{mark.end} ({mark.type}" +
                (f", {mark.quote[:40]!r}" if mark.quote is not None else "") +
                f") is not in the text of {len(text)} characters", lossy=True)
        if span is None or kind == NO_ENTITY:
            found.append(None)
            continue
        start, end = span
        found.append(
            made.setdefault((start, end, kind), Entity(start=start, end=end, text=text[start:end],
                                                       type=kind)))
    return found


def in_order(entities: Sequence[Entity | None]) -> list[Entity]:
    """Each entity once, as they stand in the text."""
    every = {id(entity): entity for entity in entities if entity is not None}
    return sorted(every.values(), key=lambda entity: entity.span)


def _place(text: str, mark: Mark, way: str) -> tuple[int, int] | None:
    span = WAYS[way](text, mark.start, mark.end)
    if mark.quote is not None and (span is None or not _same(text[slice(*span)], mark.quote)):
        others = [other(text, mark.start, mark.end) for other in WAYS.values()]
        span = next((other for other in others if other and _same(text[slice(*other)], mark.quote)), None)
        if span is None and mark.quote.strip() and text.count(mark.quote) == 1:
            span = text.index(mark.quote), text.index(mark.quote) + len(mark.quote)
    if span is None or not text[slice(*span)].strip():
        return None
    start, end = span
    inner = text[start:end]
    return start + len(inner) - len(inner.lstrip()), end - len(inner) + len(inner.rstrip())


def _same(text: str, quote: str) -> bool:
    """Tools write line ends of a quote as they like, and some cut its white space."""
    plain, theirs = (re.sub(r"(\\n|\s)+", " ", value).strip() for value in (text, quote))
    return plain == theirs
