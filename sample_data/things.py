"""Objects, buildings and surroundings: drawn at a point, sized in pixels."""

from __future__ import annotations

import math

from canvas import Canvas, Colour


def sky(c: Canvas, horizon: float, top: str = "#7ec8f2", low: str = "#e6f5fd", ground: Colour = "#7fb069") -> None:
    c.rect(0, 0, c.width, horizon, (top, low))
    c.rect(0, horizon, c.width, c.height, ground)


def cloud(c: Canvas, x: float, y: float, size: float, colour: str = "#ffffff", alpha: float = 0.5) -> None:
    for dx, dy, r in ((-0.8, 0.15, 0.42), (0, -0.1, 0.6), (0.75, 0.12, 0.45)):
        c.ellipse(x + dx * size, y + dy * size, r * size * 1.25, r * size * 0.75, colour, alpha)


def tree(c: Canvas, x: float, y: float, height: float, leaf: str = "#3f7d3a") -> None:
    c.rect(x - height * 0.05, y - height * 0.45, x + height * 0.05, y, "#6b4a2b")
    for dx, up, r in ((-0.16, 0.55, 0.2), (0.16, 0.55, 0.2), (0, 0.75, 0.25)):
        c.ellipse(x + dx * height, y - up * height, r * height, r * height, leaf)


def ball(c: Canvas, x: float, y: float, r: float, kind: str) -> None:
    """``kind``: basketball, football or tennis."""
    c.ellipse(x, y, r, r, {"basketball": "#e07a2f", "football": "#fafafa", "tennis": "#cfe14a"}[kind])
    if kind == "basketball":
        c.line([(x - r * 0.95, y), (x + r * 0.95, y)], r * 0.12, "#3a1f0d")
        c.line([(x, y - r * 0.95), (x, y + r * 0.95)], r * 0.12, "#3a1f0d")
    if kind == "football":
        for k in range(5):
            a = math.radians(72 * k - 90)
            c.ellipse(x + r * 0.72 * math.cos(a), y + r * 0.72 * math.sin(a), r * 0.24, r * 0.24, "#222222")
        c.ellipse(x, y, r * 0.27, r * 0.27, "#222222")


def guitar(c: Canvas, x: float, y: float, size: float, body: str = "#b5562b") -> None:
    """The body's centre is x, y; the neck points up to the left."""
    dx, dy = -0.85 * size, -0.55 * size
    c.line([(x, y), (x + dx, y + dy)], size * 0.09, "#3d2314")
    c.line([(x + dx, y + dy), (x + dx * 1.14, y + dy * 1.14)], size * 0.16, "#2a170c")
    c.ellipse(x + size * 0.16, y + size * 0.1, size * 0.32, size * 0.27, body, turn=33)
    c.ellipse(x - size * 0.12, y - size * 0.08, size * 0.24, size * 0.2, body, turn=33)
    c.ellipse(x - size * 0.04, y - size * 0.02, size * 0.1, size * 0.1, "#2a170c")
    c.line([(x + size * 0.2, y + size * 0.13), (x + dx, y + dy)], size * 0.025, "#efe3c8")


def microphone(c: Canvas, x: float, floor: float, head: float) -> None:
    c.line([(x, floor), (x, head)], 3.5, "#3b3b44")
    c.line([(x - 16, floor), (x + 16, floor)], 4, "#3b3b44")
    c.ellipse(x, head, 6, 7.5, "#1b1b20")
    c.line([(x - 5, head), (x + 5, head)], 1.5, "#8d8d99")


def drum_kit(c: Canvas, x: float, floor: float, size: float, shell: str = "#a4243b") -> None:
    for dx in (-1.05, 1.05):
        c.line([(x + dx * size, floor), (x + dx * size * 0.9, floor - size * 1.75)], 3, "#777777")
        c.ellipse(x + dx * size * 0.9, floor - size * 1.75, size * 0.5, size * 0.1, "#e0b040")
        c.rect(x + dx * size * 0.55 - size * 0.36, floor - size * 1.5, x + dx * size * 0.55 + size * 0.36,
               floor - size * 0.95, shell, corner=4)
    c.ellipse(x, floor - size * 0.72, size * 0.76, size * 0.76, shell)
    c.ellipse(x, floor - size * 0.72, size * 0.66, size * 0.66, "#f5efe0")


def stage(c: Canvas, floor: float, lights: tuple[str, ...]) -> None:
    """A dark stage with beams from above; the floor begins at ``floor``."""
    c.rect(0, 0, c.width, floor, ("#140f2d", "#3b2563"))
    for k, colour in enumerate(lights):
        x = c.width * (k + 0.5) / len(lights)
        lean = (k - (len(lights) - 1) / 2) * -30
        c.polygon([(x - 5, 0), (x + 5, 0), (x + lean + 55, floor), (x + lean - 55, floor)], colour, alpha=0.22)
        c.ellipse(x, 4, 12, 7, "#dddddd")
    c.rect(0, floor, c.width, c.height, ("#5b3a29", "#2a1a12"))


def stadium(c: Canvas, grass: float) -> None:
    """Stands, a hoarding and a striped pitch that begins at ``grass``."""
    c.rect(0, 0, c.width, grass, ("#27415f", "#587a9c"))
    c.rect(0, grass - 24, c.width, grass, "#f1f1f1")
    stripe = c.width / 8
    for k in range(8):
        c.rect(k * stripe, grass, (k + 1) * stripe, c.height, "#4f9d4f" if k % 2 else "#5cb05c")


def trophy(c: Canvas, x: float, y: float, height: float, metal: Colour = ("#ffe08a", "#c9921a")) -> None:
    """A cup with two handles whose foot stands at x, y."""
    h = height / 100
    for side in (-1, 1):
        c.line([(x + side * 22 * h, y - 92 * h), (x + side * 38 * h, y - 84 * h), (x + side * 34 * h, y - 62 * h),
                (x + side * 14 * h, y - 54 * h)], 6 * h, "#d9a520")
    c.blob([(x - 27 * h, y - 98 * h), (x + 27 * h, y - 98 * h), (x + 22 * h, y - 62 * h), (x, y - 44 * h),
            (x - 22 * h, y - 62 * h)], metal)
    c.rect(x - 5 * h, y - 50 * h, x + 5 * h, y - 16 * h, metal)
    c.rect(x - 19 * h, y - 18 * h, x + 19 * h, y, "#5a3d1e", corner=3 * h)
    c.star(x, y - 76 * h, 11 * h, "#fff4c9")


def crest(c: Canvas, x: float, y: float, size: float, field: str, mark: str, text: str) -> None:
    """A shield with a star and letters."""
    s = size / 2
    for grow, colour in ((1.0, mark), (0.86, field)):
        g = s * grow
        c.blob([(x - g, y - g), (x, y - g * 1.12), (x + g, y - g), (x + g * 0.92, y + g * 0.35), (x, y + g * 1.2),
                (x - g * 0.92, y + g * 0.35)], colour)
    c.star(x, y - s * 0.28, s * 0.42, mark)
    c.letters(x, y + s * 0.42, text, s * 0.5, mark)


def building(c: Canvas, x1: float, top: float, x2: float, floor: float, wall: Colour, rows: int, columns: int,
             lit: tuple[str, str] = ("#bfe3f5", "#8cc3de")) -> None:
    """A house front with a grid of windows."""
    c.rect(x1, top, x2, floor, wall)
    w, h = (x2 - x1) / columns, (floor - top) / rows
    for row in range(rows):
        for column in range(columns):
            px, py = x1 + column * w, top + row * h
            c.rect(px + w * 0.22, py + h * 0.22, px + w * 0.78, py + h * 0.8, lit[(row * 5 + column * 3) % 7 // 5])


def clock_tower(c: Canvas, x: float, floor: float, height: float) -> None:
    h = height / 100
    c.rect(x - 11 * h, floor - 70 * h, x + 11 * h, floor, ("#d9b871", "#b08d4c"))
    for k in range(-2, 3):
        c.line([(x + k * 4 * h, floor - 58 * h), (x + k * 4 * h, floor - 2 * h)], 1.2 * h, "#8f6f38")
    c.rect(x - 13 * h, floor - 84 * h, x + 13 * h, floor - 62 * h, "#c9a55d")
    c.ellipse(x, floor - 73 * h, 9.5 * h, 9.5 * h, "#3b2f1a")
    c.ellipse(x, floor - 73 * h, 8.3 * h, 8.3 * h, "#fffbe8")
    c.line([(x, floor - 73 * h), (x, floor - 79.5 * h)], 1.2 * h, "#222222")
    c.line([(x, floor - 73 * h), (x + 4.5 * h, floor - 71 * h)], 1.4 * h, "#222222")
    c.polygon([(x - 13 * h, floor - 84 * h), (x + 13 * h, floor - 84 * h), (x, floor - 100 * h)], "#4f6b5d")
    c.line([(x, floor - 98 * h), (x, floor - 104 * h)], 1.4 * h, "#d4af37")


def lattice_tower(c: Canvas, x: float, floor: float, height: float, iron: str, decks: str) -> None:
    """An iron tower on four legs, narrowing to a mast."""
    h = height / 100
    for side in (-1, 1):
        legs = [(x + side * w * h, floor - up * h) for w, up in ((25, 0), (15, 22), (9.5, 42), (5, 66), (2, 90))]
        c.line(legs, 5 * h, iron)
    for w, up in ((20, 10), (15, 22), (12, 32), (9.5, 42), (7, 54), (5, 66), (3.6, 78)):
        lower = (w + 4, up - 8)
        c.line([(x - w * h, floor - up * h), (x + lower[0] * h, floor - lower[1] * h)], 1.6 * h, iron)
        c.line([(x + w * h, floor - up * h), (x - lower[0] * h, floor - lower[1] * h)], 1.6 * h, iron)
    for w, up in ((17.5, 22), (11.5, 45)):
        c.rect(x - w * h, floor - (up + 3) * h, x + w * h, floor - (up - 3) * h, decks, corner=2 * h)
    c.line([(x, floor - 88 * h), (x, floor - 100 * h)], 2.2 * h, iron)


def rocket(c: Canvas, x: float, foot: float, height: float) -> None:
    h = height / 100
    for side in (-1, 1):
        c.polygon([(x + side * 9 * h, foot - 26 * h), (x + side * 21 * h, foot - 4 * h), (x + side * 9 * h, foot)],
                  "#c8443a")
    c.blob([(x - 10 * h, foot), (x - 11 * h, foot - 50 * h), (x - 6 * h, foot - 84 * h), (x, foot - 100 * h),
            (x + 6 * h, foot - 84 * h), (x + 11 * h, foot - 50 * h), (x + 10 * h, foot)], ("#ffffff", "#ccd3da"))
    c.blob([(x - 6 * h, foot - 84 * h), (x, foot - 100 * h), (x + 6 * h, foot - 84 * h), (x, foot - 80 * h)], "#c8443a")
    c.ellipse(x, foot - 66 * h, 5.2 * h, 5.2 * h, "#3b4a5a")
    c.ellipse(x, foot - 66 * h, 3.7 * h, 3.7 * h, "#9fd3ee")
    c.blob([(x - 8 * h, foot), (x - 6 * h, foot + 12 * h), (x, foot + 26 * h), (x + 6 * h, foot + 12 * h),
            (x + 8 * h, foot)], ("#fff2a8", "#f2701d"))


def car(c: Canvas, x: float, floor: float, length: float, paint: Colour = ("#e34b4b", "#a81f26")) -> None:
    """A saloon seen from the side; x is its middle."""
    s = length / 100
    c.ellipse(x, floor, 50 * s, 4 * s, "#000000", alpha=0.3)
    c.blob([(x - 49 * s, floor - 7 * s), (x - 48 * s, floor - 17 * s), (x - 30 * s, floor - 22 * s),
            (x - 17 * s, floor - 33 * s), (x + 12 * s, floor - 34 * s), (x + 30 * s, floor - 22 * s),
            (x + 48 * s, floor - 18 * s), (x + 50 * s, floor - 7 * s)], paint)
    c.polygon([(x - 24 * s, floor - 22 * s), (x - 14 * s, floor - 31 * s), (x - 2 * s, floor - 31.5 * s),
               (x - 2 * s, floor - 22 * s)], "#bfe0ee")
    c.polygon([(x + 1 * s, floor - 22 * s), (x + 1 * s, floor - 31.5 * s), (x + 12 * s, floor - 31 * s),
               (x + 24 * s, floor - 22 * s)], "#bfe0ee")
    c.ellipse(x + 46 * s, floor - 16 * s, 3 * s, 2 * s, "#fff6c8")
    for dx in (-29, 29):
        c.ellipse(x + dx * s, floor - 7 * s, 9.5 * s, 9.5 * s, "#1d1d22")
        c.ellipse(x + dx * s, floor - 7 * s, 5 * s, 5 * s, "#c4c8ce")


def mountain(c: Canvas, x: float, floor: float, height: float, width: float, rock: Colour, snow: str) -> None:
    half = width / 2
    c.polygon([(x - half, floor), (x - half * 0.45, floor - height * 0.45), (x - half * 0.12, floor - height),
               (x + half * 0.12, floor - height), (x + half * 0.45, floor - height * 0.45), (x + half, floor)], rock)
    c.polygon([(x - half * 0.12, floor - height), (x + half * 0.12, floor - height),
               (x + half * 0.34, floor - height * 0.63), (x + half * 0.2, floor - height * 0.68),
               (x + half * 0.1, floor - height * 0.58), (x - half * 0.03, floor - height * 0.69),
               (x - half * 0.16, floor - height * 0.57), (x - half * 0.33, floor - height * 0.64)], snow)


def podium(c: Canvas, x: float, floor: float, height: float, wood: str = "#7a4e2d") -> None:
    c.polygon([(x - height * 0.3, floor - height), (x + height * 0.3, floor - height), (x + height * 0.24, floor),
               (x - height * 0.24, floor)], wood)
    c.rect(x - height * 0.36, floor - height * 1.06, x + height * 0.36, floor - height * 0.96, "#5c381d", corner=3)
    c.line([(x, floor - height), (x + 3, floor - height * 1.3)], 2.5, "#222222")
    c.ellipse(x + 3, floor - height * 1.32, 4, 6, "#222222")


def flag(c: Canvas, x: float, floor: float, height: float, bands: tuple[str, ...], upright: bool = False) -> None:
    """``upright``: bands side by side, from the pole outwards."""
    c.line([(x, floor), (x, floor - height)], 4, "#b08d57")
    width, depth = height * 0.5, height * 0.34
    for k, colour in enumerate(bands):
        a, b = k / len(bands), (k + 1) / len(bands)
        if upright:
            c.rect(x + 2 + a * width, floor - height, x + 2 + b * width, floor - height + depth, colour)
        else:
            c.rect(x + 2, floor - height + a * depth, x + 2 + width, floor - height + b * depth, colour)
