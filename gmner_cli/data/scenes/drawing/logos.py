"""Badges: an emblem on a shape, plain (a logo) or with a coloured border and a ribbon (a crest)."""

from __future__ import annotations

import math
from random import Random

from PIL import Image

from gmner_cli.data.scenes.drawing.forms import (
    CLOSE,
    both_sides,
    contrast,
    disc,
    distance,
    grown,
    place,
    second,
    set_off,
    smooth,
    star,
)
from gmner_cli.data.scenes.drawing.looks import COLOURS, Logo
from gmner_cli.data.scenes.drawing.tile import Colour, Point, Tile, shade

_BORDER = 9.0

# Convex outlines about the origin, clockwise, of which the border keeps _BORDER units to 50.
_OUTLINES: dict[str, tuple[Point, ...]] = {
    "circle": tuple(disc(0, 0, 41, 44)),
    "shield": ((-34, -41), (34, -41), (35, -12), (33, 4), (27, 19), (16, 32), (0, 41), (-16, 32), (-27, 19),
               (-33, 4), (-35, -12)),
    "square": ((-39, -41), (39, -41), (39, 41), (-39, 41)),
    "hexagon": ((0, -41), (36, -20.5), (36, 20.5), (0, 41), (-36, 20.5), (-36, -20.5)),
    "diamond": ((0, -41), (44, 0), (0, 41), (-44, 0)),
    "triangle": ((0, -41), (49, 41), (-49, 41)),
}

# Where the emblem sits: its centre's y and its radius.
_SEATS = {
    "circle": (0, 31), "shield": (-7, 29), "square": (0, 33), "hexagon": (0, 30), "diamond": (0, 27),
    "triangle": (16, 25)
}


def _waves() -> list[list[Point]]:
    xs = [k / 8 - 1 for k in range(17)]
    return [[*((x, y + 0.26 * math.sin(5.5 * x) - 0.25) for x in xs),
             *((x, y + 0.26 * math.sin(5.5 * x) + 0.25) for x in reversed(xs))] for y in (-0.46, 0.46)]


def _gear() -> list[Point]:
    found = []
    for k in range(8):
        for turn, r in ((-0.27, 0.72), (-0.2, 1), (0.2, 1), (0.27, 0.72)):
            angle = math.tau * k / 8 + turn
            found.append((r * math.cos(angle), r * math.sin(angle)))
    return found


def _ray(k: int) -> list[Point]:
    angle = math.tau * k / 8
    return [(r * math.cos(angle + turn), r * math.sin(angle + turn))
            for r, turn in ((0.7, -0.3), (1.14, 0), (0.7, 0.3))]


_HEART = both_sides(
    smooth([(0, -0.45), (0.28, -0.78), (0.68, -0.8), (0.97, -0.5), (0.94, -0.08), (0.6, 0.42), (0, 0.95)],
           5)[:-4])

# Each emblem within a circle of radius 1: what is drawn with the ink, and what of that is cut out again.
_EMBLEMS: dict[str, tuple[list[list[Point]], list[list[Point]]]] = {
    "star": ([star(0, 0.05, 1.1, 0.44)], []),
    "wave": (_waves(), []),
    "tree": ([
        disc(-0.46, -0.12, 0.46, 20),
        disc(0.46, -0.12, 0.46, 20),
        disc(0, -0.5, 0.5, 20),
        disc(0, -0.05, 0.42, 20), [(-0.15, 0), (0.15, 0), (0.17, 0.8), (0.38, 1), (-0.38, 1), (-0.17, 0.8)]
    ], []),
    "bolt": ([[(0.2, -1.08), (-0.66, 0.16), (-0.1, 0.16), (-0.3, 1.08), (0.66, -0.26), (0.08, -0.26),
               (0.52, -1.08)]], []),
    "crown": ([[(-0.82, 0.5), (-1, -0.45), (-0.48, 0.02), (0, -0.75), (0.48, 0.02), (1, -0.45), (0.82, 0.5)],
               [(-0.82, 0.6), (0.82, 0.6), (0.82, 0.85), (-0.82, 0.85)],
               disc(-1, -0.52, 0.15, 14),
               disc(0, -0.82, 0.17, 14),
               disc(1, -0.52, 0.15, 14)], []),
    "anchor": ([
        disc(0, -0.74, 0.3, 20), [(-0.13, -0.55), (0.13, -0.55), (0.13, 0.9), (-0.13, 0.9)],
        [(-0.5, -0.36), (0.5, -0.36), (0.5, -0.12), (-0.5, -0.12)],
        both_sides([(0, 1.06), (0.42, 0.94), (0.72, 0.66), (0.86, 0.42), (1, 0.5), (0.94, -0.06),
                    (0.46, 0.28), (0.6, 0.34), (0.44, 0.56), (0.2, 0.74), (0, 0.8)])
    ], [disc(0, -0.74, 0.13, 14)]),
    "mountain": ([[(-1.12, 0.8), (-0.28, -0.9), (0.24, 0.06), (0.5, -0.34), (1.12, 0.8)]], [[(-0.7, -0.1),
                                                                                             (-0.6, -0.22),
                                                                                             (-0.44, -0.06),
                                                                                             (-0.28, -0.3),
                                                                                             (-0.12, -0.06),
                                                                                             (0.08, -0.2),
                                                                                             (0.17, -0.06),
                                                                                             (-0.1, 0.24),
                                                                                             (-0.28, -0.02),
                                                                                             (-0.46, 0.24)]]),
    "sun": ([disc(0, 0, 0.56, 28), *(_ray(k) for k in range(8))], []),
    "moon": ([[
        *((-0.05 + 0.98 * math.cos(a / 10), 0.98 * math.sin(a / 10)) for a in range(8, 56)),
        *((0.33 + 0.76 * math.cos(a / 10), 0.76 * math.sin(a / 10)) for a in range(52, 11, -1))
    ]], []),
    "heart": ([_HEART], []),
    "gear": ([_gear()], [disc(0, 0, 0.36, 24)]),
    "leaf": ([
        smooth([(0.88, -0.9), (0.86, -0.1), (0.42, 0.52), (-0.34, 0.62), (-0.66, 0.3), (-0.6, -0.24),
                (-0.1, -0.72)]), [(-0.5, 0.3), (-0.3, 0.5), (-0.86, 1.02), (-1, 0.88)]
    ], [[(0.62, -0.66), (-0.42, 0.5), (-0.52, 0.4)]]),
    "arrow": ([[(-1.05, -0.27), (0.05, -0.27), (0.05, -0.85), (1.08, 0), (0.05, 0.85), (0.05, 0.27),
                (-1.05, 0.27)]], []),
    "flame": ([
        smooth([(0.08, -1.14), (0.34, -0.6), (0.5, -0.26), (0.6, -0.5), (0.78, 0.05), (0.72, 0.56),
                (0.4, 0.95), (0, 1.04), (-0.42, 0.94), (-0.74, 0.54), (-0.74, 0.06), (-0.46, -0.3),
                (-0.06, -0.66)], 4)
    ], [smooth([(0.04, 0.02), (0.3, 0.42), (0.26, 0.78), (0, 0.9), (-0.28, 0.76), (-0.28, 0.44)], 4)]),
}


def draw(look: Logo, height: int, rng: Random) -> Image.Image:
    """The badge, RGBA, about ``height`` pixels high; never mirrored or turned."""
    ground, ink = COLOURS[look.ground], COLOURS[look.ink]
    outline = _OUTLINES[look.shape]
    width = 2 * (max(x for x, _ in outline) + _BORDER) + 4
    seat, usual = _SEATS[look.shape]
    radius = usual * rng.uniform(0.96, 1.04)
    tile = Tile(width, height)
    middle = width / 2
    border = contrast(ground)
    layers: tuple[tuple[float, Colour], ...]
    if look.kind == "crest":
        y, scale = 45, 0.9
        layers = ((_BORDER, contrast(ink)), (_BORDER - 2.4, ink), (1.2, contrast(ink, ground)), (0.0, ground))
    else:
        y, scale = 50, 1.0
        layers = ((_BORDER, contrast(border)), (_BORDER - 2, border), (_BORDER - rng.uniform(5.5, 6.5),
                                                                       ground))
    for by, colour in layers:
        tile.polygon(place(grown(outline, by), middle, y, scale), colour)
    if look.kind == "crest":
        # One half a tone darker, as on a coat of arms; the outline is convex, so moving its left half to the
        # middle cuts it.
        half = [(max(0.0, x), py) for x, py in outline]
        tile.polygon(place(half, middle, y, scale), second(ground))
    _emblem(tile, look.emblem, middle, y + scale * seat, scale * radius, ground, ink)
    if look.kind == "crest":
        _ribbon(tile, middle, width / 2 - 3, ink, ground)
    return tile.finish()


def _emblem(tile: Tile, name: str, cx: float, cy: float, r: float, ground: Colour, ink: Colour) -> None:
    solids, holes = ([place(part, cx, cy, r) for part in parts] for parts in _EMBLEMS[name])
    set_off(tile, solids, ink, ground)
    for part in holes:
        tile.polygon(part, ground)


def _ribbon(tile: Tile, cx: float, reach: float, ink: Colour, ground: Colour) -> None:
    """Across the foot of a crest, its ends folded back; the bars stand for letters."""
    line = contrast(ink)
    reach = min(reach, 46)
    for side in (-1, 1):
        tail = [(cx + side * x, y)
                for x, y in ((reach - 12, 84), (reach, 84), (reach - 4, 90.5), (reach, 97), (reach - 12, 97))]
        tile.polygon(tail, shade(ink, 0.7))
        tile.line([*tail, tail[0]], 1.4, line)
    tile.rect(cx - reach + 7, 80, cx + reach - 7, 95, line, 2.5)
    tile.rect(cx - reach + 8.5, 81.5, cx + reach - 8.5, 93.5, ink, 1.5)
    for k in range(-2, 3):
        tile.rect(cx + 8 * k - 2.6, 85, cx + 8 * k + 2.6, 90,
                  ground if distance(ink, ground) > CLOSE else line)
