"""The protocol of every trainable model, and how one is built, saved and loaded.

A newcomer adds a model by writing one file with a subclass of ``Model`` and one
recipe that names it. The training loop (``training.loop.fit``) and the
prediction stage (``stages.ModelStage``) need nothing else, whatever is inside:
two-path CRFs return the sum of their losses, contrastive pre-training is a
second ``Model`` around the same modules (see ``init_from``), sequence-to-sequence
models call their own ``generate`` in ``predict``, and models that look at
pictures set ``reads_images`` and get them, decoded, in ``collate``.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from gmner_cli.errors import ModelError, UsageError, did_you_mean
from gmner_cli.hub import read_json
from gmner_cli.jsonl import write_atomic
from gmner_cli.records import Post

WEIGHTS, CONFIG = "model.safetensors", "config.json"


@dataclass(slots=True)
class Example:
    """One unit of a batch: a whole post, a window of one, or one of its entities.

    ``post``: index of the post in the list it was made from. ``length``: its cost,
    for batching like with like (sub-words, usually). ``data``: the model's own.
    """

    post: int
    length: int
    data: Any


@dataclass(frozen=True)
class Site:
    """Where a model comes to life: what it may load from, and whether its weights follow from a file."""

    offline: bool = False
    pretrained: bool = True
    folder: Path | None = None
    """The checkpoint's folder while loading one; None for a new model."""


class Model(nn.Module, ABC):
    """What the loop and the stages need from a model. Subclasses state tensor shapes in their docstrings."""

    Config: ClassVar[type[msgspec.Struct]]
    """Every setting a recipe may give, with defaults; unknown keys are refused."""
    finds: ClassVar[tuple[str, ...]]
    """The entity fields that this model fills, or ("entities",) for a tagger. They are cleared before it
    predicts, so that gold cannot leak into a prediction."""
    reads_images: ClassVar[bool] = False
    """Whether ``collate`` needs the posts' pictures."""
    trains_on_images: ClassVar[bool] = False
    """Whether it needs them while training although it predicts without (BGA-MNER)."""
    needs_training: ClassVar[bool] = False
    """Whether a new model knows nothing yet, so that predicting with it makes no sense."""
    largest_side: ClassVar[int | None] = None
    """Pixels of the longer side that the model can use: larger pictures may come reduced. Their true size is
    ``post.image_size``. None: as they are."""
    batches_by_shape: ClassVar[bool] = False
    """Whether pictures of like shape should share a batch, because the model pads them."""
    load_time: ClassVar[frozenset[str]] = frozenset()
    """Settings that may still be changed when a trained model is loaded, such as a threshold."""
    fact_bound: ClassVar[tuple[str, ...]] = ()
    """Beginnings of the names of weights that mean something only with these ``facts`` (a row per label)."""
    metric: ClassVar[str] = "f1"
    """The entry of ``evaluate`` that early stopping maximises, unless the recipe names another."""

    def __init__(self, config: msgspec.Struct, facts: dict[str, Any], site: Site):
        """``facts``: JSON-able knowledge from the training data, as ``learn_facts`` made it."""
        super().__init__()
        self.config, self.facts = config, facts

    @classmethod
    def learn_facts(cls, config: msgspec.Struct, posts: Sequence[Post]) -> dict[str, Any]:
        """What must be known of the training posts before weights exist, such as the label set."""
        return {}

    @abstractmethod
    def examples(self, posts: Sequence[Post], training: bool) -> list[Example]:
        """Turn posts into examples, zero or more each. Reads gold only when ``training``."""

    @abstractmethod
    def collate(self, examples: Sequence[Example], images: Sequence[Image.Image | None]) -> dict[str, Any]:
        """A batch of CPU tensors (and lists). ``images``: RGB, parallel to ``examples``. Runs off the main thread."""

    def loss(self, batch: dict[str, Any]) -> Tensor | tuple[Tensor, dict[str, float]]:
        """Scalar to minimise, perhaps with figures to watch, whose means go into the table of epochs.

        The batch's tensors are on the model's device. Raises UsageError where there is no training.
        """
        raise UsageError(f"{type(self).__name__} is used as it comes from its checkpoint; it cannot be trained")

    @abstractmethod
    def predict(self, batch: dict[str, Any]) -> list[Any]:
        """One output per example, small enough to keep for a window of posts; under ``torch.no_grad``."""

    @abstractmethod
    def write(self, posts: Sequence[Post], examples: Sequence[Example], outputs: Sequence[Any]) -> None:
        """Put the outputs of all examples of ``posts`` into the posts' fields."""

    def evaluate(self, predicted: Sequence[Post], gold: Sequence[Post]) -> dict[str, float]:
        """Scores in percent on development posts; must hold ``metric``. Needed for training only."""
        raise UsageError(f"{type(self).__name__} reports no development score, so it cannot be trained")

    def blank(self, post: Post) -> Post:
        """A copy of ``post``, entities copied too, without what this model is to find."""
        if "entities" in self.finds:
            return msgspec.structs.replace(post, entities=None)
        return post.clear(*self.finds)

    def parameter_groups(self, lr: float, head_lr: float | None) -> list[dict[str, Any]]:
        """Groups for AdamW. The default: ``lr`` for all; biases and norms are not decayed by the loop."""
        return [{"params": [p for p in self.parameters() if p.requires_grad], "lr": lr}]

    def saved_state(self) -> dict[str, Tensor]:
        """Tensors of a checkpoint; the default is all of them, tied ones under their first name."""
        kept: dict[tuple[int, ...], str] = {}
        state = self.state_dict()
        for name, value in state.items():
            kept.setdefault((value.data_ptr(), *value.shape) if value.numel() else (id(value),), name)
        return {name: state[name] for name in kept.values()}

    @torch.no_grad()
    def load_saved_state(self, tensors: dict[str, Tensor]) -> None:
        """Inverse of ``saved_state``. Raises ModelError when the tensors are of another model."""
        expected = set(self.saved_state())
        if set(tensors) != expected:
            odd = sorted(set(tensors) ^ expected)
            raise ModelError(f"the weights do not fit the model: {len(odd)} names differ, the first is {odd[0]}")
        own = self.state_dict()
        for name, value in tensors.items():
            if own[name].shape != value.shape:
                raise ModelError(f"{name} has shape {list(value.shape)}, expected {list(own[name].shape)}")
            own[name].copy_(value)  # state_dict shares memory with the model

    def save_extras(self, folder: Path) -> None:
        """Further files a checkpoint needs to stand alone, such as a tokenizer."""

    def ready(self) -> None:
        """Called once when a loaded model will only predict, for instance to merge adapters."""


def find_class(path: str, trusted: Iterable[str] = ()) -> type[Model]:
    """The class behind ``package.module:Class`` or ``file.py:Class``.

    A checkpoint may come from anywhere, so a path read from one is imported only
    when it lies inside gmner_cli or equals one of ``trusted`` (what the user's
    own recipe names). Raises UsageError or ModelError.
    """
    where, mark, name = path.partition(":")
    if not (mark and where and name):
        raise UsageError(f"model {path!r} is not of the form package.module:Class")
    own = where.startswith("gmner_cli.") and not where.endswith(".py")
    if not own and path not in trusted:
        raise ModelError(f"the checkpoint wants to run code from {where!r}",
                         hint="if you trust it, name the model in a recipe of yours and give that with --recipe")
    try:
        module = _import_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
    except ImportError as problem:
        raise UsageError(f"model {path!r} cannot be imported: {problem}") from None
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, Model)):
        raise UsageError(f"{where} has no Model named {name!r}", hint=did_you_mean(
            name, [n for n, v in vars(module).items() if isinstance(v, type) and issubclass(v, Model)]))
    if not hasattr(found, "finds"):
        raise UsageError(f"{name} does not say which fields it finds", where=where,
                         hint='for a tagger write: finds = ("entities",)')
    return found


def _import_file(path: Path) -> Any:
    if not path.is_file():
        raise ImportError(f"no such file: {path}")
    name = f"gmner_recipe_model_{path.stem}"
    if name in sys.modules and Path(sys.modules[name].__file__ or "").resolve() == path.resolve():
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def parse_config(cls: type[Model], settings: dict[str, Any], where: str) -> msgspec.Struct:
    """Settings of a recipe as the model's Config. Raises UsageError with "did you mean"."""
    fields = cls.Config.__struct_fields__
    for key in settings:
        if key not in fields:
            raise UsageError(f"unknown setting {key!r} for {cls.__name__}", where=where, hint=did_you_mean(key, fields))
    try:
        return msgspec.convert(settings, cls.Config)
    except msgspec.ValidationError as problem:
        raise UsageError(str(problem).replace("`", ""), where=where) from None


def new_model(path: str, settings: dict[str, Any], posts: Sequence[Post], *, recipe: str, offline: bool) -> Model:
    """A model to be trained, from a recipe's settings and the training posts."""
    cls = find_class(path, trusted=[path])
    config = parse_config(cls, settings, f"recipe {recipe}")
    model = cls(config, cls.learn_facts(config, posts), Site(offline=offline))
    model.origin = {"model": path, "recipe": recipe}
    return model


def save_model(model: Model, folder: Path) -> None:
    """Write config.json and model.safetensors (each atomically) into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.saved_state().items()}
    write_atomic(folder / WEIGHTS, save(tensors, metadata={"format": "gmner-1"}))
    content = {"format": 1, **model.origin, "config": msgspec.to_builtins(model.config), "facts": model.facts}
    write_atomic(folder / CONFIG, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    model.save_extras(folder)


def load_model(folder: Path, *, wanted: str | None = None, recipe: str = "", offline: bool = False,
               changes: Mapping[str, Any] | None = None) -> Model:
    """A model as ``save_model`` left it, in eval mode.

    ``wanted``: the ``model`` of the active recipe's stage; another one in the
    checkpoint raises ModelError naming the recipe it was trained with.
    ``changes``: settings to load it with instead of those it was trained with;
    only its ``load_time`` ones may change, others raise UsageError.
    """
    if not folder.is_dir():
        raise ModelError("no such model folder", where=str(folder), hint="train one with `gmner train-ner`, `train-ve` or `train-vg`")
    content = read_json(folder / CONFIG)
    path = content.get("model")
    if content.get("format") != 1 or not isinstance(path, str) or not isinstance(content.get("facts"), dict):
        raise ModelError("is not the config of a gmner model", where=str(folder / CONFIG))
    if wanted is not None and path != wanted:
        raise ModelError(
            f"was trained as {path} by recipe {content.get('recipe')!r}, but recipe {recipe!r} wants {wanted}",
            where=str(folder), hint=f"use --recipe {content.get('recipe')}, or another folder")
    tensors = read_tensors(folder / WEIGHTS)
    cls = find_class(path, trusted=[wanted] if wanted else ())
    for key in changes or {}:
        if key not in cls.load_time:
            raise UsageError(f"{key!r} was fixed when the model was trained and cannot be changed now", where=str(folder),
                             hint="train again with that value" + (f"; {', '.join(sorted(cls.load_time))} can be changed"
                                                                   if cls.load_time else ""))
    config = parse_config(cls, {**content.get("config", {}), **(changes or {})}, str(folder / CONFIG))
    model = cls(config, content["facts"], Site(offline=offline, pretrained=False, folder=folder))
    model.origin = {"model": path, "recipe": content.get("recipe", "")}
    try:
        model.load_saved_state(tensors)
    except ModelError as problem:
        raise ModelError(problem.message, where=str(folder / WEIGHTS)) from None
    return model.eval()


def init_from(model: Model, folder: Path) -> tuple[int, int]:
    """Start ``model`` from another model's checkpoint: what has the same name and shape is copied.

    So a second phase goes on from the first (contrastive pre-training, then
    tagging), whatever head each one has. Weights that belong to labels are
    copied only when both have the same ``facts``. Returns how many of the
    checkpoint's tensors were used, and how many there are. Raises ModelError when
    most do not fit, or when one belongs to a part that this model keeps frozen: a frozen
    part is not saved with it, and the saved model would be another.
    """
    tensors = read_tensors(folder / WEIGHTS)
    same_facts = read_json(folder / CONFIG).get("facts") == model.facts
    own = model.state_dict()
    fits = [name for name, value in tensors.items() if name in own and own[name].shape == value.shape
            and (same_facts or not name.startswith(model.fact_bound))]
    frozen = [name for name in fits if name not in model.saved_state()]
    usable = [name for name in tensors if same_facts or not name.startswith(model.fact_bound)]
    if frozen or 2 * len(fits) <= len(usable):
        reason = (f"would change {frozen[0]}, which this recipe keeps frozen" if frozen
                  else f"only {len(fits)} of its {len(usable)} tensors fit the model")
        raise ModelError(reason, where=str(folder),
                         hint="both must train the same parts of the same encoder (lora_rank, train_layers, train_embeddings)")
    with torch.no_grad():
        for name in fits:
            own[name].copy_(tensors[name])  # state_dict shares memory with the model
    return len(fits), len(tensors)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file. Raises ModelError when it is missing, damaged, or a pickle in disguise."""
    if not path.is_file():
        others = [p.name for p in path.parent.glob("*") if p.suffix in {".bin", ".pt", ".pth", ".pkl", ".ckpt"}]
        hint = f"{others[0]} is a pickle, which is never loaded" if others else "was the training interrupted? try --resume"
        raise ModelError("no such file", where=str(path), hint=hint)
    with open(path, "rb") as stream:
        head = stream.read(4)
    if head[:2] == b"\x80\x02" or head[:4] == b"PK\x03\x04" or head[:1] == b"\x80" and head[1:2] in b"\x03\x04\x05":
        raise ModelError("is a pickle, not safetensors; pickles are never loaded because they can run code",
                         where=str(path), hint="convert it to safetensors where you trust it")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as problem:
        raise ModelError(f"is damaged: {problem}", where=str(path)) from None


def to_device(batch: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """The batch with every tensor on ``device``; copies overlap with computing where memory is pinned."""
    return {k: v.to(device, non_blocking=True) if isinstance(v, Tensor) else v for k, v in batch.items()}
