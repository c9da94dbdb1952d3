"""Any Pillow mode to RGB."""

from __future__ import annotations

import numpy as np
from PIL import Image


def to_rgb(picture: Image.Image) -> Image.Image:
    """Any Pillow mode to RGB: 16-bit and float greys scaled, transparency on white."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        grey = np.nan_to_num(np.asarray(picture, dtype=np.float64), posinf=0, neginf=0)
        return Image.fromarray(
            np.rint(np.clip(grey / _white(picture.mode, grey), 0, 1) * 255).astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        page = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(page, layered).convert("RGB")
    return picture.convert("RGB")


def _white(mode: str, grey: np.ndarray) -> float:
    """The value that is white: of 16-bit modes the highest, of wider ones the next usual range above the
    data."""
    if mode.startswith("I;16"):
        return 65535.0
    top = float(grey.max(initial=0))
    ranges = (1.0, 255.0, 65535.0) if mode == "F" else (255.0, 65535.0)
    return next((white for white in ranges if top <= white), top)
