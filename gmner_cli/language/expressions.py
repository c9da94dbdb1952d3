"""Referring expressions: the words by which a visual model is asked for an entity."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from string import Formatter

import msgspec

from gmner_cli.errors import UsageError, shown
from gmner_cli.records import Entity, Expansion, Post

_FIELDS = {"name", "type", "kind", "expansion"}


class Expressions:
    """Stage that fills ``expression`` of every entity.

    ``with_expansion`` is used where the entity has one (RiVEG, section IV-B2:
    ``Name (TYPE) - expansion``), ``without`` elsewhere. Both are format strings over
    {name}, {type}, {kind} (the type in everyday words, from ``kinds``) and {expansion}. In
    training, an entity with an expansion is asked for under an invented name with the chance ``invented``:
    models that meet few names learn them by heart instead of reading what follows. ``source``: only
    expansions of this one are read, such as "llm:smollm2"; by default the first is.
    """

    name = "expressions"
    finds = ("expression",)
    window = 1
    stored = False
    """It is quicker made than read."""

    def __init__(self, with_expansion: str, without: str, kinds: dict[str, str], invented: float = 0.0,
                 source: str | None = None):
        for template in (with_expansion, without):
            if not isinstance(template, str):
                raise UsageError(f"expression template {shown(repr(template))} is not a text",
                                 hint="YAML wants quotes: '\"{name}\"'")
            unknown = {f for _, f, _, _ in Formatter().parse(template) if f is not None} - _FIELDS
            if unknown:
                raise UsageError(f"expression template {shown(template)!r} uses unknown "
                                 f"{shown(str(sorted(unknown)))}",
                                 hint=f"it may use {', '.join(sorted(_FIELDS))}")
        if not (isinstance(invented, int | float) and 0 <= invented <= 1):
            raise UsageError(f"invented is a share between 0 and 1, not {shown(repr(invented))}")
        self.with_expansion, self.without, self.kinds = with_expansion, without, kinds
        self.invented, self.source = invented, source

    def __call__(self, posts: list[Post]) -> list[Post]:
        for post in posts:
            for entity in (post.entities or []) if not post.set_aside else []:
                entity.expression = self.express(post, entity)
        return posts

    def variants(self, posts: list[Post]) -> list[Post]:
        """For training: the posts with each entity once for every one of its expansions, so that all are
        asked of one picture.

        RiVEG trains on the expansions of five language models (Table IV, the versions "after data
        augmentation"). An entity without one stays as it is, and so does one that brings its expression.
        The posts given are not changed; invented names follow from the posts' ids.
        """
        found = []
        for post in posts:
            rng = Random(post.id)
            worded = [one for entity in post.entities or [] for one in self._wordings(post, entity, rng)]
            found.append(msgspec.structs.replace(post, entities=worded))
        return found

    def _wordings(self, post: Post, entity: Entity, rng: Random) -> list[Entity]:
        if entity.expression is not None:
            return [entity]
        phrases: Sequence[Expansion | None] = self._expansions(entity) or [None]
        worded = [msgspec.structs.replace(entity, expansions=[one] if one else None) for one in phrases]
        for one in worded:
            name = _invented(rng) if one.expansions and rng.random() < self.invented else None
            one.expression = self.express(post, one, name)
        return worded

    def express(self, post: Post, entity: Entity, name: str | None = None) -> str:
        """The expression of one entity, perhaps under another ``name``; tweet text is only ever inserted,
        never read as a template."""
        expansion = next((one.text for one in self._expansions(entity)), None)
        template = self.with_expansion if expansion else self.without
        return template.format(name=name or post.text[entity.start:entity.end], type=entity.type,
                               expansion=expansion, kind=self.kinds.get(entity.type, entity.type.lower()))

    def _expansions(self, entity: Entity) -> list[Expansion]:
        return [one for one in entity.expansions or [] if self.source in (None, one.source)]


def _invented(rng: Random) -> str:
    """A name of one or two words that hardly anybody bears."""
    words = [
        "".join(rng.choice("bdfghjklmnprstvwz") + rng.choice("aeiou")
                for _ in range(rng.randint(1, 3))) + rng.choice("nrsltk")
        for _ in range(rng.randint(1, 2))
    ]
    return " ".join(words).title()


def expression_of(post: Post, entity: Entity) -> str:
    """The words by which a visual model asks for an entity: its expression, or its bare name where no stage
    gave one."""
    return entity.expression or post.text[entity.start:entity.end]
