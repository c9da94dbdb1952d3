"""Measures of seeing, with the span taken as given: is the entity visible, where, and how exactly.

All are over gold entities whose span PRED found, each paired with one prediction (``SpanGroup.best_pairs``).
An entity of PRED that was not assessed counts as not visible; one of GOLD is left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from gmner_cli.records import Entity, Post
from gmner_cli.scoring.counts import percent, row
from gmner_cli.scoring.matching import Pairs, SpanGroup
from gmner_cli.scoring.regions import box_area, box_iou, largest_area

TOP = (10, 15, 20)
"""Sizes of the proposal lists of RiVEG's Table II."""


class Visibility:
    """Groundability (visual entailment) and grounding (VG, masks) of gold spans.

    Groundability accuracy: over assessed gold entities whose span is in PRED, the
    share for which "PRED gave a box" equals "GOLD has a box"; tp is visible in both.

    Prec@IoU: over groundable gold entities whose span is in PRED (``found``), the
    share whose first predicted box has an IoU above the threshold with any gold
    box; one that was given no box is wrong. ``precision_given_box`` divides by
    the entities that were given a box instead, and ``gold`` counts all groundable
    gold entities, found or not.

    mIoU: mean of the first predicted mask's best IoU over gold entities that have
    masks and whose span is in PRED; one that was given no mask counts 0.
    """

    def __init__(self, iou: float):
        self.iou = iou
        self.confusion: Counter[str] = Counter()
        self.gold = self.found = self.given_box = self.correct = 0
        self.gold_masks = self.found_masks = self.given_mask = 0
        self.mask_iou_sum = 0.0

    def add(self, gold: Sequence[Entity], groups: Sequence[SpanGroup]) -> None:
        """Count all gold entities of a post, and those whose span PRED found."""
        for entity in gold:
            self.add_gold(entity)
        for group in groups:
            for g, p in group.best_pairs():
                self.add_pair(group, g, p)

    def add_gold(self, entity: Entity) -> None:
        """Count a gold entity, whether its span is found or not."""
        self.gold += bool(entity.boxes)
        self.gold_masks += bool(entity.masks)

    def add_pair(self, group: SpanGroup, g: int, p: int) -> None:
        """Count one of ``group.best_pairs()``."""
        gold, predicted = group.gold[g], group.predicted[p]
        visible, said = bool(gold.boxes), bool(predicted.boxes)
        if gold.boxes is not None:
            self.confusion[("t" if visible == said else "f") + ("p" if said else "n")] += 1
        if visible:
            self.found += 1
            self.given_box += said
            self.correct += group.boxes[g][p] > self.iou
        if gold.masks:
            self.found_masks += 1
            if predicted.masks:
                self.given_mask += 1
                self.mask_iou_sum += group.masks[g][p]

    def groundability(self) -> dict[str, Any]:
        counts = {name: self.confusion[name] for name in ("tp", "fp", "fn", "tn")}
        return {"accuracy": percent(counts["tp"] + counts["tn"], sum(counts.values())),
                "entities": sum(counts.values()), **counts}

    def grounding(self) -> dict[str, Any]:
        return {"precision": percent(self.correct, self.found),
                "precision_given_box": percent(self.correct, self.given_box),
                "correct": self.correct, "found": self.found, "given_box": self.given_box, "gold": self.gold}

    def masks(self) -> dict[str, Any]:
        return {"mean_iou": percent(self.mask_iou_sum, self.found_masks),
                "mean_iou_given_mask": percent(self.mask_iou_sum, self.given_mask),
                "found": self.found_masks, "given_mask": self.given_mask, "gold": self.gold_masks}


class SmallObjects:
    """EEG and GMNER of small regions (GEM section 4.3): under ``share`` of the image's area.

    Recall asks how many gold entities whose largest box is small are matched;
    precision, how many predictions whose first box is small are. The matches are those of
    the whole post, so ``correct`` differs between the two. Needs ``image_size``
    [width, height] on either side's post; other posts are left out and counted.
    """

    def __init__(self, share: float):
        self.share = share
        self.skipped = 0
        self.gold = self.predicted = 0
        self.correct_gold: Counter[str] = Counter()
        self.correct_predicted: Counter[str] = Counter()

    def add(self, post: Post, other: Post | None, predicted: Sequence[Entity],
            groups: Sequence[SpanGroup], matches: dict[str, list[Pairs]]) -> None:
        """``matches``: for EEG and GMNER, the right pairs of every group in turn."""
        most = small_area(self.share, post, other)
        if most is None:
            self.skipped += any(e.boxes for e in post.entities or []) or any(e.boxes for e in predicted)
            return
        self.gold += sum(is_small_gold(entity, most) for entity in post.entities or [])
        self.predicted += sum(is_small_prediction(entity, most) for entity in predicted)
        for name, of_groups in matches.items():
            for group, pairs in zip(groups, of_groups, strict=True):
                for g, p in pairs:
                    self.correct_gold[name] += is_small_gold(group.gold[g], most)
                    self.correct_predicted[name] += is_small_prediction(group.predicted[p], most)

    def report(self) -> dict[str, Any] | None:
        """None when no post could be measured."""
        if not self.gold and not self.predicted:
            return None
        return {"share": self.share, "posts_without_image_size": self.skipped,
                **{name: self._row(name) for name in ("EEG", "GMNER")}}

    def reason(self) -> str | None:
        """Why posts were left out, for the notes."""
        if not self.skipped:
            return None
        return f"small objects: {self.skipped} post(s) with boxes have no image_size and are left out"

    def _row(self, name: str) -> dict[str, Any]:
        precise = row(self.predicted, 0, self.correct_predicted[name])["precision"]
        recalled = row(0, self.gold, self.correct_gold[name])["recall"]
        f1 = round(2 * precise * recalled / (precise + recalled), 4) if precise + recalled else 0.0
        return {
            "precision": precise, "recall": recalled, "f1": f1, "predicted": self.predicted,
            "gold": self.gold, "correct_predicted": self.correct_predicted[name],
            "correct_gold": self.correct_gold[name]
        }


def small_area(share: float, post: Post, other: Post | None) -> float | None:
    """Square pixels below which a region is small: ``share`` of the picture.

    None where neither post has ``image_size``.
    """
    size = post.image_size or (other.image_size if other is not None else None)
    return None if size is None else share * size[0] * size[1]


def is_small_gold(entity: Entity, most: float) -> bool:
    """Whether its largest box is under ``most`` square pixels."""
    return bool(entity.boxes) and largest_area(entity) < most


def is_small_prediction(entity: Entity, most: float) -> bool:
    """Whether its first box is under ``most`` square pixels."""
    return bool(entity.boxes and box_area(entity.boxes[0]) < most)


class TopProposals:
    """TopN-Prec@0.5 of a proposal source (RiVEG Table II).

    Over groundable gold entities of posts that have ``proposals`` (PRED's, else
    GOLD's), the share for which one of the N best-scored proposals has an IoU of
    0.5 or more (the paper's footnote says "or greater") with any gold box.
    """

    def __init__(self) -> None:
        self.gold = self.without = 0
        self.covered: Counter[int] = Counter()

    def add(self, gold: Post, predicted: Post | None) -> None:
        boxes = [entity.boxes for entity in gold.entities or [] if entity.boxes]
        proposals = predicted.proposals if predicted is not None else None
        if proposals is None:
            proposals = gold.proposals
        if proposals is None:
            self.without += len(boxes)
            return
        self.gold += len(boxes)
        ranked = sorted(proposals, key=lambda proposal: math.inf
                        if proposal.score is None else -proposal.score)
        for of_entity in boxes:
            rank = next((n for n, proposal in enumerate(ranked)
                         if any(box_iou(proposal.box, box) >= 0.5 for box in of_entity)), None)
            for n in TOP:
                self.covered[n] += rank is not None and rank < n

    def report(self) -> dict[str, Any] | None:
        """None when no groundable gold entity has proposals."""
        if not self.gold:
            return None
        return {"gold": self.gold, "gold_without_proposals": self.without,
                **{f"top{n}": percent(self.covered[n], self.gold) for n in TOP}}
