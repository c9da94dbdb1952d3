"""Buildings, seen from the front: walls of the look's colour, roof and door of its mark."""

from __future__ import annotations

import math
from random import Random

from PIL import Image

from gmner_cli.data.scenes.drawing.forms import CLEAR, DARK, WHITE, brightness, edge, panes, rim, second
from gmner_cli.data.scenes.drawing.looks import COLOURS, Thing
from gmner_cli.data.scenes.drawing.tile import Colour, Tile, shade

_LAMP = (255, 226, 130)


def draw(look: Thing, height: int, rng: Random) -> Image.Image:
    """The building, RGBA, about ``height`` pixels high."""
    width, build = _KINDS[look.kind]
    tile = Tile(width, height)
    wall, mark = COLOURS[look.colour], COLOURS[look.mark]
    build(tile, wall, mark, rng)
    rim(tile, 1.5, edge(wall))
    return tile.finish(mirror=rng.random() < 0.5)


def _tower(t: Tile, wall: Colour, mark: Colour, rng: Random) -> None:
    """A clock tower."""
    _block(t, 10, 50, 38, 98, wall)
    t.rect(7, 91, 41, 98, second(wall), 1)
    rows = rng.choice((2, 3))
    for row in range(rows):
        for x in (17.5, 24, 30.5):
            t.rect(x - 1.6, 60 + row * 19 / rows, x + 1.6, 60 + row * 19 / rows + 13 / rows, panes(wall), 1)
    _arch(t, 24, 80, 98, 5, mark)
    _block(t, 6, 28, 42, 55, wall)
    t.rect(4, 54, 44, 58.5, mark, 1)
    t.ellipse(24, 41.5, 12, colour=mark)
    t.ellipse(24, 41.5, 9.6, colour=WHITE)
    t.line([(24, 41.5), (24, 35.5)], 1.8, DARK)
    t.line([(24, 41.5), (28.5, 43.5)], 1.8, DARK)
    _spire(t, 24, 3, 30, 22, mark)


def _bridge(t: Tile, wall: Colour, mark: Colour, rng: Random) -> None:
    """A stone bridge with two gate towers and chains between them."""
    near, far = 52, 138
    sag = rng.uniform(46, 50)
    chain = [(near + (far - near) * k / 12, sag + (33 - sag) * (k / 6 - 1) ** 2) for k in range(13)]
    for x, y in chain[1:-1]:
        t.line([(x, y), (x, 62)], 1.2, second(wall))
    for points in (chain, [(4, 60), (20, 53), (36, 43), (near, 31)], [(186, 60), (170, 53), (154, 43),
                                                                      (far, 31)]):
        t.line(points, 3.4, mark)
    t.rect(2, 59, 188, 97, wall)
    for cx, rx in ((95, 29), (21, 15), (169, 15)):
        t.ellipse(cx, 99, rx, 28, second(wall))
        t.ellipse(cx, 101, rx - 3, 27, CLEAR)
    t.rect(0, 97, 190, 100, CLEAR)
    t.rect(2, 57, 188, 61, mark, 1)
    t.rect(2, 63, 188, 65, second(wall))
    for x in (near, far):
        _block(t, x - 13, 26, x + 13, 98, wall)
        t.rect(x - 15, 88, x + 15, 98, second(wall), 1)
        for wx in (x - 5, x + 5):
            _arch(t, wx, 35, 50, 2.6, panes(wall))
        _arch(t, x, 66, 84, 5.5, mark)
        _spire(t, x, 3, 28, 16, mark)


def _stadium(t: Tile, wall: Colour, mark: Colour, rng: Random) -> None:
    """An oval arena, its roof a ring."""
    for x in (40, 75, 125, 160):
        height = 15 - abs(x - 100) * 0.06
        t.line([(x, 4), (x, height + 8)], 1.8, edge(wall))
        t.polygon([(x, 3), (x + 12, 6), (x, 9)], mark)
    t.ellipse(100, 68, 97, 29, second(wall))
    t.rect(3, 44, 197, 68, second(wall))
    t.ellipse(100, 66, 97, 28, wall)
    t.rect(3, 44, 197, 66, wall)
    count = rng.choice((9, 10, 11))
    for k in range(count):
        # Equal steps around the oval come closer together towards its ends.
        angle = math.pi * (k + 0.5) / count
        across, dip = 100 - 97 * math.cos(angle), 27 * math.sin(angle)
        _arch(t, across, 57 + dip, 64.5 + dip, 6 * math.sin(angle) + 1, panes(wall))
    t.ellipse(100, 44, 97, 33, mark)
    t.ellipse(100, 46.5, 97, 33, second(mark))
    t.ellipse(100, 43, 97, 31, mark)
    t.ellipse(100, 44, 70, 21, edge(wall))
    t.ellipse(100, 46, 69, 19.5, shade(wall, 0.72) if brightness(wall) > 60 else shade(wall, 1.4))
    t.ellipse(100, 48, 48, 12.5, (86, 166, 84))
    t.ring(100, 48, 12, 4, 1.2, WHITE)
    t.line([(100, 36), (100, 60)], 1.2, WHITE)


def _castle(t: Tile, wall: Colour, mark: Colour, rng: Random) -> None:
    """A keep between two round towers."""
    t.line([(62, 3), (62, 24)], 1.8, edge(wall))
    t.polygon([(62.5, 3), (76, 7), (62.5, 12)], mark)
    _block(t, 44, 28, 80, 80, wall)
    _battlements(t, 42, 82, 22, 4, wall)
    for x in rng.choice(((55, 69), (52, 62, 72))):
        _arch(t, x, 36, 46, 2.7, panes(wall))
    _block(t, 26, 60, 98, 98, wall)
    _battlements(t, 26, 98, 55, 6, wall)
    for left in (5, 89):
        _block(t, left, 40, left + 30, 98, wall)
        t.rect(left - 2, 38, left + 32, 44, second(wall), 1)
        _spire(t, left + 15, 9, 40, 18.5, mark)
        for y in (50, 69):
            _arch(t, left + 15, y, y + 10, 2.7, panes(wall))
    _arch(t, 62, 68, 98, 12, edge(wall))
    _arch(t, 62, 71, 98, 9.5, mark)
    t.line([(62, 72), (62, 97)], 1.2, edge(mark))


def _church(t: Tile, wall: Colour, mark: Colour, rng: Random) -> None:
    """A nave with a steeple at its end."""
    _block(t, 34, 62, 106, 98, wall)
    roof = [(34, 36), (98, 36), (111, 64), (34, 64)]
    t.polygon(roof, mark)
    t.polygon([(34, 55), (107, 55), (111, 64), (34, 64)], second(mark))
    count = rng.choice((3, 4))
    for k in range(count):
        _arch(t, 44 + 62 * (k + 0.5) / count, 69, 90, 4.6, panes(wall))
    _block(t, 7, 42, 41, 98, wall)
    t.line([(24, 3), (24, 16)], 2.4, edge(mark))
    t.line([(20, 7), (28, 7)], 2.4, edge(mark))
    _spire(t, 24, 11, 45, 20, mark)
    t.ellipse(24, 57, 7.2, colour=edge(wall))
    t.ellipse(24, 57, 5.6, colour=_LAMP)
    t.line([(24, 51.5), (24, 62.5)], 1.2, edge(wall))
    t.line([(18.5, 57), (29.5, 57)], 1.2, edge(wall))
    _arch(t, 24, 74, 98, 7.5, mark)


def _skyscraper(t: Tile, wall: Colour, mark: Colour, rng: Random) -> None:
    """A stepped office block with many windows."""
    t.line([(25, 3), (25, 16)], 1.8, edge(wall))
    _block(t, 13, 13, 37, 40, wall)
    t.rect(11, 11, 39, 20, mark, 1.5)
    t.rect(26, 11, 39, 20, second(mark), 1.5)
    _block(t, 5, 36, 45, 98, wall)
    t.rect(3, 34, 47, 41, mark, 1.5)
    t.rect(26, 34, 47, 41, second(mark), 1.5)
    lit = rng.randrange(5)
    for top, bottom, rows, xs in ((22, 33, 2, (19, 31)), (43, 86, rng.choice((5, 6)), (13, 25, 37))):
        step = (bottom - top) / rows
        for row in range(rows):
            for column, x in enumerate(xs):
                pane = _LAMP if (row * 3 + column * 2 + lit) % 7 == 0 else panes(wall)
                t.rect(x - 2.7, top + row * step + 1, x + 2.7, top + (row + 1) * step - 2, pane)
    t.rect(16, 87, 34, 98, mark, 1)
    t.line([(25, 88), (25, 97)], 1.2, edge(mark))


def _lighthouse(t: Tile, wall: Colour, mark: Colour, rng: Random) -> None:
    """A tapering tower with a lamp at the top."""
    def half(y: float) -> float:
        return 8.5 + (y - 31) * 0.1

    def band(top: float, bottom: float, colour: Colour, side: Colour) -> None:
        t.polygon([(25 - half(top), top), (25 + half(top), top), (25 + half(bottom), bottom),
                   (25 - half(bottom), bottom)], colour)
        t.polygon([(29, top), (25 + half(top), top), (25 + half(bottom), bottom), (30, bottom)], side)

    band(30, 97, wall, second(wall))
    stripe = rng.uniform(57, 60)
    band(stripe, stripe + 13, mark, second(mark))
    t.rect(6, 92, 44, 98, second(wall), 2)
    _arch(t, 25, 79, 94, 4.5, mark)
    t.rect(22.4, 41, 27.6, 50, panes(wall), 2)
    t.rect(16.5, 15, 33.5, 30, _LAMP)
    t.rect(22, 15, 28, 30, shade(_LAMP, 2))
    for x in (17, 33):
        t.line([(x, 15), (x, 29)], 1.8, edge(wall))
    t.rect(10, 27, 40, 32.5, edge(wall), 1)
    t.slice(25, 17, 13, 12, 180, 360, mark)
    t.slice(25, 17, 13, 12, 270, 360, second(mark))
    t.ellipse(25, 5, 2.4, colour=mark)


def _pyramid(t: Tile, wall: Colour, mark: Colour, rng: Random) -> None:
    """One side in the light, one in the shade."""
    ridge = rng.uniform(88, 98)
    lines = 7

    def level(share: float) -> tuple[float, float, float, float]:
        """Left end, ridge, right end and y of a course, at a share of the way down."""
        return 75 - 72 * share, 75 + (ridge - 75) * share, 75 + 72 * share, 3 + 94 * share

    left, middle, right, y = level(1)
    t.polygon([(75, 3), (left, y), (middle, y)], wall)
    t.polygon([(75, 3), (middle, y), (right, y)], second(second(wall)))
    for k in range(2, lines):
        left, middle, right, y = level(k / lines)
        t.line([(left + 2, y), (middle, y)], 1.1, second(wall))
        t.line([(middle, y), (right - 2, y)], 1.1, second(second(second(wall))))
    left, middle, right, y = level(0.27)
    t.polygon([(75, 3), (left, y), (middle, y)], mark)
    t.polygon([(75, 3), (middle, y), (right, y)], second(mark))
    t.polygon([(50, 97), (54, 75), (70, 75), (74, 97)], edge(wall))
    t.polygon([(54, 97), (57, 79), (67, 79), (70, 97)], mark)


def _windmill(t: Tile, wall: Colour, mark: Colour, rng: Random) -> None:
    """A round mill with four sails."""
    t.polygon([(24, 97), (33, 38), (59, 38), (68, 97)], wall)
    t.polygon([(52, 38), (59, 38), (68, 97), (55, 97)], second(wall))
    t.rect(26, 66, 66, 70, second(wall), 1)
    t.slice(46, 40, 16, 19, 180, 360, mark)
    t.slice(46, 40, 16, 19, 270, 360, second(mark))
    _arch(t, 46, 77, 97, 6.5, mark)
    t.rect(42.5, 52, 49.5, 61, panes(wall), 2)
    turn = math.radians(rng.uniform(36, 54))
    hub = (46, 35)
    for k in range(4):
        angle = turn + k * math.pi / 2
        along, across = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))

        def at(far: float, off: float, u: tuple[float, float] = along,
               v: tuple[float, float] = across) -> tuple[float, float]:
            return hub[0] + far * u[0] + off * v[0], hub[1] + far * u[1] + off * v[1]

        t.polygon([at(10, -1), at(40, -1), at(40, 10), at(10, 10)], edge(mark))
        for start in (11.5, 21, 30.5):
            t.polygon([at(start, 0.5), at(start + 8, 0.5), at(start + 8, 8.5), at(start, 8.5)], mark)
        t.line([at(0, 0), at(40.5, 0)], 2.6, edge(wall))
    t.ellipse(*hub, 3.6, colour=edge(wall))


def _temple(t: Tile, wall: Colour, mark: Colour, rng: Random) -> None:
    """Columns under a gable."""
    t.rect(13, 40, 117, 86, edge(wall))
    _arch(t, 65, 54, 86, 10, mark)
    half = rng.uniform(5.5, 7)
    for x in (20, 45, 85, 110):
        t.rect(x - half, 44, x + half, 86, wall)
        t.rect(x + 1, 44, x + half, 86, second(wall))
        for y in (42, 82):
            t.rect(x - half - 2, y, x + half + 2, y + 4, wall, 1)
    t.rect(3, 91, 127, 98, second(wall), 1)
    t.rect(8, 85, 122, 92, wall, 1)
    t.rect(8, 34, 122, 43, wall, 1)
    t.rect(8, 40, 122, 43, second(wall), 1)
    t.polygon([(3, 36), (65, 3), (127, 36)], mark)
    t.polygon([(25, 33.5), (65, 13), (105, 33.5)], second(mark))
    t.ellipse(65, 26, 5.5, colour=wall)


def _block(t: Tile, x1: float, y1: float, x2: float, y2: float, colour: Colour) -> None:
    """A wall, its right end in the shade."""
    t.rect(x1, y1, x2, y2, colour)
    t.rect(x2 - 0.27 * (x2 - x1), y1, x2, y2, second(colour))


def _arch(t: Tile, cx: float, top: float, bottom: float, half: float, colour: Colour) -> None:
    """A door or window with a round top."""
    round_part = min(half, bottom - top)
    t.ellipse(cx, top + round_part, half, round_part, colour)
    t.rect(cx - half, top + round_part, cx + half, bottom, colour)


def _spire(t: Tile, cx: float, top: float, bottom: float, half: float, colour: Colour) -> None:
    """A pointed roof."""
    t.polygon([(cx - half, bottom), (cx, top), (cx + half, bottom)], colour)
    t.polygon([(cx, top), (cx + half, bottom), (cx + half * 0.2, bottom)], second(colour))


def _battlements(t: Tile, x1: float, x2: float, top: float, teeth: int, colour: Colour) -> None:
    """A parapet, 10 units high, with gaps in its upper half."""
    t.rect(x1, top + 5, x2, top + 10, colour)
    t.rect(x1, top + 8.5, x2, top + 10, second(colour))
    step = (x2 - x1) / (2 * teeth - 1)
    for k in range(teeth):
        t.rect(x1 + 2 * k * step, top, x1 + (2 * k + 1) * step, top + 6, colour)


_KINDS = {
    "tower": (48, _tower), "bridge": (190, _bridge), "stadium": (200, _stadium), "castle": (124, _castle),
    "church": (114, _church), "skyscraper": (50, _skyscraper), "lighthouse": (50, _lighthouse),
    "pyramid": (150, _pyramid), "windmill": (92, _windmill), "temple": (130, _temple)
}
