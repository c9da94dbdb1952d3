"""What a segmentation backend is asked for: the box, or points, or a heat map, of each thing in a picture.

Every backend answers ``segment(image, prompts) -> masks``, one mask a prompt.
Coordinates are pixels of the picture, x before y, (0, 0) the outer corner of the
first pixel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gmner_cli.errors import RecordError
from gmner_cli.pictures.masks import decode, encode
from gmner_cli.records import Box, Entity, Mask, Post
from gmner_cli.records.fields import not_shown

Point = tuple[float, float, int]
"""x, y, and 1 where the thing is or 0 where it is not (the labels of SAM)."""


@dataclass(frozen=True)
class Prompt:
    """One thing to segment, by exactly one of the three; by none of them, its mask is empty."""

    box: Box | None = None
    points: tuple[Point, ...] = ()
    heat: np.ndarray | None = None
    """Float [h, w] over the whole picture, of any resolution: higher where the thing more likely is (GEM eq.
    11)."""

    def within(self, width: int, height: int) -> Prompt:
        """The part of it that lies in the picture: the box clipped, points outside left out.

        A box or a set of points of which nothing remains (no area, no point with
        label 1) becomes ``Prompt()``.
        """
        if self.box is not None:
            x1, y1, x2, y2 = self.box
            x1, y1, x2, y2 = max(0.0, x1), max(0.0, y1), min(float(width), x2), min(float(height), y2)
            return Prompt(box=(x1, y1, x2, y2)) if x1 < x2 and y1 < y2 else Prompt()
        points = tuple(p for p in self.points if 0 <= p[0] < width and 0 <= p[1] < height)
        if any(label for *_, label in points):
            return Prompt(points=points)
        return Prompt(heat=self.heat) if self.heat is not None and self.heat.size else Prompt()

    def pointed(self, width: int, height: int) -> Prompt:
        """A heat map as its highest point, the middle of that cell; other prompts as they are."""
        if self.heat is None:
            return self
        rows, columns = self.heat.shape
        row, column = divmod(int(np.argmax(self.heat)), columns)
        return Prompt(points=(((column + 0.5) * width / columns, (row + 0.5) * height / rows, 1),))


def prompts_of(post: Post) -> list[Prompt]:
    """One prompt for each mask that ``put_masks`` expects: the boxes of all entities in order.

    An entity with ``boxes`` gives one for each box. One without that field, but with
    ``points`` (a field of its own in the record: ``[[x, y], ...]``, or ``[x, y, 0]`` for a
    place that is not part of it), gives one of all its points. Raises RecordError
    when ``points`` are malformed.
    """
    prompts = []
    for number, entity in enumerate(post.entities or []):
        if entity.boxes is not None:
            prompts += [Prompt(box=box) for box in entity.boxes]
        elif _asks_by_points(entity):
            prompts.append(
                Prompt(points=_points(entity.extra["points"], f"post {post.id}, entities[{number}].points")))
    return prompts


def put_masks(post: Post, masks: Sequence[Mask] | None) -> None:
    """Fill ``masks`` of the entities, parallel to ``boxes``; ``masks`` are those of ``prompts_of(post)``.

    An entity that was asked for by points gets the bounding box of its mask as its
    only box; where the mask is empty, no box, which says that it is not visible.
    One with ``boxes`` [] gets [] also without a picture, where ``masks`` is None.
    """
    rest: Iterator[Mask] = iter(masks or ())
    for entity in post.entities or []:
        if entity.boxes == []:
            entity.masks = []
        elif masks is None:
            continue
        elif entity.boxes:
            entity.masks = [next(rest) for _ in entity.boxes]
        elif _asks_by_points(entity):
            mask = next(rest)
            box = bounding_box(decode(mask))
            if box is None:
                not_shown(entity)
            else:
                entity.boxes = [box]
            entity.masks = [mask] if box else []


def bounding_box(pixels: np.ndarray) -> Box | None:
    """The smallest box around a mask, bool [height, width]; None when it is empty."""
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if not len(rows):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def empty_mask(width: int, height: int) -> Mask:
    """The mask of what is not in a picture of this size."""
    return encode(np.zeros((height, width), dtype=bool))


def _asks_by_points(entity: Entity) -> bool:
    return entity.boxes is None and bool(entity.extra.get("points"))


def _points(value: Any, where: str) -> tuple[Point, ...]:
    points: list[Any] = value if isinstance(value, list) else [None]
    for point in points:
        right = isinstance(point, list) and len(point) in (2, 3) and all(
            isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in point)
        if not right or point[2:] not in ([], [0], [1]):
            raise RecordError(f"must be [[x, y], ...], perhaps with a third value of 0 or 1, not {point!r}",
                              where=where)
    return tuple((float(p[0]), float(p[1]), int(p[2]) if p[2:] else 1) for p in points)
