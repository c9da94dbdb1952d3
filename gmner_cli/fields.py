"""Which fields stages find, and what is cleared before they are found anew."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from gmner_cli.records import Entity, Post

VISUAL = ("groundable", "visible", "boxes", "box_scores", "masks")
"""What a picture says of an entity, in the order in which it is found."""

GOLD_FIELDS = ("entities", "start", "end", "type", "fine_type", "text", "token_start", "token_end", *VISUAL)
"""Fields that annotators fill. Training takes them from its files, and runs no stage that finds any."""

_VOID = {"groundable": VISUAL, "visible": VISUAL, "boxes": ("box_scores", "masks")}
"""What means nothing any more when a field is found anew."""


def clear(post: Post, finds: Iterable[str]) -> Post:
    """A copy of ``post``, its entities copied too, without what ``finds`` names, and what is void with
    that."""
    names = set(finds)
    absent = names.union(*(_VOID.get(name, ()) for name in names)) - {"id", "start", "end", "type", "extra"}

    def without(record: Post | Entity) -> dict:
        declared = {name: None for name in record.__struct_fields__ if name in absent}
        return {**declared, "extra": {key: value for key, value in record.extra.items() if key not in absent}}

    changed = without(post)
    changed.pop("text", None)  # an entity's text can be found, a post's cannot
    if post.entities is not None and "entities" not in absent:
        changed["entities"] = [msgspec.structs.replace(entity, **without(entity)) for entity in post.entities]
    return msgspec.structs.replace(post, **changed)
