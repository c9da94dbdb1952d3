"""Segmentation by SAM (Kirillov et al. 2023), the authors' package segment-anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gmner_cli.model import WeightSource
from gmner_cli.segmentation.checkpoints import build_sam, locate, read_checkpoint
from gmner_cli.segmentation.prompted import PromptedSam


class SegmentAnythingConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    checkpoint: str = "vit_b"
    """vit_b, vit_l or vit_h for the authors' weights, or the path of a .pth file."""


class SegmentAnything(PromptedSam):
    """SAM as its authors publish it: one .pth file. Pictures are encoded one by one."""

    Config = SegmentAnythingConfig
    adjustable = frozenset({"checkpoint"})

    net: Any  # the Sam of a package without types

    def __init__(self, config: SegmentAnythingConfig, facts: dict[str, Any], source: WeightSource):
        super().__init__(config, facts, source)
        from segment_anything import SamPredictor

        self.net = build_sam(read_checkpoint(locate(config.checkpoint, offline=source.offline)))
        self.predictor = SamPredictor(self.net)

    @property
    def side(self) -> int:
        return self.net.image_encoder.img_size

    def prepare(self, images: Sequence[Image.Image]) -> dict[str, Any]:
        """pictures: uint8 [1, 3, h, w] each, scaled; original: [height, width] of each before."""
        scaled = (self.predictor.transform.apply_image(np.asarray(image)) for image in images)
        return {"pictures": [torch.from_numpy(p).permute(2, 0, 1)[None].contiguous() for p in scaled],
                "original": [(image.height, image.width) for image in images]}

    def views(self, batch: dict[str, Any]) -> Iterator[Any]:
        """The predictor, holding each picture in turn."""
        for picture, original in zip(batch["pictures"], batch["original"], strict=True):
            self.predictor.set_torch_image(picture.to(self.predictor.device), original)
            yield self.predictor
        self.predictor.reset_image()

    def ask(self, view: Any, *, boxes: Tensor | None = None, points: Tensor | None = None,
            labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        found, quality, _ = view.predict_torch(points, labels, boxes=boxes, multimask_output=boxes is None)
        return found, quality.float()
