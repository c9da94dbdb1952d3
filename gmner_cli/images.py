"""Opening pictures as a person sees them, and refusing what is broken or hostile."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gmner_cli.errors import ImageError

MOST_PIXELS = 100_000_000
"""Above this a file is taken for a decompression bomb (a 100-megapixel photo is 300 MB in memory)."""


def locate(root: Path, name: str) -> Path:
    """The path of ``name`` inside ``root``. Raises ImageError when it leaves the folder or is not there."""
    base = root.resolve()
    path = (base / name).resolve()
    if path != base and not path.is_relative_to(base):
        raise ImageError(f"image path {name!r} leaves the image folder", where=str(root))
    if not path.exists():
        raise ImageError("no such image", where=str(root / name),
                         hint="give the folder with --images, or use --on-missing-image text-only")
    if not path.is_file():
        raise ImageError("is not a file", where=str(root / name))
    return path


def open_image(root: Path, name: str) -> Image.Image:
    """Load ``root/name`` as RGB, EXIF rotation applied, first frame of an animation.

    The type is found from the content, not from the name. Transparency is laid
    on white; 16-bit greys are scaled to 8 bits. Raises ImageError.
    """
    path = locate(root, name)
    if path.stat().st_size == 0:
        raise ImageError("image is empty (0 bytes)", where=str(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # size is checked below; EXIF oddities do not matter
            with Image.open(path) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise ImageError(f"image has {picture.width}x{picture.height} pixels, more than {MOST_PIXELS}",
                                     where=str(path), hint="scale it down first")
                picture.load()
                return to_rgb(ImageOps.exif_transpose(picture))
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError("is not an image that Pillow can read", where=str(path)) from None
    except Image.DecompressionBombError:
        raise ImageError(f"image has more than {MOST_PIXELS} pixels", where=str(path),
                         hint="scale it down first") from None
    except (OSError, SyntaxError, ValueError, EOFError) as problem:
        raise ImageError(f"image is broken: {problem}", where=str(path)) from None


def to_rgb(picture: Image.Image) -> Image.Image:
    """Any Pillow mode to RGB: 16-bit and float greys scaled, transparency on white."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        grey = np.asarray(picture, dtype=np.float64)
        top = 65535.0 if picture.mode != "F" and grey.max(initial=0) > 255 else max(grey.max(initial=0), 255.0)
        return Image.fromarray((np.clip(grey / top, 0, 1) * 255).astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        page = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(page, layered).convert("RGB")
    return picture.convert("RGB")
