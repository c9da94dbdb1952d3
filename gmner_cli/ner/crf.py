"""The CRF over IOB2 tags that every tagger ends with: loss, best path, and how sure it is of each tag."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchcrf import CRF

FORBIDDEN = -100.0
"""Score of a transition that IOB2 does not allow; finite, so that no gradient turns into NaN."""


class TagCrf(nn.Module):
    """Linear-chain CRF (Lafferty et al. 2001) on emissions [B, W, labels], in float32 whatever the autocast.

    Transitions that IOB2 forbids (O to I-X, X to I-Y, a start with I-) begin at
    FORBIDDEN, and no gradient moves them because gold tags never use them.
    """

    def __init__(self, labels: Sequence[str]):
        super().__init__()
        self.crf = CRF(len(labels), batch_first=True)
        allowed, starts = iob2_rules(labels)
        with torch.no_grad():
            self.crf.transitions.masked_fill_(~allowed, FORBIDDEN)
            self.crf.start_transitions.masked_fill_(~starts, FORBIDDEN)

    def loss(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """Mean negative log-likelihood of a post. ``tags``: int64 [B, W]; ``mask``: bool [B, W], first column True."""
        with torch.autocast(emissions.device.type, enabled=False):
            return -self.crf(emissions.float(), tags, mask=mask, reduction="mean")

    def decode(self, emissions: Tensor, mask: Tensor) -> list[list[int]]:
        """The best tag sequence of every post (Viterbi), without padding."""
        with torch.autocast(emissions.device.type, enabled=False):
            return self.crf.decode(emissions.float(), mask=mask)

    def marginals(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """Probability of every tag at every word, float32 [B, W, labels].

        The derivative of log Z by an emission is that tag's marginal, so one
        backward pass does what the backward algorithm would. The loss of an
        arbitrary path (all labels 0) differs from log Z by that path's own score,
        whose derivative is 1 on the path.
        """
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast(emissions.device.type, enabled=False):
            # Clones, because a caller under inference_mode gives tensors that take part in no gradient.
            leaf = emissions.detach().float().clone().requires_grad_(True)
            mask = mask.clone()
            path = torch.zeros(leaf.shape[:2], dtype=torch.long, device=leaf.device)
            (gradient,) = torch.autograd.grad(-self.crf(leaf, path, mask=mask, reduction="sum"), leaf)
            gradient[:, :, 0] += mask
        return gradient


def iob2_rules(labels: Sequence[str]) -> tuple[Tensor, Tensor]:
    """(allowed [from, to], allowed at the start [to]), both bool."""
    allowed = torch.ones(len(labels), len(labels), dtype=torch.bool)
    starts = torch.ones(len(labels), dtype=torch.bool)
    for to, label in enumerate(labels):
        mark, _, kind = label.partition("-")
        if mark == "I":
            starts[to] = False
            for source, before in enumerate(labels):
                allowed[source, to] = before in (f"B-{kind}", f"I-{kind}")
    return allowed, starts
