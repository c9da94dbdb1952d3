"""Visual entailment by an image-text-matching cross-encoder (BLIP, Li et al. 2022; the ALBEF role in
RiVEG)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from torch import Tensor

from gmner_cli.entailment.entailer import Entailer, EntailerConfig
from gmner_cli.errors import ModelError
from gmner_cli.model import WeightSource
from gmner_cli.vision.familiarity import Declining, Familiarity
from gmner_cli.weights.backbone import Backbone

CLASSES = {"BlipForImageTextRetrieval": "transformers", "StemBlip": "gmner_cli.vision.stem"}
"""Networks that can be matched with, and where they live."""


class BlipItmConfig(EntailerConfig, kw_only=True):
    checkpoint: str = "Salesforce/blip-itm-base-coco"
    """Hub id or folder of a BlipForImageTextRetrieval."""
    text_length: int = 35
    """Sub-words of an expression that are read."""
    first_token: Literal["cls", "enc", "auto"] = "cls"
    """What stands before the expression, over which the match head decides. The checkpoints of BLIP's authors
    were trained with [ENC] in the place of [CLS] (LAVIS predicts so too); Hugging Face's class and example
    leave [CLS] there. auto: enc where the checkpoint has that token, else cls."""
    abstain: float = 0.0
    """Share of the dev pictures that may be declined as unlike those of training; 0 never declines."""


class BlipItm(Declining, Entailer):
    """The match head over the text encoder's first state, which has read the picture's patches."""

    Config = BlipItmConfig
    needs_training = False

    def __init__(self, config: BlipItmConfig, facts: dict[str, Any], source: WeightSource):
        super().__init__(config, facts, source)
        self.backbone = Backbone.load(CLASSES, config.checkpoint, source)
        self.net = self.backbone.net
        self.familiarity = Familiarity(self.net.config.vision_config.hidden_size) if config.abstain else None
        self.asks_all = self.familiarity is not None
        self.first = first_token(self.backbone, config.first_token, config.checkpoint)

    def inputs(self, texts: Sequence[str], images: Sequence[Image.Image]) -> dict[str, Any]:
        """pixels: float [P, 3, H, W]; ids, mask: int64 [N, T]."""
        words = self.backbone.tokenizer(list(texts), padding=True, truncation=True, split_special_tokens=True,
                                        max_length=self.config.text_length, return_tensors="pt")
        if self.first is not None:
            words["input_ids"][:, 0] = self.first
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


def first_token(backbone: Backbone, wanted: str, checkpoint: str) -> int | None:
    """The id that takes the place of [CLS]; None where that stays. Raises ModelError when [ENC] is wanted and
    there is none.

    The published checkpoints come with BERT's own tokenizer, which does not know the two tokens that BLIP
    added behind it, [DEC] and [ENC]; the network's vocabulary has room for both and its configuration names
    the first.
    """
    if wanted == "cls":
        return None
    number = backbone.tokenizer.get_vocab().get("[ENC]")
    text, known = backbone.net.config.text_config, len(backbone.tokenizer)
    if number is not None and number >= text.vocab_size:
        number = None
    if number is None and (text.vocab_size, text.bos_token_id) == (known + 2, known):
        number = known + 1
    if number is None and wanted == "enc":
        raise ModelError("has no token [ENC]", where=checkpoint, hint="first_token=cls is what it was "
                                                                      "trained with, then")
    return number
