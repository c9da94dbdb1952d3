"""People: standing, seen from the front, dressed as their look says and holding their prop."""

from __future__ import annotations

from random import Random

from PIL import Image

from . import heads, props
from .clothes import BUILDS, NAVY, SAND, Outfit
from .figure import Figure, second
from .looks import COLOURS, SKIN, Person
from .tile import Colour, Point

WIDTH = 100
TOPS = {"umbrella": 1, "ladle": 2, "racket": 10, "hat": 9, "bun": 8, "short": 15, "bald": 18, "curly": 11}
"""Where a figure begins, by prop, extra or hair; 16 for the rest. Feet are at 100."""


def draw(look: Person, height: int, rng: Random) -> Image.Image:
    """The person, about ``height`` pixels high with all that is worn and held: RGBA, cropped.

    ``rng`` chooses what pictures of one person may differ in: which side the prop is on,
    the free arm, how the feet stand, where the eyes look.
    """
    top = min(TOPS.get(part or "", 16) for part in (look.prop, look.extra, look.style))
    f = Figure(WIDTH, max(1, round(height * 100 / (100 - top))))
    mirror, free = rng.random() < 0.5, rng.choice(props.FREE)
    stance, gaze = rng.uniform(-0.6, 1.6), rng.uniform(-1, 1)
    skin, colour, build = SKIN[look.skin], COLOURS[look.colour], BUILDS[look.kind]
    trousers = SAND if look.colour in ("blue", "black", "purple") else NAVY

    props.behind(f, look.prop)
    heads.back(f, look)
    sleeve, cover = Outfit(f, build, colour, trousers, skin, stance).draw(look.clothing, look.prop)
    if look.extra == "scarf":
        heads.scarf(f, colour)
    heads.front(f, look, gaze)
    left, right = props.POSES[look.prop]
    for side, (elbow, hand) in ((-1, left or free), (1, right)):
        _arm(f, (side * (build.shoulder - 2.2), 47.2), elbow, hand, sleeve, cover, skin)
    props.held(f, look.prop)
    for hand in ((left or free)[1], right[1]):
        f.ellipse(*hand, 3.3, colour=second(skin))
        f.ellipse(*hand, 2.8, colour=skin)
    return f.finish(mirror)


def _arm(f: Figure, shoulder: Point, elbow: Point, hand: Point, sleeve: Colour, cover: float,
         skin: Colour) -> None:
    """``cover``: the part of the arm that the sleeve covers, from the shoulder."""
    thick = 5.4
    if cover < 1:
        f.line([shoulder, elbow, hand], thick - 0.8, skin)
        part = cover * 2
        x, y = (s + (e - s) * part for s, e in zip(shoulder, elbow, strict=True))
        f.line([shoulder, (x, y)], thick + 1.6, sleeve)
    else:
        f.line([shoulder, elbow, hand], thick, sleeve)
