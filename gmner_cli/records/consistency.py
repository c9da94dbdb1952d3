"""Whether a record is consistent: spans and tokens that are in the text, boxes that are boxes.

``Post.check`` asks for each of its entities.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gmner_cli.errors import RecordError
from gmner_cli.records.units import in_other_units

if TYPE_CHECKING:
    from gmner_cli.records.post import Box, Entity


def token_offsets(text: str, tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Spans of ``tokens`` in ``text``, found left to right with only white space skipped between.

    Raises RecordError when a token is empty or does not follow.
    """
    spans, at = [], 0
    for number, token in enumerate(tokens):
        if not token:
            raise RecordError(f"tokens[{number}] is empty")
        start = at
        # A token may itself begin with white space (U+200A and the like), so try before skipping.
        while not text.startswith(token, start):
            if start >= len(text) or not text[start].isspace():
                raise RecordError(f"tokens[{number}] {token!r} does not follow in the text at character {at}")
            start += 1
        at = start + len(token)
        spans.append((start, at))
    return spans


def check_box(box: Box, name: str) -> None:
    """Raise RecordError unless ``box`` is finite with x1 < x2 and y1 < y2."""
    if not all(math.isfinite(v) for v in box):
        raise RecordError(f"{name} {list(box)} is not finite")
    if not (box[0] < box[2] and box[1] < box[3]):
        raise RecordError(f"{name} {list(box)} needs x1 < x2 and y1 < y2")


def check_span(entity: Entity, text: str, offsets: list[tuple[int, int]] | None, at: str) -> None:
    """Raise RecordError unless the entity's span, tokens and text agree with the post's.

    ``offsets``: spans of the post's tokens, if it has any. ``at``: how messages call the entity.
    """
    start, end = entity.span
    if not 0 <= start < end <= len(text):
        raise RecordError(f"{at} span {start}..{end} is not inside the text of {len(text)} characters",
                          hint=_units(entity, text))
    if entity.text is not None and entity.text != text[start:end]:
        raise RecordError(f"{at}.text {entity.text!r} is not what stands at {start}..{end}: "
                          f"{text[start:end]!r}", hint=_units(entity, text))
    if not entity.type:
        raise RecordError(f"{at}.type is empty")
    if (entity.token_start is None) != (entity.token_end is None):
        raise RecordError(f"{at} has only one of token_start and token_end")
    first, last = entity.token_start, entity.token_end
    if first is None or last is None or offsets is None:
        return
    if not 0 <= first < last <= len(offsets):
        raise RecordError(f"{at} tokens {first}..{last} are not inside the {len(offsets)} tokens")
    if (offsets[first][0], offsets[last - 1][1]) != (start, end):
        raise RecordError(
            f"{at} tokens {first}..{last} are characters {offsets[first][0]}..{offsets[last - 1][1]}, "
            f"but the span says {start}..{end}"
        )


def _units(entity: Entity, text: str) -> str | None:
    """A hint where the span is right, or at least possible, in other units than characters."""
    for unit, start, end in in_other_units(text, *entity.span):
        if start < end and entity.text in (None, text[start:end]):
            return f"the offsets seem to count {unit}; they must count characters (Unicode code points)"
    return None


def check_visual(entity: Entity, at: str) -> None:
    """Raise RecordError for a figure that is not finite, and scores or masks that do not fit the boxes."""
    for name in ("score", "entropy", "groundable"):
        value = getattr(entity, name)
        if value is not None and not math.isfinite(value):
            raise RecordError(f"{at}.{name} is not finite")
    if entity.groundable is not None and not 0 <= entity.groundable <= 1:
        raise RecordError(f"{at}.groundable {entity.groundable} is not a probability")
    for number, box in enumerate(entity.boxes or []):
        check_box(box, f"{at}.boxes[{number}]")
    for name in ("box_scores", "masks"):
        values = getattr(entity, name)
        if values is not None and len(values) != len(entity.boxes or []):
            raise RecordError(f"{at}.{name} has {len(values)} entries for {len(entity.boxes or [])} boxes")
