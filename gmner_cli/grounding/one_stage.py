"""Visual grounding in one stage: every patch says how well it answers, and how far its thing reaches.

After Yang et al. 2019 ("A fast and accurate one-stage approach to visual
grounding"), with distances to the four sides in place of anchors (FCOS, Tian et
al. 2019). Every patch under the thing is taught at once, so it learns from few pictures.
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

FIRST_SIDE = -1.5
"""Added to what a patch says of a side, so that at first boxes reach about a fifth of the picture each
way."""


class OneStageConfig(ReaderConfig, kw_only=True):
    threshold: float = 0.0
    """As in ``GrounderConfig``."""
    inside: float = 1.0
    """Weight of telling, patch by patch, which lie inside the box."""
    extent: float = 2.0
    """Weight of the distance of a patch's box from the gold box; that of choosing the patch is 1."""


class OneStage(Looking, Grounder):
    """The box of the patch that answers best.

    Shapes: P pictures of K patches, N expressions, width d.
    """

    Config = OneStageConfig

    def __init__(self, config: OneStageConfig, facts: dict[str, Any], source: WeightSource):
        super().__init__(config, facts, source)
        self.to_sides = nn.Linear(config.width, 4)

    def loss(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        """Which patch (cross-entropy with a bell about the box's middle), how far it reaches (L1 and
        generalised IoU of the patches under the bell, Rezatofighi et al. 2019), and which patches lie
        inside."""
        seen, _, _ = self.reader(batch)
        boxes = batch["boxes"]
        bell = self._bell(boxes)
        which = -(bell * self.reader.inside(seen).float().log_softmax(1)).sum(1).mean()
        found, gold = self._boxes(seen), boxes[:, None]
        extent = (bell * (1 - generalised_iou(found, gold) + (found - gold).abs().sum(-1))).sum(1).mean()
        inside = self.reader.inside_loss(seen, boxes)
        return (which + self.config.extent * extent + self.config.inside * inside,
                {"which": which.item(), "extent": extent.item(), "inside": inside.item()})

    def predict(self, batch: dict[str, Any]) -> list[tuple[bool, list[tuple[list[float], float]]]]:
        """Per example whether its picture is declined, and per expression the box as shares and its patch's
        probability."""
        seen, _, patches = self.reader(batch)
        score, best = self.reader.inside(seen).float().softmax(1).max(1)
        boxes = self._boxes(seen)[torch.arange(len(best), device=best.device), best]
        return self.judged(patches, batch["pixels"],
                           parted(list(zip(boxes.tolist(), score.tolist(), strict=True)), batch["counts"]))

    def _boxes(self, seen: Tensor) -> Tensor:
        """What each patch [N, K, d] holds to be the box [N, K, 4], as shares; it contains the patch's
        centre."""
        left, top, right, bottom = F.softplus(self.to_sides(seen).float() + FIRST_SIDE).unbind(-1)
        x, y = self.reader.centres()
        return torch.stack([x - left, y - top, x + right, y + bottom], -1)

    def _bell(self, boxes: Tensor) -> Tensor:
        """Weights [N, K] of the patches, of sum 1: a Gaussian about the middle of ``boxes`` [N, 4], as wide
        and high as half the box and no narrower than half a patch."""
        x, y = self.reader.centres()
        x1, y1, x2, y2 = boxes[..., None].unbind(1)
        least = 0.25 / self.reader.side
        across = (x - (x1 + x2) / 2) / ((x2 - x1) / 4 + least)
        down = (y - (y1 + y2) / 2) / ((y2 - y1) / 4 + least)
        return torch.softmax(-0.5 * (across ** 2 + down ** 2), 1)


def generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU in [-1, 1] of boxes [..., 4] (x1, y1, x2, y2) with ordered corners; equal to IoU less
    the share of their common hull that neither covers."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    common = (high - low).clamp_min(0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - common
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1)
    return common / union.clamp_min(1e-9) - (hull - union) / hull.clamp_min(1e-9)
