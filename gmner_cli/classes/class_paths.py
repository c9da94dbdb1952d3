"""From what a recipe or a checkpoint names to a class, and from its settings to a model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from torch import nn

from gmner_cli.classes.own_code import load
from gmner_cli.errors import UsageError, did_you_mean
from gmner_cli.model import Model, WeightSource
from gmner_cli.moved import current
from gmner_cli.records import Post
from gmner_cli.records.fields import check_finds


def find_class(path: str, trusted: Iterable[str] = ()) -> type[Model]:
    """The class behind ``package.module:Class`` or ``file.py:Class``.

    A checkpoint may come from anywhere, so a path read from one is imported only
    when it lies inside gmner_cli or equals one of ``trusted`` (what the user's
    own recipe names). Raises UsageError or ModelError.
    """
    found, module = load(path, trusted)
    where, _, name = current(path).rpartition(":")
    if isinstance(found, type) and not issubclass(found, nn.Module) and "__call__" in dir(found):
        raise UsageError(f"{name} is no Model", where=where,
                         hint="a stage without weights is named by `stage:`, not by `model:`")
    if not (isinstance(found, type) and issubclass(found, Model)):
        raise UsageError(f"{where} has no Model named {name!r}", hint=did_you_mean(
            name, [n for n, v in vars(module).items() if isinstance(v, type) and issubclass(v, Model)]))
    _check_class(found, where)
    return found


def _check_class(kind: type[Model], where: str) -> None:
    check_finds(getattr(kind, "finds", None), kind.__name__, where)
    # What finds something writes it; only what pre-trains another can do without.
    lacking = [
        name for name in ("predict", "write") if kind.finds and getattr(kind, name) is getattr(Model, name)
    ]
    if left := sorted({*kind.__abstractmethods__, *lacking}):
        raise UsageError(f"{kind.__name__} has no {', '.join(f'`{name}`' for name in left)}", where=where)
    wanted: type[msgspec.Struct] = next(
        (vars(base)["Config"] for base in kind.__mro__[1:] if "Config" in vars(base)), msgspec.Struct)
    config: Any = getattr(kind, "Config", object)
    if not issubclass(config, msgspec.Struct) or not {*wanted.__struct_fields__
                                                      } <= {*config.__struct_fields__}:
        raise UsageError(f"{kind.__name__} has no Config of its settings", where=where,
                         hint=f"write in it, or above: class Config({wanted.__name__}, "
                              "forbid_unknown_fields=True)")


def parse_config(cls: type[Model], settings: dict[str, Any], where: str) -> msgspec.Struct:
    """Settings of a recipe as the model's Config. Raises UsageError with "did you mean"."""
    fields = cls.Config.__struct_fields__
    for key in settings:
        if key not in fields:
            raise UsageError(f"unknown setting {key!r} for {cls.__name__}", where=where,
                             hint=did_you_mean(key, fields))
    try:
        return msgspec.convert(settings, cls.Config)
    except msgspec.ValidationError as problem:
        raise UsageError(str(problem).replace("`", ""), where=where) from None


def new_model(path: str, settings: dict[str, Any], posts: Sequence[Post], *, recipe: str,
              offline: bool) -> Model:
    """A model to be trained, from a recipe's settings and the training posts."""
    cls = find_class(path, trusted=[path])
    config = parse_config(cls, settings, f"recipe {recipe}")
    facts = cls.learn_facts(config, posts)
    try:
        json.dumps(facts)
    except (TypeError, ValueError) as problem:
        raise UsageError(
            f"{cls.__name__}.learn_facts gives what cannot be saved as JSON: {problem}") from None
    model = cls(config, facts, WeightSource(offline=offline))
    model.origin = {"model": current(path), "recipe": recipe}
    return model
