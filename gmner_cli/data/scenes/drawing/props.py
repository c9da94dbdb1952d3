"""What people hold. Every prop has colours of its own, and its right hand at POSES."""

from __future__ import annotations

import math

from .figure import DARK, WHITE, Figure
from .tile import Point

Arm = tuple[Point, Point]
"""Elbow and hand."""

FREE: tuple[Arm, ...] = (((-17.5, 57), (-17.5, 69)), ((-23, 57), (-13.5, 64)), ((-22, 57), (-26, 66)),
                         ((-24, 51), (-27, 40)))
"""What the left arm does when it holds nothing: hangs, rests on the hip, hangs loose, waves."""

POSES: dict[str, tuple[Arm | None, Arm]] = {
    "guitar": (((-22, 58), (-20, 52)), ((22, 58), (10, 64))),
    "microphone": (None, ((23, 57), (14, 49))),
    "trumpet": (((-8, 58), (11, 45)), ((23, 56), (21, 45))),
    "football": (None, ((21, 61), (27, 58))),
    "basketball": (None, ((22, 53), (25, 39))),
    "racket": (((-20, 59), (-25, 52)), ((24, 56), (24, 45))),
    "book": (None, ((19, 61), (17, 66))),
    "camera": (((-20, 59), (-11, 58)), ((20, 59), (11, 58))),
    "ladle": (None, ((24, 54), (24, 43))),
    "palette": (((-21, 58), (-23, 48)), ((19, 60), (20, 63))),
    "stethoscope": (None, ((23, 58), (21, 50))),
    "umbrella": (None, ((22, 59), (14, 54))),
}
"""The left arm (None where it is free) and the right one."""

BRASS, GILT = (232, 178, 40), (176, 122, 20)
STEEL, IRON = (196, 202, 210), (120, 128, 140)
WOOD, BARK = (206, 128, 56), (112, 62, 28)
PAPER, COVER = (252, 248, 232), (150, 34, 48)
SUNSHADE = ((222, 48, 72), (252, 244, 232))


def behind(f: Figure, prop: str) -> None:
    """What of the prop lies behind the person."""
    if prop == "umbrella":
        f.line([(13, 3), (13, 63)], 1.8, IRON)
        for k, (start, end) in enumerate(((180, 216), (216, 252), (252, 288), (288, 324), (324, 360))):
            f.slice(13, 21, 31, 20, start, end, SUNSHADE[k % 2])
        for k in range(5):
            f.ellipse(13 - 24.8 + 12.4 * k, 21, 6.2, 2.6, SUNSHADE[k % 2])
        f.arc(13, 21, 31, 20, 180, 360, 1.0, (160, 30, 50))
        f.line([(13, 1.5), (13, 3)], 2, IRON)


def held(f: Figure, prop: str) -> None:
    """The prop before the body, under the hands."""
    _HELD[prop](f)


def _guitar(f: Figure) -> None:
    f.line([(2, 61), (-29, 48.5)], 3.4, BARK)
    f.line([(-28, 48.9), (-34, 46.5)], 5.2, DARK)
    for shape, grow in ((BARK, 1.2), (WOOD, 0.0)):
        f.ellipse(12.5, 66.5, 10.5 + grow, 9.8 + grow, shape)
        f.ellipse(1.5, 61.5, 7.6 + grow, 7.2 + grow, shape)
    f.ellipse(4.5, 63, 3.4, colour=DARK)
    f.line([(14.5, 64.2), (12.5, 70)], 2.2, BARK)
    f.line([(-31, 47.7), (13.5, 67)], 0.8, WHITE)


def _microphone(f: Figure) -> None:
    f.line([(16.5, 55.5), (11.5, 44)], 4.2, DARK)
    f.ellipse(9.8, 40, 5.8, colour=DARK)
    f.ellipse(9.8, 40, 4.9, colour=STEEL)
    for x, y in ((8, 38.2), (11.6, 38.2), (8, 41.8), (11.6, 41.8), (9.8, 40)):
        f.ellipse(x, y, 0.9, colour=IRON)
    f.line([(9, 45.6), (14, 43.4)], 1.6, (230, 190, 60))


def _trumpet(f: Figure) -> None:
    f.rect(9, 37, 25, 46, GILT, corner=4.5)
    f.rect(11.2, 39.2, 22.8, 43.8, BRASS, corner=2.3)
    for x in (13.5, 17, 20.5):
        f.line([(x, 33.5), (x, 46)], 2.4, BRASS)
        f.line([(x, 32.6), (x, 33.2)], 2.6, WHITE)
    f.line([(2, 37), (30, 37)], 2.6, BRASS)
    f.blob([(26, 35.6), (33, 33.8), (38.5, 27), (40, 37), (38.5, 47), (33, 40.2), (26, 38.4)], BRASS)
    f.ellipse(39.3, 37, 2.6, 10, GILT)
    f.ellipse(1.8, 37, 1.6, 2.2, GILT)


def _football(f: Figure) -> None:
    x, y, r = 28.5, 47, 10.0
    f.ellipse(x, y, r, colour=(120, 124, 130))
    f.ellipse(x, y, r - 0.9, colour=WHITE)
    f.polygon([(x + 3.9 * math.sin(a), y - 3.9 * math.cos(a)) for a in _turns(5)], DARK)
    for a in _turns(5):
        s, c = math.sin(a), -math.cos(a)
        f.line([(x + 3 * s, y + 3 * c), (x + 7 * s, y + 7 * c)], 0.9, DARK)
        f.polygon([(x + 6.6 * s, y + 6.6 * c), (x + 8.4 * s - 3 * c, y + 8.4 * c + 3 * s),
                   (x + 9.4 * s, y + 9.4 * c), (x + 8.4 * s + 3 * c, y + 8.4 * c - 3 * s)], DARK)


def _basketball(f: Figure) -> None:
    x, y, r, seam = 26, 27.5, 10.6, (70, 34, 14)
    f.ellipse(x, y, r, colour=seam)
    f.ellipse(x, y, r - 0.9, colour=(232, 112, 36))
    f.line([(x - r + 1, y), (x + r - 1, y)], 1.2, seam)
    f.line([(x, y - r + 1), (x, y + r - 1)], 1.2, seam)
    f.arc(x - 11, y, 7, 9, 300, 60, 1.2, seam)
    f.arc(x + 11, y, 7, 9, 120, 240, 1.2, seam)


def _racket(f: Figure) -> None:
    frame = (40, 60, 150)
    f.line([(23.5, 49), (26, 36)], 3.2, DARK)
    f.ellipse(28.5, 23.5, 9.6, 12.8, (238, 240, 232))
    for k in (-5, 0, 5):
        f.line([(28.5 + k, 13.5), (28.5 + k, 33.5)], 0.7, (150, 156, 160))
        f.line([(20, 23.5 + k * 1.3), (37, 23.5 + k * 1.3)], 0.7, (150, 156, 160))
    f.ring(28.5, 23.5, 10, 13.2, 2.2, frame)
    f.ellipse(-26, 47.5, 4.2, colour=(206, 226, 50))
    f.arc(-29.5, 47.5, 4.2, 4.2, 300, 60, 0.9, WHITE)


def _book(f: Figure) -> None:
    for side in (-1, 1):
        f.polygon([(17, 51), (17 + side * 14, 47), (17 + side * 14, 63), (17, 67)], COVER)
        f.polygon([(17, 51), (17 + side * 12.2, 47.6), (17 + side * 12.2, 61), (17, 64.6)], PAPER)
        for y in (52.5, 56, 59.5):
            f.line([(17 + side * 2.2, y + 1), (17 + side * 10, y - 1.2)], 0.9, (140, 140, 150))
    f.line([(17, 51), (17, 66)], 1.2, COVER)


def _camera(f: Figure) -> None:
    for side in (-1, 1):
        f.line([(side * 6, 43), (side * 10, 53)], 1.5, (150, 40, 40))
    f.rect(-5, 49, 5, 55, IRON, corner=1.5)
    f.rect(-12, 51.6, 12, 66, (170, 176, 184), corner=2)
    f.rect(-11.2, 52.4, 11.2, 65.2, (44, 46, 54), corner=1.6)
    f.ellipse(0, 59, 6.2, colour=STEEL)
    f.ellipse(0, 59, 4.9, colour=(24, 30, 52))
    f.ellipse(-0.8, 58.2, 2.9, colour=(70, 130, 210))
    f.ellipse(-1.8, 57, 1.1, colour=WHITE)
    f.ellipse(8.6, 54.6, 1.2, colour=(230, 60, 50))


def _ladle(f: Figure) -> None:
    f.line([(23, 50), (26.5, 24)], 3.4, IRON)
    f.line([(23, 50), (26.5, 24)], 2.0, STEEL)
    f.slice(31.5, 20, 10, 13, 0, 180, IRON)
    f.slice(31.5, 20.4, 8.8, 11.4, 0, 180, STEEL)
    f.ellipse(31.5, 20, 10, 3, IRON)
    f.ellipse(31.5, 20, 8.4, 2, (232, 120, 50))
    f.line([(27, 24), (29, 28)], 1.4, WHITE)


def _palette(f: Figure) -> None:
    f.blob([(8, 58), (14, 50), (26, 49), (35, 55), (34, 64), (26, 68), (20, 65),
            (14, 66)], (228, 188, 136), edge=BARK, thick=1.2)
    for x, y, paint in ((13.5, 58, (214, 40, 44)), (18, 53, (248, 206, 40)), (24.5, 52.3, (44, 150, 70)),
                        (30, 55.5, (36, 92, 196)), (30.5, 61.5, (126, 60, 170))):
        f.ellipse(x, y, 2.6, 2.3, paint)
    f.line([(-21, 54), (-25, 38)], 1.7, BARK)
    f.line([(-25, 38), (-25.9, 34.5)], 2.6, STEEL)
    f.blob([(-24, 34.5), (-28, 34.5), (-28.2, 30), (-26.8, 26.5), (-24.6, 30)], (214, 40, 44))


def _stethoscope(f: Figure) -> None:
    for colour, thick in ((WHITE, 5.0), ((24, 44, 70), 2.8)):
        f.line([(-6.5, 42), (-7.5, 49), (-5.5, 54), (0, 57)], thick, colour)
        f.line([(6.5, 42), (7.5, 49), (5.5, 54), (0, 57)], thick, colour)
        f.line([(0, 57), (1, 65), (7, 69), (15, 66), (20, 56), (22, 46)], thick, colour)
    f.ellipse(22.8, 42.5, 7.4, colour=(24, 44, 70))
    f.ellipse(22.8, 42.5, 5.9, colour=STEEL)
    f.ellipse(22.8, 42.5, 3.2, colour=WHITE)


def _umbrella(f: Figure) -> None:
    f.line([(13, 40), (13, 63)], 1.8, IRON)
    f.arc(16, 63, 3.9, 4.5, 0, 180, 2.2, BARK)


def _turns(count: int) -> list[float]:
    return [2 * math.pi * k / count for k in range(count)]


_HELD = {
    "guitar": _guitar, "microphone": _microphone, "trumpet": _trumpet, "football": _football,
    "basketball": _basketball, "racket": _racket, "book": _book, "camera": _camera, "ladle": _ladle,
    "palette": _palette, "stethoscope": _stethoscope, "umbrella": _umbrella
}
