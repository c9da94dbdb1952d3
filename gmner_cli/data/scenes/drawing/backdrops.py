"""Scenery for figures to stand on: a wall or sky, a floor, and nothing that a post would name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

from PIL import Image, ImageDraw, ImageFilter

from gmner_cli.data.scenes.drawing.tile import Colour, Point, shade

HORIZON = {
    "park": 0.66, "street": 0.72, "stage": 0.7, "pitch": 0.62, "room": 0.7, "beach": 0.68, "shop": 0.7,
    "night": 0.68, "office": 0.7, "hills": 0.66
}
"""Where the floor begins, as a share of the picture's height from the top."""

KINDS = tuple(HORIZON)


def draw(kind: str, size: int, rng: Random) -> Image.Image:
    """A backdrop, RGB [size, size], a little out of focus."""
    scene = _Scene(size, rng)
    _PAINTERS[kind](scene, 100 * HORIZON[kind], rng)
    # Softer than the figures, as in a portrait; it also smooths the edges of what is drawn at single size.
    return scene.picture.filter(ImageFilter.BoxBlur(max(0.5, size / 250)))


class _Scene:
    """A picture 100 units wide and high. All its colours lean towards one random tint."""

    def __init__(self, size: int, rng: Random):
        self.picture = Image.new("RGB", (size, size))
        self._draw = ImageDraw.Draw(self.picture)
        self._unit = size / 100
        self._tint = [rng.randint(-14, 14) for _ in range(3)]

    def fade(self, y1: float, y2: float, top: Colour, low: Colour) -> None:
        """A band across the picture, from one colour at its top to another at its foot."""
        first, last = round(y1 * self._unit), round(y2 * self._unit)
        a, b = self._tinted(top), self._tinted(low)
        rows = max(1, last - first)
        column = bytes(round(p + (q - p) * k / rows) for k in range(rows) for p, q in zip(a, b, strict=True))
        band = Image.frombytes("RGB", (1, rows), column)
        self.picture.paste(band.resize((self.picture.width, rows)), (0, first))

    def rect(self, x1: float, y1: float, x2: float, y2: float, colour: Colour) -> None:
        self._draw.rectangle([x1 * self._unit, y1 * self._unit, x2 * self._unit, y2 * self._unit],
                             fill=self._tinted(colour))

    def ellipse(self, cx: float, cy: float, rx: float, ry: float, colour: Colour) -> None:
        u = self._unit
        self._draw.ellipse([(cx - rx) * u, (cy - ry) * u, (cx + rx) * u, (cy + ry) * u],
                           fill=self._tinted(colour))

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        self._draw.polygon([(x * self._unit, y * self._unit) for x, y in points], fill=self._tinted(colour))

    def _tinted(self, colour: Colour) -> Colour:
        r, g, b = (min(255, max(0, c + t)) for c, t in zip(colour, self._tint, strict=True))
        return r, g, b


def _clouds(s: _Scene, rng: Random, colour: Colour) -> None:
    for _ in range(rng.randint(2, 4)):
        x, y, r = rng.uniform(0, 100), rng.uniform(6, 32), rng.uniform(4, 7)
        for dx, dy, share in ((-1.1, 0.2, 0.7), (0, 0, 1), (1.2, 0.25, 0.65)):
            s.ellipse(x + dx * r, y + dy * r, 1.4 * r * share, 0.6 * r * share, colour)


def _ridge(s: _Scene, floor: float, height: float, colour: Colour, rng: Random) -> None:
    """Rolling land on the horizon."""
    phase, waves = rng.uniform(0, 6), rng.uniform(0.05, 0.09)
    tops = [(x, floor - height * (0.6 + 0.4 * math.sin(phase + waves * x) * math.cos(0.031 * x + phase)))
            for x in range(0, 105, 4)]
    s.polygon([(0, floor + 1), *tops, (104, floor + 1)], colour)


def _park(s: _Scene, floor: float, rng: Random) -> None:
    s.fade(0, floor, (150, 202, 236), (222, 238, 240))
    _clouds(s, rng, (236, 244, 248))
    _ridge(s, floor, 14, (160, 194, 160), rng)
    x = rng.uniform(-6, 2)
    while x < 104:
        r = rng.uniform(5, 9)
        s.ellipse(x, floor - 1, r, r * 0.8, shade((112, 162, 110), rng.uniform(0.92, 1.1)))
        x += r * rng.uniform(1.1, 1.8)
    s.fade(floor, 100, (142, 186, 112), (114, 164, 92))
    lean = rng.uniform(-25, 25)
    s.polygon([(48, floor), (54, floor), (76 + lean, 100), (34 + lean, 100)], (208, 194, 162))


def _street(s: _Scene, floor: float, rng: Random) -> None:
    s.fade(0, 24, (168, 204, 230), (214, 230, 238))
    count = rng.randint(3, 4)
    fronts = [(200, 172, 150), (176, 184, 190), (208, 192, 158), (184, 158, 152), (166, 178, 166)]
    rng.shuffle(fronts)
    for k in range(count):
        x1, x2, top = 100 * k / count, 100 * (k + 1) / count, rng.uniform(8, 16)
        s.rect(x1, top, x2, floor, fronts[k])
        s.rect(x1, top, x2, top + 2, shade(fronts[k], 0.86))
        step = (x2 - x1) / 3
        for row in range(2):
            for column in range(3):
                wx, wy = x1 + (column + 0.5) * step, top + 9 + row * 15
                s.rect(wx - 2.6, wy, wx + 2.6, wy + 8, shade(fronts[k], 0.78))
        s.rect(x1 + 2, floor - 18, x2 - 2, floor - 2, shade(fronts[k], 0.72))
        s.rect(x1 + 1, floor - 20, x2 - 1, floor - 15, shade(fronts[k], 1.3))
    s.fade(floor, floor + 8, (196, 194, 190), (186, 184, 182))
    s.rect(0, floor + 8, 100, floor + 9, (150, 150, 152))
    s.fade(floor + 9, 100, (142, 144, 150), (120, 122, 130))
    offset = rng.uniform(0, 12)
    for k in range(-1, 5):
        x = offset + 24 * k
        s.polygon([(x, 88), (x + 12, 88), (x + 11, 90), (x - 1.5, 90)], (206, 206, 200))


def _stage(s: _Scene, floor: float, rng: Random) -> None:
    curtain = rng.choice(((126, 62, 84), (76, 74, 134), (66, 104, 118), (112, 76, 128)))
    s.fade(0, floor, shade(curtain, 0.7), curtain)
    folds = rng.randint(10, 14)
    for k in range(folds):
        x = 100 * k / folds
        s.rect(x, 0, x + 3, floor, shade(curtain, 0.82))
    for x in (rng.uniform(16, 36), rng.uniform(64, 84)):
        lean = rng.uniform(-12, 12)
        s.polygon([(x - 3, 0), (x + 3, 0), (x + lean + 17, floor), (x + lean - 17, floor)],
                  shade(curtain, 1.2))
        s.ellipse(x + lean, floor + 5, 18, 4, (178, 140, 108))
    s.rect(0, 0, 100, 7, shade(curtain, 0.62))
    s.fade(floor, 100, (156, 116, 86), (112, 80, 60))
    for x in (rng.uniform(18, 38), rng.uniform(62, 82)):
        s.ellipse(x, floor + 11, 19, 5, (186, 148, 114))


def _pitch(s: _Scene, floor: float, rng: Random) -> None:
    s.fade(0, 16, (156, 196, 226), (196, 218, 232))
    seats = rng.choice(((106, 126, 156), (142, 118, 118), (118, 136, 128)))
    for k in range(9):
        s.rect(0, 14 + k * 5, 100, 19 + k * 5, shade(seats, 0.9 if k % 2 else 1.05))
    for x in range(8, 104, rng.choice((18, 21, 24))):
        s.polygon([(x, 14), (x + 2, 14), (x + 2.8, 58), (x - 0.8, 58)], shade(seats, 1.3))
    s.rect(0, floor - 6, 100, floor, (206, 208, 206))
    s.rect(0, floor - 6, 100, floor - 5, (168, 172, 176))
    s.fade(floor, 100, (124, 176, 106), (100, 156, 86))
    middle, count = rng.uniform(30, 70), 8
    for k in range(0, count, 2):
        top, low = (middle + (k - count / 2) * 22,
                    middle + (k + 1 - count / 2) * 22), (middle + (k - count / 2) * 34,
                                                         middle + (k + 1 - count / 2) * 34)
        s.polygon([(top[0], floor), (top[1], floor), (low[1], 100), (low[0], 100)], (112, 166, 96))
    s.rect(0, floor + 6, 100, floor + 7, (220, 232, 214))


def _room(s: _Scene, floor: float, rng: Random) -> None:
    wall = rng.choice(((214, 200, 178), (190, 206, 204), (212, 190, 190), (196, 198, 216)))
    s.fade(0, floor, wall, shade(wall, 0.94))
    x = rng.uniform(12, 58)
    s.rect(x - 2, 12, x + 30, 46, (238, 234, 226))
    s.rect(x, 14, x + 28, 44, (188, 214, 230))
    s.rect(x + 13, 14, x + 15, 44, (238, 234, 226))
    s.rect(x, 28, x + 28, 29.5, (238, 234, 226))
    for side in (x - 8, x + 28):
        s.rect(side, 10, side + 8, 50, shade(wall, 0.82))
    s.rect(0, floor - 5, 100, floor, shade(wall, 1.5))
    s.fade(floor, 100, (188, 152, 116), (158, 122, 90))
    for k in range(1, 5):
        y = floor + (100 - floor) * (k / 5) ** 1.3
        s.rect(0, y, 100, y + 0.5, (150, 116, 86))
    s.ellipse(rng.uniform(30, 70), 92, 44, 9, shade(wall, 0.8))


def _beach(s: _Scene, floor: float, rng: Random) -> None:
    s.fade(0, 46, (140, 200, 236), (224, 240, 242))
    _clouds(s, rng, (240, 246, 248))
    s.fade(46, floor, (92, 168, 192), (136, 204, 206))
    for _ in range(9):
        x, y = rng.uniform(0, 90), rng.uniform(48, floor - 4)
        s.rect(x, y, x + rng.uniform(5, 14), y + 0.7, (168, 216, 220))
    s.fade(floor, 100, (232, 214, 170), (212, 188, 140))
    for rise, tone in ((1.5, (226, 240, 236)), (-1, (150, 208, 208))):
        phase = rng.uniform(0, 6)
        shore = [(x, floor + rise + 1.4 * math.sin(phase + x / 9)) for x in range(0, 105, 3)]
        s.polygon([(0, floor - 4), *shore, (105, floor - 4)], tone)


def _shop(s: _Scene, floor: float, rng: Random) -> None:
    wall = rng.choice(((206, 196, 180), (186, 200, 196), (206, 188, 178)))
    s.fade(0, floor, wall, shade(wall, 0.92))
    goods = ((172, 146, 132), (150, 166, 160), (186, 172, 140), (160, 152, 174))
    for row in range(3):
        low = 25 + 19 * row
        s.rect(6, low - 15, 94, low, shade(wall, 0.86))
        x = 8.0
        while x < 88:
            w, h = rng.uniform(3.5, 7), rng.uniform(6, 11.5)
            if rng.random() < 0.8:
                s.rect(x, low - h, x + w, low, rng.choice(goods))
            x += w + rng.uniform(0.8, 2)
        s.rect(4, low, 96, low + 2, (154, 122, 94))
    s.fade(floor, 100, (204, 200, 194), (176, 172, 168))
    for k in range(-5, 6):
        s.polygon([(50 + 14 * k, floor), (50.6 + 14 * k, floor), (50.9 + 24 * k, 100), (50 + 24 * k, 100)],
                  (164, 160, 156))
    for part in (0.3, 0.64):
        s.rect(0, floor + 30 * part, 100, floor + 30 * part + 0.5, (164, 160, 156))


def _night(s: _Scene, floor: float, rng: Random) -> None:
    s.fade(0, floor, (44, 52, 98), (120, 104, 142))
    for _ in range(40):
        x, y = rng.uniform(0, 100), rng.uniform(0, 50)
        s.rect(x, y, x + 0.5, y + 0.5, (214, 216, 232))
    _ridge(s, floor, 18, (82, 82, 124), rng)
    _ridge(s, floor, 9, (66, 72, 108), rng)
    for _ in range(12):
        x, y = rng.uniform(0, 100), floor - rng.uniform(1, 5)
        s.ellipse(x, y, 0.8, 0.8, (232, 204, 140))
    s.fade(floor, 100, (118, 118, 146), (84, 86, 114))
    s.ellipse(rng.uniform(25, 75), 90, 46, 8, (126, 126, 150))


def _office(s: _Scene, floor: float, rng: Random) -> None:
    wall = rng.choice(((206, 210, 212), (200, 208, 198), (212, 206, 198)))
    s.fade(0, floor, wall, shade(wall, 0.95))
    s.rect(0, 0, 100, 6, shade(wall, 1.5))
    for k in range(3):
        x = 8 + 31 * k
        s.rect(x, 14, x + 24, 42, (176, 204, 220))
        for line in range(rng.randint(4, 9)):
            s.rect(x, 14 + 3 * line, x + 24, 15.4 + 3 * line, (222, 226, 226))
    desk = rng.uniform(-8, 40)
    s.rect(desk, 54, desk + 66, 57, (170, 136, 104))
    for leg in (desk + 3, desk + 60):
        s.rect(leg, 57, leg + 3, floor + 2, (140, 112, 88))
    s.fade(floor, 100, (146, 156, 168), (118, 128, 142))
    s.rect(0, floor, 100, floor + 1.5, shade(wall, 0.8))


def _hills(s: _Scene, floor: float, rng: Random) -> None:
    s.fade(0, floor, (244, 196, 150), (250, 230, 196))
    _clouds(s, rng, (250, 222, 190))
    _ridge(s, floor, 26, (204, 168, 168), rng)
    _ridge(s, floor, 16, (178, 156, 150), rng)
    _ridge(s, floor, 8, (162, 156, 122), rng)
    s.fade(floor, 100, (190, 174, 118), (160, 146, 96))
    for _ in range(14):
        x, y = rng.uniform(0, 100), rng.uniform(floor + 3, 98)
        s.polygon([(x - 1.4, y), (x - 0.5, y - 2.5), (x, y), (x + 0.7, y - 3), (x + 1.4, y)], (140, 134, 84))


_PAINTERS: dict[str, Callable[[_Scene, float, Random], None]] = {
    "park": _park, "street": _street, "stage": _stage, "pitch": _pitch, "room": _room, "beach": _beach,
    "shop": _shop, "night": _night, "office": _office, "hills": _hills
}
