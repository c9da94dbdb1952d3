"""The base of every model of visual entailment: what it is asked, its calibrated answer, and its score."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from gmner_cli.entailment import calibration
from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.language.expressions import expression_of
from gmner_cli.model import Example, Model, Together, WeightSource
from gmner_cli.records import Entity, Post
from gmner_cli.records.fields import as_written_before
from gmner_cli.scoring.counts import percent

UNCALIBRATED = (1.0, 0.0, 0.5)
"""Slope and shift of the log-odds, and the threshold."""


class EntailerConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    threshold: float | None = None
    """An entity is visible if its probability is above this. None: the threshold chosen on dev, 0.5 before
    training."""
    train_together: Together = None
    """As in ``model.Together``."""


@dataclass(slots=True)
class Question:
    """One entity of a post: its number, the words it is asked by, and, while training, the answer."""

    entity: int
    text: str
    visible: bool | None = None


class Entailer(Model):
    """For every entity the probability that the picture shows what its expression says.

    Writes ``groundable``, the probability, and ``visible``, whether it is above the threshold. An entity that
    is not visible gets ``boxes: []``; the boxes of a visible one are left to visual grounding. Without a
    picture no entity is visible.

    A subclass has a ``Config`` that extends EntailerConfig and two methods: ``inputs`` turns texts and
    pictures into tensors, ``match`` turns those into log-odds. A picture is encoded once for its entities.
    The words come from the recipe's stage ``expressions``, if it has one.

    Trained by binary cross-entropy on the entities that gold assessed, visible or not (RiVEG, section IV-C1:
    two labels). ``evaluate`` fits a slope and a shift of the log-odds and a threshold to the dev posts. They
    are buffers, so they are saved with the weights; more training makes them void. The dev accuracy is that
    of the threshold chosen on the same posts.
    """

    Config: ClassVar[type[msgspec.Struct]] = EntailerConfig
    finds = ("groundable", "visible")
    reads_images = True
    adjustable = frozenset({"threshold"})
    metric = "accuracy"
    most_together: ClassVar[int] = 8
    """Most expressions in one example: each costs a copy of the picture's features. For a post with more, the
    picture is encoded again."""

    calibration: Tensor
    """Slope, shift and threshold, float64 [3]."""
    asks_all = False
    """Whether a post without entities has an example too, for a model that says something of the picture."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        as_written_before(cls, ("groundable", "boxes", "box_scores", "masks"), Entailer.finds)

    def __init__(self, config: EntailerConfig, facts: dict[str, Any], source: WeightSource):
        super().__init__(config, facts, source)
        self.register_buffer("calibration", torch.tensor(UNCALIBRATED, dtype=torch.float64))

    @abstractmethod
    def inputs(self, texts: Sequence[str], images: Sequence[Image.Image]) -> dict[str, Any]:
        """CPU tensors for N texts and P pictures, RGB. The picture of a post with many entities may come more
        than once."""

    @abstractmethod
    def match(self, batch: dict[str, Any]) -> Tensor:
        """Log-odds [N] of "the picture shows it". ``batch`` holds what ``inputs`` gave, and ``owner``
        int64 [N], the picture of each text: features of pictures [P, d] become those of texts by
        ``features[batch["owner"]]``."""

    def question(self, post: Post, entity: Entity) -> str:
        """The words by which an entity is asked for."""
        return expression_of(post, entity)

    def examples(self, posts: Sequence[Post], training: bool) -> list[Example]:
        """The Questions of each post with a picture, at most ``most_together`` in an example, or
        ``train_together`` in training."""
        found = []
        for index, post in enumerate(posts):
            asked = [Question(number, self.question(post, entity), bool(entity.boxes) if training else None)
                     for number, entity in enumerate(post.entities or [])
                     if post.image is not None and not (training and entity.boxes is None)]
            if not asked and self.asks_all and post.image is not None and not training:
                found.append(Example(index, 0, []))
            most = (training and self.config.train_together) or self.most_together
            for start in range(0, len(asked), most):
                part = asked[start:start + most]
                found.append(Example(index, len(part), part))
        return found

    def collate(self, examples: Sequence[Example], images: Sequence[Image.Image]) -> dict[str, Any]:
        """What ``inputs`` gives; owner int64 [N]; counts, texts per example; in training visible float [N], 1
        or 0."""
        batch = self.inputs([q.text for e in examples for q in e.data] or [""], images)
        batch["owner"] = torch.tensor([row for row, e in enumerate(examples) for _ in e.data] or [0])
        batch["counts"] = [len(e.data) for e in examples]
        if examples[0].data and examples[0].data[0].visible is not None:
            batch["visible"] = torch.tensor([float(q.visible) for e in examples for q in e.data])
        return batch

    def loss(self, batch: dict[str, Any]) -> Tensor:
        odds = self.match(batch).float()
        if odds.shape != batch["visible"].shape:
            raise UsageError(f"{type(self).__name__}.match gives a tensor of shape {list(odds.shape)}; "
                             f"wanted is one number per text, {list(batch['visible'].shape)}")
        return F.binary_cross_entropy_with_logits(odds, batch["visible"])

    def predict(self, batch: dict[str, Any]) -> list[Any]:
        """Per example the log-odds, not yet calibrated, of each of its entities."""
        odds = self.match(batch).float().cpu()[:sum(batch["counts"])]
        return [part.tolist() for part in odds.split(batch["counts"])]

    def write(self, posts: Sequence[Post], examples: Sequence[Example], outputs: Sequence[Any]) -> None:
        slope, shift, threshold = self._decision()
        for post in posts:
            for entity in post.entities or []:
                entity.groundable, entity.visible, entity.boxes = 0.0, False, []
        for example, odds in zip(examples, outputs, strict=True):
            for question, value in zip(example.data, odds, strict=True):
                entity = (posts[example.post].entities or [])[question.entity]
                entity.groundable = calibration.chance(value, slope, shift)
                entity.visible = entity.groundable > threshold
                entity.boxes = None if entity.visible else []

    def _decision(self) -> tuple[float, float, float]:
        slope, shift, threshold = self.calibration.tolist()
        return slope, shift, threshold if self.config.threshold is None else self.config.threshold

    def train(self, mode: bool = True) -> Entailer:
        """As any module's; once training goes on, what was fitted to the old weights is forgotten."""
        if mode:
            self.calibration.copy_(torch.tensor(UNCALIBRATED))
        return super().train(mode)

    def evaluate(self, predicted: Sequence[Post], gold: Sequence[Post]) -> dict[str, float]:
        """Calibrate on these posts, then score: percent, but for the counts tp, fp, fn, tn and the threshold.

        accuracy, precision, recall and f1 of "visible", accuracy per type, ece (expected
        calibration error), over gold entities that were assessed. Raises GmnerError when
        there are none.
        """
        pairs = [(found.groundable if after.image is not None else None, true)
                 for before, after in zip(gold, predicted, strict=True)
                 for true, found in zip(before.entities or [], after.entities or [], strict=True)
                 if true.boxes is not None]
        if not pairs:
            raise GmnerError("the dev posts have no entity with `boxes`, so nothing says what is visible",
                             hint='an entity that the picture does not show needs "boxes": []')
        odds = [calibration.log_odds(said) for said, _ in pairs if said is not None]
        chances = iter(self._calibrate(odds, [bool(true.boxes) for said, true in pairs if said is not None]))
        _, _, threshold = self._decision()
        counts: Counter[str] = Counter()
        types: dict[str, list[bool]] = {}
        answers = [0.0 if said is None else next(chances) for said, _ in pairs]
        for p, (_, true) in zip(answers, pairs, strict=True):
            shown, visible = p > threshold, bool(true.boxes)
            counts[("t" if shown == visible else "f") + ("p" if shown else "n")] += 1
            types.setdefault(true.type, []).append(shown == visible)
        tp, fp, fn, tn = (counts[name] for name in ("tp", "fp", "fn", "tn"))
        return {
            "accuracy": percent(tp + tn, len(pairs)), "precision": percent(tp, tp + fp),
            "recall": percent(tp, tp + fn), "f1": percent(2 * tp, 2 * tp + fp + fn), **{
                f"accuracy_{kind}": percent(sum(right), len(right)) for kind, right in sorted(types.items())
            }, "ece": 100 * calibration.calibration_error(answers, [bool(true.boxes)
                                                                    for _, true in pairs]),
            "threshold": threshold, "tp": tp, "fp": fp, "fn": fn, "tn": tn
        }

    def _calibrate(self, odds: list[float], visible: list[bool]) -> list[float]:
        """Fit to answers given under the present calibration; returns their chances under the new one."""
        if not odds:
            return []
        a, b = calibration.fit(odds, visible)
        chances = [calibration.chance(value, a, b) for value in odds]
        slope, shift, _ = self.calibration.tolist()
        self.calibration.copy_(torch.tensor(
            [a * slope, a * shift + b, calibration.best_threshold(chances, visible)], dtype=torch.float64))
        return chances
