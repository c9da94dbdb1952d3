"""Whether the boxes of both files are measured in the same picture.

Boxes are in pixels, so boxes of a resized or turned copy mean other places. It shows in ``image_size``, if
both files have it, or else in boxes that could not lie in the other side's picture. Nothing is scaled: that
the pictures differ is known, but not which one was measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gmner_cli.errors import printable
from gmner_cli.records import Box

Size = tuple[int, int]
"""[width, height] in pixels."""

BEYOND = 0.1
"""Share of a side that a box may reach beyond the picture; annotators' boxes do so by some pixels."""


class PictureSizes:
    """Counts posts whose two sides cannot be of one picture, with the first of each kind."""

    def __init__(self) -> None:
        self._same_shape: list[str] = []
        self._turned: list[str] = []
        self._other_shape: list[str] = []
        self._beyond: dict[str, list[str]] = {"PRED": [], "GOLD": []}
        self._shares: dict[str, list[str]] = {"PRED": [], "GOLD": []}

    def add(self, post_id: str, predicted: Sequence[Box], predicted_size: Size | None,
            gold: Sequence[Box], gold_size: Size | None) -> None:
        """Look at the boxes and the ``image_size`` of one post. Without any box, nothing can go wrong."""
        if not predicted and not gold:
            return
        if predicted_size and gold_size and tuple(predicted_size) != tuple(gold_size):
            example = (f"{printable(post_id)}: {predicted_size[0]}x{predicted_size[1]} in PRED, "
                       f"{gold_size[0]}x{gold_size[1]} in GOLD")
            self._kind(predicted_size, gold_size).append(example)
            return
        size = gold_size or predicted_size
        if size is None:
            return
        for side, boxes in (("PRED", predicted), ("GOLD", gold)):
            if not boxes:
                continue
            corners = [value for box in boxes for value in box]
            # Whole numbers may be a box of one pixel in the corner.
            if max(corners) <= 1 < min(size) and any(value != int(value) for value in corners):
                self._shares[side].append(_box_in_picture(post_id, boxes[0], size))
            elif outside := next((box for box in boxes if _is_beyond(box, size)), None):
                self._beyond[side].append(_box_in_picture(post_id, outside, size))

    def warnings(self) -> Iterator[str]:
        """One sentence for each kind that was met."""
        once = ("; boxes are compared as they are, in pixels: make PRED from the pictures that GOLD's boxes "
                "were drawn on")
        for examples, what in ((self._same_shape, " but of the same shape, as a resized copy is"),
                               (self._turned, " with width and height the other way round, as where EXIF's "
                                              "rotation was left out"),
                               (self._other_shape, "")):
            if examples:
                yield (f"{len(examples)} post(s) have another image_size in PRED than in GOLD{what} "
                       f"(first: {examples[0]}){once}")
        for side, examples in self._beyond.items():
            if examples:
                yield (f"{len(examples)} post(s) have boxes in {side} that reach far beyond the picture "
                       f"(first: {examples[0]}), "
                       f"so they seem to be of another or a larger one{once}")
        for side, examples in self._shares.items():
            if examples:
                yield (f"{len(examples)} post(s) have boxes in {side} that seem to be shares of the picture, "
                       "between 0 and 1, "
                       f"and not pixels (first: {examples[0]}); multiply them by the picture's width and "
                       "height")

    def _kind(self, one: Size, other: Size) -> list[str]:
        if _same_shape(one, other):
            return self._same_shape
        return self._turned if _same_shape(one, (other[1], other[0])) else self._other_shape


def _same_shape(one: Size, other: Size) -> bool:
    """The aspect ratios agree to the pixel that resizing rounds off on either side."""
    return abs(one[0] * other[1] - one[1] * other[0]) <= max(*one, *other)


def _is_beyond(box: Box, size: Size) -> bool:
    return any(box[axis] < -BEYOND * size[axis] or box[axis + 2] > (1 + BEYOND) * size[axis]
               for axis in (0, 1))


def _box_in_picture(post_id: str, box: Box, size: Size) -> str:
    return f"{printable(post_id)}: {[round(v, 3) for v in box]} in {size[0]}x{size[1]} pixels"
