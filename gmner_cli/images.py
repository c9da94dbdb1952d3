"""Opening pictures as a person sees them, and refusing what is broken or hostile."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gmner_cli.errors import ImageError, printable

MOST_PIXELS = 100_000_000
"""Above this a file is taken for a decompression bomb (a 100-megapixel photo is 300 MB in memory)."""

KINDS = ("JPEG", "MPO", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "ICO")
"""Formats that are read. Pillow knows more, but EPS runs Ghostscript on the file and others are as risky."""


def locate(root: Path, name: str) -> Path:
    """The path of ``name`` inside ``root``. Raises ImageError when it leaves the folder or is not there."""
    where = printable(str(root / name))
    try:
        base = root.resolve()
        path = (base / name).resolve()
        if path != base and not path.is_relative_to(base):
            raise ImageError(f"image path {name!r} leaves the image folder", where=str(root))
        if not path.exists():
            raise ImageError("no such image", where=where,
                             hint="give the folder with --images, or use --on-missing-image text-only")
        if not path.is_file():  # a FIFO would wait for ever
            raise ImageError("is not a file", where=where)
    except (OSError, ValueError, RuntimeError) as problem:  # name too long, NUL in it, circle of symbolic links
        raise ImageError(f"image cannot be found: {getattr(problem, 'strerror', None) or problem}", where=where) from None
    return path


def open_image(root: Path, name: str) -> Image.Image:
    """Load ``root/name`` as RGB, EXIF rotation applied, first frame of an animation.

    The type is found from the content, not from the name. Transparency is laid
    on white; 16-bit greys are scaled to 8 bits. Raises ImageError.
    """
    path = locate(root, name)
    where = printable(str(path))
    try:
        if path.stat().st_size == 0:
            raise ImageError("image is empty (0 bytes)", where=where)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # size is checked below; EXIF oddities do not matter
            with Image.open(path, formats=_kinds()) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise ImageError(f"image has {picture.width}x{picture.height} pixels, more than {MOST_PIXELS}",
                                     where=where, hint="scale it down first")
                picture.load()
                return to_rgb(_upright(picture))
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError("is not an image that can be read", where=where,
                         hint=f"formats that are read: {', '.join(_kinds())}") from None
    except Image.DecompressionBombError:
        raise ImageError(f"image has more than {MOST_PIXELS} pixels", where=where, hint="scale it down first") from None
    except PermissionError as problem:
        raise ImageError(f"image cannot be read: {problem.strerror}", where=where) from None
    except Exception as problem:  # decoders meet damage with errors of every class
        raise ImageError(f"image is broken: {problem or type(problem).__name__}", where=where) from None


def to_rgb(picture: Image.Image) -> Image.Image:
    """Any Pillow mode to RGB: 16-bit and float greys scaled, transparency on white."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        grey = np.nan_to_num(np.asarray(picture, dtype=np.float64), posinf=0, neginf=0)
        return Image.fromarray(np.rint(np.clip(grey / _white(picture.mode, grey), 0, 1) * 255).astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        page = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(page, layered).convert("RGB")
    return picture.convert("RGB")


def _kinds() -> list[str]:
    """The KINDS that this Pillow was built with."""
    Image.init()
    return [kind for kind in KINDS if kind in Image.OPEN]


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # damaged EXIF data says nothing about the pixels
        return picture


def _white(mode: str, grey: np.ndarray) -> float:
    """The value that is white: of 16-bit modes the highest, of wider ones the next usual range above the data."""
    if mode.startswith("I;16"):
        return 65535.0
    top = float(grey.max(initial=0))
    ranges = (1.0, 255.0, 65535.0) if mode == "F" else (255.0, 65535.0)
    return next((white for white in ranges if top <= white), top)
