"""Visual grounding by four coordinate tokens decoded in order (after SeqTR, Zhu et al. 2022; written anew).

The picture is encoded once for all its entities; see ``vision.reader``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from gmner_cli.grounding.grounder import Grounder, GrounderConfig
from gmner_cli.model import Example, Site
from gmner_cli.vision.familiarity import Declining, Familiarity
from gmner_cli.vision.image_text import read_by
from gmner_cli.vision.reader import Reader, inputs

NEAR = 2
"""Bins on either side of the likeliest that a coordinate is averaged over."""


class SeqTrConfig(GrounderConfig, kw_only=True):
    checkpoint: str | None = None
    """Hub id or folder of a BLIP: its picture encoder and its text encoder, read one after the other. None: a
    small one, from scratch."""
    width: int = 96
    heads: int = 4
    text_layers: int = 2
    """Layers of the checkpoint's text encoder that are used."""
    fusion_layers: int = 1
    decoder_layers: int = 2
    bins: int = 128
    """Values that a coordinate can take, from 0 to the picture's whole width or height."""
    spread: float = 1.0
    """Standard deviation, in bins, of the target's distribution around the gold coordinate; 0 for one bin."""
    inside: float = 2.0
    """Weight of telling which patches lie inside the box, beside the coordinates; 0 is SeqTR's own loss."""
    dropout: float = 0.0
    text_length: int = 40
    abstain: float = 0.0
    """Share of the dev pictures that may be declined as unlike those of training; 0 never declines."""


class SeqTr(Declining, Grounder):
    """Patches read the words by cross-attention, then x1, y1, x2, y2 are decoded over them, each from the ones before.

    Shapes: P pictures of K patches, N expressions of T sub-words, width d, B bins.
    """

    Config = SeqTrConfig
    needs_training = True
    most_together = 24  # an expression costs little beside the picture

    def __init__(self, config: SeqTrConfig, facts: dict[str, Any], site: Site):
        super().__init__(config, facts, site)
        self.backbone = read_by(config.checkpoint, site)
        d = config.width
        self.reader = Reader(self.backbone, width=d, heads=config.heads, text_layers=config.text_layers,
                             fusion_layers=config.fusion_layers)
        self.familiarity = Familiarity(self.reader.vision.config.hidden_size) if config.abstain else None
        layer = {"d_model": d, "nhead": config.heads, "dim_feedforward": 2 * d, "dropout": config.dropout,
                 "activation": "gelu", "batch_first": True, "norm_first": True}
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(**layer), config.decoder_layers, nn.LayerNorm(d))
        self.order = nn.Parameter(0.02 * torch.randn(4, d))
        self.bin = nn.Embedding(config.bins, d)
        self.to_bin = nn.Linear(d, config.bins)

    def collate(self, examples: Sequence[Example], images: Sequence[Image.Image | None]) -> dict[str, Any]:
        """pixels float [P, 3, H, W]; ids, mask int64 [N, T]; owner int64 [N]; while training boxes float [N, 4] as shares."""
        batch = inputs(self.backbone, [sought.text for e in examples for sought in e.data], images, self.config.text_length)
        batch["counts"] = [len(e.data) for e in examples]
        batch["owner"] = torch.tensor([row for row, e in enumerate(examples) for _ in e.data])
        if examples[0].data[0].box is not None:
            batch["boxes"] = self.targets(examples, images)
        return batch

    def loss(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy of the four bins, each given the gold ones before it, and of the patches' sides."""
        seen, start, _ = self.reader(batch)
        boxes, bins = batch["boxes"], self.config.bins
        exact = boxes * (bins - 1)
        logits = self._step(seen, start, exact.round().long()[:, :3])
        at = torch.arange(bins, device=exact.device)
        if self.config.spread:
            target = torch.softmax(-0.5 * ((at - exact[..., None]) / self.config.spread) ** 2, -1)
        else:
            target = F.one_hot(exact.round().long(), bins).float()
        where = -(target * logits.float().log_softmax(-1)).sum(-1).mean()
        inside = self.reader.inside_loss(seen, boxes)
        return where + self.config.inside * inside, {"bins": where.item(), "inside": inside.item()}

    def predict(self, batch: dict[str, Any]) -> list[tuple[bool, list[tuple[list[float], float]]]]:
        """Per example whether its picture is declined, and per expression the box as shares and the certainty of its coordinates."""
        seen, start, patches = self.reader(batch)
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
        return self.judged(patches, [answers[end - count:end] for end, count in zip(ends, batch["counts"], strict=True)])

    def _step(self, seen: Tensor, start: Tensor, before: Tensor) -> Tensor:
        """Logits [N, 1 + S, B] of the coordinates that follow the start and each of the S ones ``before`` [N, S]."""
        tokens = torch.cat([start[:, None], self.bin(before)], 1) + self.order[:before.shape[1] + 1]
        causal = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1], device=tokens.device, dtype=tokens.dtype)
        return self.to_bin(self.decoder(tokens, seen, tgt_mask=causal, tgt_is_causal=True))

    def parameter_groups(self, lr: float, head_lr: float | None) -> list[dict[str, Any]]:
        """``lr`` for the checkpoint's encoders, ``head_lr`` for what starts from scratch."""
        known = {id(p) for p in self.reader.known()}
        return [{"params": [p for p in self.parameters() if id(p) in known], "lr": lr},
                {"params": [p for p in self.parameters() if id(p) not in known], "lr": head_lr or lr}]

    def save_extras(self, folder: Path) -> None:
        self.backbone.save(folder)
