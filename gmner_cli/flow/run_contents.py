"""What a run was made with, told by content and not by paths.

A manifest keeps the paths of a recipe, for people, and beside them ``contents``: the sha256 of the file or
folder that each value of the recipe names. ``compared`` brings the manifest of an earlier run to the paths of
this one and says what changed; ``sink`` and ``training.manifest`` then compare the rest.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from gmner_cli.classes.own_code import digests
from gmner_cli.classes.shipped import is_shipped
from gmner_cli.errors import GmnerError, printable
from gmner_cli.files.digest import sha256
from gmner_cli.recipes import Recipe

WORDS = ("name", "about", "note")
"""Of a recipe: what is for its readers."""

CODE = ("model", "stage")
"""Of a section: what names code."""

WEIGHT_FILES = frozenset({".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".gguf", ".npz", ".npy"})
"""How files of weights end."""

_OF_MODELS = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")
"""Files of a model's folder that say what it is, also in folders right in it."""
_NOT_OF_MODELS = ("run.json", "resume.safetensors")
_LISTED = "list:"
"""Begins what is known of a folder that holds no model: names and sizes of its files."""
_MOST_LISTED = 100_000


def named_contents(recipe: Recipe, without: Collection[str] = ()) -> dict[str, Any]:
    """By dotted name, digests of all that the recipe's values name on disk and that is the user's own.

    Code: the sha256 of each of its files. Weights and other folders of models: one sha256 of all files.
    Another file: its sha256. Another folder: one of the names and sizes of what lies in it. ``without``:
    values that are left out.
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
                embedded = value.startswith("embedded:")
                content = None if embedded else _on_disk(recipe.section(section).weights_folder())
            else:
                content = _on_disk(_path(value)) if key == "settings" and _only_read(values, value) else None
            if content:
                found[path] = content
    return found


def _only_read(section: Mapping[str, Any], value: str) -> bool:
    """Whether what a setting names is only read: a user's own stage may write to a file that it is given (a
    log, a cache), but not to weights."""
    stage = section.get("stage")
    return not stage or is_shipped(stage) or Path(value).suffix in WEIGHT_FILES or os.path.isdir(value)


def compared(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The manifest ``before`` in the paths of ``now``, and what changed of what both know by content.

    In the first, each path whose content both manifests know is replaced by that of ``now``; ``contents``,
    ``code`` and ``pictures`` are those of ``now``, too, because they are compared here. The second has, by
    dotted name, a few words for each whose content differs. A path whose content only one of them knows
    stays, to be compared as it is written.
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
            other = "has changed" if old == new else f"holds something else than {_shown(old)}"
            changed[path] = f"{_shown(new)} {other}"
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
    """What a manifest knows by content. A training's ``code`` is that of the model that it trains."""
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
    if isinstance(then, str):  # of an older run, which noted the main file alone
        main, digest = next(iter(now.items()))
        return None if then == digest else f"{printable(main)} has changed"
    said = []
    for name in {**then, **now}:
        if then.get(name) != now.get(name):
            how = "is gone" if name not in now else "is new" if name not in then else "has changed"
            said.append(f"{printable(name)} {how}")
    return ", ".join(said) or None


def _pictures(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """``images`` as now, where both know some pictures, and which of these are not the same."""
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
    """What a setting names on disk. A bare word may be anything: it counts as the folder of a model."""
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
    files = {file for pattern in _OF_MODELS for near in (pattern, f"*/{pattern}")
             for file in folder.glob(near) if file.is_file() and file.name not in _NOT_OF_MODELS}
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
        return [_with(inner, rest, value) if str(number) == first else inner
                for number, inner in enumerate(values)]
    if isinstance(values, dict) and first in values:
        return {key: _with(inner, rest, value) if key == first else inner for key, inner in values.items()}
    return values


def _shown(value: Any) -> str:
    return printable(str(value))
