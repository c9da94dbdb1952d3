"""Visual grounding by four coordinate tokens decoded in order (after SeqTR, Zhu et al. 2022; written anew).

The picture is encoded once; everything that depends on an expression comes after
it and is small, so a second entity of the same picture costs little.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from gmner_cli.backbone import Backbone
from gmner_cli.entailment.blip_itm import CLASSES
from gmner_cli.grounding.grounder import Grounder, GrounderConfig
from gmner_cli.model import Example, Site
from gmner_cli.vision.familiarity import Declining, Familiarity

NEAR = 2
"""Bins on either side of the likeliest that a coordinate is averaged over."""


class SeqTrConfig(GrounderConfig, kw_only=True):
    checkpoint: str = "embedded:scenes/image-text"
    """Hub id or folder of a BLIP: its picture encoder and its text encoder, read one after the other."""
    width: int = 128
    heads: int = 4
    text_layers: int = 2
    """Layers of the checkpoint's text encoder that are used."""
    fusion_layers: int = 1
    decoder_layers: int = 2
    bins: int = 128
    """Values that a coordinate can take, from 0 to the picture's whole width or height."""
    spread: float = 1.0
    """Standard deviation, in bins, of the target's distribution around the gold coordinate; 0 for one bin."""
    inside: float = 0.5
    """Weight of telling which patches lie inside the box, beside the coordinates; 0 is SeqTR's own loss."""
    dropout: float = 0.0
    text_length: int = 30
    abstain: float = 0.0
    """Share of the dev pictures that may be declined as unlike those of training; 0 never declines."""


class SeqTr(Declining, Grounder):
    """Patches read the words by cross-attention, then x1, y1, x2, y2 are decoded over them, each from the ones before.

    Shapes: P pictures of K patches, N expressions of T sub-words, width d, B bins.
    """

    Config = SeqTrConfig

    def __init__(self, config: SeqTrConfig, facts: dict[str, Any], site: Site):
        super().__init__(config, facts, site)
        self.backbone = Backbone.load(CLASSES, config.checkpoint, site)
        net, d = self.backbone.net, config.width
        self.vision, self.text = net.vision_model, net.text_encoder
        self.text.encoder.layer = self.text.encoder.layer[:config.text_layers]
        for layer in self.text.encoder.layer:
            del layer.crossattention  # not used: the picture is read after the words, not within them
        self.familiarity = Familiarity(self.vision.config.hidden_size) if config.abstain else None
        self.from_patch = nn.Linear(self.vision.config.hidden_size, d)
        self.from_word = nn.Linear(self.text.config.hidden_size, d)
        self.vision_proj, self.text_proj = net.vision_proj, net.text_proj
        self.from_likeness = nn.Linear(1, d)
        patches = self.vision.embeddings.num_patches
        self.place = nn.Parameter(0.02 * torch.randn(patches, d))
        layer = {"d_model": d, "nhead": config.heads, "dim_feedforward": 2 * d, "dropout": config.dropout,
                 "activation": "gelu", "batch_first": True, "norm_first": True}
        self.fusion = nn.ModuleList(_Fusion(d, config.heads) for _ in range(config.fusion_layers))
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(**layer), config.decoder_layers, nn.LayerNorm(d))
        self.order = nn.Parameter(0.02 * torch.randn(4, d))
        self.bin = nn.Embedding(config.bins, d)
        self.to_bin = nn.Linear(d, config.bins)
        self.to_inside = nn.Linear(d, 1)

    def collate(self, examples: Sequence[Example], images: Sequence[Image.Image | None]) -> dict[str, Any]:
        """pixels float [P, 3, H, W]; ids, mask int64 [N, T]; owner int64 [N]; while training boxes float [N, 4] as shares."""
        texts = [sought.text for e in examples for sought in e.data]
        words = self.backbone.tokenizer(texts, padding=True, truncation=True, split_special_tokens=True,
                                        max_length=self.config.text_length, return_tensors="pt")
        batch = {"pixels": self.backbone.processor(list(images), return_tensors="pt")["pixel_values"],
                 "ids": words["input_ids"], "mask": words["attention_mask"], "counts": [len(e.data) for e in examples],
                 "owner": torch.tensor([row for row, e in enumerate(examples) for _ in e.data])}
        if examples[0].data[0].box is not None:
            batch["boxes"] = self.targets(examples, images)
        return batch

    def fuse(self, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Patches that have read their expression [N, K, d], and the expression's first state [N, d]."""
        # The first state stands for the whole picture; the others are its patches, row by row.
        batch["patches"] = patches = self.vision(pixel_values=batch["pixels"]).last_hidden_state[:, 1:]
        words = self.text(input_ids=batch["ids"], attention_mask=batch["mask"]).last_hidden_state
        # What pre-training left: the mean, over the words, of their cosine with each patch.
        v, t = F.normalize(self.vision_proj(patches), dim=-1), F.normalize(self.text_proj(words), dim=-1)
        share = batch["mask"] / batch["mask"].sum(1, keepdim=True)
        likeness = torch.einsum("nkd,nd->nk", v[batch["owner"]], (t * share[..., None]).sum(1))
        seen = (self.from_patch(patches) + self.place)[batch["owner"]] + self.from_likeness(likeness[..., None])
        read = self.from_word(words)
        for layer in self.fusion:
            seen = layer(seen, read, batch["mask"] == 0)
        return seen, read[:, 0]

    def loss(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of the four bins, each given the gold ones before it, and of the patches' sides."""
        seen, start = self.fuse(batch)
        boxes, bins = batch["boxes"], self.config.bins
        exact = boxes * (bins - 1)
        logits = self._step(seen, start, exact.round().long()[:, :3])
        at = torch.arange(bins, device=exact.device)
        if self.config.spread:
            target = torch.softmax(-0.5 * ((at - exact[..., None]) / self.config.spread) ** 2, -1)
        else:
            target = F.one_hot(exact.round().long(), bins).float()
        where = -(target * logits.float().log_softmax(-1)).sum(-1).mean()
        inside = F.binary_cross_entropy_with_logits(self.to_inside(seen)[..., 0].float(), self._cover(boxes))
        return where + self.config.inside * inside, {"bins": where.item(), "inside": inside.item()}

    def predict(self, batch: dict[str, Any]) -> list[tuple[bool, list[tuple[list[float], float]]]]:
        """Per example whether its picture is declined, and per expression the box as shares and the certainty of its coordinates."""
        seen, start = self.fuse(batch)
        before = torch.empty(len(start), 0, dtype=torch.long, device=start.device)
        shares, certain = [], []
        for number in range(4):
            chances = self._step(seen, start, before)[:, number].float().softmax(-1)
            best = chances.argmax(-1)
            around = (best[:, None] + torch.arange(-NEAR, NEAR + 1, device=best.device)).clamp(0, self.config.bins - 1)
            weights = chances.gather(1, around)
            shares.append((weights * around).sum(1) / weights.sum(1) / (self.config.bins - 1))
            certain.append(weights.sum(1).clamp(max=1.0))
            before = torch.cat([before, best[:, None]], 1)
        answers = [(box, score) for box, score in zip(torch.stack(shares, 1).tolist(),
                                                      torch.stack(certain, 1).mean(1).tolist(), strict=True)]
        ends = torch.tensor(batch["counts"]).cumsum(0).tolist()
        return self.judged(batch["patches"], [answers[end - count:end] for end, count in zip(ends, batch["counts"], strict=True)])

    def _step(self, seen: Tensor, start: Tensor, before: Tensor) -> Tensor:
        """Logits [N, 1 + S, B] of the coordinates that follow the start and each of the S ones ``before`` [N, S]."""
        tokens = torch.cat([start[:, None], self.bin(before)], 1) + self.order[:before.shape[1] + 1]
        causal = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1], device=tokens.device, dtype=tokens.dtype)
        return self.to_bin(self.decoder(tokens, seen, tgt_mask=causal, tgt_is_causal=True))

    def _cover(self, boxes: Tensor) -> Tensor:
        """Which patch centres lie inside the boxes [N, 4]: float [N, K], row by row."""
        side = round(len(self.place) ** 0.5)
        centre = (torch.arange(side, device=boxes.device) + 0.5) / side
        x1, y1, x2, y2 = boxes[..., None].unbind(1)
        across, down = ((x1 <= centre) & (centre < x2)).float(), ((y1 <= centre) & (centre < y2)).float()
        return (down[:, :, None] * across[:, None]).flatten(1)

    def parameter_groups(self, lr: float, head_lr: float | None) -> list[dict[str, Any]]:
        """``lr`` for the checkpoint's encoders, ``head_lr`` for what starts from scratch."""
        known = {id(p) for part in (self.vision, self.text, self.vision_proj, self.text_proj) for p in part.parameters()}
        return [{"params": [p for p in self.parameters() if id(p) in known], "lr": lr},
                {"params": [p for p in self.parameters() if id(p) not in known], "lr": head_lr or lr}]

    def save_extras(self, folder: Path) -> None:
        self.backbone.save(folder)


class _Fusion(nn.Module):
    """Patches [N, K, d] read words [N, T, d]: cross-attention and a feed-forward layer, each beside a shortcut."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.forward_part = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, seen: Tensor, read: Tensor, absent: Tensor) -> Tensor:
        """``absent`` bool [N, T]: padding among the words."""
        words = self.norms[1](read)
        seen = seen + self.attention(self.norms[0](seen), words, words, key_padding_mask=absent, need_weights=False)[0]
        return seen + self.forward_part(self.norms[2](seen))
