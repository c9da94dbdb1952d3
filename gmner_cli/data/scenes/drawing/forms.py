"""Outlines and tones that several drawings are made of. Units and axes as in ``tile``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache

from PIL import Image, ImageChops

from gmner_cli.data.scenes.drawing.tile import Colour, Point, Tile, shade

CLEAR = (0, 0, 0, 0)
"""Drawn with this, a shape cuts a hole."""

CLOSE = 75.0
"""Colours less far apart than this (see ``distance``) need a line between them."""

WHITE, DARK = (250, 250, 248), (34, 34, 42)
GLASS, NIGHT_GLASS = (190, 222, 238), (62, 74, 98)


def smooth(points: Sequence[Point], steps: int = 6) -> list[Point]:
    """A closed curve through the points (Catmull-Rom), ``steps`` points for each of them."""
    curve = []
    count = len(points)
    for k in range(count):
        a, b, c, d = (points[(k + j) % count] for j in (-1, 0, 1, 2))
        for step in range(steps):
            s = step / steps
            x, y = (b[i] + 0.5 * s * (c[i] - a[i] + s * (2 * a[i] - 5 * b[i] + 4 * c[i] - d[i] + s *
                                                         (3 * (b[i] - c[i]) + d[i] - a[i])))
                    for i in (0, 1))
            curve.append((x, y))
    return curve


def both_sides(points: Sequence[Point], axis: float = 0.0) -> list[Point]:
    """A closed outline, symmetric about x = ``axis``, from its right half."""
    return [*points, *((2 * axis - x, y) for x, y in reversed(points))]


def disc(cx: float, cy: float, r: float, corners: int = 32) -> list[Point]:
    return [(cx + r * math.cos(math.tau * k / corners), cy + r * math.sin(math.tau * k / corners))
            for k in range(corners)]


def star(cx: float, cy: float, r: float, inner: float = 0.46, tips: int = 5) -> list[Point]:
    """One tip points up; ``inner``: radius of the notches as a share of ``r``."""
    return [(cx + (inner if k % 2 else 1) * r * math.sin(math.pi * k / tips),
             cy - (inner if k % 2 else 1) * r * math.cos(math.pi * k / tips)) for k in range(2 * tips)]


def place(points: Iterable[Point], cx: float, cy: float, scale: float) -> list[Point]:
    """The points enlarged, their origin moved to ``cx``, ``cy``."""
    return [(cx + scale * x, cy + scale * y) for x, y in points]


@cache
def grown(points: tuple[Point, ...], by: float) -> tuple[Point, ...]:
    """A convex outline (clockwise on screen) moved outwards, its corners rounded with radius ``by``."""
    found = []
    for k, (x, y) in enumerate(points):
        (px, py), (nx, ny) = points[k - 1], points[(k + 1) % len(points)]
        first = math.atan2(px - x, y - py)
        turn = (math.atan2(x - nx, ny - y) - first) % math.tau
        parts = max(1, round(turn / 0.3))
        for j in range(parts + 1):
            angle = first + turn * j / parts
            found.append((x + by * math.cos(angle), y + by * math.sin(angle)))
    return tuple(found)


def brightness(colour: Colour) -> float:
    """Luma, 0 to 255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def distance(one: Colour, other: Colour) -> float:
    """How far two colours lie apart to the eye: Euclidean, in steps of grey, the channels weighted as in
    ``brightness``."""
    return math.sqrt(sum(w * (a - b) ** 2 for w, a, b in zip((0.299, 0.587, 0.114), one, other, strict=True)))


def contrast(*colours: Colour) -> Colour:
    """White or nearly black, whichever stands out better from all of the colours."""
    return max((WHITE, DARK), key=lambda c: min(distance(c, other) for other in colours))


def set_off(tile: Tile, parts: Iterable[Sequence[Point]], ink: Colour, ground: Colour) -> None:
    """Polygons of the colour ``ink`` on ``ground``, with a line around them where the two are much alike."""
    parts = list(parts)
    if distance(ground, ink) < CLOSE:
        for part in parts:
            tile.line([*part, part[0]], 3.4, contrast(ground, ink))
    for part in parts:
        tile.polygon(part, ink)


def second(colour: Colour) -> Colour:
    """The tone of the side that is turned away: darker, or lighter for what is black already."""
    return shade(colour, 0.8) if brightness(colour) > 60 else shade(colour, 1.18)


def edge(colour: Colour) -> Colour:
    """The tone of the line around a figure."""
    return shade(colour, 0.42) if brightness(colour) > 60 else (128, 130, 140)


def panes(colour: Colour) -> Colour:
    """What windows look like in a wall of the colour."""
    return GLASS if brightness(colour) < 110 else NIGHT_GLASS


def rim(tile: Tile, thick: float, colour: Colour) -> None:
    """A line of the colour around everything drawn so far, as far as the tile leaves room for it."""
    reach = max(1, round(thick * tile.unit))
    alpha = tile.picture.getchannel("A")
    around = alpha
    for k in range(8):
        moved = Image.new("L", alpha.size)
        moved.paste(alpha,
                    (round(reach * math.cos(math.pi * k / 4)), round(reach * math.sin(math.pi * k / 4))))
        around = ImageChops.lighter(around, moved)
    # A mask of bits pastes several times as fast as one of bytes, and before reduction every pixel is all or
    # nothing.
    line = ImageChops.subtract(around, alpha).convert("1", dither=Image.Dither.NONE)
    tile.picture.paste((*colour, 255), mask=line)
