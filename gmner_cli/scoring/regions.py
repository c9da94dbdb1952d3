"""How far two regions overlap: boxes by their corners, masks by their pixels.

Boxes are ``(x1, y1, x2, y2)`` in pixels, x to the right and y down, x1 < x2 and
y1 < y2. Masks are COCO run-length encodings, ``size`` = [height, width]. Every
IoU is in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from gmner_cli.errors import RecordError
from gmner_cli.records import Box, Entity, Mask

Region = TypeVar("Region", Box, Mask)

BOTH_NONE = math.inf
"""Agreement of two entities that have no region: right at every threshold."""
ONE_NONE = -1.0
"""Agreement where only one side has a region: wrong at every threshold."""


def box_area(box: Box) -> float:
    """Area of ``box`` in square pixels."""
    return (box[2] - box[0]) * (box[3] - box[1])


def largest_area(entity: Entity) -> float:
    """Area of the largest of an entity's boxes in square pixels; 0 when it has none."""
    return max(map(box_area, entity.boxes or []), default=0.0)


def box_iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes with real-valued corners (no "+1" pixel convention)."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    union = box_area(a) + box_area(b) - shared
    # Coordinates near the ends of the float range make an area of 0 or infinity; NaN must not get out.
    return shared / union if 0 < union < math.inf else 0.0


def mask_iou(predicted: Mask, gold: Mask) -> float:
    """Pixel IoU of two masks of the same size; 0 when either is empty.

    Raises RecordError when a mask does not decode to its ``size``, or the sizes differ.
    """
    from pycocotools import mask as coco

    if predicted.size != gold.size:
        raise RecordError(f"the predicted mask is {_size(predicted)} but the gold mask is {_size(gold)}",
                          hint="both must be masks of the same picture, height x width, EXIF applied")
    # pycocotools trusts its input: a broken `counts` makes it allocate until the process is killed.
    areas = [mask_area(predicted, "predicted mask"), mask_area(gold, "gold mask")]
    if 0 in areas:
        return 0.0
    first, second = ({"size": list(m.size), "counts": m.counts.encode("ascii")} for m in (predicted, gold))
    return float(coco.iou([first], [second], [0])[0][0])


def mask_area(mask: Mask, name: str = "mask") -> int:
    """Number of pixels in ``mask``. Raises RecordError when ``counts`` does not fill ``size`` exactly."""
    runs = _run_lengths(mask.counts)
    height, width = mask.size
    if runs is None or height <= 0 or width <= 0 or sum(runs) != height * width:
        raise RecordError(f"the {name} of size {_size(mask)} has counts that are not a COCO run-length encoding of it")
    return sum(runs[1::2])


def _run_lengths(counts: str) -> list[int] | None:
    """Runs of background and foreground in turn, column by column; None when ``counts`` is malformed.

    COCO writes each run in groups of five bits, lowest first, one character (from
    "0") each: bit 6 says that another group follows, and the top bit of the last
    group is the sign. From the fourth run on, the difference to the run two
    before is written instead of the run.
    """
    runs: list[int] = []
    value, shift = 0, 0
    for character in counts:
        group = ord(character) - 48
        if not 0 <= group < 64:
            return None
        value |= (group & 0x1F) << shift
        shift += 5
        if group & 0x20:
            continue
        if group & 0x10:
            value -= 1 << shift
        if len(runs) > 2:
            value += runs[-2]
        if value < 0:
            return None
        runs.append(value)
        value, shift = 0, 0
    return runs if shift == 0 else None


def agreement(predicted: Sequence[Region], gold: Sequence[Region], iou: Callable[[Region, Region], float]) -> float:
    """IoU of the best (first) predicted region with the gold region nearest to it.

    BOTH_NONE when neither side has a region, ONE_NONE when only one has; so
    ``agreement(...) > threshold`` says whether the region is right.
    """
    if not predicted and not gold:
        return BOTH_NONE
    if not predicted or not gold:
        return ONE_NONE
    return max(iou(predicted[0], region) for region in gold)


def _size(mask: Mask) -> str:
    return f"{mask.size[0]} x {mask.size[1]}"
