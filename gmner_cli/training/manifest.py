"""What a training run was: enough to repeat it, and to tell two runs apart."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from gmner_cli.errors import GmnerError, printable
from gmner_cli.files.digest import sha256
from gmner_cli.flow.recipe_values import spelled_out
from gmner_cli.flow.run_contents import compared
from gmner_cli.records import Post
from gmner_cli.records.jsonl import encode, write_atomic
from gmner_cli.training.settings import TrainSettings
from gmner_cli.version import VERSION

FILE = "run.json"
_PACKAGES = ("torch", "transformers", "peft", "pytorch-crf", "numpy", "pillow", "safetensors")

_SAME = {
    "section": ("command", ),
    "recipe": ("recipe", ),
    "seed": ("seed", ),
    "precision": ("precision", ),
    "--label-map": ("label_map", ),
    "--limit": ("limit", ),
    "--images": ("images", ),
    "--on-missing-image": ("on_missing_image", ),
    "training data": ("data", "train", "sha256"),
    "dev data": ("data", "dev", "sha256"),
    "--init": ("init", "sha256"),
    "labels or base weights": ("facts", ),
    "number of usable posts and pictures": ("usable", ),
    "number of posts whose named pictures can be read": ("named_pictures", ),
    "input of the stages before the model": ("earlier_stages", ),
}
"""What must not change between a killed run and the one that goes on with it, and where it is written.

Files count by what they hold, so that they may be moved."""

MOST_TOLD, LONGEST_TOLD = 5, 100
"""Values of a kind that are named, and characters that are shown of one."""


def describe(command: str, recipe: dict[str, Any], data: dict[str, tuple[Path | str,
                                                                         Iterable[Post]]], seed: int,
             device: torch.device, precision: str, init: Path | None, **options: Any) -> dict[str, Any]:
    """The run's inputs. ``data``: by role a file, with the posts that were read from it. ``init``: a weights
    file."""
    return {
        "gmner": VERSION,
        "command": command,
        "arguments": sys.argv[1:],
        "recipe": recipe,
        "seed": seed,
        **options,
        "data": {role: _describe_data(path, posts) for role, (path, posts) in data.items()},
        "init": _describe_file(init) if init else {},
        "device": torch.cuda.get_device_name(device)
        if device.type == "cuda" else platform.processor() or "cpu",
        "precision": precision,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def _describe_data(path: Path | str, posts: Iterable[Post]) -> dict[str, Any]:
    """A file by its content; a pipe, which can be read only once, by the posts that came out of it."""
    if Path(path).is_file():
        return _describe_file(Path(path))
    digest = hashlib.sha256()
    for post in posts:
        digest.update(encode(post) + b"\n")
    return {"path": str(path), "sha256": digest.hexdigest()}


def _describe_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise GmnerError("no such file", where=str(path))
    return {"path": str(path), "sha256": sha256(path), "bytes": path.stat().st_size}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def changes(before: dict[str, Any], about: dict[str, Any], growing: Sequence[str] = ()) -> list[str]:
    """What ``about`` says otherwise than the manifest ``before``, as far as ``about`` goes, with the values
    then and now.

    ``growing``: dotted paths of the recipe's numbers that may be larger now.
    """
    about = json.loads(json.dumps(about))  # as it would come back: lists for tuples, text for keys
    before, held = compared(before, about)
    trained = str(about.get("command", "")).removeprefix("train-")
    found = _changed_contents(held, trained)
    for name, path in _SAME.items():
        # Killed while the stages before the model ran, a training has no facts yet, nor what follows them.
        if path[0] not in about or (path[0] not in before and "facts" not in before):
            continue
        then, now = _dig(before, path), _dig(about, path)
        if path[0] not in before and not now:
            continue  # an option that was not there yet, and is not used
        if path == ("recipe",):
            then, now = spelled_out((then, now), about.get("sections") or now, TrainSettings)
            for section in set(about.get("sections") or ()) - {trained}:
                for values in (then, now):  # how those before it would be trained is nothing to this training
                    if isinstance(values, dict) and isinstance(values.get(section), dict):
                        values[section].pop("train", None)
        elif path == ("facts",) and isinstance(then, dict) and isinstance(now, dict):
            then = {**now, **then}  # of what was not learnt yet then, see ``going_on.as_begun``
        if path[-1] == "sha256":
            told = [_file(_dig(before, path[:-1]), _dig(about, path[:-1]))] if then != now else []
        elif path == ("earlier_stages",):
            told = [f"{where} {'is new' if old is None else 'is gone' if new is None else 'has changed'}"
                    for where, old, new in differences(then or {}, now)]
        else:
            told = [_then_and_now(where, *values) for where, *values in differences(then, now)
                    if not (path == ("recipe",) and where in growing and _grown(*values))]
        if told:
            found.append(_named(name, told))
    return found


def _changed_contents(held: dict[str, str], trained: str) -> list[str]:
    """What holds something else now, by what it is of a training."""
    told: dict[str, list[str]] = {}
    for path, how in held.items():
        if path == f"{trained}.model":
            told["file of the model"] = [how]
        else:
            name = "--images" if path.startswith("pictures.") else "content of the recipe's files"
            told.setdefault(name, []).append(f"{path}: {how}")
    return [_named(name, lines) for name, lines in told.items()]


def _named(name: str, told: list[str]) -> str:
    more = f", and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
    return f"{name} ({', '.join(told[:MOST_TOLD])}{more})"


def differences(then: Any, now: Any, at: str = "") -> Iterator[tuple[str, Any, Any]]:
    """``(dotted path, then, now)`` of every value in nested dicts that is not the same."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in {**then, **now}:
            yield from differences(then.get(key), now.get(key), f"{at}.{key}" if at else key)
    elif then != now:
        yield at, then, now


def _grown(then: Any, now: Any) -> bool:
    return isinstance(then, int) and isinstance(now, int) and now > then


def _then_and_now(where: str, then: Any, now: Any) -> str:
    return (f"{where}: " if where else "") + f"{_shown(then)} then, {_shown(now)} now"


def _file(then: Any, now: Any) -> str:
    """How a file differs that has another content now."""
    old, new = (part.get("path") if isinstance(part, dict) else None for part in (then, now))
    return f"{_shown(old)} has changed" if old == new else _then_and_now("", old, new)


def _shown(value: Any) -> str:
    """A value in one short line."""
    text = "none" if value is None else value if isinstance(value, str) and value else json.dumps(
        value, ensure_ascii=False)
    return printable(text if len(text) <= LONGEST_TOLD else text[:LONGEST_TOLD] + "...")


def _dig(content: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def write(folder: Path, content: dict[str, Any]) -> None:
    """Write ``folder/run.json`` atomically."""
    write_atomic(folder / FILE, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read(folder: Path) -> dict[str, Any] | None:
    """The manifest of a folder, or None."""
    path = folder / FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
