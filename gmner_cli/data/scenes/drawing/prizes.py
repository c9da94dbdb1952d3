"""Trophies, banners, balloons and posters: of the look's colour, with a star of its mark."""

from __future__ import annotations

from random import Random

from gmner_cli.data.scenes.drawing.forms import (
    WHITE,
    both_sides,
    contrast,
    edge,
    second,
    set_off,
    smooth,
    star,
)
from gmner_cli.data.scenes.drawing.tile import Colour, Tile, shade

_WOOD, _STRAW = (112, 72, 42), (186, 132, 74)


def _trophy(t: Tile, colour: Colour, mark: Colour, rng: Random) -> None:
    reach = rng.uniform(15, 17.5)
    for x in (20, 68):
        t.ring(x, 27, reach, 19, 6, second(colour))
    cup = both_sides([(44, 5), (72, 5), (72, 24), (67, 42), (57, 54), (48, 60), (48, 72), (55, 80), (44, 80)],
                     44)
    t.polygon(cup, colour)
    t.polygon([(60, 5), (72, 5), (72, 24), (67, 42), (57, 54), (48, 60), (48, 72), (55, 80), (47, 80),
               (44, 62), (54, 46), (59, 30)], second(colour))
    t.rect(13, 2, 75, 10, shade(colour, 1.3), 3)
    t.polygon([(21, 14), (26, 14), (28, 36), (33, 46), (26, 42)], shade(colour, 1.7))
    t.rect(26, 78, 62, 85, colour, 2)
    t.rect(20, 84, 68, 98, _WOOD, 3)
    t.rect(34, 87, 54, 94, (236, 220, 160), 1)
    set_off(t, [star(44, 32, 19)], mark, colour)


def _banner(t: Tile, colour: Colour, mark: Colour, rng: Random) -> None:
    """A cloth with a swallow tail that hangs from a pole."""
    dip = rng.uniform(78, 84)
    t.polygon([(9, 8), (65, 8), (65, 98), (37, dip), (9, 98)], colour)
    for x in (9, 55):
        t.polygon([(x, 8), (x + 10, 8), (x + 10, 98 - (x < 30) * 7), (x, 98 - (x > 30) * 7)], second(colour))
    for side in (-1, 1):
        t.line([(37 + side * 27, 93), (37, dip - 4)], 4, mark)
    t.rect(9, 16, 65, 21, mark)
    t.line([(5, 8), (69, 8)], 5, _WOOD)
    for x in (5, 69):
        t.ellipse(x, 8, 4.6, colour=_STRAW)
    set_off(t, [star(37, 49, 23)], mark, colour)


def _balloon(t: Tile, colour: Colour, mark: Colour, rng: Random) -> None:
    """A hot-air balloon."""
    for side in (-1, 1):
        t.line([(40 + side * 14, 68), (40 + side * 8, 86)], 1.8, _WOOD)
    half = [(40, 2), (58, 6), (73, 20), (77, 36), (71, 52), (60, 65), (53, 74), (40, 75)]
    t.polygon(smooth(both_sides(half, 40), 4), colour)
    for reach in (1.0, 0.55):
        tone = second(colour) if reach == 1 else colour
        gore = [(40 + (x - 40) * reach, y) for x, y in half]
        t.polygon(smooth(both_sides(gore, 40), 4), tone)
    t.polygon(smooth([(16, 22), (26, 9), (24, 16), (18, 32), (14, 34)], 3), shade(colour, 1.6))
    t.rect(27, 70, 53, 76, mark, 2)
    t.rect(30, 84, 50, 98, _STRAW, 3)
    t.rect(29, 83, 51, 88, _WOOD, 2)
    for x in (36.5, 43.5):
        t.line([(x, 90), (x, 96)], 1.2, _WOOD)
    set_off(t, [star(40, 37 + rng.uniform(-1, 1), 22)], mark, colour)


def _poster(t: Tile, colour: Colour, mark: Colour, rng: Random) -> None:
    """A film's poster in a frame: a star over hills, and lines that stand for letters."""
    t.rect(2, 2, 74, 98, edge(colour), 2)
    t.rect(4.5, 4.5, 71.5, 95.5, WHITE, 1)
    t.rect(8.5, 8.5, 67.5, 91.5, colour)
    crest = rng.uniform(54, 59)
    t.polygon([(8.5, 62), (24, crest), (40, 63), (54, crest + 2), (67.5, 64), (67.5, 91.5), (8.5, 91.5)],
              second(colour))
    letters = contrast(colour)
    t.rect(15, 70, 61, 77, letters, 1)
    t.rect(22, 81, 54, 85, letters, 1)
    set_off(t, [star(38, 37, 23)], mark, colour)


KINDS = {"trophy": (88, _trophy), "banner": (74, _banner), "balloon": (80, _balloon), "poster": (76, _poster)}
"""Each kind's width in units, and what draws it."""
