"""Referring expressions: the words by which a visual model is asked for an entity."""

from __future__ import annotations

from string import Formatter

from gmner_cli.errors import UsageError
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
            unknown = {f for _, f, _, _ in Formatter().parse(template) if f is not None} - _FIELDS
            if unknown:
                raise UsageError(f"expression template {template!r} uses unknown {sorted(unknown)}",
                                 hint=f"it may use {', '.join(sorted(_FIELDS))}")
        self.with_expansion, self.without, self.kinds = with_expansion, without, kinds

    def __call__(self, posts: list[Post]) -> list[Post]:
        for post in posts:
            for entity in post.entities or []:
                entity.expression = self.express(post, entity)
        return posts

    def express(self, post: Post, entity: Entity) -> str:
        """The expression of one entity; tweet text is only ever inserted, never read as a template."""
        expansion = entity.expansions[0].text if entity.expansions else None
        template = self.with_expansion if expansion else self.without
        return template.format(name=post.text[entity.start:entity.end], type=entity.type, expansion=expansion,
                               kind=self.kinds.get(entity.type, entity.type.lower()))
