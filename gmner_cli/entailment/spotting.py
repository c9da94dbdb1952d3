"""Visual entailment by looking for the place: an entity is visible if a part of the picture answers to it.

A small model of our own. It shares its reader with SeqTR-style grounding (``vision.reader``), and starts best
from a trained grounding model (``train-ve --init``).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gmner_cli.entailment.entailer import Entailer
from gmner_cli.model import WeightSource
from gmner_cli.vision.looking import Looking
from gmner_cli.vision.reader import ReaderConfig


class SpotterConfig(ReaderConfig, kw_only=True):
    threshold: float | None = None
    """As in ``EntailerConfig``."""


class Spotter(Looking, Entailer):
    """Log-odds from the patches that most likely lie inside what is asked for: their best score, and what
    they look like."""

    Config = SpotterConfig

    def __init__(self, config: SpotterConfig, facts: dict[str, Any], source: WeightSource):
        super().__init__(config, facts, source)
        self.asks_all = self.familiarity is not None
        self.judge = nn.Sequential(nn.Linear(2 * config.width + 1, config.width), nn.GELU(),
                                   nn.Linear(config.width, 1))

    def match(self, batch: dict[str, Any]) -> Tensor:
        seen, meaning, batch["patches"] = self.reader(batch)
        scores = self.reader.inside(seen)
        looked_at = (scores.softmax(-1)[..., None] * seen).sum(1)
        best = scores.amax(-1, keepdim=True)
        return (best + self.judge(torch.cat([looked_at, meaning, best], -1)))[:, 0]

    def predict(self, batch: dict[str, Any]) -> list[tuple[bool, list[float]]]:
        """Per example whether its picture is declined, and the log-odds of each of its entities."""
        outputs = super().predict(batch)
        return self.judged(batch["patches"], batch["pixels"], outputs)
