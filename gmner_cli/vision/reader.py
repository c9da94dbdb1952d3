"""A picture read with an expression in mind: what grounding and entailment on small pictures share.

The picture is encoded once; everything that depends on an expression comes after
it and is small, so a second entity of the same picture costs little.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gmner_cli.model import Together
from gmner_cli.weights.backbone import Backbone


class ReaderConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    checkpoint: str | None = None
    """Hub id or folder of a BLIP: its picture encoder and its text encoder, read one after the other. None: a
    small one, from scratch."""
    width: int = 96
    heads: int = 4
    text_layers: int = 2
    """Layers of the checkpoint's text encoder that are used."""
    fusion_layers: int = 1
    """Layers in which patches read the words."""
    spread_layers: int = 2
    """Convolutions over the patches that have read them, so that a patch knows how far its thing extends."""
    text_length: int = 40
    abstain: float = 0.0
    """Share of the dev pictures that may be declined as unlike those of training; 0 never declines."""
    train_together: Together = None
    """As in ``model.Together``."""
    save_dtype: Literal["float32", "float16"] = "float32"
    """Of the weights in the checkpoint; training and prediction are in float32."""


class Reader(nn.Module):
    """The picture encoder and the text encoder of a BLIP, and patches that take in the words.

    Shapes: P pictures of K patches, N expressions of T sub-words, width d. In a batch
    are pixels float [P, 3, H, W], ids and mask int64 [N, T], owner int64 [N]: the
    picture of each expression.
    """

    def __init__(self, backbone: Backbone, config: ReaderConfig):
        super().__init__()
        width = config.width
        net = backbone.net
        self.vision, self.text = net.vision_model, net.text_encoder
        self.text.encoder.layer = self.text.encoder.layer[:config.text_layers]
        for layer in self.text.encoder.layer:
            del layer.crossattention  # not used: the picture is read after the words, not within them
        self.from_patch = nn.Linear(self.vision.config.hidden_size, width)
        self.from_word = nn.Linear(self.text.config.hidden_size, width)
        self.place = nn.Parameter(0.02 * torch.randn(self.vision.embeddings.num_patches, width))
        self.to_gate = nn.Linear(width, width)
        self.fusion = nn.ModuleList(_Fusion(width, config.heads) for _ in range(config.fusion_layers))
        self.spread = nn.ModuleList(_Spread(width) for _ in range(config.spread_layers))
        self.to_inside = nn.Linear(width, 1)

    def forward(self, batch: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
        """Patches that have read their expression [N, K, d], the expression [N, d], and the patches as they
        were encoded [P, K, width of the encoder]."""
        # The first state stands for the whole picture; the others are its patches, row by row.
        patches = self.vision(pixel_values=batch["pixels"]).last_hidden_state[:, 1:]
        words = self.from_word(
            self.text(input_ids=batch["ids"], attention_mask=batch["mask"]).last_hidden_state)
        share = batch["mask"] / batch["mask"].sum(1, keepdim=True)
        meaning = (words * share[..., None]).sum(1)
        seen = (self.from_patch(patches) + self.place)[batch["owner"]]
        # What a patch is and what is asked for meet in a product first, which is learned fastest.
        seen = seen + seen * self.to_gate(meaning)[:, None]
        for layer in self.fusion:
            seen = layer(seen, words, batch["mask"] == 0)
        grid = seen.transpose(1, 2).unflatten(
            2, (self.side, self.side)).contiguous(memory_format=torch.channels_last)
        for layer in self.spread:
            grid = layer(grid)
        return grid.flatten(2).transpose(1, 2), meaning, patches

    @property
    def side(self) -> int:
        """Patches in a row, and in a column."""
        return round(len(self.place) ** 0.5)

    def centres(self) -> tuple[Tensor, Tensor]:
        """x and y [K] of the patches' centres, as shares of the picture."""
        at = (torch.arange(self.side, device=self.place.device) + 0.5) / self.side
        return at.repeat(self.side), at.repeat_interleave(self.side)

    def inside(self, seen: Tensor) -> Tensor:
        """Log-odds [N, K] that each patch lies inside what is asked for."""
        return self.to_inside(seen)[..., 0]

    def inside_loss(self, seen: Tensor, boxes: Tensor) -> Tensor:
        """Binary cross-entropy of the patches whose centres lie inside ``boxes`` [N, 4], shares of the
        picture.

        Patches inside and outside weigh the same in sum. A box without extent has nothing inside.
        """
        near = 0.5 / self.side  # a box smaller than a patch still has the patch that it lies in
        x, y = self.centres()
        x1, y1, x2, y2 = boxes[..., None].unbind(1)
        across = (x1 - near < x) & (x < x2 + near) & (x2 > x1)
        down = (y1 - near < y) & (y < y2 + near) & (y2 > y1)
        target = (across & down).float()
        losses = F.binary_cross_entropy_with_logits(self.inside(seen).float(), target, reduction="none")
        within = (losses * target).sum(1) / target.sum(1).clamp_min(1)
        return (within + (losses * (1 - target)).sum(1) / (1 - target).sum(1).clamp_min(1)).mean() / 2

    def known(self) -> list[nn.Parameter]:
        """What comes from the checkpoint; the rest starts from scratch."""
        return [*self.vision.parameters(), *self.text.parameters()]


class _Fusion(nn.Module):
    """Patches [N, K, d] read words [N, T, d]: cross-attention and a feed-forward layer, each beside a
    shortcut."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, seen: Tensor, read: Tensor, absent: Tensor) -> Tensor:
        """``absent`` bool [N, T]: padding among the words."""
        words = self.norms[1](read)
        seen = seen + self.attention(self.norms[0](seen), words, words, key_padding_mask=absent,
                                     need_weights=False)[0]
        return seen + self.feed_forward(self.norms[2](seen))


class _Spread(nn.Module):
    """Patches [N, d, rows, columns] see their neighbours, channel by channel, then mix their channels; beside
    a shortcut.

    Separable (MobileNets, Howard et al. 2017), because this is done for every expression anew.
    """

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.near = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.mix = nn.Conv2d(width, width, 1)

    def forward(self, grid: Tensor) -> Tensor:
        return grid + self.mix(F.gelu(self.near(self.norm(grid))))
