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
        """Mean negative log-likelihood of a post. ``tags``: int64 [B, W]; ``mask``: bool [B, W], first column
        True."""
        with torch.autocast(emissions.device.type, enabled=False):
            return -self.crf(emissions.float(), tags, mask=mask, reduction="mean")

    @torch.no_grad()
    def decode(self, emissions: Tensor, mask: Tensor) -> list[list[int]]:
        """The best tag sequence of every post (Viterbi), without padding. Of equal ones, what ``CRF.decode``
        takes.

        That walks back tensor by tensor; here the way back is lists of numbers, which takes half of the time.
        """
        scores = emissions.detach().float()  # nothing below is multiplied, so autocast leaves it in float32
        best = self.crf.start_transitions + scores[:, 0]
        came_from = []
        for word in range(1, scores.shape[1]):
            reached, source = (best[:, :, None] + self.crf.transitions + scores[:, word, None]).max(1)
            best = torch.where(mask[:, word, None], reached, best)
            came_from.append(source)
        last = (best + self.crf.end_transitions).max(1).indices.tolist()
        back = torch.stack(came_from, 1).tolist() if came_from else [[]] * len(last)
        paths = []
        for tag, sources, length in zip(last, back, mask.sum(1).tolist(), strict=True):
            path = [tag]
            for source in reversed(sources[:length - 1]):
                path.append(source[path[-1]])
            paths.append(path[::-1])
        return paths

    @torch.no_grad()
    def marginals(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """Probability of every tag at every word, float32 [B, W, labels]; 0 at padding.

        The forward-backward algorithm (Rabiner 1989) on logarithms. In float64: they grow with the words, and
        so would the error of what is left of them; and autocast leaves float64 alone.
        """
        scores, moves = emissions.detach().double(), self.crf.transitions.double().exp()
        ends, words = self.crf.end_transitions.double(), scores.shape[1]
        before, after = [self.crf.start_transitions.double() + scores[:, 0]], [ends.expand_as(scores[:, 0])]
        for word in range(1, words):
            before.append(
                torch.where(mask[:, word, None],
                            _moved(before[-1], moves) + scores[:, word], before[-1]))
        for word in range(words - 1, 0, -1):
            after.append(torch.where(mask[:, word, None], _moved(after[-1] + scores[:, word], moves.T), ends))
        together = torch.stack(before, 1) + torch.stack(after[::-1], 1)
        return (together.softmax(-1) * mask[:, :, None]).float()


def _moved(logs: Tensor, moves: Tensor) -> Tensor:
    """log of (exp of ``logs`` [B, from]) times ``moves`` [from, to]. No product is 0: what is forbidden is
    finite."""
    top = logs.amax(1, keepdim=True)
    return ((logs - top).exp() @ moves).log() + top


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
