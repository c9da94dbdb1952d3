"""How far two regions overlap: boxes by their corners, masks by their pixels
(``gmner_cli.pictures.masks.iou``).

Boxes are ``(x1, y1, x2, y2)`` in pixels, x to the right and y down, x1 < x2 and
y1 < y2. Masks are COCO run-length encodings, ``size`` = [height, width]. Every
IoU is in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

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


def agreement(predicted: Sequence[Region], gold: Sequence[Region], iou: Callable[[Region, Region],
                                                                                 float]) -> float:
    """IoU of the best (first) predicted region with the gold region nearest to it.

    BOTH_NONE when neither side has a region, ONE_NONE when only one has; so
    ``agreement(...) > threshold`` says whether the region is right.
    """
    if not predicted and not gold:
        return BOTH_NONE
    if not predicted or not gold:
        return ONE_NONE
    return max(iou(predicted[0], region) for region in gold)
