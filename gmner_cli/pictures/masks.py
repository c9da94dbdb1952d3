"""Masks as COCO run-length encodings, and back. ``size`` is [height, width]; pixels are bool [height, width].

Counts are read and checked by ``gmner_cli.records.rle`` before pycocotools gets them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmner_cli.errors import RecordError
from gmner_cli.records import Mask, rle

if TYPE_CHECKING:
    import numpy as np


def encode(pixels: np.ndarray) -> Mask:
    """Run-length encode a bool array [height, width]."""
    import numpy as np
    from pycocotools import mask as coco

    encoded = coco.encode(np.asfortranarray(pixels.astype(np.uint8)))
    height, width = encoded["size"]
    return Mask(size=(int(height), int(width)), counts=encoded["counts"].decode("ascii"))


def decode(mask: Mask) -> np.ndarray:
    """Pixels of a mask. Raises RecordError when ``counts`` does not fill ``size`` exactly."""
    import numpy as np

    runs = run_lengths(mask)
    height, width = mask.size
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape(width, height).T


def area(mask: Mask) -> int:
    """Number of pixels in ``mask``. Raises RecordError as ``decode`` does."""
    return sum(run_lengths(mask)[1::2])


def iou(a: Mask, b: Mask) -> float:
    """Pixel IoU of two masks of the same size, in [0, 1]; 0 when either is empty. Raises RecordError."""
    if a.size != b.size:
        raise RecordError(f"one mask is {_size(a)} but the other is {_size(b)}",
                          hint="both must be masks of the same picture, height x width, EXIF applied")
    if 0 in (area(a), area(b)):
        return 0.0
    from pycocotools import mask as coco

    first, second = ({"size": list(m.size), "counts": m.counts.encode("ascii")} for m in (a, b))
    return float(coco.iou([first], [second], [0])[0][0])


def run_lengths(mask: Mask) -> list[int]:
    """Runs of background and foreground in turn, down the columns. Raises RecordError when they are
    malformed."""
    try:
        runs = rle.read(mask.counts)
        rle.check(runs, *mask.size)
    except ValueError:
        raise RecordError(f"a mask of size {_size(mask)} has counts that are not a COCO run-length encoding "
                          "of it") from None
    return runs


def _size(mask: Mask) -> str:
    return f"{mask.size[0]} x {mask.size[1]}"
