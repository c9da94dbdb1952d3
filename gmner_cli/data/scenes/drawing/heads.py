"""Faces, hair, and what sits on the head. The head reaches from y = 18.5 to 41."""

from __future__ import annotations

from .figure import DARK, WHITE, Figure, second
from .looks import HAIR, SKIN, Person
from .tile import Colour, shade

FELT, BAND = (70, 78, 128), (236, 204, 96)
CURLS = ((-10.5, 36), (10.5, 36), (-12.5, 29.5), (12.5, 29.5), (-11.5, 22.5), (11.5, 22.5), (-6.5, 17.5),
         (6.5, 17.5), (0, 16.3))


def back(f: Figure, look: Person) -> None:
    """The hair behind the head; a bun is worn low under a hat."""
    hair = HAIR[look.hair]
    dark, covered = second(hair), look.extra == "hat" or look.prop == "ladle"
    if look.style == "long":
        low = 60 if look.kind == "woman" else 49
        f.blob([(-10, 19), (0, 15.5), (10, 19), (13.5, 32), (15, low - 6), (10, low), (0, low - 2),
                (-10, low), (-15, low - 6), (-13.5, 32)], hair)
        f.blob([(-8, 34), (8, 34), (9, low - 4), (-9, low - 4)], dark)
    elif look.style == "ponytail":
        f.blob([(4, 17), (11, 15.5), (19, 21), (21, 34), (18, 50), (15.5, 54), (13.5, 44), (13, 30), (8, 24)],
               hair)
        f.blob([(14, 24), (17, 30), (17.5, 40), (16, 49), (15, 40)], dark)
    elif look.style == "bun":
        x, y = (12, 37) if covered else (0, 14)
        f.ellipse(x, y, 6.4, 5.6, dark)
        f.ellipse(x - 0.6, y - 0.6, 5.6, 4.8, hair)
    elif look.style == "curly":
        lowest = ((-13, 42), (13, 42)) if look.kind == "woman" else ()
        for side, at in (*CURLS, *lowest):
            f.ellipse(side, at, 5.6, colour=hair)
    elif look.style == "short" and look.kind == "woman":
        f.blob([(-9, 19), (0, 15.5), (9, 19), (13, 30), (13.5, 39), (8, 41), (-8, 41), (-13.5, 39),
                (-13, 30)], dark)


def front(f: Figure, look: Person, gaze: float) -> None:
    """Face, the hair before it, and the extra that belongs to the head."""
    skin = SKIN[look.skin]
    woman = look.kind == "woman"
    f.pair(10, 30.5, 2.1, 2.8, second(skin))
    jaw = [(0, 18.3), (7.5, 20.5), (10.2, 28), (8.8, 35.5), (4.6, 40) if woman else (6.0, 40.3), (0, 41.2)]
    f.blob([*jaw, *((-x, y) for x, y in jaw[-2:0:-1])], skin)
    if look.extra == "beard":
        _beard(f, _tint(HAIR[look.hair], skin))
    _face(f, look, gaze)
    if look.style == "bald":
        f.ellipse(-3.5, 21.5, 3, 1.3, shade(skin, 1.6))
    else:
        _fringe(f, look)
    if look.extra == "glasses":
        for side in (-1, 1):
            f.ring(side * 4.5, 30, 4.3, 4.1, 1.3, DARK)
        f.line([(-0.6, 29.4), (0.6, 29.4)], 1.3, DARK)
    if look.prop == "ladle":
        _toque(f)
    elif look.extra == "hat":
        f.blob([(-9, 20.5), (-8.5, 12), (-4, 9), (0, 10.2), (4, 9), (8.5, 12), (9, 20.5)], FELT)
        f.rect(-9.3, 16.8, 9.3, 20.5, BAND)
        f.ellipse(0, 21.3, 16.5, 2.9, second(FELT))


def scarf(f: Figure, clothes: Colour) -> None:
    """Round the neck, one end hanging; red, or blue over warm colours."""
    colour = (34, 120, 190) if clothes[0] > 180 and clothes[2] < 190 else (204, 44, 52)
    f.rect(3.5, 44, 9.5, 60, colour, corner=1)
    for y in (50, 55):
        f.rect(3.5, y, 9.5, y + 2, WHITE)
    f.ellipse(0, 43.2, 11, 4.6, colour)
    f.arc(0, 41.5, 10, 4.4, 20, 160, 1.2, second(colour))


def _face(f: Figure, look: Person, gaze: float) -> None:
    skin, woman = SKIN[look.skin], look.kind == "woman"
    brow = _tint(HAIR[look.hair], skin)
    for side in (-1, 1):
        f.eye(side * 4.2, 30.2, 2.3 if woman else 2.0, gaze)
        if woman:
            f.arc(side * 4.2, 30.4, 2.7, 3.0, 190, 350, 1.1, DARK)
            f.line([(side * 6.4, 29), (side * 7.9, 27.9)], 0.9, DARK)
            f.line([(side * 2.6, 25.8), (side * 6, 25.5)], 0.9, brow)
            f.ellipse(side * 6.3, 34, 1.8, 1.3, _blend(skin, (236, 96, 96), 0.35))
        else:
            f.line([(side * 2.3, 26.4), (side * 6.4, 26)], 1.6, brow)
    f.ellipse(0, 33, 1.2, 1.0, second(skin))
    if woman:
        f.slice(0, 35.7, 3.3, 2.9, 0, 180, (196, 30, 62))
        f.line([(-3.2, 35.9), (3.2, 35.9)], 0.9, (150, 20, 46))
    else:
        f.slice(0, 35.6, 3.6, 3.0, 0, 180, (120, 36, 34))
        f.rect(-2.8, 35.6, 2.8, 36.8, WHITE)


def _fringe(f: Figure, look: Person) -> None:
    hair = HAIR[look.hair]
    if look.style == "curly":
        for x, y in ((-8.3, 23.5), (-4.3, 20.8), (0, 20), (4.3, 20.8), (8.3, 23.5)):
            f.ellipse(x, y, 3.5, colour=hair)
        for x, y in ((-9, 19), (-2.5, 17), (5, 17.5), (11, 26), (-12, 30)):
            f.arc(x, y, 2.8, 2.8, 150, 320, 1.0, shade(hair, 1.35))
        return
    if look.style == "short" and look.kind == "man":
        f.blob([(-10.6, 30), (-11.3, 22), (-6.5, 16.6), (2, 15), (9, 17.5), (11.4, 23), (10.6, 30),
                (9.2, 25.2), (3, 22.6), (-4, 23.8), (-9, 24.5)], hair)
    elif look.style == "short":
        f.blob([(-12.8, 35), (-12, 22), (-5, 15.8), (5, 15.8), (12, 22), (12.8, 35), (10.5, 37), (9.4, 27.5),
                (3, 25), (-4, 24.5), (-9.4, 27.5), (-10.5, 37)], hair)
    else:
        f.blob([(-11, 33), (-11.6, 23), (-5, 16.2), (5, 16.2), (11.6, 23), (11, 33), (9.4, 27), (2.5, 20.8),
                (-3.5, 24.3), (-9.4, 28)], hair)
    if look.style == "ponytail":
        f.ellipse(10, 18.5, 2.6, colour=(214, 60, 90))
    f.arc(0, 25, 9, 7, 215, 285, 1.3, shade(hair, 1.35))


def _beard(f: Figure, hair: Colour) -> None:
    f.blob([(-10.2, 28), (-8.6, 33), (-4, 33.4), (0, 34.2), (4, 33.4), (8.6, 33), (10.2, 28), (9.6, 37),
            (5.5, 43.5), (0, 45.2), (-5.5, 43.5), (-9.6, 37)], hair)


def _toque(f: Figure) -> None:
    fold = (214, 214, 214)
    for x, y, r in ((-7.5, 11.5, 5.6), (7.5, 11.5, 5.6), (0, 9.5, 7.2)):
        f.ellipse(x, y, r + 0.6, colour=fold)
        f.ellipse(x, y, r, colour=WHITE)
    f.rect(-9.8, 13.5, 9.8, 22.5, WHITE, corner=1.5)
    f.line([(-9, 21.8), (9, 21.8)], 1.4, fold)
    for x in (-4.5, 0, 4.5):
        f.line([(x, 14.5), (x, 19)], 1.0, fold)


def _blend(a: Colour, b: Colour, part: float) -> Colour:
    red, green, blue = (round(x + (y - x) * part) for x, y in zip(a, b, strict=True))
    return red, green, blue


def _tint(hair: Colour, skin: Colour) -> Colour:
    """Hair on the face, told apart from the skin."""
    return shade(hair, 0.8) if sum(abs(x - y) for x, y in zip(hair, skin, strict=True)) < 150 else hair
