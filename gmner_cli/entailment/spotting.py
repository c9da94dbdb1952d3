"""Visual entailment by looking for the place: an entity is visible when some part of the picture answers to its expression.

A small model of our own that shares its reader with SeqTR-style grounding
(``vision.reader``), and starts best from a trained one (``train-ve --init``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from gmner_cli.entailment.entailer import Entailer, EntailerConfig
from gmner_cli.model import Site
from gmner_cli.vision.familiarity import Declining, Familiarity
from gmner_cli.vision.image_text import read_by
from gmner_cli.vision.reader import Reader, inputs


class SpotterConfig(EntailerConfig, kw_only=True):
    checkpoint: str | None = None
    """Hub id or folder of a BLIP: its picture encoder and its text encoder, read one after the other. None: a
    small one, from scratch."""
    width: int = 96
    heads: int = 4
    text_layers: int = 2
    """Layers of the checkpoint's text encoder that are used."""
    fusion_layers: int = 1
    text_length: int = 40
    abstain: float = 0.0
    """Share of the dev pictures that may be declined as unlike those of training; 0 never declines."""


class Spotter(Declining, Entailer):
    """Log-odds from the patches that most likely lie inside what is asked for: their best score, and what they look like."""

    Config = SpotterConfig
    needs_training = True
    most_together = 24  # an expression costs little beside the picture

    def __init__(self, config: SpotterConfig, facts: dict[str, Any], site: Site):
        super().__init__(config, facts, site)
        self.backbone = read_by(config.checkpoint, site)
        self.reader = Reader(self.backbone, width=config.width, heads=config.heads, text_layers=config.text_layers,
                             fusion_layers=config.fusion_layers)
        self.familiarity = Familiarity(self.reader.vision.config.hidden_size) if config.abstain else None
        self.asks_all = self.familiarity is not None
        self.judge = nn.Sequential(nn.Linear(2 * config.width + 1, config.width), nn.GELU(), nn.Linear(config.width, 1))

    def inputs(self, texts: Sequence[str], images: Sequence[Image.Image]) -> dict[str, Any]:
        return inputs(self.backbone, texts, images, self.config.text_length)

    def match(self, batch: dict[str, Any]) -> Tensor:
        seen, meaning, batch["patches"] = self.reader(batch)
        scores = self.reader.inside(seen)
        looked_at = (scores.softmax(-1)[..., None] * seen).sum(1)
        best = scores.amax(-1, keepdim=True)
        return (best + self.judge(torch.cat([looked_at, meaning, best], -1)))[:, 0]

    def predict(self, batch: dict[str, Any]) -> list[tuple[bool, list[float]]]:
        """Per example whether its picture is declined, and the log-odds of each of its entities."""
        outputs = super().predict(batch)
        return self.judged(batch["patches"], outputs)

    def parameter_groups(self, lr: float, head_lr: float | None) -> list[dict[str, Any]]:
        """``lr`` for the reader, ``head_lr`` for the judge."""
        return [{"params": list(self.reader.parameters()), "lr": lr},
                {"params": list(self.judge.parameters()), "lr": head_lr or lr}]

    def save_extras(self, folder: Path) -> None:
        self.backbone.save(folder)
