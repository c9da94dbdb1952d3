"""Recipes of two runs, spelled out so that they can be compared.

An earlier version may have written one of them, and knew fewer settings. What a recipe leaves out has its
default, so it is no difference when the other one says just that. Models and stages get their names of today.
Beside ``run_contents``, which compares what recipes name on disk.
"""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, fields
from typing import Any

import msgspec

from gmner_cli.classes.shipped import is_shipped
from gmner_cli.errors import GmnerError
from gmner_cli.moved import current
from gmner_cli.recipes import Recipe, Section

WORDS = ("about", "note")
"""What is for a recipe's readers."""


def spelled_out(recipes: Sequence[Any], sections: Iterable[str],
                training: type[msgspec.Struct] | None = None) -> list[Any]:
    """The values of recipes in which the ``sections`` that run have their defaults filled in; others are out.

    ``training``: the struct of what may stand in ``train``. None for a prediction: ``train`` is left out.
    Defaults of settings are those of the model that the last recipe names, whose code may be run for them.
    What is no recipe is given back as it is.
    """
    if not all(isinstance(recipe, dict) for recipe in recipes):
        return list(recipes)
    found: list[Any] = [{"precision": Recipe("", {}).precision} for _ in recipes]
    for values, recipe in zip(found, recipes, strict=True):
        values |= {key: value for key, value in recipe.items()
                   if key not in WORDS and not isinstance(value, dict)}
    for name in sections:
        given = [recipe.get(name) for recipe in recipes]
        if not all(isinstance(section, dict) for section in given):
            for values, section in zip(found, given, strict=True):
                values[name] = section
            continue
        paths = [_paths(section) for section in given]
        for values, section, own in zip(found, given, paths, strict=True):
            section = {**_SECTION, **section, **own}
            settings = _defaults(own) if own == paths[-1] else {}
            section["settings"] = {**settings, **(section["settings"] or {})}
            trained = section.pop("train")
            if training is not None:
                section["train"] = trained if trained is None else {**_of_struct(training), **trained}
            values[name] = section
    return found


def _paths(section: dict[str, Any]) -> dict[str, str]:
    return {kind: current(section[kind]) for kind in ("model", "stage") if isinstance(section.get(kind), str)}


def _defaults(paths: dict[str, str]) -> dict[str, Any]:
    """Those of the settings of a section's model or stage; none where it cannot be asked."""
    from gmner_cli.classes.class_paths import find_class

    if path := paths.get("model"):
        try:
            return _of_struct(find_class(path, trusted=[path]).Config)
        except GmnerError:  # whoever builds the model says what is wrong
            return {}
    module, _, name = paths.get("stage", "").partition(":")
    if not is_shipped(module):
        return {}
    try:
        given = inspect.signature(getattr(importlib.import_module(module), name)).parameters.values()
    except (ImportError, AttributeError):
        return {}
    return _plain({one.name: one.default for one in given
                   if one.default is not one.empty and one.name != "pictures"})


def _of_struct(settings: type[msgspec.Struct]) -> dict[str, Any]:
    found = {}
    for one in msgspec.structs.fields(settings):
        if one.default is not msgspec.NODEFAULT:
            found[one.name] = one.default
        elif one.default_factory is not msgspec.NODEFAULT:
            found[one.name] = one.default_factory()
    return _plain(found)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """As they come back from a manifest: lists for tuples."""
    return json.loads(json.dumps(msgspec.to_builtins(values)))


_SECTION = {one.name: one.default if one.default_factory is MISSING else one.default_factory()
            for one in fields(Section) if one.name not in ("name", "recipe")}
"""What a section has that it does not say."""
