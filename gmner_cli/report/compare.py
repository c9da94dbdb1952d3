"""Which prediction stands for which gold entity, and what is wrong with it, for the reader's eye.

The rules are those of the score, and its code finds the pairs: spans are the
key, one prediction matches one gold, and a region is right when both sides
have none or the best predicted box overlaps any gold box with an IoU above
0.5; likewise of masks. In one thing the page says more than the score: a
region that was not assessed on either side is called so, where the score
counts it as not visible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from gmner_cli.errors import RecordError
from gmner_cli.masks import iou as mask_iou
from gmner_cli.records import Entity
from gmner_cli.scoring.matching import TASKS, SpanGroup
from gmner_cli.scoring.regions import agreement, box_iou

KINDS = {
    "correct": "Correct",
    "region-not-assessed": "Span and type right, region not assessed",
    "wrong-type": "Wrong type",
    "wrong-span": "Wrong span",
    "missed": "Missed",
    "spurious": "Spurious",
    "wrong-region": "Wrong region",
    "wrongly-grounded": "Wrongly grounded",
    "wrongly-none": "Wrongly none",
    "wrong-mask": "Wrong mask",
}
"""What a comparison can say. An exact span can have a wrong type and a wrong region at once. "Correct" is said
of an entity whose span, type and box were assessed on both sides; a wrong mask is one in a right box."""

STATES = {"grounded": "In the picture", "not-in-picture": "Not in the picture", "not-assessed": "Not assessed"}
"""What is said of a prediction that is not compared with anything."""

ENOUGH_OVERLAP = 0.5


@dataclass(frozen=True)
class Pair:
    """A prediction, the gold entity it is held against, and the keys of KINDS (or STATES) that apply."""

    found: Entity | None
    gold: Entity | None
    kinds: tuple[str, ...]


def compare(found: Sequence[Entity], gold: Sequence[Entity]) -> list[Pair]:
    """Pairs in the order of the text; every prediction and every gold entity is in exactly one."""
    partner = _exact_spans(found, gold)
    taken = set(partner.values())
    for number, entity in enumerate(found):
        if number in partner:
            continue
        free = [g for g in range(len(gold)) if g not in taken and _shared(entity, gold[g])]
        if free:
            partner[number] = max(free, key=lambda g: _shared(entity, gold[g]))
            taken.add(partner[number])
    pairs = []
    for number, entity in enumerate(found):
        if number in partner:
            other = gold[partner[number]]
            pairs.append(Pair(entity, other, _verdict(entity, other)))
        else:  # beside a gold entity that another prediction already answers to, or beside none
            touches = any(_shared(entity, g) for g in gold)
            pairs.append(Pair(entity, None, ("wrong-span" if touches else "spurious",)))
    pairs += [Pair(None, entity, ("missed",)) for g, entity in enumerate(gold) if g not in taken]
    return in_order(pairs)


def describe(found: Sequence[Entity]) -> list[Pair]:
    """Predictions that nothing is held against, in the order of the text."""
    return in_order([Pair(entity, None, (state(entity),)) for entity in found])


def state(entity: Entity) -> str:
    """The key of STATES that applies."""
    if entity.boxes is None:
        return "not-assessed"
    return "grounded" if entity.boxes else "not-in-picture"


def best_overlap(found: Entity, gold: Entity) -> float:
    """IoU of the best (first) predicted box with the gold box that it overlaps most, 0 to 1."""
    if not found.boxes or not gold.boxes:
        return 0.0
    return max(box_iou(found.boxes[0], box) for box in gold.boxes)


def in_order(pairs: list[Pair]) -> list[Pair]:
    return sorted(pairs, key=lambda pair: ((pair.found or pair.gold).span, pair.found is None))


def _exact_spans(found: Sequence[Entity], gold: Sequence[Entity]) -> dict[int, int]:
    """As many pairs as the score calls right in GMNER; of the rest of a span, those of one type and the nearest first."""
    by_span: dict[tuple[int, int], tuple[list[int], list[int]]] = {}
    for side, entities in enumerate((gold, found)):
        for number, entity in enumerate(entities):
            by_span.setdefault(entity.span, ([], []))[side].append(number)
    partner: dict[int, int] = {}
    for golds, founds in by_span.values():
        for right in (True, False):
            left_gold = [g for g in golds if g not in partner.values()]
            left_found = [f for f in founds if f not in partner]
            if not left_gold or not left_found:
                break
            # Without masks, which may be broken and have no say in which entity is meant.
            group = SpanGroup(*([msgspec.structs.replace(side[n], masks=None) for n in numbers]
                                for side, numbers in ((gold, left_gold), (found, left_found))), renames={})
            pairs = group.matches(TASKS["GMNER"], ENOUGH_OVERLAP) if right else group.best_pairs()
            partner |= {left_found[f]: left_gold[g] for g, f in pairs}
    return partner


def _verdict(found: Entity, gold: Entity) -> tuple[str, ...]:
    if found.span != gold.span:
        return ("wrong-span",)
    wrong = [] if found.type == gold.type else ["wrong-type"]
    if found.boxes is None or gold.boxes is None:
        return tuple(wrong) or ("region-not-assessed",)
    if agreement(found.boxes, gold.boxes, box_iou) <= ENOUGH_OVERLAP:
        wrong.append("wrongly-grounded" if not gold.boxes else "wrongly-none" if not found.boxes else "wrong-region")
    elif _wrong_mask(found, gold):
        wrong.append("wrong-mask")
    return tuple(wrong) or ("correct",)


def _wrong_mask(found: Entity, gold: Entity) -> bool:
    """Both have masks and they do not agree. Masks that cannot be compared are a note of the post (``mask_trouble``)."""
    if not found.masks or not gold.masks:
        return False
    try:
        return agreement(found.masks, gold.masks, mask_iou) <= ENOUGH_OVERLAP
    except RecordError:
        return False


def mask_trouble(pairs: Sequence[Pair]) -> list[str]:
    """A sentence for each pair whose masks cannot be compared, because they are broken or of two sizes."""
    found = []
    for pair in pairs:
        if pair.found is not None and pair.gold is not None and pair.found.masks and pair.gold.masks:
            try:
                agreement(pair.found.masks, pair.gold.masks, mask_iou)
            except RecordError as problem:
                found.append(f"masks are not compared: {problem.message}")
    return found


def _shared(one: Entity, other: Entity) -> int:
    """Characters that two spans share."""
    return max(0, min(one.end, other.end) - max(one.start, other.start))
