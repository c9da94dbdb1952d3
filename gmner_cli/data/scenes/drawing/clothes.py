"""What people wear from the neck down. The head ends at y = 41, the body at y = 100."""

from __future__ import annotations

from dataclasses import dataclass

from .figure import DARK, WHITE, Figure, outline, second
from .tile import Colour, shade

NAVY, SAND = (46, 54, 88), (188, 168, 132)
LEATHER = (70, 46, 34)


@dataclass(frozen=True, slots=True)
class Build:
    """Half widths of the body at shoulder, waist and hip, and the thickness of a leg, in units."""

    shoulder: float
    waist: float
    hip: float
    leg: float


BUILDS = {"woman": Build(11.5, 8.0, 10.8, 7.0), "man": Build(15.0, 12.2, 11.4, 8.8)}


@dataclass(frozen=True, slots=True)
class Outfit:
    """Where a garment is drawn and in which colours: ``trousers`` are seen against ``colour``."""

    figure: Figure
    build: Build
    colour: Colour
    trousers: Colour
    skin: Colour
    stance: float

    def legs(self, colour: Colour, shoe: Colour, top: float = 67, bare_from: float = 100) -> None:
        """Legs, and shoes; below ``bare_from`` they are bare."""
        f, thick = self.figure, self.build.leg
        for side in (-1, 1):
            hip, foot = (side * self.build.hip * 0.48, top), (side * (5.6 + self.stance), 96.0)
            f.line([hip, foot], thick if bare_from >= 100 else thick * 0.82,
                   self.skin if bare_from < 100 else colour)
            if top < bare_from < 100:
                knee = (hip[0] + (foot[0] - hip[0]) * (bare_from - top) / (foot[1] - top), bare_from)
                f.line([hip, knee], thick * 1.25, colour)
            if side > 0:
                f.line([(hip[0] + 1.5, top + 4),
                        (foot[0] + thick * 0.3, 93)], 1.4, second(self.skin if bare_from < 100 else colour))
            f.ellipse(side * (7.4 + self.stance), 97, 5.6, 3.0, shoe)

    def torso(self, colour: Colour, bottom: float, hem: float) -> None:
        """From the shoulders to ``bottom``, where it is ``hem`` to each side; the right side shaded."""
        f, b = self.figure, self.build
        side = [(4.5, 42.3), (b.shoulder - 3, 44), (b.shoulder - 0.6, 46.4), (b.shoulder, 50), (b.waist, 59),
                (hem, bottom - 1), (hem - 1, bottom)]
        f.polygon([*side, *((-x, y) for x, y in reversed(side))], colour)
        f.polygon([*side[2:], (hem - 4.5, bottom), (b.waist - 3.2, 59), (b.shoulder - 4, 50)], second(colour))

    def neck(self, colour: Colour | None = None) -> None:
        """Neck and bare collar, rimmed with ``colour``."""
        f = self.figure
        if colour:
            f.ellipse(0, 43.2, 7, 4.6, colour)
        f.ellipse(0, 42.8, 5.4, 3.4, self.skin)
        f.rect(-3.4, 38, 3.4, 44, second(self.skin))

    def tshirt(self) -> None:
        self.legs(self.trousers, WHITE)
        self.torso(self.colour, 70, self.build.hip + 0.6)
        self.neck(second(self.colour))

    def dress(self) -> None:
        f, b, dark = self.figure, self.build, second(self.colour)
        self.legs(self.skin, dark, bare_from=67)
        f.blob([(-b.waist, 58), (b.waist, 58), (17, 76), (21, 85), (10, 88), (0, 86.5), (-10, 88), (-21, 85),
                (-17, 76)], self.colour)
        for x in (-8.5, 0, 8.5):
            f.line([(x * 0.55, 64), (x * 1.15, 85)], 1.2, dark)
        self.torso(self.colour, 62, b.waist + 0.6)
        f.rect(-b.waist - 0.6, 59, b.waist + 0.6, 62.5, outline(self.colour), corner=1)
        self.neck(dark)

    def coat(self) -> None:
        f, b, dark = self.figure, self.build, outline(self.colour)
        self.legs(self.trousers, LEATHER, top=80)
        self.torso(self.colour, 87, b.hip + 4)
        f.polygon([(-5, 42), (5, 42), (0, 56)], WHITE)
        self.neck()
        f.line([(0, 56), (0, 87)], 1.1, dark)
        f.rect(-b.waist - 0.4, 61, b.waist + 0.4, 64.5, dark)
        for side in (-1, 1):
            f.polygon([(side * 3.5, 41.5), (side * 8.5, 44), (side * 7.5, 51), (0, 57)], dark)
            f.line([(side * 6, 72), (side * 10, 71)], 1.4, dark)
            for y in (57, 69, 76):
                f.ellipse(side * 3.3, y, 1.1, colour=dark)

    def suit(self) -> None:
        f, b, dark = self.figure, self.build, outline(self.colour)
        self.legs(second(self.colour), DARK)
        self.torso(self.colour, 71, b.hip + 1)
        f.polygon([(-5.5, 42), (5.5, 42), (0, 61)], WHITE)
        self.neck()
        f.polygon([(-5, 41.5), (0, 45), (5, 41.5), (3.6, 47), (0, 45), (-3.6, 47)], WHITE)
        tie = (36, 76, 168) if self.colour[0] > 150 else (206, 36, 52)
        f.polygon([(-1.6, 45), (1.6, 45), (2.4, 57), (0, 60), (-2.4, 57)], tie)
        for side in (-1, 1):
            f.polygon([(side * 5, 42), (side * 9, 45), (side * 8, 51), (0, 61.5), (side * 3.4, 50)], dark)
        f.line([(0, 61), (0, 70)], 1.0, dark)
        for y in (63.5, 67.5):
            f.ellipse(1.8, y, 1.0, colour=WHITE if max(self.colour) < 70 else dark)

    def jersey(self) -> None:
        f, trim = self.figure, self.trim()
        self.legs(trim, DARK, bare_from=79)
        for side in (-1, 1):
            f.line([(side * (5.6 + self.stance), 87.5), (side * (5.6 + self.stance), 93)],
                   self.build.leg * 0.95, self.colour)
        self.torso(self.colour, 70, self.build.hip + 0.4)
        f.rect(-self.build.hip, 68.5, self.build.hip, 73, trim, corner=1.5)
        self.neck(trim)

    def stripes(self) -> None:
        """The jersey of a footballer."""
        self.jersey()
        for x in (-7.2, 0, 7.2):
            self.figure.rect(x - 1.5, 48, x + 1.5, 68.5, self.trim())

    def numbered(self) -> None:
        """The jersey of a basketball player; the number reads the same in a mirror."""
        self.jersey()
        self.figure.ring(0, 54.8, 3.9, 4.1, 2.0, self.trim())
        self.figure.ring(0, 61.4, 4.5, 4.6, 2.0, self.trim())

    def trim(self) -> Colour:
        """White on a jersey, or navy on a pale one."""
        return (40, 60, 130) if self.colour[1] > 190 else WHITE

    def apron(self) -> None:
        f, b, dark = self.figure, self.build, second(self.colour)
        self.legs(self.trousers, DARK)
        self.torso(self.shirt(), 70, b.hip + 0.4)
        self.neck(second(self.shirt()))
        for side in (-1, 1):
            f.line([(side * 5, 43.5), (side * 6, 52)], 1.8, self.colour)
        f.rect(-7.4, 50, 7.4, 66, self.colour, corner=1.5)
        f.blob([(-b.waist, 60.5), (b.waist, 60.5), (b.hip + 1.5, 70), (b.hip + 2, 83), (0, 84.5),
                (-b.hip - 2, 83), (-b.hip - 1.5, 70)], self.colour)
        f.line([(-b.waist, 61.5), (b.waist, 61.5)], 1.6, dark)
        f.rect(-6, 67, 6, 76, dark, corner=2)

    def shirt(self) -> Colour:
        """The shirt under an apron, told apart from it."""
        return (150, 176, 206) if min(self.colour) > 200 else WHITE

    def draw(self, clothing: str, prop: str) -> tuple[Colour, float]:
        """The garment; returns the colour of its sleeves, and how much of the arm they cover (0 to 1)."""
        if clothing == "jersey":
            (self.numbered if prop == "basketball" else self.stripes)()
            return self.colour, 0.35
        getattr(self, {"T-shirt": "tshirt"}.get(clothing, clothing))()
        if clothing == "apron":
            return shade(self.shirt(), 0.93), 1.0
        return second(self.colour), {"T-shirt": 0.35, "dress": 0.22}.get(clothing, 1.0)
