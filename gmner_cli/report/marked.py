"""A post's text with its entities marked, however they overlap.

Offsets are Python code points, so all cutting is done here: JavaScript counts
UTF-16 units and would cut every emoji in two.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from gmner_cli.records import Entity
from gmner_cli.report.compare import Pair
from gmner_cli.report.palette import Palette


def marked_text(text: str, pairs: Sequence[Pair], palette: Palette) -> str:
    """HTML of ``text``; each mark carries ``data-e``, the number of its pair.

    The text is cut at every border of a span; a piece is wrapped once for each span
    that covers it, longest outside, so nested and crossing spans nest properly.
    Entities whose span is not inside the text are left out.
    """
    spans = _spans(text, pairs)
    depths = _depths(spans)
    borders = sorted({0, len(text), *(b for e, _, _ in spans for b in e.span)})
    pieces = []
    for start, end in zip(borders, borders[1:], strict=False):
        piece = escape(text[start:end])
        for depth, (entity, number, is_gold) in zip(depths, spans, strict=True):
            if not (entity.start <= start and end <= entity.end):
                continue
            classes = ["ent", palette.css(entity.type), f"d{min(depth, 3)}", "gold" if is_gold else "found"]
            if entity.start == start:
                classes.append("first")
            if entity.end == end:
                classes.append("last")
            label = f' data-tag="{escape(entity.type)}"' if entity.end == end else ""
            piece = f'<mark class="{" ".join(classes)}" data-e="{number}"{label}>{piece}</mark>'
        pieces.append(piece)
    return "".join(pieces)


def _spans(text: str, pairs: Sequence[Pair]) -> list[tuple[Entity, int, bool]]:
    """(entity, number of its pair, is gold); innermost first: the shortest, then the prediction.

    A gold entity that says what its prediction says is not repeated.
    """
    spans = []
    for number, pair in enumerate(pairs):
        for entity, is_gold in ((pair.found, False), (pair.gold, True)):
            if is_gold and pair.gold_text is not None:
                continue  # it stands in another text
            if entity is not None and 0 <= entity.start < entity.end <= len(text):
                same = is_gold and pair.found is not None and (
                    (pair.found.span, pair.found.type) == (entity.span, entity.type))
                if not same:
                    spans.append((entity, number, is_gold))
    return sorted(spans, key=lambda s: (s[0].end - s[0].start, s[2]))


def _depths(spans: Sequence[tuple[Entity, int, bool]]) -> list[int]:
    """How far each mark's line is lowered so that it passes below the lines of the marks inside it."""
    depths: list[int] = []
    for entity, _, _ in spans:
        below = [depth for depth, (other, _, _) in zip(depths, spans, strict=False)
                 if other.start < entity.end and entity.start < other.end]
        depths.append(max(below) + 1 if below else 0)
    return depths
