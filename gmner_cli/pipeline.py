"""From a recipe to the stages that ``predict`` runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.hub import say, sha256
from gmner_cli.model import find_class, new_model
from gmner_cli.model_folder import WEIGHTS, load_model
from gmner_cli.plain_stage import find_stage, make_stage
from gmner_cli.recipes import Recipe, Section
from gmner_cli.records import Entity, Post
from gmner_cli.runtime import Runtime
from gmner_cli.stages import CheckImages, ModelStage, Pictures, Stage
from gmner_cli.training import trained_on
from gmner_cli.training.trained_on import Known

GOLD = ("spans", "groundable", "boxes")
"""What may be taken from the incoming entities, each including the ones before it."""

_REPLACED = {"spans": ("ner",), "groundable": ("ner", "ve"), "boxes": ("ner", "ve", "vg")}


def build(recipe: Recipe, runtime: Runtime, pictures: Pictures, *, gold: str | None = None,
          weights: Mapping[str, Path] | None = None, batch_size: int | None = None, offline: bool = False,
          tell: Callable[[str], None] = say) -> list[Stage]:
    """The stages of ``recipe``, models loaded.

    ``weights``: folders that replace the recipe's, by stage name. ``gold``: how
    much of the incoming entities is believed; the stages that would find it are
    left out. Raises UsageError or ModelError.
    """
    weights = dict(weights or {})
    names = recipe.stages
    for given in weights:
        if given not in names:
            raise UsageError(f"recipe {recipe.name!r} has no stage {given!r} for the folder {weights[given]}",
                             hint=f"its stages are {', '.join(names)}")
    if gold is not None and gold not in GOLD:
        raise UsageError(f"unknown --gold {gold!r}", hint=", ".join(GOLD))
    stages: list[Stage] = []
    if pictures.root is not None or looks(recipe):
        stages.append(CheckImages(pictures, tell))
    stages.append(BelieveGold(gold))
    for name in names:
        if name in _REPLACED.get(gold or "", ()):
            continue
        section = recipe.section(name)
        if section.stage:
            stages.append(make_stage(section, pictures))
        else:
            stages.append(_model_stage(section, weights.get(name), runtime, pictures, batch_size, offline,
                                       recipe.changed_settings(name)))
    return stages


def looks(recipe: Recipe) -> bool:
    """Whether any stage of the recipe reads pictures."""
    sections = (recipe.section(name) for name in recipe.stages)
    return any(_reads_images(find_class(s.model, trusted=[s.model]) if s.model else find_stage(s))
               for s in sections)


def weights_digests(recipe: Recipe, weights: Mapping[str, Path]) -> dict[str, str]:
    """sha256 of each stage's trained weights, so that a resumed run notices a model that was trained again."""
    digests = {}
    for name in recipe.stages:
        folder = weights.get(name) or recipe.section(name).weights_folder()
        if folder is not None and (folder / WEIGHTS).is_file():
            digests[name] = sha256(folder / WEIGHTS)
    return digests


def known_posts(recipe: Recipe, weights: Mapping[str, Path], gold: str | None = None) -> Known:
    """A stage that counts the posts that the models of this run were trained on; see ``build``."""
    names = {"ner": "the tagger", "ve": "visual entailment", "vg": "visual grounding"}
    folders = {name: weights.get(name) or recipe.section(name).weights_folder()
               for name in recipe.stages if name not in _REPLACED.get(gold or "", ())}
    return Known({names.get(name, f"stage {name}"): trained_on.read(folder) for name, folder in folders.items() if folder},
                 so="what was learnt by heart is right there, and a score on them says nothing")


def _model_stage(section: Section, folder: Path | None, runtime: Runtime, pictures: Pictures,
                 batch_size: int | None, offline: bool, changes: Mapping[str, Any]) -> ModelStage:
    given, folder = folder, folder or section.weights_folder()
    if folder is None:
        if find_class(section.model, trusted=[section.model]).needs_training:
            raise UsageError(f"stage {section.name!r} of recipe {section.recipe!r} comes untrained",
                             hint=f"train it with `gmner train-{section.name} ... --recipe {section.recipe} -o DIR`, "
                                  f"then give it with --{section.name} DIR")
        model = new_model(section.model, section.settings, [], recipe=section.recipe, offline=offline).eval()
    else:
        if given is None and (section.weights or "").startswith("embedded:") and not folder.exists():
            raise GmnerError(f"recipe {section.recipe!r} has no weights for {section.name!r} in this installation",
                             hint=f"give a trained model with --{section.name} DIR")
        model = load_model(folder, wanted=section.model, recipe=section.recipe, offline=offline, changes=changes)
    return ModelStage(section.name, model, runtime, batch_size or section.batch_size, pictures)


def _reads_images(kind: Any) -> bool:
    return getattr(kind, "reads_images", False)


class BelieveGold:
    """The first stage: forgets what incoming entities claim, but for what ``gold`` asks to keep.

    It makes sure that entities that come in never influence what is found.
    """

    name = "gold"
    window = 1

    def __init__(self, level: str | None):
        self.level = level

    def __call__(self, posts: list[Post]) -> list[Post]:
        return [post if post.set_aside else self._strip(post) for post in posts]

    def _strip(self, post: Post) -> Post:
        if self.level is None:
            return msgspec.structs.replace(post, entities=None, grounding=None)
        if post.entities is None:
            return msgspec.structs.replace(
                post, error=f"post {post.id}: --gold {self.level} needs `entities`, and the record has none")
        return msgspec.structs.replace(post, entities=[self._entity(post, e) for e in post.entities], grounding=None)

    def _entity(self, post: Post, entity: Entity) -> Entity:
        kept = Entity(start=entity.start, end=entity.end, type=entity.type, fine_type=entity.fine_type,
                      text=post.text[entity.start:entity.end], token_start=entity.token_start,
                      token_end=entity.token_end, expansions=entity.expansions, extra=dict(entity.extra))
        if self.level in ("groundable", "boxes") and entity.boxes is not None:
            kept.groundable = 1.0 if entity.boxes else 0.0
            if self.level == "boxes" or not entity.boxes:
                kept.boxes = entity.boxes
        return kept

