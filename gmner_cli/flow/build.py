"""From a recipe to the stages of a run: the first step of ``predict``.

Each section becomes a stage: a loaded model in a ``ModelStage``, or a class without weights
(``plain_stage``). ``CheckImages`` and ``KeepGold`` go in front; ``compose`` sends the posts through them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gmner_cli import sections
from gmner_cli.classes.class_paths import find_class, new_model
from gmner_cli.compute.runtime import Runtime
from gmner_cli.errors import GmnerError, UsageError, say
from gmner_cli.files.digest import sha256
from gmner_cli.flow.check_images import CheckImages
from gmner_cli.flow.compose import Stage
from gmner_cli.flow.keep_gold import KeepGold
from gmner_cli.flow.model_stage import ModelStage
from gmner_cli.flow.plain_stage import find_stage, make_stage
from gmner_cli.pictures.images import Pictures
from gmner_cli.recipes import Recipe, Section
from gmner_cli.records.fields import LEVELS, check_level, left_out
from gmner_cli.weights import trained_on
from gmner_cli.weights.model_folder import WEIGHTS, load_model
from gmner_cli.weights.trained_on import Known

GOLD = LEVELS
"""What ``--gold`` may be given."""


def build(recipe: Recipe, runtime: Runtime, pictures: Pictures, *, gold: str | None = None,
          weights: Mapping[str, Path] | None = None, batch_size: int | None = None, offline: bool = False,
          tell: Callable[[str], None] = say, made: dict[str, Stage] | None = None) -> list[Stage]:
    """The stages of ``recipe``, models loaded.

    ``weights``: folders that replace the recipe's, by stage name. ``gold``: how much of the incoming entities
    is believed; stages that would find nothing beyond it are left out. ``made``: stages by name that an
    earlier call made with the same recipe, weights and pictures; those that this call makes are added.
    Raises UsageError or ModelError.
    """
    made = {} if made is None else made
    weights = dict(weights or {})
    names = recipe.stages
    for given in weights:
        if given not in names:
            raise UsageError(f"recipe {recipe.name!r} has no stage {given!r} for the folder {weights[given]}",
                             hint=f"its stages are {', '.join(names)}")
        if recipe.section(given).stage:
            raise UsageError(f"stage {given!r} of recipe {recipe.name!r} is no model, so the folder "
                             f"{weights[given]} cannot be its weights", hint=_with_models(recipe))
    stages: list[Stage] = []
    for name in needed_stages(recipe, gold):
        if name not in made:
            made[name] = build_stage(recipe.section(name), runtime, pictures, weights=weights.get(name),
                                     batch_size=batch_size, offline=offline,
                                     changes=recipe.changed_settings(name))
        stages.append(made[name])
    found = [field for stage in stages for field in getattr(stage, "finds", ())]
    first = [CheckImages(pictures, tell)] if pictures.root is not None or looks(recipe) else []
    return [*first, KeepGold(gold, found), *stages]


def needed_stages(recipe: Recipe, gold: str | None = None) -> list[str]:
    """The stages of ``recipe`` that are needed when ``gold`` is believed: those that find more than it gives.

    Raises UsageError for an unknown level, and for a stage that finds entities and more at once.
    """
    check_level(gold)
    if gold is None:
        return recipe.stages

    def needed(name: str) -> bool:
        finds = getattr(stage_class(recipe.section(name)), "finds", ())
        return not left_out(finds, gold, f"stage {name!r} of recipe {recipe.name!r}")

    return [name for name in recipe.stages if needed(name)]


def _with_models(recipe: Recipe) -> str:
    models = [name for name in recipe.stages if recipe.section(name).model]
    return f"stages with weights are {', '.join(models)}" if models else "none of its stages is one"


def build_stage(section: Section, runtime: Runtime, pictures: Pictures, *, weights: Path | None = None,
                batch_size: int | None = None, offline: bool = False,
                changes: Mapping[str, Any] | None = None) -> Stage:
    """The stage of one section of a recipe, its model loaded.

    ``weights``: a folder that replaces the section's. ``changes``: settings that the user set for this run,
    as ``Recipe.changed_settings`` gives them. Raises UsageError or ModelError.
    """
    if section.stage:
        return make_stage(section, pictures)
    return _model_stage(section, weights, runtime, pictures, batch_size, offline, changes or {})


def stage_class(section: Section) -> Any:
    """The class of a section's model or stage; none is made. Raises UsageError."""
    return find_class(section.model, trusted=[section.model]) if section.model else find_stage(section)


def looks(recipe: Recipe) -> bool:
    """Whether any stage of the recipe reads pictures."""
    return any(_reads_images(stage_class(recipe.section(name))) for name in recipe.stages)


def weights_digests(recipe: Recipe, weights: Mapping[str, Path]) -> dict[str, str]:
    """By stage, sha256 of its trained weights: a resumed run notices a model that was trained again."""
    digests = {}
    for name in recipe.stages:
        folder = weights.get(name) or recipe.section(name).weights_folder()
        if folder is not None and (folder / WEIGHTS).is_file():
            digests[name] = sha256(folder / WEIGHTS)
    return digests


def known_posts(recipe: Recipe, weights: Mapping[str, Path], gold: str | None = None) -> Known:
    """A stage that counts the posts that the models of this run were trained on. Parameters: as ``build``."""
    folders = {name: weights.get(name) or recipe.section(name).weights_folder()
               for name in needed_stages(recipe, gold)}
    return Known(
        {sections.words(name): trained_on.read(folder) for name, folder in folders.items() if folder},
        so="what was learnt by heart is right there, and a score on them says nothing")


def _model_stage(section: Section, folder: Path | None, runtime: Runtime, pictures: Pictures,
                 batch_size: int | None, offline: bool, changes: Mapping[str, Any]) -> ModelStage:
    given, folder = folder, folder or section.weights_folder()
    if folder is None:
        if find_class(section.class_path, trusted=[section.class_path]).needs_training:
            raise UsageError(f"stage {section.name!r} of recipe {section.recipe!r} comes untrained",
                             hint=f"train it with `{sections.training(section.name)} ... --recipe "
                                  f"{section.recipe} -o DIR`, then give it with "
                                  f"{sections.giving(section.name)}")
        model = new_model(section.class_path, section.settings, [], recipe=section.recipe,
                          offline=offline).eval()
    else:
        if given is None and (section.weights or "").startswith("embedded:") and not folder.exists():
            raise GmnerError(f"recipe {section.recipe!r} has no weights for {section.name!r} in this "
                             "installation",
                             hint=f"give a trained model with {sections.giving(section.name)}")
        model = load_model(folder, wanted=section.model, recipe=section.recipe, offline=offline,
                           changes=changes)
    return ModelStage(section.name, model, runtime, batch_size or section.batch_size, pictures)


def _reads_images(kind: Any) -> bool:
    return getattr(kind, "reads_images", False)
