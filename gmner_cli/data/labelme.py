"""labelme files: ``{"shapes": [{"label", "points", "shape_type", "group_id"}], "imagePath", "imageHeight",
"imageWidth"}``. Points are x, y in pixels; masks may overlap, and one label may have several.

Read are polygons, rectangles of two or four corners, turned ones, circles and
drawn masks (a PNG in base64 at its place). A line or a point has no area.
"""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path
from typing import Any

import msgspec

from gmner_cli.data.annotation_files import read_whole
from gmner_cli.data.boxes import Annotation, Region, image_stem
from gmner_cli.data.outlines import Point, around, check_reach, circle, drawn, joined
from gmner_cli.errors import GmnerError
from gmner_cli.pictures.images import MOST_PIXELS
from gmner_cli.records import Mask

MOST_BYTES = 100_000_000
"""A file may carry its picture as ``imageData``, which is not looked at."""
MOST_DRAWN = 20 * MOST_PIXELS
"""Pixels of all pictures that the drawn masks of one file are put into."""
_FOUR_CORNERS = ("rectangle", "rotation", "rotated_rectangle", "oriented_rectangle", "rotated_box")


def read_labelme(path: Path) -> Annotation:
    """A labelme file; boxes are the extents of the masks, x2 and y2 exclusive.

    Shapes of one label and one ``group_id`` are the visible parts of one thing
    and become one mask. A shape that cannot be read is named in ``unread``.
    Raises GmnerError when the file is broken or lacks the size of its picture.
    """
    try:
        content = msgspec.json.decode(read_whole(path, MOST_BYTES))
        height, width = int(content["imageHeight"]), int(content["imageWidth"])
        if min(height, width) <= 0 or height * width > MOST_PIXELS:
            raise ValueError(f"impossible picture size {width}x{height}")
        found = Annotation(image_stem(str(content["imagePath"])), (width, height), [])
        parts: dict[Any, list[Mask]] = {}
        drawings = sum(shape["shape_type"] == "mask" for shape in content["shapes"] if "shape_type" in shape)
        if drawings * height * width > MOST_DRAWN:
            raise ValueError(f"{drawings} drawn masks of {width}x{height} pixels are too many")
        for number, shape in enumerate(content["shapes"]):
            label = str(shape["label"])
            points = [(float(x), float(y)) for x, y in shape["points"]]
            try:
                mask = _mask(shape, points, height, width, found)
            except _Unread as problem:
                found.unread.append(label)
                found.notes.append(("unknown_shape", f"shape {number} of {label!r} is a "
                                                     f"{str(shape.get('shape_type'))[:40]} of "
                                                     f"{len(points)} points{problem}; left out"))
                continue
            group = shape.get("group_id")
            parts.setdefault((label, number if group is None else ("group", str(group))), []).append(mask)
        for (label, _), masks in parts.items():
            mask, box = joined(masks)
            found.regions.append(Region(label, box, mask))
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, OverflowError, RecursionError,
            OSError) as problem:
        reason = f"no {problem}" if isinstance(problem, KeyError) else problem
        raise GmnerError(f"is not a labelme file: {reason}", where=str(path)) from None
    return found


class _Unread(Exception):
    """A shape whose area cannot be told; the text goes on after its description."""


def _mask(shape: dict[str, Any], points: list[Point], height: int, width: int, found: Annotation) -> Mask:
    """The mask of one shape. Raises _Unread, and ValueError for an outline that is absurdly far outside."""
    if shape.get("shape_type") == "mask":
        return _drawn(shape, points, height, width, found)
    outline = _outline(shape, points)
    try:
        inside = check_reach(outline, width, height)
    except ValueError as problem:
        raise ValueError(f"shape of {shape['label']!r} {problem}") from None
    if not inside:
        found.notes.append(("mask_outside", f"shape of {shape['label']!r} leaves {width}x{height}"))
    return drawn([outline], height, width)


def _outline(shape: dict[str, Any], points: list[Point]) -> list[Point]:
    kind = shape.get("shape_type") or "polygon"
    corners = points[:-1] if len(points) > 2 and points[0] == points[-1] else points
    if kind == "rectangle" and len(corners) == 2:
        (x1, y1), (x2, y2) = corners
        return [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    if kind in _FOUR_CORNERS and len(corners) == 4:
        return around(corners)
    if kind == "circle" and len(points) == 2:
        return circle(points[0], points[1])
    if kind in ("polygon", "quadrilateral") and len(points) > 2:
        return points
    raise _Unread


def _drawn(shape: dict[str, Any], points: list[Point], height: int, width: int, found: Annotation) -> Mask:
    """A drawn mask: a PNG whose pixels other than 0 belong to it, its left upper corner at the first
    point."""
    import numpy as np
    from PIL import Image

    from gmner_cli.pictures.masks import encode

    if len(points) != 2 or not isinstance(shape.get("mask"), str):
        raise _Unread
    (left, top), (right, bottom) = ([math.floor(pick(values))
                                     for values in zip(*points, strict=True)]
                                    for pick in (min, max))
    try:
        with Image.open(io.BytesIO(base64.b64decode(shape["mask"])), formats=["PNG"]) as picture:
            across, down = picture.size
            # Both versions of the tool's own rule: the last pixel belongs to the mask, or does not.
            if not (0 <= across - (right - left) <= 2 and 0 <= down -
                    (bottom - top) <= 2) or across * down > MOST_PIXELS:
                raise _Unread(f" whose mask is {across}x{down}")
            pixels = np.asarray(
                picture.convert("RGBA") if picture.mode in ("P", "PA", "LA", "RGBA") else picture)
    except _Unread:
        raise
    except Exception as problem:  # decoders meet damage with errors of every class
        raise _Unread(f" whose mask cannot be read ({str(problem)[:80]})") from None
    if pixels.ndim == 3:
        # Transparent pixels are outside, whatever colour they hide.
        coloured = np.any(pixels[..., :3], axis=2)
        pixels = coloured & (pixels[..., 3] > 0) if pixels.shape[2] == 4 else coloured
    if left < 0 or top < 0 or left + across > width or top + down > height:
        found.notes.append(("mask_outside", f"shape of {shape['label']!r} leaves {width}x{height}"))
    whole = np.zeros((height, width), bool)
    into = whole[max(top, 0):max(top + down, 0), max(left, 0):max(left + across, 0)]
    own = pixels[max(-top, 0):, max(-left, 0):]
    into[:] = own[:into.shape[0], :into.shape[1]] != 0
    return encode(whole)
