"""Segmentation by SAM (Kirillov et al. 2023), Hugging Face classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import torch
from PIL import Image
from torch import Tensor

from gmner_cli.errors import ModelError
from gmner_cli.model import WeightSource
from gmner_cli.segmentation.prompted import PromptedSam
from gmner_cli.weights.hub import pretrained, pretrained_model, read_json, resolve


class SamConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    checkpoint: str = "facebook/sam-vit-base"
    """Hub id or folder of a SamModel."""


class Sam(PromptedSam):
    """SAM in the layout of the Hugging Face hub: safetensors in a folder. Pictures are encoded in batches."""

    Config = SamConfig
    adjustable = frozenset({"checkpoint"})

    def __init__(self, config: SamConfig, facts: dict[str, Any], source: WeightSource):
        super().__init__(config, facts, source)
        from transformers import AutoImageProcessor, SamModel

        kind = read_json(resolve(config.checkpoint, offline=source.offline) / "config.json").get("model_type")
        if kind != "sam":
            raise ModelError(f"is a model of type {kind!r}, not 'sam'", where=config.checkpoint)
        self.net, report = pretrained_model(SamModel, config.checkpoint, offline=source.offline,
                                            output_loading_info=True)
        # The class fills what a checkpoint lacks with random numbers.
        lacking = sorted(set(report["missing_keys"]) - set(SamModel._tied_weights_keys))
        if lacking:
            raise ModelError(f"lacks {len(lacking)} of SAM's weights, the first is {lacking[0]}",
                             where=config.checkpoint)
        self.processor = pretrained(AutoImageProcessor, config.checkpoint, offline=source.offline,
                                    backend="pil")

    @property
    def side(self) -> int:
        return self.processor.size["longest_edge"]

    def prepare(self, images: Sequence[Image.Image]) -> dict[str, Any]:
        """pixels: float [B, 3, S, S], scaled and padded; sizes before and after the scaling, [height, width]
        each."""
        made = self.processor(list(images), return_tensors="pt")
        return {"pixels": made["pixel_values"], "original": made["original_sizes"].tolist(),
                "reshaped": made["reshaped_input_sizes"].tolist()}

    def views(self, batch: dict[str, Any]) -> Iterator[tuple[Tensor, list[int], list[int]]]:
        """Per picture its embedding, float [1, C, S/16, S/16], and the two sizes of ``prepare``."""
        embedded = self.net.get_image_embeddings(batch["pixels"])
        yield from zip(embedded.split(1), batch["original"], batch["reshaped"], strict=True)

    def ask(self, view: tuple[Tensor, list[int], list[int]], *, boxes: Tensor | None = None,
            points: Tensor | None = None, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        embedding, original, reshaped = view
        given = {"input_boxes": boxes, "input_points": points, "input_labels": labels}
        out = self.net(image_embeddings=embedding, multimask_output=boxes is None,
                       **{name: value[None] for name, value in given.items() if value is not None})
        full = self.processor.post_process_masks(out.pred_masks.float(), [original], [reshaped])[0]
        return full.to(torch.bool), out.iou_scores[0].float()
