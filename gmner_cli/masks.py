"""Masks as COCO run-length encodings, and back. ``size`` is [height, width]; pixels are bool [height, width].

pycocotools trusts its input: broken counts make it allocate until the process
is killed. So counts are read here, and it only ever gets what was checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmner_cli.errors import RecordError
from gmner_cli.records import Mask

if TYPE_CHECKING:
    import numpy as np

MOST_PIXELS = 100_000_000


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
    """Runs of background and foreground in turn, down the columns. Raises RecordError when they are malformed.

    COCO writes each run in groups of five bits, lowest first, one character (from
    "0") each: bit 6 says that another group follows, and the top bit of the last
    group is the sign. From the fourth run on, the difference to the run two
    before is written instead of the run.
    """
    runs: list[int] = []
    value, shift = 0, 0
    for character in mask.counts:
        group = ord(character) - 48
        if not 0 <= group < 64 or shift > 60:
            raise _malformed(mask)
        value |= (group & 0x1F) << shift
        shift += 5
        if group & 0x20:
            continue
        if group & 0x10:
            value -= 1 << shift
        if len(runs) > 2:
            value += runs[-2]
        if value < 0:
            raise _malformed(mask)
        runs.append(value)
        value, shift = 0, 0
    height, width = mask.size
    if shift or height <= 0 or width <= 0 or sum(runs) != height * width or height * width > MOST_PIXELS:
        raise _malformed(mask)
    return runs


def _malformed(mask: Mask) -> RecordError:
    return RecordError(f"a mask of size {_size(mask)} has counts that are not a COCO run-length encoding of it")


def _size(mask: Mask) -> str:
    return f"{mask.size[0]} x {mask.size[1]}"
