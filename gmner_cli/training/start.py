"""Where a training starts from: another trained model's folder, or the weights that a recipe comes with."""

from __future__ import annotations

from pathlib import Path

from gmner_cli import recipes
from gmner_cli.errors import UsageError, did_you_mean
from gmner_cli.recipes import EMBEDDED, Section
from gmner_cli.weights.model_folder import WEIGHTS


def start_folder(name: Path | str, stage: str) -> Path:
    """The model folder that ``name`` stands for, which holds weights.

    ``name``: a folder, "embedded:PATH" for weights shipped with the tool, or a recipe (its name, or
    a YAML file) whose section ``stage`` has weights. Of a folder and a recipe of the same name, the folder is
    meant. Raises UsageError.
    """
    name = str(name)
    if name.startswith("embedded:"):
        return _with_weights(EMBEDDED / name.removeprefix("embedded:"), name, stage)
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return folder
    if name not in recipes.names() and not folder.is_file():
        near = did_you_mean(name, recipes.names()) if "/" not in name else None
        raise UsageError(f"--init {name}: there is no such folder and no such recipe",
                         hint=f"{near} {_known(stage)}" if near and near.startswith("did") else _known(stage))
    if folder.is_file() and folder.suffix not in (".yaml", ".yml"):
        raise UsageError("--init wants the folder of a trained model, not a file of it", where=name,
                         hint=_known(stage))
    return _with_weights(_weights_of(name, stage), name, stage)


def _weights_of(recipe: str, stage: str) -> Path | None:
    values = recipes.load(recipe)
    section: Section | None = values.section(stage) if stage in values.values else None
    return section.weights_folder() if section else None


def _with_weights(folder: Path | None, name: str, stage: str) -> Path:
    if folder is None or not (folder / WEIGHTS).is_file():
        raise UsageError(f"--init {name}: there are no weights for {stage!r}", hint=_known(stage))
    return folder


def _known(stage: str) -> str:
    """A hint that lists what could be given."""
    known = [
        name for name in recipes.names()
        if (folder := _weights_of(name, stage)) and (folder / WEIGHTS).is_file()
    ]
    return (f"give the folder of a trained model, or a recipe that has weights for {stage!r}: "
            f"{', '.join(known) or 'none has'}")
