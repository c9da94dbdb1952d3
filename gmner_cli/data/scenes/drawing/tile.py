"""A small transparent picture to draw one figure on.

Coordinates are in units of which the figure is 100 high: x to the right and y
down from the top left corner, whatever the size in pixels. Drawing happens at
FINENESS times that size and is reduced at the end, which smooths the edges.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Ink = Colour | tuple[int, int, int, int]
"""A colour, or one with its opacity."""
Point = tuple[float, float]

FINENESS = 2


class Tile:
    """``width`` units wide and 100 units high; 100 units are ``pixels`` pixels in the finished picture."""

    def __init__(self, width: float, pixels: int):
        self.unit = pixels * FINENESS / 100
        size = (max(FINENESS, round(width * self.unit)), pixels * FINENESS)
        self.picture = Image.new("RGBA", size)
        self._draw = ImageDraw.Draw(self.picture)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        self._draw.polygon([self._at(p) for p in points], fill=colour)

    def ellipse(self, cx: float, cy: float, rx: float, ry: float | None = None,
                colour: Ink = (0, 0, 0)) -> None:
        """Filled; a circle without ``ry``."""
        ry = rx if ry is None else ry
        self._draw.ellipse([self._at((cx - rx, cy - ry)), self._at((cx + rx, cy + ry))], fill=colour)

    def ring(self, cx: float, cy: float, rx: float, ry: float, thick: float, colour: Colour) -> None:
        """Outline of an ellipse, ``thick`` units wide, inside its edge."""
        self._draw.ellipse([self._at((cx - rx, cy - ry)), self._at((cx + rx, cy + ry))], outline=colour,
                           width=max(1, round(thick * self.unit)))

    def rect(self, x1: float, y1: float, x2: float, y2: float, colour: Ink, corner: float = 0.0) -> None:
        """``corner``: radius of the rounded corners."""
        self._draw.rounded_rectangle([self._at((x1, y1)), self._at((x2, y2))], corner * self.unit,
                                     fill=colour)

    def line(self, points: Sequence[Point], thick: float, colour: Colour) -> None:
        """A polyline with round ends and joints."""
        self._draw.line([self._at(p) for p in points], fill=colour, width=max(1, round(thick * self.unit)),
                        joint="curve")
        for x, y in (points[0], points[-1]):
            self.ellipse(x, y, thick / 2, colour=colour)

    def arc(self, cx: float, cy: float, rx: float, ry: float, start: float, end: float, thick: float,
            colour: Colour) -> None:
        """Part of an ellipse's outline; angles in degrees, clockwise from three o'clock."""
        self._draw.arc([self._at((cx - rx, cy - ry)), self._at((cx + rx, cy + ry))], start, end, fill=colour,
                       width=max(1, round(thick * self.unit)))

    def slice(self, cx: float, cy: float, rx: float, ry: float, start: float, end: float,
              colour: Colour) -> None:
        """A filled pie slice; angles as for ``arc``."""
        self._draw.pieslice([self._at(
            (cx - rx, cy - ry)), self._at((cx + rx, cy + ry))], start, end, fill=colour)

    def finish(self, mirror: bool = False) -> Image.Image:
        """The figure, RGBA with straight alpha, cropped to what is at least half opaque."""
        # Colours are weighted by alpha while reducing, so that edges do not darken.
        small = self.picture.convert("RGBa").reduce(FINENESS).convert("RGBA")
        box = small.getchannel("A").point(lambda a: 255 if a >= 128 else 0).getbbox()
        small = small.crop(box) if box else small
        return small.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirror else small

    def _at(self, point: Point) -> Point:
        return point[0] * self.unit, point[1] * self.unit


def shade(colour: Colour, factor: float) -> Colour:
    """Darker below 1, lighter (towards white) above 1."""
    r, g, b = (round(c * factor if factor <= 1 else 255 - (255 - c) / factor) for c in colour)
    return r, g, b
