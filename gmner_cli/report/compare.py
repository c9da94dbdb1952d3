"""Which prediction stands for which gold entity, and what is wrong with it, for the reader's eye.

The pairs and the judgements are the score's own (``scoring.judging``), so the page shows what the score
counts. Only what the score leaves without a pair is paired here: a prediction is shown as a wrong span beside
a gold entity with which it shares characters.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gmner_cli.records import Entity
from gmner_cli.scoring.audit import Audit
from gmner_cli.scoring.counts import Settings
from gmner_cli.scoring.judging import Held, Judgement, judge
from gmner_cli.scoring.regions import box_iou

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
"""What a comparison can say. A right span can have a wrong type and a wrong region at once. An entity whose
boxes were not assessed counts as not visible, as in the score; where no boxes were assessed on a whole side,
nothing is said of regions. A wrong mask is one in a right box."""

STATES = {
    "grounded": "In the picture", "not-in-picture": "Not in the picture", "not-assessed": "Not assessed"
}
"""What is said of a prediction that is not compared with anything."""


@dataclass(frozen=True)
class Pair:
    """A prediction, the gold entity it is held against, and the keys of KINDS (or STATES) that apply."""

    found: Entity | None
    gold: Entity | None
    kinds: tuple[str, ...]
    found_rows: tuple[str, ...] = ()
    """Rows of the score in which the prediction counts as right."""
    gold_rows: tuple[str, ...] = ()
    """Rows of the score in which the gold entity counts as found, perhaps by another prediction."""
    small: tuple[str, ...] = ()
    """Of "found" and "gold", the sides that the score's rows of small regions count."""
    gold_text: str | None = None
    """The text that the gold entity stands in, where that is not the text of the post it is shown with."""

    @property
    def entity(self) -> Entity:
        """The prediction, or the gold entity where there is none."""
        return next(one for one in (self.found, self.gold) if one is not None)


def compare(found: Sequence[Entity], gold: Sequence[Entity], settings: Settings | None = None,
            rows: Collection[str] | None = None) -> list[Pair]:
    """Pairs in the order of the text; every prediction and every gold entity is in exactly one.

    ``rows``: the rows that the score gives of the whole files; None: those it would give of these alone.
    Raises RecordError where the score does.
    """
    settings = settings or Settings()
    return pairs_of(found, gold, judge(gold, found, settings), rows_of(found, gold) if rows is None else rows)


def rows_of(found: Sequence[Entity], gold: Sequence[Entity]) -> list[str]:
    """The rows that the score gives where there are no other entities than these."""
    audit = Audit(Settings())
    audit.count("PRED", found)
    audit.count("GOLD", gold)
    return [name for name, given in audit.rows().items() if given]


def pairs_of(found: Sequence[Entity], gold: Sequence[Entity], judged: Judgement, rows: Collection[str],
             texts: Sequence[str | None] = ()) -> list[Pair]:
    """``compare``, of what is judged already. ``texts``: of each gold entity its ``gold_text``."""
    texts = texts or [None] * len(gold)
    held = {one.predicted: one for one in judged.held}
    partner = {one.predicted: one.gold for one in judged.held}
    taken = set(partner.values())

    def shared(entity: Entity, g: int) -> int:
        return _shared(entity, gold[g]) if texts[g] is None else 0

    for number, entity in enumerate(found):
        free = [] if number in held else [g for g in range(len(gold)) if g not in taken and shared(entity, g)]
        if free:
            partner[number] = max(free, key=lambda g: shared(entity, g))
            taken.add(partner[number])

    def counted(of_entity: dict[int, list[str]], number: int) -> tuple[str, ...]:
        return tuple(name for name in of_entity.get(number, ()) if name in rows)

    pairs = []
    for number, entity in enumerate(found):
        g = partner.get(number)
        if g is not None and number in held:
            kinds = _verdict(held[number], entity, gold[g], rows)
        else:  # beside a gold entity that another prediction already answers to, or beside none
            touches = any(shared(entity, other) for other in range(len(gold)))
            kinds = ("wrong-span" if touches else "spurious",)
        rows_found = counted(judged.predicted_rows, number)
        if g is None:
            pairs.append(Pair(entity, None, kinds, rows_found))
        else:
            pairs.append(Pair(entity, gold[g], kinds, rows_found, counted(judged.gold_rows, g),
                              gold_text=texts[g]))
    pairs += [Pair(None, entity, ("missed",), (), counted(judged.gold_rows, g), gold_text=texts[g])
              for g, entity in enumerate(gold) if g not in taken]
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
    return sorted(pairs, key=lambda pair: (pair.entity.span, pair.found is None))


def _verdict(held: Held, found: Entity, gold: Entity, rows: Collection[str]) -> tuple[str, ...]:
    wrong = [] if held.type else ["wrong-type"]
    if "GMNER" not in rows:
        return tuple(wrong) or ("region-not-assessed",)
    if not held.box:
        wrong.append(
            "wrongly-grounded" if not gold.boxes else "wrongly-none" if not found.boxes else "wrong-region")
    elif "SMNER" in rows and not held.mask:
        wrong.append("wrong-mask")
    return tuple(wrong) or ("correct",)


def _shared(one: Entity, other: Entity) -> int:
    """Characters that two spans share."""
    return max(0, min(one.end, other.end) - max(one.start, other.start))
