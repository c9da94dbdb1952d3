"""What the small models that look at a picture share, mixed in before their base class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from gmner_cli.model import WeightSource
from gmner_cli.vision.familiarity import Declining, Familiarity
from gmner_cli.vision.image_text import read_by
from gmner_cli.vision.pixels import pixels
from gmner_cli.vision.reader import Reader, ReaderConfig


class Looking(Declining):
    """A ``reader`` on a pre-trained network, pictures declined by its patches, and weights saved as the
    config says.

    The model's ``Config`` extends ``ReaderConfig``.
    """

    most_together = 24  # an expression costs little beside the picture

    def __init__(self, config: ReaderConfig, facts: dict[str, Any], source: WeightSource):
        super().__init__(config, facts, source)
        self.backbone = read_by(config.checkpoint, source)
        self.reader = Reader(self.backbone, config)
        self.familiarity = Familiarity(self.reader.vision.config.hidden_size) if config.abstain else None

    def inputs(self, texts: Sequence[str], images: Sequence[Image.Image]) -> dict[str, Any]:
        """pixels float [P, 3, H, W] of the pictures; ids, mask int64 [N, T] of the texts, each cut at
        ``text_length``."""
        words = self.backbone.tokenizer(list(texts), padding=True, truncation=True, split_special_tokens=True,
                                        max_length=self.config.text_length, return_tensors="pt")
        return {
            "pixels": pixels(images, self.backbone.processor), "ids": words["input_ids"],
            "mask": words["attention_mask"]
        }

    def parameter_groups(self, lr: float, head_lr: float | None) -> list[dict[str, Any]]:
        """``lr`` for the checkpoint's encoders, ``head_lr`` for what starts from scratch."""
        known = {id(p) for p in self.reader.known()}
        return [{"params": [p for p in self.parameters() if id(p) in known], "lr": lr},
                {"params": [p for p in self.parameters() if id(p) not in known], "lr": head_lr or lr}]

    def saved_state(self) -> dict[str, Tensor]:
        """Weights in ``save_dtype``; what was fitted on dev stays as exact as it is."""
        dtype = getattr(torch, self.config.save_dtype)
        fitted = {name for name, _ in self.named_buffers()}
        return {
            name: value if name in fitted else value.to(dtype)
            for name, value in super().saved_state().items()
        }

    def save_extras(self, folder: Path) -> None:
        self.backbone.save(folder)
