"""Visual grounding by four coordinate tokens decoded in order (after SeqTR, Zhu et al. 2022; written anew).

The picture is encoded once for all its entities; see ``vision.reader``. Deviations from RiVEG's paper: BLIP's
encoders in place of DarkNet and a GRU, and no weights from RefCOCO to start from.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gmner_cli.grounding.grounder import Grounder, parted
from gmner_cli.model import WeightSource
from gmner_cli.vision.looking import Looking
from gmner_cli.vision.reader import ReaderConfig

NEAR = 2
"""Bins on either side of the likeliest that a coordinate is averaged over."""


class SeqTrConfig(ReaderConfig, kw_only=True):
    threshold: float = 0.0
    """As in ``GrounderConfig``."""
    decoder_layers: int = 2
    bins: int = 128
    """Values that a coordinate can take, from 0 to the picture's whole width or height."""
    spread: float = 1.0
    """Standard deviation, in bins, of the target's distribution around the gold coordinate; 0 for one bin."""
    inside: float = 2.0
    """Weight of telling which patches lie inside the box, beside the coordinates; 0 is SeqTR's own loss."""
    dropout: float = 0.0


class SeqTr(Looking, Grounder):
    """Patches read the words by cross-attention, then x1, y1, x2, y2 are decoded over them, each from the
    ones before.

    Shapes: P pictures of K patches, N expressions of T sub-words, width d, B bins.
    """

    Config = SeqTrConfig

    def __init__(self, config: SeqTrConfig, facts: dict[str, Any], source: WeightSource):
        super().__init__(config, facts, source)
        d = config.width
        layer = nn.TransformerDecoderLayer(d, config.heads, 2 * d, config.dropout, "gelu", batch_first=True,
                                           norm_first=True)
        self.decoder = nn.TransformerDecoder(layer, config.decoder_layers, nn.LayerNorm(d))
        self.order = nn.Parameter(0.02 * torch.randn(4, d))
        self.bin = nn.Embedding(config.bins, d)
        self.to_bin = nn.Linear(d, config.bins)

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
        """Per example whether its picture is declined, and per expression the box as shares and the certainty
        of its coordinates."""
        seen, start, patches = self.reader(batch)
        before = torch.empty(len(start), 0, dtype=torch.long, device=start.device)
        shares, certain = [], []
        for number in range(4):
            chances = self._step(seen, start, before)[:, number].float().softmax(-1)
            best = chances.argmax(-1)
            around = (best[:, None] + torch.arange(-NEAR, NEAR + 1, device=best.device)).clamp(
                0, self.config.bins - 1)
            weights = chances.gather(1, around)
            shares.append((weights * around).sum(1) / weights.sum(1) / (self.config.bins - 1))
            certain.append(weights.sum(1).clamp(max=1.0))
            before = torch.cat([before, best[:, None]], 1)
        answers = [(box, score) for box, score in zip(torch.stack(shares, 1).tolist(),
                                                      torch.stack(certain, 1).mean(1).tolist(), strict=True)]
        return self.judged(patches, batch["pixels"], parted(answers, batch["counts"]))

    def _step(self, seen: Tensor, start: Tensor, before: Tensor) -> Tensor:
        """Logits [N, 1 + S, B] of the coordinates that follow the start and each of the S ones ``before`` [N,
        S]."""
        tokens = torch.cat([start[:, None], self.bin(before)], 1) + self.order[:before.shape[1] + 1]
        causal = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1], device=tokens.device,
                                                                dtype=tokens.dtype)
        return self.to_bin(self.decoder(tokens, seen, tgt_mask=causal, tgt_is_causal=True))
