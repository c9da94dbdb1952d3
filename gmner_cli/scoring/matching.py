"""Which prediction matches which gold entity: one prediction to one gold, as many right as possible.

Only entities of the same span can match, so a post falls into small groups,
one for each span, and each group is solved exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gmner_cli.errors import RecordError
from gmner_cli.pictures.masks import iou as mask_iou
from gmner_cli.records import Entity
from gmner_cli.scoring.regions import agreement, box_iou

MOST_PAIRS = 1_000_000
"""Of gold and predicted entities of one span: a thousand on both sides, of which real posts have one or
two."""

Pairs = list[tuple[int, int]]
"""(index of the gold entity, index of the predicted one), both inside their group."""


@dataclass(frozen=True)
class Task:
    """What must be right, besides the span, for a prediction to count."""

    label: Literal["type", "fine_type"] | None = None
    region: Literal["box", "mask"] | None = None


TASKS = {
    "span": Task(),
    "MNER": Task("type"),
    "EEG": Task(None, "box"),
    "GMNER": Task("type", "box"),
    "EES": Task(None, "mask"),
    "SMNER": Task("type", "mask"),
    "MNER-fine": Task("fine_type"),
    "GMNER-fine": Task("fine_type", "box"),
}
"""The field's names. EES and SMNER are EEG and GMNER with masks; "-fine" asks for the fine type."""


class SpanGroup:
    """The gold and predicted entities of one span, and how far every two of them agree.

    Parameters
    ----------
    gold, predicted: entities of the same span, neither list empty; not changed.
    renames: types to read as another one, on both sides (``--label-map``).
    gold_at, predicted_at: their places in the post's lists, where these are known.

    Raises RecordError for more pairs than ``MOST_PAIRS``.

    Attributes
    ----------
    types, fine_types: bool [gold, predicted]; an absent fine type agrees with nothing.
    boxes, masks: float [gold, predicted], see ``regions.agreement``; an absent field counts as no region.
    """

    def __init__(self, gold: Sequence[Entity], predicted: Sequence[Entity], renames: dict[str, str],
                 gold_at: Sequence[int] = (), predicted_at: Sequence[int] = ()):
        if len(gold) * len(predicted) > MOST_PAIRS:
            raise RecordError(f"{len(gold)} gold and {len(predicted)} predicted entities have the span "
                              f"{list(gold[0].span)}, more than can be compared")
        self.gold, self.predicted, self.gold_at, self.predicted_at = gold, predicted, gold_at, predicted_at
        self.types = [[renames.get(g.type, g.type) == renames.get(p.type, p.type)
                       for p in predicted]
                      for g in gold]
        self.fine_types = [[g.fine_type is not None and g.fine_type == p.fine_type
                            for p in predicted]
                           for g in gold]
        self.boxes = [[agreement(p.boxes or (), g.boxes or (), box_iou) for p in predicted] for g in gold]
        self.masks = [[agreement(p.masks or (), g.masks or (), mask_iou) for p in predicted] for g in gold]

    def matches(self, task: Task, iou: float) -> Pairs:
        """A largest set of right pairs; a region is right when its agreement is above ``iou``."""
        if len(self.gold) == 1 == len(self.predicted):  # nearly always, and ten times as fast
            return [(0, 0)] if self._right(task, iou, 0, 0) else []
        return largest_matching([[self._right(task, iou, g, p) for p in range(len(self.predicted))]
                                 for g in range(len(self.gold))])

    def _right(self, task: Task, iou: float, g: int, p: int) -> bool:
        if task.label is not None and not (self.types if task.label == "type" else self.fine_types)[g][p]:
            return False
        if task.region is None:
            return True
        return (self.boxes if task.region == "box" else self.masks)[g][p] > iou

    def held_against(self, iou: float) -> Pairs:
        """Which prediction is judged by which gold entity, right or not.

        These are GMNER's pairs, then ``best_pairs`` of the rest. Among them as many are right as
        GMNER counts, and as many have the right type as MNER counts.
        """
        return self.best_pairs(self.matches(TASKS["GMNER"], iou))

    def best_pairs(self, first: Sequence[tuple[int, int]] = ()) -> Pairs:
        """Each gold entity with at most one prediction, right or not: same type first, then the nearest
        region.

        For measures that take the span as given (groundability, grounding). ``first``: settled pairs.
        """
        every = [(g, p) for g in range(len(self.gold)) for p in range(len(self.predicted))]
        every.sort(key=lambda pair: (not self.types[pair[0]][pair[1]], -self.boxes[pair[0]][pair[1]]))
        pairs: Pairs = list(first)
        used_gold = {g for g, _ in pairs}
        used_predicted = {p for _, p in pairs}
        for g, p in every:
            if g not in used_gold and p not in used_predicted:
                used_gold.add(g)
                used_predicted.add(p)
                pairs.append((g, p))
        return pairs


def span_groups(gold: Sequence[Entity], predicted: Sequence[Entity], renames: dict[str,
                                                                                   str]) -> list[SpanGroup]:
    """One group for every span that has entities on both sides; other entities can match nothing."""
    by_span: dict[tuple[int, int], tuple[list[int], list[int]]] = {}
    for number, entity in enumerate(gold):
        by_span.setdefault(entity.span, ([], []))[0].append(number)
    for number, entity in enumerate(predicted):
        if entity.span in by_span:
            by_span[entity.span][1].append(number)
    return [SpanGroup([gold[n] for n in theirs], [predicted[n] for n in ours], renames, theirs, ours)
            for theirs, ours in by_span.values() if ours]


def right_pairs(groups: Sequence[SpanGroup], iou: float) -> dict[str, list[Pairs]]:
    """For every task, the right pairs of every group in turn."""
    return {name: [group.matches(task, iou) for group in groups] for name, task in TASKS.items()}


def largest_matching(right: Sequence[Sequence[bool]]) -> Pairs:
    """A maximum matching of a bipartite graph, by augmenting paths.

    ``right``: bool [gold, predicted]. Returns pairs (gold, predicted), each index at most once.
    """
    partner_of: dict[int, int] = {}  # predicted -> gold
    for start in range(len(right)):
        # Breadth first, without recursion: a file with thousands of equal spans must not overflow the stack.
        reached_from: dict[int, int] = {}  # predicted -> gold from which it was reached
        queue = [start]
        while queue:
            g = queue.pop(0)
            for p, is_right in enumerate(right[g]):
                if not is_right or p in reached_from:
                    continue
                reached_from[p] = g
                if p in partner_of:
                    queue.append(partner_of[p])
                    continue
                _flip(p, start, reached_from, partner_of)
                queue = []
                break
    return [(g, p) for p, g in partner_of.items()]


def _flip(free: int, start: int, reached_from: dict[int, int], partner_of: dict[int, int]) -> None:
    """Turn the path from gold ``start`` to the free prediction around, which makes one more pair."""
    previous = {g: p for p, g in partner_of.items()}
    while True:
        g = reached_from[free]
        partner_of[free] = g
        if g == start:
            return
        free = previous[g]
