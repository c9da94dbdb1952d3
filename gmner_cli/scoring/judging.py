"""Which prediction the score holds against which gold entity, and in which of its rows each counts.

For those who show what is counted: the pairs are those that ``task_scores.score`` and
``published_count.score_by_text`` count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gmner_cli.records import Entity
from gmner_cli.scoring.counts import Settings
from gmner_cli.scoring.matching import Pairs, right_pairs, span_groups


@dataclass(frozen=True)
class Held:
    """A prediction and the gold entity that it is held against, by number, and what of it is right."""

    gold: int
    predicted: int
    type: bool
    box: bool
    mask: bool = True


@dataclass(frozen=True)
class Judgement:
    """What is counted of two lists of entities.

    ``predicted_rows``, ``gold_rows``: by the number of an entity, the rows of the score in which it counts as
    right, or as found. Each row is matched for itself, so an entity may count in one through another partner.
    """

    held: list[Held]
    predicted_rows: dict[int, list[str]]
    gold_rows: dict[int, list[str]]

    @classmethod
    def of(cls, held: list[Held], rows: Mapping[str, Pairs]) -> Judgement:
        """``rows``: the right pairs (gold, predicted) of every row."""
        predicted: dict[int, list[str]] = {}
        gold: dict[int, list[str]] = {}
        for name, pairs in rows.items():
            for g, p in pairs:
                gold.setdefault(g, []).append(name)
                predicted.setdefault(p, []).append(name)
        return cls(held, predicted, gold)


def judge(gold: Sequence[Entity], predicted: Sequence[Entity], settings: Settings) -> Judgement:
    """The judgement of one post. Raises RecordError where ``SpanGroup`` does, and for masks of no use."""
    groups = span_groups(gold, predicted, settings.renames)
    rows = {name: [(group.gold_at[g], group.predicted_at[p])
                   for group, pairs in zip(groups, of_groups, strict=True) for g, p in pairs]
            for name, of_groups in right_pairs(groups, settings.iou).items()}
    held = [Held(group.gold_at[g], group.predicted_at[p], group.types[g][p],
                 group.boxes[g][p] > settings.iou, group.masks[g][p] > settings.iou)
            for group in groups for g, p in group.held_against(settings.iou)]
    return Judgement.of(held, rows)
