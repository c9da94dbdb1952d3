"""What the shell is told when a user presses Tab on a value. Each of these runs in a process of its own, so
none may import torch."""

from __future__ import annotations

from glob import glob
from pathlib import Path

import typer

from gmner_cli.sections import KNOWN

LLMS = ("template", "world", "world:", "file:", "smollm2", "hf:", "openai:")
"""Names of ``--llm``; after a colon comes what only the user knows."""
GOLD = ("spans", "groundable", "boxes")
_MOST_FILES = 200


def recipes(incomplete: str) -> list[str]:
    """The tool's recipes, and YAML files where the user is, or where the path that is begun leads."""
    from gmner_cli.recipes import names

    return [name for name in (*names(), *_files(incomplete, ".yaml", ".yml")) if name.startswith(incomplete)]


def datasets(incomplete: str) -> list[str]:
    """Names of data sets."""
    from gmner_cli.data import adapters

    return [name for name in (*adapters(), "scenes") if name.startswith(incomplete)]


def devices(incomplete: str) -> list[str]:
    """auto, cpu, and the GPUs that the driver shows."""
    gpus = sorted(
        int(path.removeprefix("/dev/nvidia"))
        for path in glob("/dev/nvidia[0-9]*")
        if path.removeprefix("/dev/nvidia").isdigit())
    return [
        name for name in ("auto", "cpu", *(["cuda"] if gpus else []),
                          *(f"cuda:{n}" for n in range(len(gpus)))) if name.startswith(incomplete)
    ]


def sections(ctx: typer.Context, incomplete: str) -> list[str]:
    """Sections of the recipe that is named before, or of mini, that can be trained."""
    return [name for name in _with_models(ctx, trained=True) if name.startswith(incomplete)]


def weights(ctx: typer.Context, incomplete: str) -> list[str]:
    """NAME= of ``--weights``; the folder follows."""
    return [f"{name}=" for name in _with_models(ctx, trained=False) if f"{name}=".startswith(incomplete)]


def llms(incomplete: str) -> list[str]:
    """Kinds of language models."""
    return [name for name in LLMS if name.startswith(incomplete)]


def gold(incomplete: str) -> list[str]:
    """How much of the incoming entities is believed."""
    return [level for level in GOLD if level.startswith(incomplete)]


def cascade(incomplete: str) -> list[str]:
    """LEVEL= of ``score --cascade``; the file follows."""
    return [f"{level}=" for level in GOLD if f"{level}=".startswith(incomplete)]


def _with_models(ctx: typer.Context, trained: bool) -> list[str]:
    """Of the recipe that is named before: its stages with a model, or, ``trained``, what can be trained."""
    from gmner_cli.errors import GmnerError
    from gmner_cli.recipes import load

    try:
        recipe = load(ctx.params.get("recipe") or "mini")
        found = [recipe.section(name) for name in (recipe.sections if trained else recipe.stages)]
    except GmnerError:
        return list(KNOWN)
    return [section.name for section in found if section.model and (section.train is not None or not trained)]


def _files(begun: str, *suffixes: str) -> list[str]:
    """Files with such a suffix, and folders, as the path ``begun`` would go on."""
    head, mark, _ = begun.rpartition("/")
    try:
        inside = sorted(Path(f"{head}{mark}" or ".").expanduser().iterdir())
        found = [f"{head}{mark}{path.name}{'/' if path.is_dir() else ''}" for path in inside[:_MOST_FILES]
                 if path.suffix in suffixes or (mark and path.is_dir())]
    except OSError:
        return []
    return [name for name in found if name != "gmner.yaml"]
