"""BLIP (Li et al. 2022) with a convolutional stem in place of the patch embedding.

A few convolutions before the transformer let a small one learn from few pictures
(Xiao et al. 2021, "Early convolutions help transformers see better"). All else is
the Hugging Face class, so whatever reads a BLIP reads this one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import BlipConfig, BlipForImageTextRetrieval


class ConvStem(nn.Module):
    """Pixels [B, 3, H, W] to patch features [B, width, H/16, W/16]."""

    def __init__(self, width: int):
        super().__init__()
        self.first = nn.Conv2d(3, 32, 4, stride=4)
        self.rest = nn.Sequential(
            nn.GELU(), nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.GroupNorm(8, 64),
            nn.GELU(), nn.Conv2d(64, 64, 3, padding=1), nn.GELU(),
            nn.Conv2d(64, width, 3, stride=2, padding=1), nn.GroupNorm(8, width))
        for part in (self.first, *self.rest):
            # by default signals shrink from layer to layer, and places would drown them
            if isinstance(part, nn.Conv2d) and part.bias is not None:
                nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
                nn.init.zeros_(part.bias)

    @property
    def weight(self) -> Tensor:
        """BLIP asks its patch embedding for the type of its weight."""
        return self.first.weight

    def forward(self, pixels: Tensor) -> Tensor:
        # Channels last is faster on a CPU, where small models are trained.
        return self.rest(self.first(pixels.contiguous(memory_format=torch.channels_last)))


class StemBlip(BlipForImageTextRetrieval):
    """Image-text matching and retrieval; ``vision_config.patch_size`` must be 16, the stem's stride."""

    def __init__(self, config: BlipConfig):
        super().__init__(config)
        vision: Any = config.vision_config  # declared as what it may be made from, too
        if vision.patch_size != 16:
            raise ValueError(f"the stem's stride is 16, not {vision.patch_size}")
        self.vision_model.embeddings.register_module("patch_embedding", ConvStem(vision.hidden_size))
