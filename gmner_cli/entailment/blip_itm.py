"""Visual entailment by an image-text-matching cross-encoder (BLIP, Li et al. 2022; the ALBEF role in RiVEG)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from gmner_cli.backbone import Backbone
from gmner_cli.entailment.entailer import Entailer, EntailerConfig
from gmner_cli.model import Site
from gmner_cli.vision.familiarity import Declining, Familiarity

CLASSES = {"BlipForImageTextRetrieval": "transformers", "StemBlip": "gmner_cli.vision.stem"}
"""Networks that can be matched with, and where they live."""


class BlipItmConfig(EntailerConfig, kw_only=True):
    checkpoint: str = "Salesforce/blip-itm-base-coco"
    """Hub id or folder of a BlipForImageTextRetrieval."""
    text_length: int = 35
    """Sub-words of an expression that are read."""
    abstain: float = 0.0
    """Share of the dev pictures that may be declined as unlike those of training; 0 never declines."""


class BlipItm(Declining, Entailer):
    """The match head over the text encoder's first state, which has read the picture's patches."""

    Config = BlipItmConfig
    needs_training = False

    def __init__(self, config: BlipItmConfig, facts: dict[str, Any], site: Site):
        super().__init__(config, facts, site)
        self.backbone = Backbone.load(CLASSES, config.checkpoint, site)
        self.net = self.backbone.net
        self.familiarity = Familiarity(self.net.config.vision_config.hidden_size) if config.abstain else None
        self.asks_all = self.familiarity is not None

    def inputs(self, texts: Sequence[str], images: Sequence[Image.Image]) -> dict[str, Any]:
        """pixels: float [P, 3, H, W]; ids, mask: int64 [N, T]."""
        words = self.backbone.tokenizer(list(texts), padding=True, truncation=True, split_special_tokens=True,
                                        max_length=self.config.text_length, return_tensors="pt")
        pixels = self.backbone.processor(list(images), return_tensors="pt")["pixel_values"]
        return {"pixels": pixels, "ids": words["input_ids"], "mask": words["attention_mask"]}

    def match(self, batch: dict[str, Any]) -> Tensor:
        patches = self.net.vision_model(pixel_values=batch["pixels"]).last_hidden_state
        batch["patches"] = patches[:, 1:]
        text = self.net.text_encoder(input_ids=batch["ids"], attention_mask=batch["mask"],
                                     encoder_hidden_states=patches[batch["owner"]]).last_hidden_state
        no, yes = self.net.itm_head(text[:, 0]).float().unbind(-1)
        return yes - no

    def predict(self, batch: dict[str, Any]) -> list[tuple[bool, list[float]]]:
        """Per example whether its picture is declined, and the log-odds of each of its entities."""
        outputs = super().predict(batch)
        return self.judged(batch["patches"], batch["pixels"], outputs)

    def save_extras(self, folder: Path) -> None:
        self.backbone.save(folder)
