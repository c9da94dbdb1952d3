"""Whether a picture looks like those that a model was trained on; if not, it can decline, not invent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gmner_cli.model import Example, Model
from gmner_cli.records import ABSTAINED, Post
from gmner_cli.records.fields import VISUAL
from gmner_cli.vision.pixels import colours
from gmner_cli.vision.textures import SIZE, textures_once
from gmner_cli.weights.backbone import Backbone

SHRINKAGE = 0.01
"""Share of the mean variance in the covariance (Ledoit and Wolf 2004, with a fixed weight), so that it can be
inverted."""

FOLDS = 5
"""Parts of the pictures, each judged by statistics of the others: pictures are less strange to statistics
they are part of."""


class Familiarity(nn.Module):
    """How far a picture is from the training domain, by two kinds of features: what the network sees in it,
    and its texture.

    Features [P, 2d + t]: mean and standard deviation of the patch features [P, K, d], and ``textures``. The
    strangeness is the sum of the Mahalanobis distances of the two kinds (Lee et al. 2018, one class), each
    divided by the kind's number of features: photographs that fool one are told by the other. What was fitted
    stands in buffers, so it is saved with the network whose features these are.
    """

    mean: Tensor
    whitener: Tensor
    limit: Tensor

    def __init__(self, width: int):
        super().__init__()
        self.kinds = (2 * width, SIZE)
        self.register_buffer("mean", torch.zeros(sum(self.kinds)))
        self.register_buffer("whitener", torch.eye(sum(self.kinds)))
        self.register_buffer("limit", torch.tensor(float("inf")))
        self.gathered: list[Tensor] | None = []
        """Features seen since the last fit; None once the model only predicts."""

    def forward(self, patches: Tensor, colours: Tensor) -> Tensor:
        """How strange each picture is, float [P]; above ``limit`` it is not of the domain.

        Patches float [P, K, d], colours float [P, 3, H, W] in [0, 1].
        """
        features = torch.cat([patches.mean(1), patches.std(1), textures_once(colours)], -1).float()
        if self.gathered is not None and not self.training:
            self.gathered.append(features.cpu())
        return _distance(features, self.mean, self.whitener)

    @torch.no_grad()
    def fit(self, share: float) -> None:
        """Take the pictures gathered as the domain, of which a ``share`` may be found strange (cross-fitted
        in FOLDS parts)."""
        features = torch.cat(self.gathered or [torch.zeros(0, len(self.mean))]).double()
        self.gathered = []
        if len(features) < 2 * FOLDS or share <= 0:
            self.limit.fill_(float("inf"))
            return
        part = torch.arange(len(features)) % FOLDS
        strange = torch.cat(
            [_distance(features[part == n], *self._statistics(features[part != n])) for n in range(FOLDS)])
        mean, whitener = self._statistics(features)
        self.mean.copy_(mean)
        self.whitener.copy_(whitener)
        self.limit.copy_(strange.quantile(1 - share))

    def forget(self) -> None:
        """Void what was gathered and fitted: the weights are about to change."""
        self.gathered = []
        self.limit.fill_(float("inf"))

    def _statistics(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean [f] and whitener [f, f] of features [P, f], float64, the kinds apart from each other."""
        whiteners = [_whitener(kind) / kind.shape[1] ** 0.5 for kind in features.split(self.kinds, 1)]
        return features.mean(0), torch.block_diag(*whiteners)


def _distance(features: Tensor, mean: Tensor, whitener: Tensor) -> Tensor:
    return ((features - mean) @ whitener).square().sum(-1)


def _whitener(features: Tensor) -> Tensor:
    """[f, f] such that features [P, f], less their mean, times it have about unit covariance."""
    scale = features.std(0).clamp_min(1e-6)  # else the shrinkage would drown what is small
    scaled = (features - features.mean(0)) / scale
    covariance = (1 - SHRINKAGE) * scaled.T @ scaled / len(scaled) + SHRINKAGE * torch.eye(
        len(scale), dtype=torch.double)
    values, vectors = torch.linalg.eigh(covariance)
    return vectors / values.sqrt() / scale[:, None]


class Declining(Model):
    """Mixed into a model before its base: pictures of another kind than those of training are declined.

    The model sets ``familiarity`` (None: it never declines), and its ``predict`` passes its
    outputs through ``judged``. A declined post gets ``grounding: "abstained"`` and no
    entity of it is assessed. The limit is fitted on the dev pictures after every epoch,
    with the weights it belongs to, and is void when training goes on.
    """

    familiarity: Familiarity | None
    backbone: Backbone

    def judged(self, patches: Tensor, shown: Tensor, outputs: Sequence[Any]) -> list[tuple[bool, Any]]:
        """Per example whether its picture is declined, and its output. ``patches`` float [P, K, d] and
        ``shown``, the pixels that the processor of the ``backbone`` gave, float [P, 3, H, W]: one P per
        example."""
        if self.familiarity is None:
            return [(False, output) for output in outputs]
        strange = self.familiarity(patches, colours(shown, self.backbone.processor)) > self.familiarity.limit
        return list(zip(strange.tolist(), outputs, strict=True))

    def write(self, posts: Sequence[Post], examples: Sequence[Example], outputs: Sequence[Any]) -> None:
        super().write(posts, examples, [output for _, output in outputs])
        for post in {
                example.post for example, (declined, _) in zip(examples, outputs, strict=True) if declined
        }:
            posts[post].grounding = ABSTAINED
            for entity in posts[post].entities or []:
                for name in VISUAL:
                    setattr(entity, name, None)

    def evaluate(self, predicted: Sequence[Post], gold: Sequence[Post]) -> dict[str, float]:
        scores = super().evaluate(predicted, gold)
        if self.familiarity is not None:
            self.familiarity.fit(self.config.abstain)
        return scores

    def train(self, mode: bool = True) -> Any:
        if mode and self.familiarity is not None:
            self.familiarity.forget()
        return super().train(mode)

    def prepare_to_predict(self) -> None:
        super().prepare_to_predict()
        if self.familiarity is not None:
            self.familiarity.gathered = None
