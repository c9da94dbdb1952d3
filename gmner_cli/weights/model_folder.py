"""The folder of a trained model: config.json and model.safetensors, saved, loaded, and started from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from gmner_cli.classes.class_paths import find_class, parse_config
from gmner_cli.errors import ModelError, UsageError
from gmner_cli.model import Model, WeightSource
from gmner_cli.moved import current
from gmner_cli.records.jsonl import write_atomic
from gmner_cli.weights.hub import read_json, refuse_not_finite
from gmner_cli.weights.proportion import check_folder

WEIGHTS, CONFIG = "model.safetensors", "config.json"


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
    only its ``adjustable`` ones may change, others raise UsageError.
    """
    if not folder.is_dir():
        raise ModelError("no such model folder", where=str(folder),
                         hint="train one with `gmner train SECTION`, such as `gmner train-ner`")
    check_folder(folder)
    content = read_json(folder / CONFIG)
    path = content.get("model")
    if content.get("format") != 1 or not isinstance(path, str) or not isinstance(content.get("facts"), dict):
        raise ModelError("is not the config of a gmner model", where=str(folder / CONFIG))
    if wanted is not None and _name(path) != _name(wanted):
        raise ModelError(
            f"was trained as {path} by recipe {content.get('recipe')!r}, but recipe {recipe!r} wants "
            f"{wanted}",
            where=str(folder), hint="give the recipe that it was trained with, or another folder")
    tensors = read_tensors(folder / WEIGHTS)
    path = current(wanted or path)  # a file may lie elsewhere now; where, the user's own recipe says
    cls = find_class(path, trusted=[wanted] if wanted else ())
    for key in changes or {}:
        if key not in cls.adjustable:
            raise UsageError(
                f"{key!r} was fixed when the model was trained and cannot be changed now", where=str(folder),
                hint="train again with that value" +
                (f"; {', '.join(sorted(cls.adjustable))} can be changed" if cls.adjustable else ""))
    config = parse_config(cls, {**content.get("config", {}), **(changes or {})}, str(folder / CONFIG))
    model = cls(config, content["facts"], WeightSource(offline=offline, pretrained=False, folder=folder))
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
    copied only when both have the same labels (``Model.same_labels``). Returns how many of the
    checkpoint's tensors were used, and how many there are. Raises ModelError when
    most do not fit, or when one belongs to a part that this model keeps frozen: a frozen
    part is not saved with it, and the saved model would be another.
    """
    tensors = read_tensors(folder / WEIGHTS)
    facts = read_json(folder / CONFIG).get("facts")
    same_facts = isinstance(facts, dict) and model.same_labels(facts)
    own = model.state_dict()
    fits = [name for name, value in tensors.items() if name in own and own[name].shape == value.shape
            and (same_facts or not name.startswith(model.label_weights))]
    frozen = [name for name in fits if name not in model.saved_state()]
    usable = [name for name in tensors if same_facts or not name.startswith(model.label_weights)]
    if frozen or 2 * len(fits) <= len(usable):
        reason = (f"would change {frozen[0]}, which this recipe keeps frozen" if frozen
                  else f"only {len(fits)} of its {len(usable)} tensors fit the model")
        raise ModelError(reason, where=str(folder),
                         hint="both must train the same parts of the same encoder (lora_rank, train_layers, "
                              "train_embeddings)")
    with torch.no_grad():
        for name in fits:
            own[name].copy_(tensors[name])  # state_dict shares memory with the model
    return len(fits), len(tensors)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file. Raises ModelError when it is missing, damaged, a pickle in disguise, or
    holds NaN or infinity."""
    if not path.is_file():
        others = [
            p.name for p in path.parent.glob("*") if p.suffix in {".bin", ".pt", ".pth", ".pkl", ".ckpt"}
        ]
        hint = "was the training interrupted? try --resume"
        if others:
            hint = f"{others[0]} is a pickle, which is never loaded"
        raise ModelError("no such file", where=str(path), hint=hint)
    with open(path, "rb") as stream:
        head = stream.read(9)
    # Safetensors begin with the length of a JSON object, whose bytes may be any, a pickle's among them.
    if head[8:] != b"{" and (head[:4] == b"PK\x03\x04" or
                             (head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05")):
        raise ModelError("is a pickle, not safetensors; pickles are never loaded because they can run code",
                         where=str(path), hint="convert it to safetensors where you trust it")
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as problem:
        raise ModelError(f"is damaged: {problem}", where=str(path)) from None
    refuse_not_finite(tensors.items(), path)
    return tensors


def _name(path: str) -> str:
    """A model's path of today, without the folder of its file."""
    where, _, name = current(path).rpartition(":")
    return f"{Path(where).name if where.endswith('.py') else where}:{name}"
