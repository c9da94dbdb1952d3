"""People and animals: drawn standing on a point, measured in hundredths of their height."""

from __future__ import annotations

import math
from collections.abc import Sequence

from canvas import Canvas, Colour, Point

SKIN = {"pale": "#f3cfb3", "tan": "#d9a066", "brown": "#9c6644", "dark": "#6b4226"}

# Elbow and hand of the arm on the left of the picture, from the standing point, in percent of height
# (x to the right, y up). The other arm is the mirror image.
ARMS: dict[str, tuple[Point, Point]] = {
    "down": ((-17, 58), (-17, 43)),
    "up": ((-22, 86), (-17, 103)),
    "out": ((-26, 66), (-36, 74)),
    "hip": ((-24, 58), (-11, 47)),
    "front": ((-18, 57), (-5, 55)),
    "chest": ((-20, 58), (-5, 66)),
    "mouth": ((-20, 63), (-6, 76)),
}


def person(c: Canvas, x: float, y: float, height: float, *, skin: str = "pale", hair: str = "#4a2f1b",
           style: str = "short", shirt: Colour = "#3366aa", legs: str = "#2b2d42", shorts: bool = False,
           dress: bool = False, long_sleeves: bool = True, arms: tuple[str, str] = ("down", "down"),
           stripes: str | None = None, number: str | None = None, number_colour: str = "#ffffff",
           beard: bool = False, shoes: str = "#222222", tie: str | None = None) -> None:
    """A person whose feet stand at x, y. ``style``: short, long, bun, curly, bald, cap or spiky hair."""
    u = height / 100
    flesh = SKIN[skin]

    def at(dx: float, up: float) -> Point:
        return x + dx * u, y - up * u

    c.ellipse(x, y, 17 * u, 3.2 * u, "#000000", alpha=0.22)
    if style in ("long", "curly"):
        _back_hair(c, at, u, hair, style)
    for side in (-1, 1):
        hip, foot = at(5 * side, 42), at(6.5 * side, 4)
        c.line([hip, foot], 8.5 * u, flesh if shorts or dress else legs)
        if shorts:
            c.line([hip, at(6 * side, 30)], 11 * u, legs)
            c.line([at(6.3 * side, 12), foot], 7.5 * u, "#f4f4f4")
        c.ellipse(x + 8 * side * u, y - 2.2 * u, 5.5 * u, 2.8 * u, shoes)
    c.line([at(0, 80), at(0, 74)], 7 * u, flesh)
    if dress:
        c.blob([at(-11, 77), at(11, 77), at(10, 56), at(19, 24), at(0, 21), at(-19, 24), at(-10, 56)], shirt)
    else:
        c.blob([at(-8, 78.5), at(8, 78.5), at(14.5, 74), at(12.5, 56), at(11.5, 40), at(0, 39),
                at(-11.5, 40), at(-12.5, 56), at(-14.5, 74)], shirt)
        if shorts:
            c.rect(x - 11 * u, y - 43 * u, x + 11 * u, y - 38 * u, legs, corner=2 * u)
    if stripes:
        for dx in (-8, 0, 8):
            c.rect(x + (dx - 1.9) * u, y - 76 * u, x + (dx + 1.9) * u, y - 41 * u, stripes, corner=u)
    if tie:
        c.polygon([at(-4, 78), at(4, 78), at(0, 66)], "#ffffff")
        c.polygon([at(-1.6, 76), at(1.6, 76), at(2.2, 60), at(0, 57), at(-2.2, 60)], tie)
    if number:
        c.letters(*at(0, 60), number, 15 * u, number_colour)
    for side, pose in zip((1, -1), arms, strict=True):
        _arm(c, at, u, side, pose, shirt, flesh, long_sleeves)
    _head(c, at, u, flesh, hair, style, beard)


def _arm(c: Canvas, at, u: float, side: int, pose: str, shirt: Colour, flesh: str, long_sleeves: bool) -> None:
    (ex, ey), (hx, hy) = ARMS[pose]
    shoulder, elbow, hand = at(-12 * side, 73), at(ex * side, ey), at(hx * side, hy)
    sleeve = shirt if isinstance(shirt, str) else shirt[0]
    c.line([shoulder, elbow, hand], 6.2 * u, sleeve if long_sleeves else flesh)
    if not long_sleeves:
        middle = ((shoulder[0] + elbow[0]) / 2, (shoulder[1] + elbow[1]) / 2)
        c.line([shoulder, middle], 8 * u, sleeve)
    c.ellipse(*hand, 3.6 * u, 3.6 * u, flesh)


def _back_hair(c: Canvas, at, u: float, hair: str, style: str) -> None:
    if style == "curly":
        for dx, up in ((-9, 86), (9, 86), (-10, 93), (10, 93), (-6, 99), (6, 99), (0, 101), (-8, 80), (8, 80)):
            c.ellipse(*at(dx, up), 5.5 * u, 5.5 * u, hair)
        return
    c.blob([at(-10, 98), at(0, 102.5), at(10, 98), at(12.5, 84), at(12, 66), at(0, 64), at(-12, 66),
            at(-12.5, 84)], hair)


def _head(c: Canvas, at, u: float, flesh: str, hair: str, style: str, beard: bool) -> None:
    c.ellipse(*at(0, 89.5), 8.6 * u, 10 * u, flesh)
    if beard:
        c.blob([at(-8.6, 89), at(-5, 84.5), at(5, 84.5), at(8.6, 89), at(6, 80), at(0, 77.5), at(-6, 80)], hair)
    if style in ("short", "bun", "long"):
        c.blob([at(-9.2, 88), at(-9.6, 95), at(-5, 101), at(3, 101.8), at(8.6, 97.5), at(9.3, 88),
                at(7.5, 94), at(1, 96.5), at(-6.5, 94.5)], hair)
    if style == "bun":
        c.ellipse(*at(0, 103.5), 4.6 * u, 4.2 * u, hair)
    if style == "curly":
        for dx in (-6, -2, 2, 6):
            c.ellipse(*at(dx, 98.5), 3.4 * u, 3.4 * u, hair)
    if style == "spiky":
        c.polygon([at(-9, 91), at(-10, 101), at(-5, 98), at(-3, 104), at(1, 99), at(5, 104), at(6, 98),
                   at(10, 101), at(9, 91), at(5, 95), at(-5, 95)], hair)
    if style == "cap":
        c.blob([at(-9.2, 93), at(-8, 100), at(0, 103), at(8, 100), at(9.2, 93)], hair)
        c.line([at(-8, 94), at(13, 93.5)], 2.8 * u, hair)
    for dx in (-3.4, 3.4):
        c.ellipse(*at(dx, 90), 1.25 * u, 1.5 * u, "#221a16")
    smile = [at(4 * math.sin(a), 86 - 2.2 * math.cos(a)) for a in (-1.1, -0.6, 0, 0.6, 1.1)]
    c.line(smile, 1.1 * u, "#ffffff" if beard else "#8c3b2e")


def dog(c: Canvas, x: float, y: float, height: float, coat: str = "#c98b4a", ear: str = "#8a5a2b",
        collar: str = "#d62828") -> None:
    """A sitting dog with hanging ears and its tongue out."""
    u = height / 100

    def at(dx: float, up: float) -> Point:
        return x + dx * u, y - up * u

    c.ellipse(x, y, 34 * u, 5 * u, "#000000", alpha=0.22)
    c.line([at(22, 12), at(38, 22), at(42, 38)], 8 * u, coat)
    c.blob([at(-16, 58), at(16, 58), at(28, 26), at(27, 2), at(0, 0), at(-27, 2), at(-28, 26)], coat)
    c.blob([at(-9, 56), at(9, 56), at(11, 30), at(0, 20), at(-11, 30)], "#f7e6cf")
    for dx in (-10, 10):
        c.line([at(dx, 34), at(dx, 5)], 11 * u, coat)
        c.ellipse(*at(dx, 3), 9 * u, 4.5 * u, "#f7e6cf")
    c.line([at(-14, 58), at(0, 54), at(14, 58)], 5 * u, collar)
    c.ellipse(*at(0, 51), 3.4 * u, 3.4 * u, "#f2c14e")
    c.ellipse(*at(0, 76), 23 * u, 21 * u, coat)
    for side in (-1, 1):
        c.blob([at(13 * side, 95), at(25 * side, 92), at(32 * side, 70), at(25 * side, 56), at(19 * side, 74)], ear)
    c.ellipse(*at(0, 68), 13 * u, 11 * u, "#f7e6cf")
    c.blob([at(-4, 62), at(4, 62), at(4.5, 52), at(0, 49.5), at(-4.5, 52)], "#e8717f")
    c.ellipse(*at(0, 74), 5 * u, 3.8 * u, "#2a1a12")
    c.line([at(-7, 64), at(0, 62.5), at(7, 64)], 1.6 * u, "#2a1a12")
    _eyes(c, at, u, 81, "#2a1a12")


def cat(c: Canvas, x: float, y: float, height: float, coat: str = "#7d7f88", eye: str = "#8bc34a") -> None:
    """A sitting cat with pointed ears, whiskers and a curled tail."""
    u = height / 100

    def at(dx: float, up: float) -> Point:
        return x + dx * u, y - up * u

    c.ellipse(x, y, 32 * u, 4.5 * u, "#000000", alpha=0.22)
    c.line([at(20, 5), at(36, 8), at(43, 22), at(37, 34)], 7.5 * u, coat)
    c.blob([at(-13, 58), at(13, 58), at(25, 22), at(23, 1), at(0, 0), at(-23, 1), at(-25, 22)], coat)
    c.blob([at(-7, 54), at(7, 54), at(8, 30), at(0, 24), at(-8, 30)], "#f2f2f2")
    for dx in (-8, 8):
        c.ellipse(*at(dx, 4), 7.5 * u, 4.2 * u, "#f2f2f2")
    for side in (-1, 1):
        c.polygon([at(7 * side, 92), at(24 * side, 78), at(23 * side, 106)], coat)
        c.polygon([at(12 * side, 92), at(21 * side, 84), at(20.5 * side, 100)], "#e8a0a8")
    c.ellipse(*at(0, 76), 25 * u, 20 * u, coat)
    c.ellipse(*at(0, 67), 10 * u, 7 * u, "#f2f2f2")
    for side in (-1, 1):
        c.ellipse(*at(10 * side, 79), 5.4 * u, 5.4 * u, eye)
        c.ellipse(*at(10 * side, 79), 1.8 * u, 4.8 * u, "#111111")
        for up in (70, 66):
            c.line([at(9 * side, 68), at(31 * side, up + (up - 68) * 1.5)], 0.9 * u, "#3a3a3a", alpha=0.5)
    c.polygon([at(-3.5, 72), at(3.5, 72), at(0, 68)], "#d4727d")


def _eyes(c: Canvas, at, u: float, up: float, colour: str) -> None:
    for dx in (-9, 9):
        c.ellipse(*at(dx, up), 3.3 * u, 3.8 * u, colour)
        c.ellipse(*at(dx + 1, up + 1.3), 1.1 * u, 1.1 * u, "#ffffff")


def crowd(c: Canvas, x1: float, x2: float, y: float, rows: int, size: float, colours: Sequence[str]) -> None:
    """Rows of spectators seen from far; y is the top row."""
    for row in range(rows):
        line_y, step = y + row * size * 1.5, size * 1.9
        for k in range(int((x2 - x1) / step) + 1):
            px = x1 + k * step + (row % 2) * step / 2
            c.ellipse(px, line_y + size * 1.3, size * 0.9, size * 0.95, colours[(k * 7 + row * 3) % len(colours)])
            c.ellipse(px, line_y, size * 0.55, size * 0.6, list(SKIN.values())[(k * 5 + row) % 4])
