"""A picture read with an expression in mind: what grounding and entailment on small pictures share.

The picture is encoded once; everything that depends on an expression comes after
it and is small, so a second entity of the same picture costs little.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from gmner_cli.backbone import Backbone
from gmner_cli.vision.pixels import pixels


class Reader(nn.Module):
    """The picture encoder and the text encoder of a BLIP, and patches that take in the words.

    Shapes: P pictures of K patches, N expressions of T sub-words, width d. In a batch
    are pixels float [P, 3, H, W], ids and mask int64 [N, T], owner int64 [N]: the
    picture of each expression.
    """

    def __init__(self, backbone: Backbone, *, width: int, heads: int, text_layers: int, fusion_layers: int):
        super().__init__()
        net = backbone.net
        self.vision, self.text = net.vision_model, net.text_encoder
        self.text.encoder.layer = self.text.encoder.layer[:text_layers]
        for layer in self.text.encoder.layer:
            del layer.crossattention  # not used: the picture is read after the words, not within them
        self.from_patch = nn.Linear(self.vision.config.hidden_size, width)
        self.from_word = nn.Linear(self.text.config.hidden_size, width)
        self.place = nn.Parameter(0.02 * torch.randn(self.vision.embeddings.num_patches, width))
        self.to_gate = nn.Linear(width, width)
        self.fusion = nn.ModuleList(_Fusion(width, heads) for _ in range(fusion_layers))
        self.to_inside = nn.Linear(width, 1)

    def forward(self, batch: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
        """Patches that have read their expression [N, K, d], the expression [N, d], and the patches as they
        were encoded [P, K, width of the encoder]."""
        # The first state stands for the whole picture; the others are its patches, row by row.
        patches = self.vision(pixel_values=batch["pixels"]).last_hidden_state[:, 1:]
        words = self.from_word(self.text(input_ids=batch["ids"], attention_mask=batch["mask"]).last_hidden_state)
        share = batch["mask"] / batch["mask"].sum(1, keepdim=True)
        meaning = (words * share[..., None]).sum(1)
        seen = (self.from_patch(patches) + self.place)[batch["owner"]]
        # What a patch is and what is asked for meet in a product first, which is learned fastest.
        seen = seen + seen * self.to_gate(meaning)[:, None]
        for layer in self.fusion:
            seen = layer(seen, words, batch["mask"] == 0)
        return seen, meaning, patches

    def inside(self, seen: Tensor) -> Tensor:
        """Log-odds [N, K] that each patch lies inside what is asked for."""
        return self.to_inside(seen)[..., 0]

    def inside_loss(self, seen: Tensor, boxes: Tensor) -> Tensor:
        """Binary cross-entropy of the patches whose centres lie inside ``boxes`` [N, 4], shares of the picture.

        Patches inside and outside weigh the same in sum. A box without extent has nothing inside.
        """
        side = round(len(self.place) ** 0.5)
        centre = (torch.arange(side, device=boxes.device) + 0.5) / side
        near = 0.5 / side  # a box smaller than a patch still has the patch that it lies in
        x1, y1, x2, y2 = boxes[..., None].unbind(1)
        wide, high = (x2 > x1).float(), (y2 > y1).float()
        across = ((x1 - near < centre) & (centre < x2 + near)).float() * wide
        down = ((y1 - near < centre) & (centre < y2 + near)).float() * high
        target = (down[:, :, None] * across[:, None]).flatten(1)
        losses = F.binary_cross_entropy_with_logits(self.inside(seen).float(), target, reduction="none")
        within = (losses * target).sum(1) / target.sum(1).clamp_min(1)
        return (within + (losses * (1 - target)).sum(1) / (1 - target).sum(1).clamp_min(1)).mean() / 2

    def known(self) -> list[nn.Parameter]:
        """What comes from the checkpoint; the rest starts from scratch."""
        return [*self.vision.parameters(), *self.text.parameters()]


def inputs(backbone: Backbone, texts: Sequence[str], images: Sequence[Image.Image], text_length: int) -> dict[str, Any]:
    """pixels float [P, 3, H, W] of the pictures; ids, mask int64 [N, T] of the texts, each cut at ``text_length``."""
    words = backbone.tokenizer(list(texts), padding=True, truncation=True, split_special_tokens=True,
                               max_length=text_length, return_tensors="pt")
    return {"pixels": pixels(images, backbone.processor), "ids": words["input_ids"], "mask": words["attention_mask"]}


class _Fusion(nn.Module):
    """Patches [N, K, d] read words [N, T, d]: cross-attention and a feed-forward layer, each beside a shortcut."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, seen: Tensor, read: Tensor, absent: Tensor) -> Tensor:
        """``absent`` bool [N, T]: padding among the words."""
        words = self.norms[1](read)
        seen = seen + self.attention(self.norms[0](seen), words, words, key_padding_mask=absent, need_weights=False)[0]
        return seen + self.feed_forward(self.norms[2](seen))
