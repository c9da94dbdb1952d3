"""Tags to entity spans, in the two readings that the published counts need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

Orphans = Literal["start", "drop"]
"""What an ``I-`` that continues no entity of its type does: start one, or (strict IOB2) nothing."""


class Span(NamedTuple):
    """Tokens ``start``..``end`` (end exclusive) of one type."""

    start: int
    end: int
    type: str


def decode(tags: Sequence[str], orphans: Orphans) -> tuple[list[Span], list[int]]:
    """Spans of ``tags`` in order, and the positions of orphan I- and E- tags (the first of each run).

    ``tags`` are in the one form of ``gmner_cli.data.schemes``: O, B-, I-, E- or
    S-TYPE. "drop" is what seqeval calls strict IOB2: an entity begins with B-
    and goes on while I- of the same type follow; an orphan belongs to no entity.
    """
    spans: list[Span] = []
    found: list[int] = []
    start: int | None = None
    before = "O"
    for at, tag in enumerate([*tags, "O"]):
        role = tag[0]
        continues = role in "IE" and before != "O" and before[2:] == tag[2:]
        if not continues:
            if start is not None:
                spans.append(Span(start, at, before[2:]))
                start = None
            if role in "IE":
                found.append(at)
            if role in "BS" or (role in "IE" and orphans == "start"):
                start = at
        if role in "ES":
            if start is not None:
                spans.append(Span(start, at + 1, tag[2:]))
                start = None
            tag = "O"  # what follows continues nothing
        before = tag
    return spans, found
