"""A part of a picture by its box."""

from __future__ import annotations

import math

from PIL import Image

from gmner_cli.errors import ImageError
from gmner_cli.records import Box


def crop(picture: Image.Image, box: Box, size: tuple[int, int] | None = None,
         where: str | None = None) -> Image.Image:
    """The part of a picture that a box of a record holds, one pixel wide and high at least.

    ``picture`` is upright, as ``open_sized`` gives it, and perhaps a reduced copy; ``box`` is in pixels of
    the whole picture, whose [width, height] is ``size`` (None: it is whole). What reaches beyond the picture
    is cut off. Pixels that the box touches belong to it. Raises ImageError, naming ``where``, when the box
    lies outside.
    """
    wide, high = size or picture.size
    if box[2] <= 0 or box[3] <= 0 or box[0] >= wide or box[1] >= high:
        raise ImageError(f"box {list(box)} lies outside of the picture of {wide}x{high} pixels", where=where)
    left, right = _pixels(box[0], box[2], picture.width, wide)
    top, bottom = _pixels(box[1], box[3], picture.height, high)
    return picture.crop((left, top, right, bottom))


def _pixels(low: float, high: float, held: int, whole: int) -> tuple[int, int]:
    """The pixels, end exclusive, of a side of ``held`` that lie between two places of the ``whole`` side."""
    first = min(max(math.floor(round(low * held / whole, 6)), 0), held - 1)
    return first, max(first + 1, min(math.ceil(round(high * held / whole, 6)), held))
