"""IOB2 tags to entity spans, in the two readings that the published counts need."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

from gmner_cli.errors import did_you_mean

Orphans = Literal["start", "drop"]
"""What an ``I-`` that continues no entity of its type does: start one, or (strict IOB2) nothing."""

_TAG = re.compile(r"O|[BI]-.+")


class Span(NamedTuple):
    """Tokens ``start``..``end`` (end exclusive) of one type."""

    start: int
    end: int
    type: str


def check_tag(tag: str, labels: Collection[str] | None) -> None:
    """Raise ValueError unless ``tag`` is O, B-TYPE or I-TYPE with a declared type (None: any)."""
    if not _TAG.fullmatch(tag):
        raise ValueError(f"{tag!r} is not an IOB2 tag (O, B-TYPE or I-TYPE)")
    if tag != "O" and labels is not None and tag[2:] not in labels:
        raise ValueError(f"unknown type {tag[2:]!r}; {did_you_mean(tag[2:], labels)}")


def decode(tags: Sequence[str], orphans: Orphans) -> tuple[list[Span], list[int]]:
    """Spans of IOB2 ``tags`` in order, and the positions of orphan I- tags (the first of each run).

    "drop" is what seqeval calls strict IOB2: an entity begins with B- and goes
    on while I- of the same type follow; an orphan belongs to no entity.
    """
    spans: list[Span] = []
    found: list[int] = []
    start: int | None = None
    before = "O"
    for at, tag in enumerate([*tags, "O"]):
        continues = tag[0] == "I" and before != "O" and before[2:] == tag[2:]
        if not continues:
            if start is not None:
                spans.append(Span(start, at, before[2:]))
                start = None
            if tag[0] == "I":
                found.append(at)
            if tag[0] == "B" or (tag[0] == "I" and orphans == "start"):
                start = at
        before = tag
    return spans, found
