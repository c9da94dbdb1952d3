"""Where the files lie that a recipe of a user's own names: beside it, wherever the command runs.

What is typed after --set, and every flag, is meant from the working directory.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from gmner_cli.errors import printable

_NAMES_NO_PATH = ("embedded:", "package:")


@cache
def _say_once(message: str) -> None:
    from gmner_cli.errors import say

    say(message)


def place_files(content: dict[str, Any], recipe: Path, tell: Callable[[str], object] = _say_once) -> None:
    """Make the paths in a recipe whole, in place: ``file.py:Class``, ``weights``, and what stands in
    ``settings``.

    There ``./x`` and ``../x`` are paths, and ``a/b`` is one where it lies beside the recipe; else it is a hub
    id. What lies in the working directory alone is taken from there for one more release; ``tell`` hears of
    that.
    """
    for section in content.values():
        if not isinstance(section, dict):
            continue
        for kind in ("model", "stage"):
            code = section.get(kind)
            file, _, name = code.rpartition(":") if isinstance(code, str) else ("", "", "")
            if file.endswith(".py"):
                section[kind] = f"{place(file, recipe, tell)}:{name}"
        weights = section.get("weights")
        if isinstance(weights, str) and weights and not weights.startswith(_NAMES_NO_PATH):
            section["weights"] = place(weights, recipe, tell)
        if isinstance(section.get("settings"), dict):
            section["settings"] = _within(section["settings"], recipe, tell)


def place(name: str, recipe: Path, tell: Callable[[str], object] = _say_once) -> str:
    """The path ``name`` as it is meant in ``recipe``."""
    path = Path(name).expanduser()
    if path.is_absolute():
        return str(path)
    beside = recipe.parent / path
    if os.path.lexists(beside) or not os.path.lexists(path):
        return str(beside)
    tell(f"{printable(name)} of {printable(str(recipe))} does not lie beside it; the one in the working "
         "directory is taken, "
         "which the next release will not do: write its path from the recipe")
    return str(path.absolute())


def _within(value: Any, recipe: Path, tell: Callable[[str], object]) -> Any:
    if isinstance(value, dict):
        return {key: _within(inner, recipe, tell) for key, inner in value.items()}
    if isinstance(value, list):
        return [_within(inner, recipe, tell) for inner in value]
    if not isinstance(value, str) or "/" not in value or "\0" in value:
        return value
    if value.startswith(("./", "../")):
        return place(value, recipe, tell)
    if ":" in value or os.path.isabs(value):
        return value
    try:
        beside, here = os.path.lexists(recipe.parent / value), os.path.lexists(value)
    except (OSError, ValueError):  # no path at all
        return value
    if beside:
        tell(
            f"{printable(value)} of {printable(str(recipe))} is what lies beside it, and no model of the hub")
    return place(value, recipe, tell) if beside or here else value
