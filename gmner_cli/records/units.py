"""Offsets that other programs count in other units than characters."""

from __future__ import annotations

from collections.abc import Iterator

_UNITS = (("UTF-16 code units, as Java, JavaScript and C# count", "utf-16-le", 2), ("UTF-8 bytes", "utf-8",
                                                                                    1))


def in_other_units(text: str, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """(the unit in words, start, end in characters) for each unit in which ``start`` and ``end`` may have
    been counted: where they then lie on whole characters inside ``text``, and elsewhere than as
    characters."""
    for unit, encoding, size in _UNITS:
        places, at = {0: 0}, 0
        for number, character in enumerate(text, 1):
            at += len(character.encode(encoding, "surrogatepass")) // size
            places[at] = number
        if start in places and end in places and (places[start], places[end]) != (start, end):
            yield unit, places[start], places[end]
