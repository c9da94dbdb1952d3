"""Composing a picture: a backdrop, figures on it, and which pixels of each can be seen.

Coordinates are x, y in pixels from the top left corner. A mask holds the visible
part of a figure only, as in instance segmentation, and its box is the mask's.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from gmner_cli.data.scenes.drawing import animals, backdrops, buildings, logos, people, products
from gmner_cli.data.scenes.drawing.looks import Look
from gmner_cli.data.scenes.knobs import Knobs
from gmner_cli.data.scenes.world import group_of

# Any: each takes the looks of its own group.
_DRAW: dict[str, Callable[[Any, int, Random], Image.Image]] = {
    "person": people.draw, "crest": logos.draw, "logo": logos.draw, "building": buildings.draw,
    "animal": animals.draw, "product": products.draw, "prize": products.draw
}
_HEIGHTS = {"person": (0.36, 0.62), "building": (0.34, 0.66), "animal": (0.16, 0.30), "product": (0.15, 0.28),
            "prize": (0.18, 0.34)}
"""Heights by group, as shares of the picture's."""
_DEPTH = {"building": 0, "crest": 1, "logo": 1, "person": 2, "prize": 2, "animal": 3, "product": 3}
"""What stands behind what: low numbers are drawn first."""
LEAST_SEEN = 0.5
"""Share of a figure's own pixels that must be visible, so that what is said of it can be seen."""
TRIES = 14
OUTDOORS = ("park", "street", "pitch", "beach", "night", "hills")
"""Backdrops that buildings stand before."""


@dataclass(eq=False)
class Placed:
    """A drawn tile at its place: ``number`` of the look, ``corner`` the top left x, y, ``solid`` bool [h,
    w]."""

    number: int
    depth: int
    tile: Image.Image
    corner: tuple[int, int]
    solid: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.solid = np.asarray(self.tile.getchannel("A")) >= 128


@dataclass(eq=False)
class Figure:
    """A look in a picture: its visible pixels, bool [height, width], and their box x1, y1, x2, y2."""

    look: Look
    mask: np.ndarray
    box: tuple[float, float, float, float]


def compose(looks: Sequence[Look], knobs: Knobs, rng: Random) -> tuple[Image.Image, list[Figure | None], str]:
    """The picture (RGB, without effects), a figure for each look in turn, and the backdrop's kind.

    Looks that come first are placed first; one that fits nowhere without hiding
    or being hidden too much is left out, and is None.
    """
    outdoors = any(group_of(look.kind) == "building" for look in looks)
    kind = rng.choice(OUTDOORS if outdoors else backdrops.KINDS)
    picture = backdrops.draw(kind, knobs.size, rng)
    floor = backdrops.HORIZON[kind] * knobs.size
    placed: list[Placed] = []
    for number, look in enumerate(looks):
        for attempt in range(TRIES):
            tile, corner = _try(look, knobs, floor, 1 - 0.03 * attempt, rng)
            new = Placed(number, _DEPTH[group_of(look.kind)], tile, corner)
            trial = sorted([*placed, new], key=lambda p: (p.depth, p.corner[1] + p.tile.height))
            if _least_seen(trial, knobs.size) >= LEAST_SEEN:
                placed = trial
                break
    owner = _owners(placed, knobs.size)
    figures: list[Figure | None] = [None] * len(looks)
    for one in placed:
        picture.paste(one.tile, one.corner, one.tile)
        mask = owner == one.number
        figures[one.number] = Figure(looks[one.number], mask, box_of(mask))
    return picture, figures, kind


def box_of(mask: np.ndarray) -> tuple[float, float, float, float]:
    """The tight box of a mask that has any pixel: x1, y1, x2, y2, ends exclusive."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def spoil(picture: Image.Image, knobs: Knobs, rng: Random) -> bytes:
    """The picture as a camera and a network leave it: light, blur, noise, and a JPEG file's artefacts."""
    picture = ImageEnhance.Brightness(picture).enhance(rng.uniform(0.82, 1.15))
    picture = ImageEnhance.Color(picture).enhance(rng.uniform(0.75, 1.2))
    radius = knobs.blur * rng.random()
    if radius > 0.15:
        picture = picture.filter(ImageFilter.GaussianBlur(radius))
    sigma = knobs.noise * rng.random()
    if sigma > 0.5:
        pixels = np.asarray(picture, dtype=np.float32)
        noise = np.random.default_rng(rng.getrandbits(64)).standard_normal(pixels.shape, dtype=np.float32)
        picture = Image.fromarray(np.clip(pixels + sigma * noise, 0, 255).astype(np.uint8))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=rng.randint(knobs.jpeg, 95))
    return file.getvalue()


def _try(look: Look, knobs: Knobs, floor: float, scale: float,
         rng: Random) -> tuple[Image.Image, tuple[int, int]]:
    """A drawing of the look and a place for its top left corner."""
    size, group = knobs.size, group_of(look.kind)
    if group in ("crest", "logo"):
        low, high = (0.085, 0.135) if rng.random() < knobs.small_logos else (0.145, 0.24)
    else:
        low, high = _HEIGHTS[group]
    tile = _DRAW[group](look, max(8, round(size * scale * rng.uniform(low, high))), rng)
    if tile.width > 0.7 * size:
        tile = tile.resize((round(0.7 * size), max(1, round(tile.height * 0.7 * size / tile.width))),
                           Image.Resampling.BOX)
    x = rng.randint(2, max(2, size - tile.width - 2))
    if group in ("crest", "logo"):  # these hang
        return tile, (x, rng.randint(4, max(4, round(floor) - tile.height - 4)))
    if look.kind == "balloon":
        return tile, (x, rng.randint(2, max(2, round(floor) - tile.height)))
    foot = rng.uniform(floor + 0.02 * size, floor +
                       0.10 * size) if group == "building" else rng.uniform(floor + 0.08 * size, 0.98 * size)
    return tile, (x, max(0, round(foot) - tile.height))


def _window(one: Placed, size: int) -> tuple[tuple[slice, slice], np.ndarray]:
    """Where in the picture a tile lies, and which pixels there it covers, bool."""
    x, y = one.corner
    solid = one.solid[:size - y, :size - x]
    return (slice(y, y + solid.shape[0]), slice(x, x + solid.shape[1])), solid


def _owners(placed: Sequence[Placed], size: int) -> np.ndarray:
    """The number of the look that is seen at each pixel, int16 [size, size]; -1 is the backdrop."""
    owner = np.full((size, size), -1, dtype=np.int16)
    for one in placed:
        window, solid = _window(one, size)
        owner[window][solid] = one.number
    return owner


def _least_seen(placed: Sequence[Placed], size: int) -> float:
    """The smallest share of its own pixels that any tile has visible."""
    owner = _owners(placed, size)
    left = np.bincount(owner[owner >= 0], minlength=1 + max(p.number for p in placed))
    return min(left[p.number] / max(1, p.solid.sum()) for p in placed)
