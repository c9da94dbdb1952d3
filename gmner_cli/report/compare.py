"""Which prediction stands for which gold entity, and what is wrong with it, for the reader's eye.

The rules are those of the score: spans are the key, one prediction matches one
gold, and a region is right when both sides have none or the best predicted box
overlaps any gold box with an IoU above 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gmner_cli.records import Entity
from gmner_cli.scoring.regions import box_iou

KINDS = {
    "correct": "Correct",
    "wrong-type": "Wrong type",
    "wrong-span": "Wrong span",
    "missed": "Missed",
    "spurious": "Spurious",
    "wrong-region": "Wrong region",
    "wrongly-grounded": "Wrongly grounded",
    "wrongly-none": "Wrongly none",
}
"""What a comparison can say. An exact span can have a wrong type and a wrong region at once."""

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
    """Same span and type first, then same span, so that two entities on one span meet their likes."""
    partner: dict[int, int] = {}
    for same_type in (True, False):
        for number, entity in enumerate(found):
            if number in partner:
                continue
            for g, other in enumerate(gold):
                if (g not in partner.values() and entity.span == other.span
                        and (entity.type == other.type or not same_type)):
                    partner[number] = g
                    break
    return partner


def _verdict(found: Entity, gold: Entity) -> tuple[str, ...]:
    if found.span != gold.span:
        return ("wrong-span",)
    wrong = [] if found.type == gold.type else ["wrong-type"]
    if found.boxes is not None and gold.boxes is not None:
        if found.boxes and not gold.boxes:
            wrong.append("wrongly-grounded")
        elif gold.boxes and not found.boxes:
            wrong.append("wrongly-none")
        elif gold.boxes and best_overlap(found, gold) <= ENOUGH_OVERLAP:
            wrong.append("wrong-region")
    return tuple(wrong) or ("correct",)


def _shared(one: Entity, other: Entity) -> int:
    """Characters that two spans share."""
    return max(0, min(one.end, other.end) - max(one.start, other.start))
