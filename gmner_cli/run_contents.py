"""What a run was made with, by content: what its recipe names on disk, so that two runs are told apart by that and not by paths.

A manifest keeps the paths, for people, and beside them ``contents``: by the dotted name of a recipe's value the sha256 of what it
names. ``compared`` is the one place where the recipes of two manifests are laid side by side.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from gmner_cli.errors import GmnerError, printable
from gmner_cli.hub import sha256
from gmner_cli.own_code import digests
from gmner_cli.recipes import Recipe

WORDS = ("name", "about", "note")
"""Of a recipe: what is for its readers."""

CODE = ("model", "stage")
"""Of a section: what names code."""

_OF_MODELS = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")
"""Files of a model's folder that say what it is, also in folders right in it."""
_NOT_OF_MODELS = ("run.json", "resume.safetensors")
_LISTED = "list:"
"""Begins what is known of a folder that holds no model: names and sizes of its files."""
_MOST_LISTED = 100_000


def named_contents(recipe: Recipe, without: Collection[str] = ()) -> dict[str, Any]:
    """By dotted name, what each value of the recipe's sections holds that is the user's own and on disk.

    Code: the sha256 of each of its files. Weights and folders of models: one sha256 of all their files. Other files:
    theirs; other folders: one of the names and sizes of what lies in them. ``without``: values that are left out.
    """
    found: dict[str, Any] = {}
    for section, values in recipe.values.items():
        if not isinstance(values, dict):
            continue
        for path, value in _texts(values, section):
            if path in without:
                continue
            key = path.split(".")[1]
            if key in CODE:
                content: Any = digests(value)
            elif key == "weights":
                content = _on_disk(recipe.section(section).weights_folder()) if not value.startswith("embedded:") else None
            else:
                content = _on_disk(_path(value)) if key == "settings" else None
            if content:
                found[path] = content
    return found


def compared(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The manifest ``before`` as far as it must be that of ``now``, and what changed of what both know by content.

    In the first, a path is that of ``now`` wherever both know what lay there, and ``contents``, ``code`` and ``pictures``,
    which are about that, are as now. The second has, by dotted name, a sentence for each that holds something else now.
    """
    then, here = _known(before), _known(now)
    recipe, current = dict(_dict(before, "recipe")), _dict(now, "recipe")
    told = _weights(now)  # those differ under ``weights``
    changed: dict[str, str] = {}
    for path in sorted(then.keys() & here.keys()):
        old, new = _at(recipe, path), _at(current, path)
        if path.partition(".")[2] in CODE:
            if _class(old) != _class(new):
                continue  # another class, which the recipe's values say
            if line := _files(then[path], here[path]):
                changed[path] = line
        elif then[path] != here[path] and path not in told:
            if str(here[path]).startswith(_LISTED) and old == new:
                continue  # a folder that a run may well write to
            changed[path] = f"{_shown(new)} has changed" if old == new else f"{_shown(new)} holds something else than {_shown(old)}"
        recipe = _with(recipe, path.split("."), new)
    for word in WORDS:
        recipe.pop(word, None)
        if word in current:
            recipe[word] = current[word]
    seen, found = _pictures(before, now)
    kept = {**before, **({"recipe": recipe} if "recipe" in before else {}), **seen}
    for key in ("contents", "code", "pictures"):
        kept.pop(key, None)
        if key in now:
            kept[key] = now[key]
    return kept, {**changed, **found}


def _known(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a manifest knows by content. A training's ``code`` is that of the model it trains; older ones hold the file's alone."""
    known = {**_dict(manifest, "contents"), **_weights(manifest)}
    trained = str(manifest.get("command", "")).removeprefix("train-")
    if manifest.get("code"):
        known[f"{trained}.model"] = manifest["code"]
    return known


def _weights(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The digests of weights that a prediction names by their sections, in its own words."""
    return {f"{section}.weights": digest for section, digest in _dict(manifest, "weights").items()}


def _dict(manifest: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = manifest.get(key)
    return value if isinstance(value, dict) else {}


def _files(then: Any, now: Any) -> str | None:
    """Which files of a user's code are not what they were."""
    if isinstance(then, str) or isinstance(now, str):
        same = _main(then) == _main(now)
        return None if same else f"{printable(next(iter(now), 'it') if isinstance(now, dict) else 'it')} has changed"
    said = [f"{printable(name)} {'has changed' if name in then and name in now else 'is new' if name in now else 'is gone'}"
            for name in {**then, **now} if then.get(name) != now.get(name)]
    return ", ".join(said) or None


def _main(code: Any) -> str | None:
    return next(iter(code.values()), None) if isinstance(code, dict) else code


def _pictures(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """``images`` as now, where pictures that both know are the same; else which are not. See ``picture_digests``."""
    then, here = _dict(before, "pictures"), _dict(now, "pictures")
    both = sorted(then.keys() & here.keys())
    if not both:
        return {}, {}
    changed = {f"pictures.{name}": "not what they were" for name in both if then[name] != here[name]}
    return {"images": now.get("images")}, changed


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, f"{path}.{number}")
    elif isinstance(value, str):
        yield path, value


def _path(value: str) -> Path | None:
    """What a setting names on disk. A bare word may be many things; it counts where it is the folder of a model."""
    try:
        path = Path(value).expanduser()
        bare = "/" not in value and os.sep not in value
        return path if os.path.exists(path) and (not bare or (path / "config.json").is_file()) else None
    except (OSError, ValueError, RuntimeError):  # no path at all
        return None


def _on_disk(path: Path | None) -> str | None:
    try:
        if path is None or not path.exists():
            return None
        if path.is_file():
            return sha256(path)
        if not path.is_dir():
            return None
        if (path / "config.json").is_file():
            return _of_model(path)
        return _listed(path)
    except (OSError, GmnerError):  # whoever reads it says so
        return None


def _of_model(folder: Path) -> str:
    files = {file for pattern in _OF_MODELS for near in (pattern, f"*/{pattern}") for file in folder.glob(near)
             if file.is_file() and file.name not in _NOT_OF_MODELS}
    lines = [f"{sha256(file)} {file.relative_to(folder).as_posix()}" for file in sorted(files)]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _listed(folder: Path) -> str | None:
    digest, count = hashlib.sha256(), 0
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            count += 1
            if count > _MOST_LISTED:
                return None
            file = os.path.join(place, name)
            size = os.stat(file).st_size if os.path.isfile(file) else -1
            digest.update(f"{os.path.relpath(file, folder)}\0{size}\n".encode("utf-8", "surrogateescape"))
    return _LISTED + digest.hexdigest()


def _class(code: Any) -> str:
    """``file.py:Class`` without the folder of the file; other names as they are."""
    where, _, name = str(code).rpartition(":")
    return f"{Path(where).name if where.endswith('.py') else where}:{name}"


def _at(values: Any, path: str) -> Any:
    for key in path.split("."):
        if isinstance(values, list):
            values = values[int(key)] if key.isdigit() and int(key) < len(values) else None
        else:
            values = values.get(key) if isinstance(values, dict) else None
    return values


def _with(values: Any, keys: list[str], value: Any) -> Any:
    """``values`` with another one at a place; what is not there stays so."""
    if not keys:
        return value
    first, *rest = keys
    if isinstance(values, list) and first.isdigit() and int(first) < len(values):
        return [_with(inner, rest, value) if number == int(first) else inner for number, inner in enumerate(values)]
    if isinstance(values, dict) and first in values:
        return {key: _with(inner, rest, value) if key == first else inner for key, inner in values.items()}
    return values


def _shown(value: Any) -> str:
    return printable(str(value))
