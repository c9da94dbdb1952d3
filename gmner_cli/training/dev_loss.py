"""The dev loss: a dev score for models that gold alone cannot score, and what parts epochs of the same
score."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import torch
from torch import Tensor

from gmner_cli.compute.batches import bucket, prepared
from gmner_cli.compute.runtime import Runtime, random_state_kept, seed_everything
from gmner_cli.errors import GmnerError
from gmner_cli.flow.interrupts import heed
from gmner_cli.model import Example, Model, to_device
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import Entity, Post
from gmner_cli.training.settings import TrainSettings

LOSS = "dev_loss"
_PREFIX = "dev_"
_SEED = 0


def needs_dev_loss(settings: TrainSettings, model: Model | type[Model]) -> bool:
    """Whether epochs are chosen by what the loop computes on the dev posts, or ties of another score are
    parted by it."""
    return settings.ties == "loss" or (settings.metric or model.metric).startswith(_PREFIX)


def is_loss(metric: str) -> bool:
    """Whether ``metric`` is a figure of the loop's of which less is better: dev_loss, and dev_NAME of a
    watched NAME_loss."""
    return metric.startswith(_PREFIX) and metric.endswith("loss")


def shown(metric: str, score: float) -> str:
    """A score by which epochs are chosen, as a person reads it: of a loss not the negative that was
    maximised."""
    return f"{-score:.4f}" if is_loss(metric) else f"{score:.2f}"


class DevLoss:
    """The mean over dev batches of a model's ``loss``, and of the figures that it watches."""

    def __init__(self, model: Model, train: Sequence[Post], dev: Sequence[Post], settings: TrainSettings,
                 runtime: Runtime, pictures: Pictures):
        """Raises GmnerError where the dev posts give no example."""
        self._model, self._runtime, self._pictures = model, runtime, pictures
        self._size = settings.batch_size
        # Other models that are asked about entities know no set of types.
        tags = not model.finds or "entities" in model.finds
        self._posts = _taught(train, dev, model.facts) if tags else list(dev)
        with random_state_kept():
            seed_everything(_SEED)
            self._examples: list[Example] = model.examples(self._posts, training=True)
        if not self._examples:
            raise GmnerError("the dev posts give no example, so they have no loss",
                             hint="choose epochs by another train.metric, and let train.ties be first")
        # Composed as training's batches are: what a contrastive loss is depends on who shares a batch.
        self._batches = bucket(self._examples, self._size, random.Random(_SEED))

    def __call__(self) -> dict[str, float]:
        """``dev_loss``, and ``dev_NAME`` of every watched NAME, which may be NaN; of the same batches each
        time.

        In eval mode, in which the model is left. Random numbers go on as if none were drawn here. Raises
        GmnerError for a batch that does not fit into the GPU's memory.
        """
        found: dict[str, list[float]] = {}
        self._model.eval()
        try:
            with random_state_kept(), torch.no_grad():
                seed_everything(_SEED)
                for _, batch in prepared(self._model, self._examples, self._batches, self._posts,
                                         self._pictures, self._runtime, for_training=True):
                    for name, figure in self._figures(batch).items():
                        found.setdefault(_PREFIX + name, []).append(figure)
                    heed()
        except torch.OutOfMemoryError as problem:
            raise GmnerError(f"a batch of {self._size} dev examples does not fit into the GPU's memory",
                             hint="halve train.batch_size and double train.accumulate") from problem
        return {name: math.fsum(figures) / len(figures) if all(map(math.isfinite, figures)) else math.nan
                for name, figures in found.items()}

    def _figures(self, batch: dict[str, Any]) -> dict[str, float]:
        with self._runtime.autocast():
            loss = self._model.loss(to_device(batch, self._runtime.device))
        loss, watched = loss if isinstance(loss, tuple) else (loss, {})
        figures: dict[str, Tensor | float] = {"loss": loss, **watched}
        return {name: float(figure) for name, figure in figures.items()}


def _taught(train: Sequence[Post], dev: Sequence[Post], facts: dict[str, Any]) -> list[Post]:
    """The dev posts without entities of types that training does not have: a model has no tag for them, and
    so no loss. Fine types are asked of where the model's ``facts`` say that it learnt them."""
    entities = [entity for post in train for entity in post.entities or []]
    types, fine = {entity.type for entity in entities}, {entity.fine_type for entity in entities}
    learnt = set(_texts(facts))
    by_fine = fine != {None} and fine - {None} <= learnt

    def taught(entity: Entity) -> bool:
        return entity.type in types and (not by_fine or entity.fine_type in fine)

    return [post if all(map(taught, post.entities or [])) else
            msgspec.structs.replace(post, entities=[one for one in post.entities or [] if taught(one)])
            for post in dev]


def _texts(value: Any) -> Iterator[str]:
    """Every text in nested facts, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        for inner in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from _texts(inner)
