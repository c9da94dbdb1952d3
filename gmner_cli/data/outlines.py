"""Outlines as annotation tools draw them, in pixels: their corners, extent and mask. x to the right, y
down."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gmner_cli.records import Box, Mask

Point = tuple[float, float]

LONGEST_OUTLINE = 2_000_000
"""Pixels along all outlines of one mask: the rasteriser keeps five points for each."""


def around(points: Sequence[Point]) -> list[Point]:
    """The corners of a convex shape in the order of a walk around it, whatever order they come in."""
    cx, cy = (sum(values) / len(points) for values in zip(*points, strict=True))
    return sorted(points, key=lambda point: math.atan2(point[1] - cy, point[0] - cx))


def turned(cx: float, cy: float, width: float, height: float, angle: float) -> list[Point]:
    """The corners of a rectangle of this centre and size, turned clockwise by ``angle`` in radians."""
    cos, sin = math.cos(angle), math.sin(angle)
    return [(cx + x * cos - y * sin, cy + x * sin + y * cos)
            for x, y in ((sx * width / 2, sy * height / 2)
                         for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1)))]


def circle(centre: Point, edge: Point, corners: int = 180) -> list[Point]:
    """A polygon as good as the circle around ``centre`` through ``edge``."""
    radius = math.dist(centre, edge)
    return [(centre[0] + radius * math.cos(turn), centre[1] + radius * math.sin(turn))
            for turn in (2 * math.pi * corner / corners for corner in range(corners))]


def extent(points: Sequence[Point]) -> Box:
    """The smallest box that holds all points. Raises ValueError when there are none, or one is not finite."""
    xs, ys = ([point[side] for point in points] for side in (0, 1))
    if not points or not all(map(math.isfinite, [*xs, *ys])):
        raise ValueError("has no points, or one that is not finite")
    return min(xs), min(ys), max(xs), max(ys)


def check_reach(points: Sequence[Point], width: int, height: int) -> bool:
    """Whether an outline stays in the picture. Raises ValueError where it is so far off, or so long, that
    drawing it would exhaust the memory: the rasteriser walks along the outline."""
    x1, y1, x2, y2 = extent(points)
    if x1 < -width or y1 < -height or x2 > 2 * width or y2 > 2 * height:
        raise ValueError("lies far outside the picture")
    if sum(math.dist(a, b) for a, b in zip(points, [*points[1:], points[0]], strict=True)) > LONGEST_OUTLINE:
        raise ValueError(f"has an outline longer than {LONGEST_OUTLINE} pixels")
    return x1 >= 0 and y1 >= 0 and x2 <= width and y2 <= height


def drawn(outlines: Sequence[Sequence[Point]], height: int, width: int) -> Mask:
    """The mask of what lies in any of the outlines, which ``check_reach`` has passed."""
    from pycocotools import mask as coco  # brings numpy, which most data sets need not wait for

    flat = [[value for point in outline for value in point] for outline in outlines]
    return _mask(coco.merge(coco.frPyObjects(flat, height, width)))


def joined(masks: Sequence[Mask]) -> tuple[Mask, Box]:
    """The union of masks of one size, and the extent of its pixels; x2 and y2 exclusive."""
    from pycocotools import mask as coco

    encoded = coco.merge([{"size": list(mask.size), "counts": mask.counts.encode("ascii")} for mask in masks])
    x, y, across, down = (float(value) for value in coco.toBbox(encoded))
    return _mask(encoded), (x, y, x + across, y + down)


def _mask(encoded: dict) -> Mask:
    height, width = encoded["size"]
    return Mask(size=(int(height), int(width)), counts=encoded["counts"].decode("ascii"))
