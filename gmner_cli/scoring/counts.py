"""Precision, recall and F1 from counts, and the settings that both ways of counting share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gmner_cli.errors import UsageError


@dataclass(frozen=True)
class Settings:
    """How to count.

    Parameters
    ----------
    iou: threshold of a right region, in (0, 1).
    small: share of the image's area below which a region is small, in (0, 1).
    renames: types to read as another one, on both sides; fine types are left alone.
    ignore_extra: leave out predicted posts that are not in the gold file instead of raising.

    Raises UsageError for a number outside its range.
    """

    iou: float = 0.5
    small: float = 0.02
    renames: dict[str, str] = field(default_factory=dict)
    ignore_extra: bool = False

    def __post_init__(self) -> None:
        for name in ("iou", "small"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise UsageError(f"--{name} {value:g} is not between 0 and 1 (both excluded)")


def percent(part: float, whole: float) -> float:
    """100 part / whole to four decimals; 0 when ``whole`` is 0."""
    return round(100 * part / whole, 4) if whole else 0.0


def row(predicted: int, gold: int, correct: int) -> dict[str, Any]:
    """Micro precision, recall and F1 in percent, with their counts. An undefined ratio is 0, never NaN."""
    return {
        "precision": percent(correct, predicted), "recall": percent(correct, gold),
        "f1": percent(2 * correct, predicted + gold), "predicted": predicted, "gold": gold, "correct": correct
    }


class TypeCounts:
    """Predicted, gold and correct entities by type."""

    def __init__(self) -> None:
        self.predicted: Counter[str] = Counter()
        self.gold: Counter[str] = Counter()
        self.correct: Counter[str] = Counter()

    def add(self, predicted: Iterable[str], gold: Iterable[str]) -> None:
        self.predicted.update(predicted)
        self.gold.update(gold)

    def rows(self) -> dict[str, dict[str, Any]]:
        """One row for every type that occurs on either side, in alphabetical order."""
        return {name: row(self.predicted[name], self.gold[name], self.correct[name])
                for name in sorted(self.predicted.keys() | self.gold.keys())}
