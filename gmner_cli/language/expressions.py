"""Referring expressions: the words by which a visual model is asked for an entity."""

from __future__ import annotations

from string import Formatter

import msgspec

from gmner_cli.errors import UsageError
from gmner_cli.recipes import Recipe
from gmner_cli.records import Entity, Post

_FIELDS = {"name", "type", "kind", "expansion"}


class Expressions:
    """Stage that fills ``expression`` of every entity.

    ``with_expansion`` is used where the entity has one (RiVEG, section IV-B2:
    ``Name (TYPE) - expansion``), ``without`` elsewhere. Both are format strings over
    {name}, {type}, {kind} (the type in everyday words, from ``kinds``) and {expansion}.
    """

    name = "expressions"

    def __init__(self, with_expansion: str, without: str, kinds: dict[str, str]):
        for template in (with_expansion, without):
            if not isinstance(template, str):
                raise UsageError(f"expression template {template!r} is not a text", hint="YAML wants quotes: '\"{name}\"'")
            unknown = {f for _, f, _, _ in Formatter().parse(template) if f is not None} - _FIELDS
            if unknown:
                raise UsageError(f"expression template {template!r} uses unknown {sorted(unknown)}",
                                 hint=f"it may use {', '.join(sorted(_FIELDS))}")
        self.with_expansion, self.without, self.kinds = with_expansion, without, kinds

    @classmethod
    def of(cls, recipe: Recipe, stage: str) -> Expressions | None:
        """The stage as ``recipe`` runs it before ``stage``, so that training and prediction ask in the same words."""
        before = recipe.stages[:recipe.stages.index(stage)] if stage in recipe.stages else []
        sections = [recipe.section(name) for name in before]
        own = [s for s in sections if s.stage == f"{cls.__module__}:{cls.__name__}"]
        return cls(**own[-1].settings) if own else None

    def __call__(self, posts: list[Post]) -> list[Post]:
        for post in posts:
            for entity in post.entities or []:
                entity.expression = self.express(post, entity)
        return posts

    def every_wording(self, posts: list[Post]) -> list[Post]:
        """The posts with each entity once for every one of its expansions, so that all are asked of one picture.

        RiVEG trains on the expansions of five language models (Table IV, the versions "after data
        augmentation"). An entity without one stays as it is. The posts given are not changed.
        """
        return self([msgspec.structs.replace(post, entities=[worded for entity in post.entities or []
                                                             for worded in _wordings(entity)]) for post in posts])

    def express(self, post: Post, entity: Entity) -> str:
        """The expression of one entity; tweet text is only ever inserted, never read as a template."""
        expansion = entity.expansions[0].text if entity.expansions else None
        template = self.with_expansion if expansion else self.without
        return template.format(name=post.text[entity.start:entity.end], type=entity.type, expansion=expansion,
                               kind=self.kinds.get(entity.type, entity.type.lower()))


def _wordings(entity: Entity) -> list[Entity]:
    return [msgspec.structs.replace(entity, expansions=[one] if one else None) for one in entity.expansions or [None]]


def expression_of(post: Post, entity: Entity) -> str:
    """The words by which a visual model asks for an entity: its expression, or its bare name where no stage gave one."""
    return entity.expression or post.text[entity.start:entity.end]
