"""What the functions of ``gmner_cli.api`` are given, brought into the form that the library wants."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gmner_cli.errors import UsageError, shown

if TYPE_CHECKING:
    from gmner_cli.recipes import Recipe

File = str | Path
"""A path; "-" is stdin or stdout."""
Folder = str | Path
Changes = Mapping[str, Any] | Iterable[str]
"""Values of a recipe: {"ner.train.epochs": 3}, or ["ner.train.epochs=3"] as --set has them."""
Tell = Callable[[str], Any]
"""Gets each message, without a line end."""
Progress = Callable[[int], Any]
"""Gets the number of what was just finished."""

Function = TypeVar("Function", bound=Callable[..., Any])
LEAST = {"limit": 0, "window": 1, "batch_size": 1, "threads": 1, "seed": 0}
"""Of arguments that count, the smallest number."""


def undisturbed(function: Function) -> Function:
    """The function, which seeds what draws random numbers, and after which the caller's go on as before.

    It raises UsageError for a count that is none, which on a command line cannot be typed.
    """

    @wraps(function)
    def call(*args: Any, **named: Any) -> Any:
        from gmner_cli.compute.runtime import random_state_kept

        for name, least in LEAST.items():
            value = named.get(name)
            if value is not None and (type(value) is not int or value < least):
                raise UsageError(f"{name}={shown(repr(value))} is no whole number from {least} on")
        with random_state_kept():
            return function(*args, **named)

    return call  # type: ignore[return-value]


def no_progress(count: int) -> None:
    """Takes no notice of posts that are finished."""


def changes(given: Changes) -> list[str]:
    """As ``recipes.load`` wants them. Raises UsageError for a value that is no JSON."""
    if isinstance(given, str):
        raise UsageError(f"set={shown(given)!r} is one text",
                         hint='give a dict, as in set={"ner.train.epochs": 3}, or a list')
    if not isinstance(given, Mapping):
        return [str(change) for change in given]
    try:
        return [f"{key}={json.dumps(value, default=str, allow_nan=False)}" for key, value in given.items()]
    except ValueError as problem:
        raise UsageError(f"set: {problem}") from None


def path(given: Folder | None) -> Path | None:
    """A path, or None where none is given."""
    return None if given is None else Path(given)


def paths(given: File | Iterable[File] | None) -> list[Path]:
    """One path or several."""
    if given is None:
        return []
    return [Path(given)] if isinstance(given, (str, Path)) else [Path(one) for one in given]


def folders(given: Mapping[str, Folder] | None) -> dict[str, Path]:
    """Folders of trained models by stage."""
    return {name: Path(folder).expanduser() for name, folder in (given or {}).items()}


def image_folder(images: Folder | None, texts: File, follow_links: bool) -> Path:
    """Where pictures are looked for: ``images``, or the JSONL file's own place."""
    from gmner_cli.pictures.images import own_folder

    return own_folder(texts, follow_links) if images is None else Path(images)


def read_by(recipe: Recipe, name: File, weights: Mapping[str, Path]) -> list[Path]:
    """The files of a recipe, and the folders of its models, as far as they are a user's own."""
    found = [weights.get(stage) or recipe.section(stage).weights_folder() for stage in recipe.stages]
    return [place for place in (Path(name), *found) if place is not None and place.exists()]
