"""Animals: coat in the look's colour, collar (on a fish a band) in its mark, a silhouette for each kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from PIL import Image

from .figure import DARK, WHITE, Figure, light, outline, second
from .looks import COLOURS, Thing
from .tile import Colour, Point, shade


@dataclass(frozen=True, slots=True)
class Coat:
    """The tones of one animal, and how this picture of it differs from others: all from -1 to 1."""

    base: Colour
    collar: Colour
    sway: float
    """Of the tail."""
    nod: float
    """Of the head, down."""
    gaze: float

    @property
    def far(self) -> Colour:
        """Far legs, ears, markings."""
        return second(self.base)

    @property
    def edge(self) -> Colour:
        return outline(self.base)

    @property
    def pale(self) -> Colour:
        return light(self.base)


def draw(look: Thing, height: int, rng: Random) -> Image.Image:
    """The animal, about ``height`` pixels high: RGBA, cropped. ``rng`` mirrors it and moves tail, head and
    eyes."""
    paint, width = _KINDS[look.kind]
    f = Figure(width, max(1, height))
    mirror = rng.random() < 0.5
    paint(
        f,
        Coat(COLOURS[look.colour], COLOURS[look.mark], rng.uniform(-1, 1), rng.uniform(-1, 1),
             rng.uniform(-1, 1)))
    return f.finish(mirror)


def _leg(f: Figure, x: float, top: float, thick: float, colour: Colour, edge: Colour,
         foot: Colour | None = None) -> None:
    """A straight leg, rimmed, with a paw or hoof to the right."""
    f.line([(x, top), (x + 0.5, 95)], thick + 2.4, edge)
    f.line([(x, top), (x + 0.5, 95)], thick, colour)
    f.ellipse(x + 2, 96, thick * 0.72, 3.4, foot or colour)


def _band(f: Figure, points: list[Point], thick: float, colour: Colour) -> None:
    """A collar, rimmed so that it shows on a coat of nearly its own colour."""
    f.line(points, thick + 2.6, outline(colour))
    f.line(points, thick, colour)


def _dog(f: Figure, c: Coat) -> None:
    dy = 1.5 * c.nod
    tail = [(-36, 54), (-49, 42), (-50 + 5 * c.sway, 24)]
    f.line(tail, 9.5, c.edge)
    f.line(tail, 7, c.base)
    for x in (-24, 13):
        _leg(f, x, 66, 10, c.far, c.edge)
    f.blob([(-40, 52), (-26, 45), (0, 47), (18, 40), (33, 46), (33, 62), (22, 75), (0, 74), (-22, 73),
            (-38, 78), (-44, 66)], c.base, c.edge)
    for x in (-34, 24):
        _leg(f, x, 68, 11, c.base, c.base, c.pale)
    f.blob([(36, 22 + dy), (52, 25 + dy), (60, 31 + dy), (58, 41 + dy), (44, 46 + dy), (30, 44 + dy)], c.pale,
           c.edge)
    f.ellipse(45, 48 + dy, 4, 6.5, (232, 96, 116))
    f.blob([(8, 20 + dy), (18, 6 + dy), (34, 5 + dy), (44, 16 + dy), (46, 27 + dy), (40, 40 + dy),
            (26, 47 + dy), (12, 42 + dy)], c.base, c.edge)
    f.blob([(42, 26 + dy), (54, 26 + dy), (60, 31 + dy), (57, 40 + dy), (44, 43 + dy), (38, 36 + dy)], c.pale)
    f.ellipse(58, 29 + dy, 5, 4.2, DARK)
    f.line([(40, 41 + dy), (48, 41.5 + dy), (55, 38 + dy)], 1.5, DARK)
    f.eye(35, 21 + dy, 5, 0.6)
    f.blob([(14, 6 + dy), (22, 10 + dy), (24, 28 + dy), (17, 42 + dy), (8, 36 + dy), (6, 18 + dy)], c.far,
           c.edge)
    _band(f, [(12, 48), (22, 54), (36, 51)], 8.5, c.collar)


def _cat(f: Figure, c: Coat) -> None:
    tail = [(18, 91), (36, 92), (43, 78), (38 + 5 * c.sway, 62), (44 + 5 * c.sway, 52)]
    f.line(tail, 10, c.edge)
    f.line(tail, 7.6, c.base)
    f.blob([(-12, 50), (12, 50), (23, 74), (24, 94), (12, 98), (-12, 98), (-24, 94), (-23, 74)], c.base,
           c.edge)
    f.blob([(-7, 60), (7, 60), (10, 76), (0, 88), (-10, 76)], c.pale)
    for side in (-1, 1):
        f.line([(side * 2.8, 84), (side * 2.4, 94)], 1.4, c.edge)
        f.ellipse(side * 9, 95.5, 8, 3.6, c.pale)
    _band(f, [(-14, 53), (0, 57), (14, 53)], 8.5, c.collar)
    for side in (-1, 1):
        f.polygon([(side * 4, 17), (side * 27.5, 31), (side * 25.5, 1)], c.edge)
        f.polygon([(side * 7, 17), (side * 26, 30), (side * 24, 5)], c.base)
        f.polygon([(side * 13, 17), (side * 22.5, 24), (side * 22, 10)], (238, 150, 160))
    f.blob([(0, 13), (15, 16), (27, 30), (26, 42), (13, 50.5), (0, 52), (-13, 50.5), (-26, 42), (-27, 30),
            (-15, 16)], c.base, c.edge)
    for x in (-6, 0, 6):
        f.line([(x, 14.5), (x * 0.8, 21)], 2.4, c.far)
    f.ellipse(0, 43, 10.5, 7, c.pale)
    for side in (-1, 1):
        f.ellipse(side * 11.5, 32, 6.4, 6.0, DARK)
        f.ellipse(side * 11.5, 32, 5.6, 5.2, (168, 214, 70))
        f.ellipse(side * 11.5 + c.gaze, 32, 2.0, 4.6, DARK)
        for y in (40, 45):
            f.line([(side * 13, 42), (side * 34, y + (y - 42.5) * 1.4)], 1.0, c.edge)
        f.arc(side * 3, 44, 3, 3, 0, 180, 1.3, DARK)
    f.polygon([(-3.6, 38.5), (3.6, 38.5), (0, 43)], (226, 104, 124))


def _horse(f: Figure, c: Coat) -> None:
    dy, mane = 2 * c.nod, shade(c.base, 0.42) if max(c.base) >= 70 else (112, 108, 116)
    f.blob([(-38, 40), (-47, 44), (-54, 60 + 2 * c.sway), (-56 + 4 * c.sway, 82), (-48 + 4 * c.sway, 78),
            (-42, 62), (-36, 52)], mane)
    for x in (-23, 18):
        _leg(f, x, 62, 6.6, c.far, c.edge, DARK)
    f.blob([(-43, 47), (-34, 38), (-10, 41), (12, 39), (28, 41), (33, 53), (25, 67), (2, 70), (-20, 66),
            (-34, 68), (-43, 58)], c.base, c.edge)
    for x in (-34, 25):
        _leg(f, x, 60, 7.4, c.base, c.base, DARK)
    f.blob([(8, 44), (20, 26), (27, 12 + dy), (39, 11 + dy), (41, 22 + dy), (38, 36), (33, 54), (20, 60)],
           c.base)
    _band(f, [(19.5, 35.5), (27, 39), (38, 41.5)], 9, c.collar)
    f.polygon([(29, 13 + dy), (31, 3 + dy), (37, 11 + dy)], c.edge)
    f.polygon([(30.2, 13 + dy), (31.5, 5.5 + dy), (35.5, 12 + dy)], c.base)
    f.blob([(28, 12 + dy), (38, 8 + dy), (46, 15 + dy), (59, 29 + dy), (60, 36 + dy), (54, 39 + dy),
            (46, 33 + dy), (36, 29 + dy), (29, 22 + dy)], c.base, c.edge)
    f.blob([(53, 27 + dy), (60, 30 + dy), (60.5, 36 + dy), (54, 39 + dy), (49, 34 + dy)], c.pale)
    f.ellipse(57, 32 + dy, 1.5, 2, DARK)
    f.eye(42, 18.5 + dy, 3.6, 0.6)
    f.blob([(36, 4 + dy), (28, 5 + dy), (19, 19), (11, 34), (3, 43), (12, 44), (20, 34), (25, 24),
            (31, 15 + dy), (38, 12 + dy)], mane)


def _parrot(f: Figure, c: Coat) -> None:
    beak = (70, 66, 70) if c.base[0] > 230 and c.base[2] < 90 else (244, 176, 44)
    for x, colour in ((-7, c.pale), (0, c.base)):
        tip = x + 3 * c.sway
        f.blob([(-18, 60), (-2, 66), (-10 + tip / 2, 84), (-27 + tip, 98), (-32 + tip, 95),
                (-24 + tip / 2, 78)], colour, c.edge)
    for x in (2, 11):
        f.line([(x, 78), (x + 2, 90)], 3.4, beak)
        f.line([(x - 2, 91), (x + 8, 91)], 3.4, beak)
    f.blob([(-3, 9), (12, 2.5), (25, 9), (29, 25), (26, 42), (27, 58), (18, 76), (4, 82), (-10, 78),
            (-18, 62), (-14, 42), (-8, 24)], c.base, c.edge)
    f.blob([(27, 48), (25, 62), (16, 75), (8, 78), (16, 60)], c.pale)
    _band(f, [(-8, 36), (8, 41), (26, 37)], 8, c.collar)
    f.blob([(-12, 46), (4, 48), (12, 58), (7, 70), (-4, 78), (-21, 84), (-20, 70), (-18, 56)], c.far, c.edge)
    f.blob([(-17, 66), (-4, 70), (6, 68), (-4, 77), (-20, 83)], c.pale)
    for k in (0, 1, 2):
        f.line([(-8 + 5 * k, 66 + k), (-14 + 7 * k, 79 - 3 * k)], 1.8, c.edge)
    f.blob([(22, 7), (34, 7), (43, 16), (44, 28), (40, 38), (37, 28), (25, 25)], beak, outline(beak))
    f.blob([(25, 25), (35, 27), (34, 34), (26, 32)], outline(beak))
    f.ellipse(16, 18, 10, 9, WHITE)
    f.eye(16, 16.5, 5.2, 0.5 + 0.3 * c.gaze)


def _fish(f: Figure, c: Coat) -> None:
    flap = 7 * c.sway
    f.blob([(-40, 52), (-58, 34), (-80, 16 + flap), (-74, 50), (-80, 86 + flap), (-58, 70)], c.far, c.edge)
    for k in (-1, 0, 1):
        f.line([(-54, 52 + 6 * k), (-71, 50 + 20 * k + flap * 0.6)], 1.8, c.edge)
    f.blob([(-34, 28), (-20, 6), (8, 4), (24, 9), (30, 26)], c.far, c.edge)
    f.blob([(-10, 80), (-14, 94), (4, 95), (14, 82)], c.far, c.edge)
    f.blob([(-52, 52), (-30, 30), (4, 15), (40, 18), (66, 36), (73, 54), (62, 73), (34, 88), (0, 87),
            (-30, 74)], c.base, c.edge, 2)
    f.blob([(66, 62), (50, 79), (30, 87), (0, 86), (-30, 73), (0, 76), (36, 74)], c.pale)
    f.blob([(6, 15), (24, 14), (20, 32), (20, 70), (24, 90), (6, 88), (2, 70), (2, 32)], c.collar,
           outline(c.collar), 2)
    for x, y in ((-16, 38), (-16, 56), (-30, 47), (-30, 62), (-6, 66)):
        f.arc(x, y, 7, 7, 290, 70, 2, c.edge)
    f.blob([(6, 58), (-10, 54), (-22, 64), (-14, 72), (2, 70)], c.far, c.edge)
    f.eye(48, 40, 9, 0.4 + 0.3 * c.gaze)
    f.arc(68, 56, 12, 9, 90, 190, 2.4, DARK)


def _rabbit(f: Figure, c: Coat) -> None:
    f.ellipse(24, 86, 8, 7.5, c.pale)
    for side, lean in ((-1, -2 + 3 * c.sway), (1, 2 + 4 * c.sway)):
        x = side * 9
        f.blob([(x - 6, 38), (x - 8 + lean, 18), (x - 3 + lean * 1.5, 3.5), (x + 3 + lean * 1.5, 3.5),
                (x + 8 + lean, 18), (x + 6, 38)], c.base, c.edge)
        f.blob([(x - 2.6, 34), (x - 3.6 + lean, 18), (x + lean * 1.4, 8), (x + 3.6 + lean, 18),
                (x + 2.6, 34)], (240, 160, 170))
    f.blob([(-11, 60), (11, 60), (22, 76), (23, 92), (12, 98), (-12, 98), (-23, 92), (-22, 76)], c.base,
           c.edge)
    f.ellipse(0, 82, 11, 12.5, c.pale)
    for side in (-1, 1):
        f.ellipse(side * 14, 95, 11, 4.6, c.edge)
        f.ellipse(side * 14, 95, 9.8, 3.6, c.pale)
        f.line([(side * 7, 74), (side * 5, 83)], 5.4, c.far)
    _band(f, [(-13, 64), (0, 68), (13, 64)], 8.5, c.collar)
    f.blob([(0, 30), (13, 33), (21, 45), (20, 55), (11, 62), (0, 63), (-11, 62), (-20, 55), (-21, 45),
            (-13, 33)], c.base, c.edge)
    f.pair(5, 54.5, 6.4, 5.4, c.pale)
    for side in (-1, 1):
        f.eye(side * 10, 44.5, 4.6, c.gaze)
    f.rect(-3, 57, 3, 63.5, WHITE, corner=1)
    f.line([(0, 58), (0, 63)], 0.9, (120, 120, 124))
    f.ellipse(0, 51, 3.4, 2.6, (226, 104, 124))


def _elephant(f: Figure, c: Coat) -> None:
    tip = 3 * c.sway
    f.line([(-57, 40), (-64, 52), (-64, 62)], 3.2, c.edge)
    f.ellipse(-64, 64, 3, 4, DARK)
    for x in (-30, 6):
        _leg(f, x, 70, 15, c.far, c.edge)
    f.blob([(-58, 46), (-46, 20), (-22, 10), (6, 12), (26, 24), (28, 56), (18, 76), (-10, 78), (-34, 76),
            (-54, 76), (-60, 62)], c.base, c.edge, 2)
    for x in (-46, 20):
        _leg(f, x, 70, 16, c.base, c.base)
        for k in (-1, 1, 3):
            f.ellipse(x + 1 + 4 * k, 97, 2.2, 1.9, c.pale if min(c.base) < 200 else c.edge)
    _band(f, [(9, 14), (14, 40), (9, 70)], 12, c.collar)
    f.blob([(52, 24), (64, 32), (68, 52), (69, 72), (76, 78), (84 + tip, 72), (88 + tip, 76), (82, 88),
            (70, 90), (59, 80), (56, 62), (50, 52), (38, 56)], c.base, c.edge, 2)
    for y in (60, 68, 76):
        f.line([(59.5, y), (65, y - 1)], 1.6, c.edge)
    f.blob([(22, 30), (30, 10), (46, 6), (60, 16), (65, 34), (58, 52), (44, 58), (28, 52)], c.base, c.edge, 2)
    f.blob([(64, 40), (66, 50), (58, 49), (51, 52), (44, 56), (34, 48), (42, 24), (58, 22)], c.base)
    f.blob([(50, 54), (56, 57), (70, 64), (76, 60), (73, 69), (62, 68), (51, 60)], WHITE, (150, 146, 134),
           1.2)
    f.eye(54, 31, 4.4, 0.5)
    f.blob([(40, 13), (30, 8), (20, 16), (16, 34), (20, 51), (30, 56), (38, 47), (43, 30)], c.far, c.edge, 2)


def _turtle(f: Figure, c: Coat) -> None:
    skin, dy = shade(c.base, 1.7) if min(c.base) < 200 else (176, 190, 150), 2 * c.nod
    rim = outline(skin)
    f.polygon([(-62, 76), (-82, 82 + 3 * c.sway), (-60, 86)], rim)
    for x in (-38, 30):
        f.blob([(x - 13, 70), (x + 13, 70), (x + 15, 92), (x + 16, 98), (x - 12, 98)], skin, rim)
    f.blob([(44, 66), (54, 50), (60, 32 + dy), (72, 24 + dy), (86, 30 + dy), (88, 44 + dy), (78, 52 + dy),
            (72, 66), (58, 84), (46, 84)], skin, rim, 2)
    _band(f, [(55, 58), (64, 62), (73, 60)], 9, c.collar)
    f.eye(77, 35 + dy, 5.4, 0.6)
    f.arc(80, 41 + dy, 9, 6, 10, 110, 1.8, DARK)
    dome = [(70 * -math.cos(math.pi * k / 10) - 6, 76 - 72 * math.sin(math.pi * k / 10) ** 0.9)
            for k in range(11)]
    f.blob([*dome, (50, 80), (-6, 80), (-62, 80)], c.base, c.edge, 2.4)
    plates = ((-6, 34, 17), (-38, 44, 12), (26, 44, 12))
    for x, y, r in plates:
        f.polygon([(x + r * math.cos(math.pi * k / 3), y + r * math.sin(math.pi * k / 3)) for k in range(6)],
                  c.edge)
        f.polygon([(x + (r - 3) * math.cos(math.pi * k / 3),
                   y + (r - 3) * math.sin(math.pi * k / 3)) for k in range(6)], c.far)
    _band(f, [(-72, 74), (60, 74)], 10, c.collar)


_KINDS: dict[str, tuple[Callable[[Figure, Coat], None], float]] = {
    "dog": (_dog, 136),
    "cat": (_cat, 110),
    "horse": (_horse, 136),
    "parrot": (_parrot, 100),
    "fish": (_fish, 176),
    "rabbit": (_rabbit, 80),
    "elephant": (_elephant, 190),
    "turtle": (_turtle, 190),
}
"""How each kind is painted, and how wide its tile is."""
