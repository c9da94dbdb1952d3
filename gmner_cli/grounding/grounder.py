"""What every model of visual grounding shares: who is sought, a box that fits the picture, and the score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar, cast

import msgspec
import torch
from PIL import Image
from torch import Tensor

from gmner_cli.classes.shipped import is_shipped
from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.language.expressions import expression_of
from gmner_cli.model import Example, Model, Together
from gmner_cli.records import Box, Entity, Post
from gmner_cli.records.fields import as_written_before, not_shown
from gmner_cli.scoring.counts import percent
from gmner_cli.scoring.regions import box_area, box_iou

RIGHT = 0.5
"""A box is right when its IoU with any gold box is above this."""

LEAST_SIDE = 1.0
"""Pixels. A box thinner than this is widened to it about its middle, inside the picture."""

FAR = 10.0
"""Sides of a picture. Corners of a user's model that are farther away than this were meant as pixels."""


class GrounderConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    threshold: float = 0.0
    """A box scored below this is not given: the entity becomes ``boxes: []``."""
    train_together: Together = None
    """As in ``model.Together``."""


@dataclass(slots=True)
class Sought:
    """One entity of a post: its number, the words it is asked by, and, while training, its box.

    The box is in pixels of the whole picture."""

    entity: int
    text: str
    box: Box | None = None
    wordings: list[str] = field(default_factory=list)
    """While training, all the words that it can be asked by, for a model that asks by one of them at a
    time."""


class Grounder(Model):
    """One box per entity, with ``box_scores``; the picture is encoded once for all entities of an example.

    An entity that is not ``visible`` (visual entailment said no), or has ``boxes: []``, is left alone. One of
    a post without a picture gets ``boxes: []``. If no box reaches the threshold, an entity that was
    thought visible no longer is. Trained on the visible gold entities, each with its largest box (RiVEG,
    section IV-C2).

    A subclass gives ``inputs`` (or a ``collate`` of its own), ``loss``, ``predict``, and a ``Config`` that
    extends GrounderConfig. ``predict`` returns ``((x1, y1, x2, y2), score)`` per example and Sought (see
    ``parted``). Corners are shares of the picture's width and height, never pixels; they may come in any
    order and lie outside. A box with an infinite corner is no box; NaN fails the post (``predict_posts``).
    Score in [0, 1]. ``loss`` finds the gold boxes, in shares too, in the batch's ``boxes``.
    """

    Config: ClassVar[type[msgspec.Struct]] = GrounderConfig
    finds = ("boxes", "box_scores")
    reads_images = True
    adjustable = frozenset({"threshold"})
    metric = "prec@0.5"
    most_together: ClassVar[int] = 8
    """Entities of a post in one example. A post with more is encoded again."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        as_written_before(cls, ("boxes", "box_scores", "masks"), Grounder.finds)

    def examples(self, posts: Sequence[Post], training: bool) -> list[Example]:
        """For each post that has a picture, its Soughts, in parts as ``train_together`` and ``passes`` cut
        them."""
        found = []
        for index, post in enumerate(posts):
            sought = self.sought(post, training)
            most = (training and self.config.train_together) or max(len(sought), 1)
            found += [Example(index, length, part, image_size=post.image_size)
                      for start in range(0, len(sought), most)
                      for length, part in self.passes(sought[start:start + most])]
        return found

    def sought(self, post: Post, training: bool) -> list[Sought]:
        """The entities of a post that are looked for; in training each as often as it has wordings."""
        return [
            Sought(number, expression_of(post, entity),
                   max(entity.boxes, key=box_area) if training and entity.boxes else None)
            for number, entity in enumerate(post.entities or [])
            if post.image is not None and (entity.boxes if training else _asked_for(entity))
        ]

    def passes(self, sought: list[Sought]) -> list[tuple[int, list[Sought]]]:
        """What one post seeks in parts that fit into one example, each with its length."""
        parts = [sought[i:i + self.most_together] for i in range(0, len(sought), self.most_together)]
        return [(len(part), part) for part in parts]

    def inputs(self, texts: Sequence[str], images: Sequence[Image.Image]) -> dict[str, Any]:
        """CPU tensors for N expressions and P pictures, RGB, for ``collate``. A post of many entities may
        bring its picture more than once; ``owner`` says which is whose."""
        raise UsageError(f"{type(self).__name__} has neither `inputs` nor a `collate` of its own")

    def collate(self, examples: Sequence[Example], images: Sequence[Image.Image]) -> dict[str, Any]:
        """``inputs`` and owner int64 [N]: each expression's picture; counts: expressions per example; while
        training boxes float [N, 4] as ``targets`` gives them."""
        batch = self.inputs([sought.text for e in examples for sought in e.data], images)
        batch["owner"] = torch.tensor([row for row, e in enumerate(examples) for _ in e.data])
        batch["counts"] = [len(e.data) for e in examples]
        if examples[0].data[0].box is not None:
            batch["boxes"] = self.targets(examples, images)
        return batch

    @staticmethod
    def targets(examples: Sequence[Example], images: Sequence[Image.Image]) -> Tensor:
        """Training boxes of all Soughts in order, float [N, 4]: x1, y1, x2, y2.

        They are shares of their picture, in [0, 1]. ``images`` may be reduced copies: boxes are measured in
        ``Example.image_size``, where it is known.
        """
        rows = []
        for example, image in zip(examples, images, strict=True):
            sides = 2 * tuple(example.image_size or image.size)
            rows += [[min(max(value / side, 0.0), 1.0) for value, side in zip(sought.box, sides, strict=True)]
                     for sought in example.data]
        return torch.tensor(rows)

    def write(self, posts: Sequence[Post], examples: Sequence[Example], outputs: Sequence[Any]) -> None:
        for example, answers in zip(examples, outputs, strict=True):
            post = posts[example.post]
            size = cast("tuple[int, int]", post.image_size)  # known, since the picture was opened
            for sought, (shares, score) in zip(example.data, answers, strict=True):
                self._check_shares(shares)
                box = fitted(shares, size) if score >= self.config.threshold else None
                entity = (post.entities or [])[sought.entity]
                if box is None:
                    not_shown(entity)
                    entity.box_scores = []
                else:
                    entity.boxes, entity.box_scores = [box], [round(score, 4)]
        for post in posts:
            for entity in post.entities or []:
                if entity.visible is False or (post.image is None and entity.boxes is None):
                    not_shown(entity)

    def _check_shares(self, shares: Sequence[float]) -> None:
        far = max((abs(value) for value in shares if math.isfinite(value)), default=0.0)
        if far > FAR and not is_shipped(type(self).__module__):
            raise UsageError(f"{type(self).__name__}.predict gives a corner {far:.0f} pictures away",
                             hint="corners are shares of the picture's width and height, not pixels")

    def blank(self, post: Post) -> Post:
        """Entities known to be invisible stay so; all others are asked for."""
        blank = super().blank(post)
        for before, entity in zip(post.entities or [], blank.entities or [], strict=True):
            if before.boxes == []:
                entity.boxes = []
        return blank

    def evaluate(self, predicted: Sequence[Post], gold: Sequence[Post]) -> dict[str, float]:
        """In percent, over visible gold entities: Prec@0.5, and the mean of the IoU with the nearest gold
        box.

        Raises GmnerError when none is visible.
        """
        overlaps = [
            _overlap(found, true)
            for before, after in zip(gold, predicted, strict=True)
            for true, found in zip(before.entities or [], after.entities or [], strict=True)
            if true.boxes
        ]
        if not overlaps:
            raise GmnerError("the dev posts have no entity with a box, so there is nothing to find")
        return {"prec@0.5": percent(sum(iou > RIGHT for iou in overlaps), len(overlaps)),
                "mean_iou": percent(math.fsum(overlaps), len(overlaps))}


def _asked_for(entity: Entity) -> bool:
    return entity.visible is not False and entity.boxes is None


def _overlap(found: Entity, true: Entity) -> float:
    return max(box_iou(found.boxes[0], box) for box in true.boxes or []) if found.boxes else 0.0


def parted(answers: Sequence[Any], counts: Sequence[int]) -> list[list[Any]]:
    """The answers to all expressions of a batch, by example."""
    rest = iter(answers)
    return [list(islice(rest, count)) for count in counts]


def fitted(shares: Sequence[float], size: tuple[int, int]) -> Box | None:
    """A box given in shares of the picture, in pixels: corners in order, inside ``size`` = (width, height),
    not too thin.

    None when a corner is not finite.
    """
    if not all(math.isfinite(value) for value in shares):
        return None
    (x1, x2), (y1, y2) = (_side(shares[axis], shares[axis + 2], size[axis]) for axis in (0, 1))
    return x1, y1, x2, y2


def _side(a: float, b: float, length: int) -> tuple[float, float]:
    low, high = (min(max(value * length, 0.0), float(length)) for value in sorted((a, b)))
    if high - low < LEAST_SIDE:
        low = min(max((low + high - LEAST_SIDE) / 2, 0.0), length - LEAST_SIDE)
        high = low + LEAST_SIDE
    return round(low, 2), round(high, 2)
