"""The protocol of every trainable model.

To add a model, write one file with a subclass of ``Model`` and one recipe that names it. Training
(``training.loop.fit``) and prediction (``flow.model_stage.ModelStage``) need nothing else, whatever is
inside:

- A model with several losses returns their sum.
- Contrastive pre-training is a second ``Model`` around the same modules (see ``model_folder.init_from``).
- A sequence-to-sequence model calls its own ``generate`` in ``predict``.
- A model that looks sets ``reads_images`` and gets decoded pictures in ``collate``.

Three tasks have a base that knows the task and leaves the network to write: ``ner.tagger.Tagger`` (words,
windows, writing entities), ``entailment.entailer.Entailer`` (two methods to write) and
``grounding.grounder.Grounder`` (three). tests/dummies holds an example of each kind.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
import torch
from torch import Tensor, nn

from gmner_cli.errors import ModelError, UsageError
from gmner_cli.moved import keep_old_names
from gmner_cli.records import Post
from gmner_cli.records.fields import clear


@dataclass(slots=True)
class Example:
    """One unit of a batch: a whole post, a window of one, or one of its entities.

    ``post``: index of its post in the list that examples are made of. ``length``: its cost, by which examples
    are batched like with like: usually sub-words, or questions about a picture; 1 if all are alike. ``data``:
    the model's own; in training, what it needs of gold goes here.
    """

    post: int
    length: int
    data: Any
    pictures: tuple[str, ...] | None = None
    """Names of pictures that the record gives (its ``image``, generated ones, crops), in the order in which
    ``collate`` gets them; they follow the rules of ``image``. None: the post's ``image`` alone."""
    image_size: tuple[int, int] | None = None
    """[width, height] of the post's whole picture in pixels, EXIF applied: boxes of records count in these.
    It is filled in before ``collate``, whose picture may be a smaller copy (``largest_side``)."""


Together = Annotated[int, msgspec.Meta(ge=1)] | None
"""In training, how many expressions of a post share an example, and so one encoding of its picture. None: as
many as in prediction. With 1 an example is one pair of picture and expression, which is how RiVEG's paper
counts a batch."""


@dataclass(frozen=True)
class WeightSource:
    """Where a new model may take pretrained weights from, and whether it needs any.

    ``offline``: nothing is downloaded. ``pretrained``: False if the weights are loaded from a checkpoint
    anyway, so that networks need only be built.
    """

    offline: bool = False
    pretrained: bool = True
    folder: Path | None = None
    """The checkpoint's folder while loading one; None for a new model."""

    @property
    def own_folder(self) -> Path:
        """``folder``, of a model that is loaded."""
        if self.folder is None:
            raise ValueError("a new model has no folder to be loaded from")
        return self.folder


class Model(nn.Module, ABC):
    """What the loop and the stages need from a model. Subclasses state tensor shapes in their docstrings."""

    config: Any
    """The settings: of the subclass's own ``Config``, whose fields no common type has."""
    origin: dict[str, str]
    """What ``new_model`` or ``load_model`` made it of: the class path as ``model``, and the ``recipe``."""
    Config: ClassVar[type[msgspec.Struct]]
    """Every setting a recipe may give, with defaults: a msgspec.Struct with
    ``forbid_unknown_fields=True``."""
    finds: tuple[str, ...]
    """The fields that this model fills, or ("entities",) for a tagger; see ``fields``. They are cleared
    before it predicts, so that gold cannot leak into a prediction. A class names all that its models may
    fill; a model for which settings decide sets its own."""
    reads_images: ClassVar[bool] = False
    """Whether ``collate`` needs the posts' pictures."""
    trains_on_images: ClassVar[bool] = False
    """Whether it needs them while training although it predicts without (BGA-MNER)."""
    needs_training: ClassVar[bool] = True
    """Whether a new model knows nothing until it is trained. False: it starts from a whole checkpoint and can
    predict at once."""
    largest_side: int | None = None
    """Most pixels of the longer side that the model can use: larger pictures may come smaller, in training
    too. Boxes of records stay in pixels of the true size, ``Example.image_size``. None: pictures come as they
    are. Where it depends on settings, a model sets its own."""
    batches_by_shape: ClassVar[bool] = False
    """Whether pictures of like shape should share a batch, because the model pads them."""
    adjustable: ClassVar[frozenset[str]] = frozenset()
    """Settings that may still be changed when a trained model is loaded, such as a threshold."""
    label_weights: ClassVar[tuple[str, ...]] = ()
    """Beginnings of the names of weights that mean something only with these ``facts`` (a row per label)."""
    metric: ClassVar[str] = "f1"
    """What picks the best epoch, unless the recipe names another.

    An entry of ``evaluate``: more is better. ``dev_loss``: the loss on the dev posts, which the training loop
    computes; less is better, and nothing is predicted or evaluated. A model that only pre-trains another
    (``finds = ()``) then needs no ``predict``, ``write`` and ``evaluate``. ``dev_NAME``: likewise the mean of
    NAME, a figure that ``loss`` gives, such as an accuracy; less is better if NAME ends in "loss"."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        keep_old_names(cls)

    def __init__(self, config: msgspec.Struct, facts: dict[str, Any], source: WeightSource):
        """``facts``: JSON-able knowledge from the training data, as ``learn_facts`` made it."""
        super().__init__()
        self.config, self.facts = config, facts

    @classmethod
    def learn_facts(cls, config: msgspec.Struct, posts: Sequence[Post]) -> dict[str, Any]:
        """What must be known of the training posts before weights exist, such as the label set."""
        return {}

    @abstractmethod
    def examples(self, posts: Sequence[Post], training: bool) -> list[Example]:
        """Turn each post into zero or more examples. Gold is there only when ``training``; otherwise
        ``blank`` has taken it out."""

    @abstractmethod
    def collate(self, examples: Sequence[Example], images: Sequence[Any]) -> dict[str, Any]:
        """A batch of CPU tensors (and lists). Runs off the main thread.

        ``images``: of each example its post's picture, RGB; None if it has none, and without
        ``reads_images``. For an example that names ``pictures``, a list of these; None in it for one that
        cannot be opened under text-only. Whether it is for training shows in ``data``, which ``examples``
        filled. Only tensors that are values of the returned dict itself go to the model's device.
        """

    def begin_epoch(self, epoch: int) -> None:
        """Called before each epoch of a training, from 1 on, for a ``collate`` that chooses by epoch."""

    def loss(self, batch: dict[str, Any]) -> Tensor | tuple[Tensor, dict[str, float]]:
        """Scalar to minimise, or that and figures to watch, whose means go into the table of epochs.

        The batch's tensors are on the model's device. Raises UsageError for a model that is not trained.
        """
        raise UsageError(f"{type(self).__name__} has no `loss`: it is used as it comes from its checkpoint, "
                         "and not trained")

    def predict(self, batch: dict[str, Any]) -> list[Any]:
        """One output per example of the batch, in order: numbers, lists or CPU tensors, small enough to keep
        for a window of posts. Runs under ``torch.no_grad``. Raises UsageError for a model that only
        pre-trains another."""
        raise self._only_trains("predict")

    def write(self, posts: Sequence[Post], examples: Sequence[Example], outputs: Sequence[Any]) -> None:
        """Put the outputs of all examples of ``posts`` into the posts' fields.

        An entity needs start, end (characters) and type. Every post is written to, also one without examples.
        A post that is left invalid fails. Raises UsageError for a model that only pre-trains another.
        """
        raise self._only_trains("write")

    def _only_trains(self, lacking: str) -> UsageError:
        name = type(self).__name__
        return UsageError(f"{name} has no `{lacking}`: it is trained for others to start from, and finds "
                          "nothing",
                          hint='start from it with --init; metric = "dev_loss" trains it without predicting')

    def embed(self, examples: Sequence[Example], batch: dict[str, Any]) -> Tensor:
        """Features of a collated batch, float [examples, d], by which ``expand --similar-by`` compares posts.

        A tagger gives its states, which hold what it saw, summed over each example's words (RiVEG, section
        IV-B1, the fused features of M_b). The examples of a post are added up; only the direction of the sum
        counts. Runs under ``torch.no_grad``.
        """
        raise UsageError(f"{type(self).__name__} has no `embed`, so it cannot tell which posts are alike")

    def evaluate(self, predicted: Sequence[Post], gold: Sequence[Post]) -> dict[str, float]:
        """Scores in percent on development posts, ``metric`` among them. Needed in training only, and not if
        ``metric`` is a dev loss. Of equal epochs the first is kept, unless ``train.ties`` says otherwise."""
        name = type(self).__name__
        raise UsageError(f"{name} reports no development score, so none of its epochs can be chosen",
                         hint='give it an `evaluate`, or choose by its loss: metric = "dev_loss"')

    def blank(self, post: Post) -> Post:
        """A copy of ``post`` and its entities, without what this model finds and what that makes void."""
        return clear(post, self.finds)

    def parameter_groups(self, lr: float, head_lr: float | None) -> list[dict[str, Any]]:
        """Groups for AdamW. The default: ``lr`` for all; biases and norms are not decayed by the loop."""
        return [{"params": [p for p in self.parameters() if p.requires_grad], "lr": lr}]

    def saved_state(self) -> dict[str, Tensor]:
        """Tensors of a checkpoint, all finite. By default all of the model's, tied ones once, under their
        first name."""
        kept: dict[tuple[int, ...], str] = {}
        state = self.state_dict()
        for name, value in state.items():
            kept.setdefault((value.data_ptr(), *value.shape) if value.numel() else (id(value),), name)
        return {name: state[name] for name in kept.values()}

    def representable(self, post: Post) -> list[tuple[int, int, str]]:
        """Of a tagger: the gold entities of ``post`` as it would find them at best, (start, end, type) in
        characters. Before training it is told which entities the tagger can never find."""
        return [(*entity.span, entity.type) for entity in post.entities or []]

    def same_labels(self, facts: dict[str, Any]) -> bool:
        """Whether the ``label_weights`` of a checkpoint with these facts mean the same in this model."""
        return facts == self.facts

    @torch.no_grad()
    def load_saved_state(self, tensors: dict[str, Tensor]) -> None:
        """Inverse of ``saved_state``. Raises ModelError when the tensors are of another model."""
        expected = set(self.saved_state())
        if set(tensors) != expected:
            odd = sorted(set(tensors) ^ expected)
            raise ModelError(f"the weights do not fit the model: {len(odd)} names differ, the first is "
                             f"{odd[0]}")
        own = self.state_dict()
        for name, value in tensors.items():
            if own[name].shape != value.shape:
                raise ModelError(f"{name} has shape {list(value.shape)}, expected {list(own[name].shape)}")
            own[name].copy_(value)  # state_dict shares memory with the model

    def save_extras(self, folder: Path) -> None:
        """Further files a checkpoint needs to stand alone, such as a tokenizer."""

    def prepare_to_predict(self) -> None:
        """Called once when a loaded model will only predict, for instance to merge adapters."""


keep_old_names(Model)


def to_device(batch: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """The batch with every tensor on ``device``; copies overlap with computing where memory is pinned."""
    return {k: v.to(device, non_blocking=True) if isinstance(v, Tensor) else v for k, v in batch.items()}
