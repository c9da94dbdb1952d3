"""Rows of their own for named parts of the gold entities: held-out names, small figures, look-alikes.

A gold entity may carry ``slices``, a list of names in free text, and counts in each of them. Predictions are
compared as always; only what is counted is parted. A slice has recalls and no precision, because a wrong
prediction belongs to no slice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from gmner_cli.errors import RecordError
from gmner_cli.records import Entity
from gmner_cli.scoring.counts import percent
from gmner_cli.scoring.matching import Pairs, SpanGroup
from gmner_cli.scoring.visual_measures import Visibility


class Slices:
    """Counts of every slice that occurs in GOLD; memory grows with the number of slices alone."""

    def __init__(self, iou: float):
        self.iou = iou
        self._slices: dict[str, _Slice] = {}

    def add(self, gold: Sequence[Entity], groups: Sequence[SpanGroup], matches: dict[str,
                                                                                     list[Pairs]]) -> None:
        """Count a post. ``matches``: for every task, the right pairs of every group in turn.

        Raises RecordError for a slice without a name.
        """
        for number, entity in enumerate(gold):
            if "" in (entity.slices or ()):
                raise RecordError(f"entities[{number}].slices holds an empty name")
        names = {id(entity): frozenset(entity.slices or ()) for entity in gold}
        if not any(names.values()):
            return
        for entity in gold:
            for part in self._parts(names[id(entity)]):
                part.gold += 1
                part.visibility.add_gold(entity)
        for number, group in enumerate(groups):
            for g, p in group.best_pairs():
                for part in self._parts(names[id(group.gold[g])]):
                    part.visibility.add_pair(group, g, p)
            for task, of_groups in matches.items():
                for g, _ in of_groups[number]:
                    for part in self._parts(names[id(group.gold[g])]):
                        part.correct[task] += 1

    def report(self, tasks: Collection[str], boxes: bool, masks: bool) -> dict[str, dict[str, Any]] | None:
        """Slices in alphabetical order, with the recall in percent of each of ``tasks``; None when GOLD has
        none."""
        return {name: {
            "gold": part.gold,
            "recall": {task: percent(part.correct[task], part.gold) for task in tasks},
            "correct": {task: part.correct[task] for task in tasks},
            "groundability": part.visibility.groundability() if boxes else None,
            "grounding": part.visibility.grounding() if boxes else None,
            "masks": part.visibility.masks() if masks else None,
        } for name, part in sorted(self._slices.items())} or None

    def _parts(self, names: Collection[str]) -> list[_Slice]:
        return [self._slices.setdefault(name, _Slice(self.iou)) for name in names]


class _Slice:
    def __init__(self, iou: float):
        self.gold = 0
        self.correct: Counter[str] = Counter()
        self.visibility = Visibility(iou)
