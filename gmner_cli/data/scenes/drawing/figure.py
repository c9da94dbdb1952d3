"""The tile for living things: x counted from the middle line, and rounded shapes through given points."""

from __future__ import annotations

from collections.abc import Sequence

from .tile import Colour, Point, Tile, shade

STEPS = 4
DARK = (34, 28, 30)
WHITE = (250, 250, 248)


class Figure(Tile):
    """A Tile whose x is 0 on its middle line, so that left and right are -x and x."""

    def __init__(self, width: float, pixels: int):
        super().__init__(width, pixels)
        self._middle = width / 2

    def blob(self, points: Sequence[Point], colour: Colour, edge: Colour | None = None,
             thick: float = 1.6) -> None:
        """A closed shape with a smooth edge through ``points``, outlined ``thick`` units wide with
        ``edge``."""
        curve = [self._at(p) for p in _smooth(points)]
        self._draw.polygon(curve, fill=colour)
        if edge:
            self._draw.line([*curve, curve[0], curve[1]], fill=edge, width=max(1, round(thick * self.unit)))

    def pair(self, x: float, y: float, rx: float, ry: float | None = None, colour: Colour = DARK) -> None:
        """The same ellipse left and right of the middle line."""
        for side in (-1, 1):
            self.ellipse(side * x, y, rx, ry, colour)

    def eye(self, x: float, y: float, r: float, gaze: float = 0.0) -> None:
        """White with a dark pupil and a glint; ``gaze`` from -1 (left) to 1."""
        self.ellipse(x, y, r, r * 1.12, WHITE)
        self.ellipse(x + gaze * r * 0.3, y, r * 0.72, r * 0.85, DARK)
        self.ellipse(x + gaze * r * 0.3 + r * 0.25, y - r * 0.35, r * 0.26, colour=WHITE)

    def _at(self, point: Point) -> Point:
        return (point[0] + self._middle) * self.unit, point[1] * self.unit


def second(colour: Colour) -> Colour:
    """The tone of the shaded side: darker, or lighter where the colour is nearly black."""
    return shade(colour, 1.22 if max(colour) < 70 else 0.8)


def outline(colour: Colour) -> Colour:
    """A tone that shows against ``colour``: much darker, or lighter where the colour is nearly black."""
    return shade(colour, 1.5 if max(colour) < 70 else 0.58)


def light(colour: Colour) -> Colour:
    """The tone of bellies and muzzles: paler than the colour, and greyer where it is nearly white."""
    return shade(colour, 0.88) if min(colour) > 200 else shade(colour, 1.8)


def _smooth(points: Sequence[Point]) -> list[Point]:
    """The closed Catmull-Rom curve (1974) through the points, STEPS points to a span."""
    count, curve = len(points), []
    for i in range(count):
        (ax, ay), (bx, by) = points[i - 1], points[i]
        (cx, cy), (dx, dy) = points[(i + 1) % count], points[(i + 2) % count]
        for step in range(STEPS):
            t = step / STEPS
            w0, w3 = ((2 - t) * t - 1) * t / 2, (t - 1) * t * t / 2
            w1, w2 = ((3 * t - 5) * t * t + 2) / 2, ((4 - 3 * t) * t + 1) * t / 2
            curve.append((w0 * ax + w1 * bx + w2 * cx + w3 * dx, w0 * ay + w1 * by + w2 * cy + w3 * dy))
    return curve
