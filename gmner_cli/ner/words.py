"""Words of a tweet and their sub-words: alignment, windows, tags. How plain text is cut into words is told in
``cut``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gmner_cli.ner.cut import Cut
from gmner_cli.records import Entity, Post, token_offsets

MOST_PIECES = 16
"""Sub-words kept of one word; only the first is tagged, so a 300-letter word need not fill a window."""


def words_of(post: Post, cut: Cut = Cut()) -> tuple[list[str], list[tuple[int, int]]]:
    """The words a tagger sees and their character spans: the post's own tokens, or else the text as ``cut``
    cuts it."""
    spans = token_offsets(post.text, post.tokens) if post.tokens is not None else cut.spans(post.text)
    return [post.text[a:b] for a, b in spans], spans


@dataclass(slots=True)
class Window:
    """A stretch of a post's words that fits the encoder.

    ``words``: range of word indexes that are read; ``keep``: the part of it whose
    tags are used (windows overlap so that every kept word has context on both sides).
    """

    words: tuple[int, int]
    keep: tuple[int, int]


@dataclass(frozen=True)
class Frame:
    """What an encoder wants around sub-words: in ``[CLS] s [SEP] z [SEP]`` [CLS] as start, [SEP] as stop."""

    start: tuple[int, ...] = ()
    stop: tuple[int, ...] = ()
    pad: int = 0
    longest: int | None = None
    """Sub-words that are read at most, those of the frame included. None: no post is cut into windows."""

    @property
    def size(self) -> int:
        """Sub-words of the frame around s alone."""
        return len(self.start) + len(self.stop)


def windows(pieces: Sequence[int], budget: int, overlap: int = 32) -> list[Window]:
    """Cut words with ``pieces[i]`` sub-words each into windows of at most ``budget`` sub-words.

    Neighbouring windows share about ``overlap`` sub-words; the middle of the shared
    part divides them. Every word is kept exactly once.
    """
    if sum(pieces) <= budget:
        return [Window((0, len(pieces)), (0, len(pieces)))]
    ranges, start = [], 0
    while True:
        end, used = start, 0
        while end < len(pieces) and (used + pieces[end] <= budget or end == start):
            used += pieces[end]
            end += 1
        ranges.append((start, end))
        if end == len(pieces):
            break
        back, shared = end, 0
        while back > start + 1 and shared + pieces[back - 1] <= min(overlap, budget // 2):
            back -= 1
            shared += pieces[back]
        start = back
    cuts = [0] + [(a[1] + b[0]) // 2 for a, b in zip(ranges, ranges[1:], strict=False)] + [len(pieces)]
    return [
        Window(words, keep) for words, keep in zip(ranges, zip(cuts, cuts[1:], strict=False), strict=True)
    ]


def bio_labels(types: Sequence[str]) -> list[str]:
    """The tag set: O, then B- and I- of every type."""
    return ["O"] + [f"{mark}-{name}" for name in types for mark in "BI"]


def entities_of(post: Post, spans: Sequence[tuple[int, int]],
                flat: bool = True) -> list[tuple[int, int, Entity]]:
    """(first word, one past the last, entity) of a post's entities; ``spans``: characters of the words.

    An entity takes every word it overlaps; one without any is left out. Where two entities share a word, the
    first (then the longest) wins, because a tag sequence cannot hold both; with ``flat`` false all stay.
    """
    found: list[tuple[int, int, Entity]] = []
    taken = [False] * len(spans)
    for entity in sorted(post.entities or [], key=lambda e: (e.start, -e.end)):
        inside = [i for i, (a, b) in enumerate(spans) if a < entity.end and entity.start < b]
        if not inside or (flat and any(taken[i] for i in inside)):
            continue
        first, end = inside[0], inside[-1] + 1
        taken[first:end] = [True] * (end - first)
        found.append((first, end, entity))
    return found


def tags_of(post: Post, spans: Sequence[tuple[int, int]], fine: bool = False) -> list[str]:
    """IOB2 tags of a post's words from its entities' character spans, chosen as ``entities_of`` does."""
    tags = ["O"] * len(spans)
    for first, end, entity in entities_of(post, spans):
        name = entity.fine_type if fine else entity.type
        tags[first:end] = [f"B-{name}"] + [f"I-{name}"] * (end - first - 1)
    return tags


def spans_of(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """(first word, one past the last, type) of every entity in IOB2 tags; an orphan I- starts one."""
    found: list[tuple[int, int, str]] = []
    start: int | None = None
    name = ""
    for i, tag in enumerate([*tags, "O"]):
        mark, _, kind = tag.partition("-")
        if start is not None and not (mark == "I" and kind == name):
            found.append((start, i, name))
            start = None
        if start is None and mark in ("B", "I"):
            start, name = i, kind
    return found
