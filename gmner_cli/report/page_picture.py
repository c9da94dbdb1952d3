"""A post's picture as it goes into the page: scaled down, with masks as thin layers, all data URIs."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from gmner_cli.errors import RecordError
from gmner_cli.pictures.images import open_image
from gmner_cli.pictures.masks import decode
from gmner_cli.records import Box, Mask

MOST_WIDTH, MOST_HEIGHT = 640, 960
"""Pixels. More than the page shows; a file of a thousand posts must still open in a browser."""


@dataclass(frozen=True)
class Shown:
    """An embedded picture. ``scale`` is shown pixels per original pixel; ``size`` the original [w, h]."""

    uri: str
    width: int
    height: int
    scale: float
    size: tuple[int, int]

    def place(self, box: Box) -> Box:
        """x1, y1, x2, y2 of the original picture to pixels of the shown one, cut at its edges."""
        x1, y1, x2, y2 = (v * self.scale for v in box)
        return (min(max(x1, 0.0), self.width), min(max(y1, 0.0), self.height),
                min(max(x2, 0.0), self.width), min(max(y2, 0.0), self.height))


def embed(root: Path, name: str, follow_links: bool = False) -> Shown:
    """Open ``root/name`` and scale it to fit MOST_WIDTH x MOST_HEIGHT. Raises ImageError."""
    picture = open_image(root, name, follow_links)
    scale = min(1.0, MOST_WIDTH / picture.width, MOST_HEIGHT / picture.height)
    shown = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))),
                           Image.Resampling.LANCZOS, reducing_gap=2.0) if scale < 1 else picture
    sheet = io.BytesIO()
    shown.save(sheet, "JPEG", quality=84, optimize=True, progressive=True)
    return Shown(_uri("image/jpeg", sheet), shown.width, shown.height, scale, picture.size)


def mask_layer(mask: Mask, shown: Shown, colour: str, fill: int) -> str:
    """A PNG of the shown picture's size: the mask filled thinly, its edge solid, the rest clear.

    ``colour``: "#rrggbb". ``fill``: opacity of the inside, 0 to 255. Raises RecordError when
    the mask is not one of this picture or cannot be decoded.
    """
    width, height = shown.size
    if tuple(mask.size) != (height, width):
        raise RecordError(f"a mask is {mask.size[1]}x{mask.size[0]} pixels, the picture {width}x{height}")
    small = Image.fromarray(decode(mask) * np.uint8(255)).resize((shown.width, shown.height),
                                                                 Image.Resampling.BOX)
    inside = np.pad(np.asarray(small) >= 128, 1)
    core = inside[1:-1, 1:-1] & inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    clear_fill_edge = inside[1:-1, 1:-1].astype(np.uint8) + (inside[1:-1, 1:-1] & ~core)
    layer = Image.frombytes("P", small.size, clear_fill_edge.tobytes())
    layer.putpalette(bytes.fromhex(colour[1:]) * 3)
    sheet = io.BytesIO()
    layer.save(sheet, "PNG", transparency=bytes((0, fill, 230)), optimize=True)
    return _uri("image/png", sheet)


def _uri(kind: str, sheet: io.BytesIO) -> str:
    return f"data:{kind};base64,{base64.b64encode(sheet.getvalue()).decode('ascii')}"
