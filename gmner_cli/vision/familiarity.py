"""Does a picture look like those that a model was trained on? A model that asks can decline instead of inventing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gmner_cli.model import Example
from gmner_cli.records import ABSTAINED, Post

SHRINKAGE = 0.01
"""Share of the mean variance in the covariance (Ledoit and Wolf 2004, with a fixed weight), so that it can be inverted."""

FOLDS = 5
"""Parts of the pictures, each judged by statistics of the others: pictures are less strange to statistics they are part of."""


class Familiarity(nn.Module):
    """Mahalanobis distance of a picture's features from the training domain's (Lee et al. 2018, one class).

    Features [P, 2d]: mean and standard deviation of the patch features [P, K, d]. What was
    fitted stands in buffers, so it is saved with the network whose features these are.
    """

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(2 * width))
        self.register_buffer("whitener", torch.eye(2 * width))
        self.register_buffer("limit", torch.tensor(float("inf")))
        self.gathered: list[Tensor] | None = []
        """Features seen since the last fit; None once the model only predicts."""

    def forward(self, patches: Tensor) -> Tensor:
        """How strange each picture is, float [P]; above ``limit`` it is not of the domain. Patches float [P, K, d]."""
        features = torch.cat([patches.mean(1), patches.std(1)], -1).float()
        if self.gathered is not None and not self.training:
            self.gathered.append(features.cpu())
        return _distance(features, self.mean, self.whitener)

    @torch.no_grad()
    def fit(self, share: float) -> None:
        """Take the pictures gathered as the domain, of which a ``share`` may be found strange (cross-fitted in FOLDS parts)."""
        features = torch.cat(self.gathered or [torch.zeros(0, len(self.mean))]).double()
        self.gathered = []
        if len(features) < 2 * FOLDS or share <= 0:
            self.limit.fill_(float("inf"))
            return
        part = torch.arange(len(features)) % FOLDS
        strange = torch.cat([_distance(features[part == n], *_statistics(features[part != n])) for n in range(FOLDS)])
        mean, whitener = _statistics(features)
        self.mean.copy_(mean)
        self.whitener.copy_(whitener)
        self.limit.copy_(strange.quantile(1 - share))

    def forget(self) -> None:
        """Void what was gathered and fitted: the weights are about to change."""
        self.gathered = []
        self.limit.fill_(float("inf"))


def _distance(features: Tensor, mean: Tensor, whitener: Tensor) -> Tensor:
    """Squared Mahalanobis distances [P], divided by the features' number, so that about 1 is usual."""
    return ((features - mean) @ whitener).square().mean(-1)


def _statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [f] and whitener [f, f] of features [P, f], float64."""
    mean = features.mean(0)
    covariance = (features - mean).T @ (features - mean) / len(features)
    spread = covariance.diagonal().mean().clamp_min(1e-12)
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * spread * torch.eye(len(mean), dtype=torch.double)
    values, vectors = torch.linalg.eigh(covariance)
    return mean, vectors / values.sqrt()


class Declining:
    """Mixed into a model before its base: pictures of another kind than those of training are declined.

    The model sets ``familiarity`` (None: it never declines), and its ``predict`` passes its
    outputs through ``judged``. A declined post gets ``grounding: "abstained"`` and no
    entity of it is assessed. The limit is fitted on the dev pictures after every epoch,
    with the weights it belongs to, and is void when training goes on.
    """

    def judged(self, patches: Tensor, outputs: Sequence[Any]) -> list[tuple[bool, Any]]:
        """Per example whether its picture is declined, and its output. ``patches`` float [P, K, d], one P per example."""
        if self.familiarity is None:
            return [(False, output) for output in outputs]
        strange = self.familiarity(patches) > self.familiarity.limit
        return list(zip(strange.tolist(), outputs, strict=True))

    def write(self, posts: Sequence[Post], examples: Sequence[Example], outputs: Sequence[Any]) -> None:
        super().write(posts, examples, [output for _, output in outputs])
        for post in {example.post for example, (declined, _) in zip(examples, outputs, strict=True) if declined}:
            posts[post].grounding = ABSTAINED
            for entity in posts[post].entities or []:
                entity.groundable = entity.boxes = entity.box_scores = None

    def evaluate(self, predicted: Sequence[Post], gold: Sequence[Post]) -> dict[str, float]:
        scores = super().evaluate(predicted, gold)
        if self.familiarity is not None:
            self.familiarity.fit(self.config.abstain)
        return scores

    def train(self, mode: bool = True) -> Any:
        if mode and self.familiarity is not None:
            self.familiarity.forget()
        return super().train(mode)

    def ready(self) -> None:
        super().ready()
        if self.familiarity is not None:
            self.familiarity.gathered = None
