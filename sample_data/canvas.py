"""A small flat-colour canvas that knows which visible pixel belongs to what.

Shapes are rasterised here with numpy, not by a drawing library, so that the
masks (and with them the JSONL files) come out the same with every release of
Pillow. Pillow only sets the lettering, which never changes a mask.

Coordinates are x, y in pixels from the top left corner, as floats. A colour is
``"#rrggbb"`` or a pair of them, which makes a vertical gradient over the shape.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Point = tuple[float, float]
Colour = str | tuple[str, str]
FINENESS = 3  # sub-samples per pixel and axis: enough for smooth edges at this size


class Canvas:
    """A picture of ``width`` x ``height`` pixels and the visible pixels of every named thing in it."""

    def __init__(self, width: int, height: int, background: Colour):
        self.width, self.height = width, height
        self.pixels = np.zeros((height, width, 3))
        self._visible: dict[str, np.ndarray] = {}
        self._owners: list[str] = []
        self.rect(0, 0, width, height, background)

    @contextmanager
    def thing(self, name: str) -> Iterator[None]:
        """What is drawn inside belongs to ``name`` (and to the things around it) until it is covered."""
        self._visible.setdefault(name, np.zeros((self.height, self.width), dtype=bool))
        self._owners.append(name)
        try:
            yield
        finally:
            self._owners.pop()

    def mask(self, name: str) -> np.ndarray:
        """Visible pixels of a thing, bool [height, width]."""
        return self._visible[name]

    def image(self) -> Image.Image:
        return Image.fromarray(np.clip(self.pixels + 0.5, 0, 255).astype(np.uint8))

    def polygon(self, points: Sequence[Point], colour: Colour, alpha: float = 1.0) -> None:
        """Fill by the even-odd rule."""
        corners = np.asarray(points, dtype=float)

        def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
            hit = np.zeros(np.broadcast(x, y).shape, dtype=bool)
            for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
                if y1 != y2:
                    hit ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
            return hit

        self._fill(inside, (*corners.min(0), *corners.max(0)), colour, alpha)

    def rect(self, x1: float, y1: float, x2: float, y2: float, colour: Colour, alpha: float = 1.0,
             corner: float = 0.0) -> None:
        """``corner``: radius of the rounded corners in pixels."""

        def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
            dx = np.maximum(np.maximum(x1 + corner - x, x - x2 + corner), 0)
            dy = np.maximum(np.maximum(y1 + corner - y, y - y2 + corner), 0)
            return (dx * dx + dy * dy <= corner * corner) & (x >= x1) & (x < x2) & (y >= y1) & (y < y2)

        self._fill(inside, (x1, y1, x2, y2), colour, alpha)

    def ellipse(self, cx: float, cy: float, rx: float, ry: float | None = None, colour: Colour = "#000000",
                alpha: float = 1.0, turn: float = 0.0) -> None:
        """``turn``: degrees clockwise. A circle without ``ry``."""
        ry = rx if ry is None else ry
        cos, sin, reach = math.cos(math.radians(turn)), math.sin(math.radians(turn)), max(rx, ry)

        def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
            u, v = (x - cx) * cos + (y - cy) * sin, (y - cy) * cos - (x - cx) * sin
            return (u / rx) ** 2 + (v / ry) ** 2 <= 1

        self._fill(inside, (cx - reach, cy - reach, cx + reach, cy + reach), colour, alpha)

    def line(self, points: Sequence[Point], thick: float, colour: Colour, alpha: float = 1.0) -> None:
        """A polyline with round ends and joints."""
        corners = np.asarray(points, dtype=float)
        half = thick / 2

        def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
            hit = np.zeros(np.broadcast(x, y).shape, dtype=bool)
            for (x1, y1), (x2, y2) in zip(corners[:-1], corners[1:], strict=True):
                dx, dy = x2 - x1, y2 - y1
                t = np.clip(((x - x1) * dx + (y - y1) * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
                hit |= (x - x1 - t * dx) ** 2 + (y - y1 - t * dy) ** 2 <= half * half
            return hit

        self._fill(inside, (*(corners.min(0) - half), *(corners.max(0) + half)), colour, alpha)

    def blob(self, points: Sequence[Point], colour: Colour, alpha: float = 1.0) -> None:
        """A closed smooth outline through the points (Catmull-Rom)."""
        p = np.asarray(points, dtype=float)
        before, after, beyond = np.roll(p, 1, 0), np.roll(p, -1, 0), np.roll(p, -2, 0)
        outline = []
        for t in np.arange(0, 1, 1 / 8):
            outline.append(0.5 * (2 * p + (after - before) * t + (2 * before - 5 * p + 4 * after - beyond) * t**2
                                  + (3 * p - before - 3 * after + beyond) * t**3))
        self.polygon(np.stack(outline, axis=1).reshape(-1, 2), colour, alpha)

    def star(self, cx: float, cy: float, radius: float, colour: Colour, spikes: int = 5) -> None:
        corners = []
        for k in range(2 * spikes):
            reach, angle = radius * (1 if k % 2 == 0 else 0.42), math.pi * (k / spikes - 0.5)
            corners.append((cx + reach * math.cos(angle), cy + reach * math.sin(angle)))
        self.polygon(corners, colour)

    def letters(self, cx: float, cy: float, text: str, size: float, colour: str) -> None:
        """Lettering centred on cx, cy. It lies on what is below and changes no mask."""
        sheet = Image.new("L", (self.width, self.height))
        font = ImageFont.load_default(size)
        ImageDraw.Draw(sheet).text((cx, cy), text, fill=255, font=font, anchor="mm", stroke_width=size / 40)
        cover = np.asarray(sheet, dtype=float)[..., None] / 255
        self.pixels += cover * (np.array(_rgb(colour)) - self.pixels)

    def _fill(self, inside, extent: tuple[float, float, float, float], colour: Colour, alpha: float) -> None:
        x1, y1 = max(0, math.floor(extent[0])), max(0, math.floor(extent[1]))
        x2, y2 = min(self.width, math.ceil(extent[2]) + 1), min(self.height, math.ceil(extent[3]) + 1)
        if x1 >= x2 or y1 >= y2:
            return
        step = 1 / FINENESS
        x = np.arange(x1, x2, step)[None, :(x2 - x1) * FINENESS] + step / 2
        y = np.arange(y1, y2, step)[:(y2 - y1) * FINENESS, None] + step / 2
        fine = inside(x, y).reshape(y2 - y1, FINENESS, x2 - x1, FINENESS)
        cover = fine.mean(axis=(1, 3))
        top, bottom = (colour, colour) if isinstance(colour, str) else colour
        down = ((np.arange(y1, y2) + 0.5 - extent[1]) / max(extent[3] - extent[1], 1e-9)).clip(0, 1)[:, None, None]
        ink = (1 - down) * np.array(_rgb(top)) + down * np.array(_rgb(bottom))
        part = self.pixels[y1:y2, x1:x2]
        part += (alpha * cover[..., None]) * (ink - part)
        if alpha > 0.5:  # a shadow or a light beam hides nothing
            solid = cover >= 0.5
            for name, visible in self._visible.items():
                visible[y1:y2, x1:x2][solid] = name in self._owners


def _rgb(colour: str) -> tuple[int, int, int]:
    return tuple(bytes.fromhex(colour[1:]))
