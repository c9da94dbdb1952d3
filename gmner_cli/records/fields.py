"""Which fields stages find, what ``--gold`` gives of them, and what is cleared before they are found anew.

Every model and stage declares, as ``finds``, the names of the fields it fills. A name of an Entity field
is of entities, a name of a Post field is the post's, and any other name is a field of the user's own, in the
``extra`` of the post or of its entities. ("entities",) is a tagger.

Things are found in an order: spans, whether they are visible, boxes, masks. What is found anew makes void
what was found after it: masks of one set of boxes say nothing beside another. So those are cleared with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from gmner_cli.errors import UsageError
from gmner_cli.records import Entity, Post

LEVELS = ("spans", "groundable", "boxes")
"""What ``gmner predict --gold`` may believe, each including the ones before it."""

VISUAL = ("groundable", "visible", "boxes", "box_scores", "masks")
"""What a picture says of an entity, in the order in which it is found."""

CERTAINTY = ("score", "entropy", "candidates")
"""What a tagger says of its own answer. It belongs to a prediction, so no level of gold keeps it."""

PASSING = ("expansions", "slices", "generated")
"""Fields of an entity that came in beside gold; they are kept unless a stage that runs finds them."""

_SPANS = frozenset({"start", "end", "type", "fine_type", "text", "token_start", "token_end"})
_GIVEN = {"spans": _SPANS, "groundable": _SPANS | {"groundable", "visible"},
          "boxes": _SPANS | {"groundable", "visible", "boxes", "box_scores"}}
"""By level: what need not be found any more. Gold masks are kept, but a segmenter makes its own."""
_KEPT = {**_GIVEN, "boxes": frozenset({*_SPANS, *VISUAL})}

GOLD_FIELDS = ("entities", *sorted(_SPANS), *VISUAL)
"""Fields that annotators fill. Training takes them from its files, and runs no stage that finds any."""

_VOID = {"groundable": VISUAL, "visible": VISUAL, "boxes": ("box_scores", "masks")}
"""What means nothing any more when a field is found anew."""

_FIXED = {"id", "start", "end", "image", "image_size", "error", "skipped", "image_problem", "extra"}
"""Names in the record that no stage finds: without them there is no record, or they say how it fares."""


def check_finds(finds: object, name: str, where: str) -> None:
    """Raise UsageError unless ``finds``, of the class ``name``, is a tuple of names that stages can find."""
    if not (isinstance(finds, tuple) and all(isinstance(field, str) for field in finds)):
        raise UsageError(f"{name} does not say which fields it finds", where=where,
                         hint='a tuple: for a tagger ("entities",), for what changes types ("type",), () for '
                              "what finds nothing in posts")
    if wrong := sorted(_FIXED.intersection(finds)):
        raise UsageError(f"{name} declares in `finds` what no stage finds: {', '.join(wrong)}", where=where,
                         hint='what finds spans says "entities"')


def check_level(level: str | None) -> None:
    """Raise UsageError for what is neither None nor one of LEVELS."""
    if level is not None and level not in LEVELS:
        raise UsageError(f"unknown --gold {level!r}", hint=", ".join(LEVELS))


def left_out(finds: Iterable[str], level: str | None, stage: str) -> bool:
    """Whether ``level`` of gold gives everything that a stage finds, so that it need not run.

    ``stage``: what an error calls it. Raises UsageError for a stage that finds entities and more than spans:
    it would find again the entities that are to be believed, and left out it would leave the rest to gold.
    """
    names = set(finds)
    if level is None or not names:
        return False
    if "entities" not in names:
        return names <= _GIVEN[level]
    if more := sorted(names - {"entities", *_SPANS, *CERTAINTY}):
        raise UsageError(f"{stage} finds entities together with {', '.join(more)}, so it cannot be given "
                         f"the entities of --gold {level} and find the rest",
                         hint="leave --gold out, or give a --recipe whose stages find them one by one")
    return True


def as_written_before(kind: Any, before: tuple[str, ...], finds: tuple[str, ...]) -> None:
    """Have a class say ``finds`` where it says what its base said ``before``.

    What is void with a find, and so cleared, stood there too; it would count as found.
    """
    if vars(kind).get("finds") == before:
        kind.finds = finds


Named = tuple[int, int, str, str | None]
"""What an entity is said to be: start, end, type, fine type."""


def names_and_types(post: Post) -> list[Named]:
    """The entities of a post, in order."""
    return [(*entity.span, entity.type, entity.fine_type) for entity in post.entities or []]


def undeclared(before: list[Named], after: list[Named], finds: Iterable[str]) -> str | None:
    """The first thing in which two ``names_and_types`` differ and that ``finds`` does not name, or None."""
    if before == after or "entities" in (names := set(finds)):
        return None
    if [one[:2] for one in before] != [one[:2] for one in after]:
        return "entities"
    for at, name in ((2, "type"), (3, "fine_type")):
        if name not in names and [one[at] for one in before] != [one[at] for one in after]:
            return name
    return None


def of_entities(finds: Iterable[str]) -> bool:
    """Whether a stage finds entities, or a field that the record has for them."""
    return any(name == "entities" or name in Entity.__struct_fields__ for name in finds)


def of_names(finds: Iterable[str]) -> bool:
    """Whether a stage finds entities or what the text says of them, such as their type, and so has something
    to say without a picture."""
    return not {"entities", *_SPANS}.isdisjoint(finds)


def clear(post: Post, finds: Iterable[str]) -> Post:
    """A copy of ``post``, its entities copied too, without what ``finds`` names, and what is void with that.

    A type, which no entity can lack, becomes "": what found it must write it.
    """
    names = set(finds)
    void = names.union(*(_VOID.get(name, ()) for name in names))
    absent = void - _FIXED
    own = names.difference(Post.__struct_fields__, Entity.__struct_fields__)

    def without(record: Post | Entity) -> dict:
        declared = dict.fromkeys(name for name in record.__struct_fields__ if name in absent)
        return {**declared, "extra": {key: value for key, value in record.extra.items() if key not in own}}

    changed = without(post)
    changed.pop("text", None)  # an entity's text can be found, a post's cannot
    if post.entities is not None and "entities" not in absent:
        changed["entities"] = [msgspec.structs.replace(entity, **without(entity)) for entity in post.entities]
        if "type" in names:
            for entity in changed["entities"]:
                entity.type = ""
    return msgspec.structs.replace(post, **changed)


def believe(post: Post, level: str | None, finds: Iterable[str]) -> Post:
    """A copy of ``post`` with no more of its entities than ``level`` of gold names (None: without them).

    ``finds``: what the stages find that run after it; of the level, that is cleared too, and so are the
    post's fields among it. Whether an entity is visible is said by its ``boxes``, else by ``visible``.
    """
    if level is None:
        return clear(post, {*finds, "entities", "grounding"})
    kept = clear(post, {*CERTAINTY, "expression", "grounding"})
    beyond = [name for name in VISUAL if name not in _KEPT[level]]
    for entity in kept.entities or []:
        entity.text = post.text[entity.start:entity.end]
        if entity.boxes is not None:
            entity.visible = bool(entity.boxes)
        entity.groundable = None if entity.visible is None else float(entity.visible)
        for name in beyond:
            setattr(entity, name, None)
    kept = clear(kept, finds)
    for entity in kept.entities or []:
        if entity.visible is False:
            entity.boxes = []
    return kept


def not_shown(entity: Entity) -> None:
    """Say that no box of an entity was found, also where it was thought visible."""
    entity.boxes = []
    if entity.visible is not None:
        entity.visible = False


def fill_text(post: Post) -> None:
    """Give every entity that has no ``text`` what stands at its span, unless the post is set aside."""
    for entity in (post.entities or []) if not post.set_aside else []:
        if entity.text is None:
            entity.text = post.text[entity.start:entity.end]
