"""Recipes: YAML files that say which stages run, with which model, settings and training values.

A shipped recipe spells out every value, so to read the file is to read the defaults. A recipe of your own can
begin with ``extends: mini`` and give only what differs. If it names another model for a section, the settings
and weights of the old one are dropped, and so are ``head_lr`` and ``metric``, which are about its parts. A
``file.py`` that holds a model lies beside the recipe (``places``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from gmner_cli.classes.shipped import is_shipped
from gmner_cli.errors import UsageError, did_you_mean, shown
from gmner_cli.files.plain_yaml import parse, read_file
from gmner_cli.moved import current
from gmner_cli.recipes.places import place, place_files

FOLDER = Path(__file__).parent
EMBEDDED = FOLDER / "weights"
_TOP = {"name", "about", "note", "extends", "stages", "precision"}
_SECTION: dict[str, type[Any]] = {"model": str, "stage": str, "weights": str, "batch_size": int,
                                  "settings": dict, "train": dict}
_WORDS = {str: "text", int: "a whole number above 0", dict: "a mapping of names to values"}
UNSPELT = ("ties",)
"""Values of ``train`` that --set may give though no recipe spells them out: they came after the recipes."""
_DEEPEST = 20
"""How many recipes one may extend, each through the next."""


@dataclass
class Section:
    """One section of a recipe: a stage, or a model that is only trained.

    ``model``: a ``Model`` as package.module:Class or file.py:Class; or ``stage``: a ``Stage``, likewise.
    ``weights``: a model folder; "embedded:PATH" for one that is shipped with the tool; None if the settings
    name pretrained weights.
    """

    name: str
    recipe: str
    model: str | None = None
    stage: str | None = None
    weights: str | None = None
    batch_size: int = 16
    settings: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] | None = None

    @property
    def class_path(self) -> str:
        """``model``. Raises UsageError where the section names none."""
        if self.model is None:
            raise UsageError(f"section {self.name!r} names no model", where=f"recipe {self.recipe}")
        return self.model

    def weights_folder(self) -> Path | None:
        """Where the weights lie; None when there are none to load."""
        if self.weights and self.weights.startswith("embedded:"):
            return EMBEDDED / self.weights.removeprefix("embedded:")
        return Path(self.weights).expanduser() if self.weights else None


@dataclass
class Recipe:
    """A whole recipe; ``values`` is the YAML content with overrides applied."""

    name: str
    values: dict[str, Any]
    changed: list[str] = field(default_factory=list)
    """Dotted paths of the values that the user set for this run."""

    @property
    def stages(self) -> list[str]:
        return list(self.values.get("stages", []))

    @property
    def sections(self) -> list[str]:
        """Names of all sections: the stages, and what can be trained though it is none."""
        return [name for name in self.values if name not in _TOP]

    @property
    def precision(self) -> str:
        """What `predict` computes in: auto, float32 or bfloat16. Training has ``train.precision``."""
        return str(self.values.get("precision", "auto"))

    def changed_settings(self, name: str) -> dict[str, Any]:
        """The model settings of a stage that the user set for this run."""
        start = f"{name}.settings."
        return {path.removeprefix(start): self.values[name]["settings"][path.removeprefix(start)]
                for path in self.changed if path.startswith(start) and path.count(".") == 2}

    def section(self, name: str) -> Section:
        """The section of a stage. Raises UsageError when the recipe has none."""
        content = self.values.get(name)
        if not isinstance(content, dict) or name in _TOP:
            has = [k for k in self.values if k not in _TOP]
            raise UsageError(f"recipe {self.name!r} has no section {name!r}; it has {', '.join(has)}",
                             hint="`gmner recipes` lists the recipes and what each one holds")
        return Section(name=name, recipe=self.name, **content)


def names() -> list[str]:
    """Names of the recipes shipped with the tool."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load(name: str, overrides: Sequence[str] = (), within: str | None = None,
         visit: Callable[[Path], object] = lambda path: None) -> Recipe:
    """A recipe by name or by path of a YAML file, with ``KEY=VALUE`` overrides.

    A key is a dotted path or any unambiguous end of one (``epochs`` for ``ner.train.epochs``). ``within``:
    the section in which short keys are looked up first. ``visit`` is called with every file of the user's
    before it is read. Raises UsageError for unknown names and keys.
    """
    values = _read(name, (), visit)
    _check(values, name)
    recipe = Recipe(str(values.get("name", Path(name).stem)), values)
    for override in overrides:
        key, mark, text = override.partition("=")
        if not mark:
            raise UsageError(f"--set {override!r} is not of the form KEY=VALUE")
        value = parse(text, f"--set {shown(key)}")
        path = _full_key(values, key.strip(), within)
        _put(values, path, value)
        recipe.changed.append(path)
    _check(values, name)
    _rename(values)
    return recipe


def text_of(recipe: Recipe, escaped: bool = False) -> str:
    """The whole recipe as YAML; ``escaped``: in ASCII alone."""
    return yaml.safe_dump(recipe.values, sort_keys=False, allow_unicode=not escaped, width=100)


def _read(name: str, seen: tuple[str, ...], visit: Callable[[Path], object]) -> dict[str, Any]:
    """Content of a recipe with what it extends merged in."""
    path = FOLDER / f"{name}.yaml"
    if name not in names():
        path = Path(name).expanduser()
        visit(path)
        if not os.path.lexists(path):
            raise UsageError(f"no recipe {name!r}", hint=did_you_mean(name, names()))
    if str(path) in seen or len(seen) > _DEEPEST:
        raise UsageError(f"extends itself through {' -> '.join(seen)}", where=str(path))
    content = read_file(path)
    if not isinstance(content, dict):
        raise UsageError("is not a recipe: it must hold keys and values", where=str(path))
    _rename(content)
    own = path.parent != FOLDER
    if own:
        place_files(content, path.resolve())
    parent = content.pop("extends", None)
    if parent is None:
        return content
    parent = str(parent)
    if own and parent.endswith((".yaml", ".yml")):
        parent = place(parent, path.resolve())
    below = _read(parent, (*seen, str(path)), visit)
    below.pop("name", None)
    return {"name": path.stem, **_merge(below, content)}


def _rename(values: dict[str, Any]) -> None:
    """Call models and stages by their names of today, in place."""
    for section in values.values():
        for kind in ("model", "stage"):
            if isinstance(section, dict) and isinstance(section.get(kind), str):
                section[kind] = current(section[kind])


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(_lasting(merged[key], value), value) if both else value
    return merged


def _lasting(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """What of a section still holds under the one above: another model has other settings and weights."""
    other = any(kind in above and above[kind] != below.get(kind) for kind in ("model", "stage"))
    if not other:
        return below
    kept: dict[str, Any] = {key: below[key] for key in ("batch_size", "train") if key in below}
    if isinstance(kept.get("train"), dict):
        kept["train"] = {
            key: None if key in ("head_lr", "metric") else value for key, value in kept["train"].items()
        }
    return kept


def _check(values: dict[str, Any], name: str) -> None:
    for key in _TOP - {"stages"}:
        if not isinstance(values.get(key), (str, type(None))):
            raise UsageError(f"the value of {key!r} must be text", where=f"recipe {name}",
                             hint="write it in quotes")
    stages = values.get("stages") or []
    if not isinstance(stages, list) or not all(isinstance(stage, str) for stage in stages):
        raise UsageError("the value of 'stages' must be a list of sections", where=f"recipe {name}")
    for stage in stages:
        if stage not in values:
            raise UsageError(f"stage {stage!r} has no section of its own", where=f"recipe {name}",
                             hint=did_you_mean(stage, [k for k in values if k not in _TOP]))
    for key, section in values.items():
        if key in _TOP:
            continue
        if not isinstance(section, dict):
            raise UsageError(f"unknown key {key!r}", where=f"recipe {name}", hint=did_you_mean(key, _TOP))
        for inner in section:
            if inner not in _SECTION:
                raise UsageError(f"unknown key {key}.{inner}", where=f"recipe {name}",
                                 hint=did_you_mean(inner, _SECTION))
            kind, value = _SECTION[inner], section[inner]
            if value is not None and (not isinstance(value, kind) or
                                      (kind is int and (isinstance(value, bool) or value < 1))):
                raise UsageError(f"the value of '{key}.{inner}' must be {_WORDS[kind]}",
                                 where=f"recipe {name}")
        if not section.get("model") and not section.get("stage"):
            raise UsageError(f"section {key!r} names no model", where=f"recipe {name}",
                             hint="write model: package.module:Class")


def _paths(values: dict[str, Any], before: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield before + key
        if isinstance(value, dict):
            yield from _paths(value, f"{before}{key}.")


def _full_key(values: dict[str, Any], key: str, within: str | None) -> str:
    paths = list(_paths(values))
    trained = [name for name, section in values.items() if isinstance(section, dict) and section.get("train")]
    paths += [path for name in trained for key in UNSPELT if (path := f"{name}.train.{key}") not in paths]
    fits = [p for p in paths if p.endswith("." + key)]
    inside = [p for p in fits if within and p.startswith(within + ".")]
    # `precision` is the whole run's; a recipe need not spell it out.
    if not inside and (key in paths or key == "precision"):
        return key
    fits = inside or fits
    of_models = all(values[p.partition(".")[0]].get("model") for p in fits)
    if not inside and of_models and (own := _own_setting(values, key, within)):
        return own
    # A key of a section is meant before one of the same name deeper down (batch_size, say).
    shallow = [p for p in fits if p.count(".") == min(f.count(".") for f in fits)]
    if len(shallow) == 1:
        return shallow[0]
    if fits:
        raise UsageError(f"--set {key} is ambiguous", hint=f"write one of {', '.join(fits)}")
    near = get_close_matches(key, [*paths, *(p.rsplit(".", 1)[-1] for p in paths)], n=1)
    raise UsageError(f"--set {key}: the recipe has no such value",
                     hint=f"did you mean {near[0]!r}?" if near else
                     "`gmner recipes NAME` shows all that it has")


def _own_setting(values: dict[str, Any], key: str, within: str | None) -> str | None:
    """The path of a setting of a user's own code, which the recipe need not repeat."""
    stage, _, name = key.rpartition(".settings.")
    section = values.get(stage or within or "")
    code = section.get("model") or section.get("stage") if isinstance(section, dict) else None
    return None if "." in name or not code or is_shipped(str(code)) else f"{stage or within}.settings.{name}"


def _put(values: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for key in parents:
        if not isinstance(values.get(key), dict):
            values[key] = {}
        values = values[key]
    values[last] = value
