"""What a stage must not see or change while a model is trained: gold is put back, and so is what a post
brought."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from gmner_cli.errors import RecordError
from gmner_cli.records import Entity, Post
from gmner_cli.records.fields import GOLD_FIELDS, clear

R = TypeVar("R", Post, Entity)


def put_back(after: Post, gold: Post, seen: Post) -> Post:
    """``after``, which stages made of ``seen``, with what ``gold`` holds that ``seen`` lacks, and all gold as
    it is there.

    ``seen``: ``fields.clear`` of ``gold``. Entities may stand in ``after`` in another order and several
    times, or all be absent in ``seen``. Raises RecordError for an entity that ``gold`` does not have.
    """
    back = _restored(after, gold, seen)
    if seen.entities is None or gold.entities is None:
        entities = clear(gold, ()).entities
    else:
        made = after.entities or []
        entities = [_restored(entity, gold.entities[at], seen.entities[at], GOLD_FIELDS)
                    for entity, at in zip(made, origins(made, seen.entities), strict=True)]
    return msgspec.structs.replace(back, entities=entities)


def _restored(after: R, gold: R, seen: R, always: Iterable[str] = ()) -> R:
    names = [name for name in after.__struct_fields__ if name not in ("entities", "extra")
             and (name in always or getattr(gold, name) is not getattr(seen, name))]
    own = {key: value for key, value in gold.extra.items() if key in always or key not in seen.extra}
    declared = {name: getattr(gold, name) for name in names}
    return msgspec.structs.replace(after, **declared, extra={**after.extra, **own})


def origins(after: Sequence[Entity], before: Sequence[Entity]) -> list[int]:
    """Of each entity in ``after`` the number of the one in ``before`` that it stands for: of the same start,
    end and type.

    Where several are alike in that, they are taken in order, and each for as many as the others. Raises
    RecordError for an entity that is new.
    """
    old: dict[tuple[int, int, str], list[int]] = {}
    new: dict[tuple[int, int, str], list[int]] = {}
    for places, entities in ((old, before), (new, after)):
        for number, entity in enumerate(entities):
            places.setdefault((*entity.span, entity.type), []).append(number)
    found = [0] * len(after)
    for key, numbers in new.items():
        if key not in old:
            raise RecordError(f"it gives an entity at {key[0]}..{key[1]} of type {key[2]!r}, "
                              "which the post has not",
                              hint='what finds entities says so: finds = ("entities",)')
        share = max(len(numbers), len(old[key]))
        for place, number in enumerate(numbers):
            found[number] = old[key][place * len(old[key]) // share]
    return found


def check_all_stand(versions: Sequence[Post], before: Post, once: bool) -> None:
    """Raise RecordError unless every entity of ``before`` stands in the ``versions`` of it that a stage made,
    and, where that is asked, ``once``: gold would be lost with it, or count twice."""
    if before.entities is None:
        return
    found = [at for one in versions for at in origins(one.entities or [], before.entities)]
    if set(found) != set(range(len(before.entities))) or (once and len(found) > len(before.entities)):
        raise RecordError(f"it gives {len(found)} entities, and the post has {len(before.entities)}",
                          hint="a stage before the model gives every entity back, once in each post")


def keep_brought(after: Post, before: Post, finds: Iterable[str]) -> Post:
    """``after``, which a stage that ``finds`` made of ``before``, with the fields that ``before`` brought."""
    kept = _with(after, _brought(before, finds))
    if after.entities is None:
        return kept
    earlier = before.entities or []
    at = origins(after.entities, earlier)
    entities = [_with(entity, _brought(earlier[number], finds))
                for entity, number in zip(after.entities, at, strict=True)]
    return msgspec.structs.replace(kept, entities=entities)


def _with(record: R, brought: dict[str, Any]) -> R:
    declared = {name: value for name, value in brought.items() if name in record.__struct_fields__}
    own = {name: value for name, value in brought.items() if name not in declared}
    return msgspec.structs.replace(record, **declared, extra={**record.extra, **own})


def _brought(record: Post | Entity, finds: Iterable[str]) -> dict[str, Any]:
    """What is there of ``finds``. A field of the user's own may be the post's or its entities'."""
    found = {}
    for name in finds:
        if name in record.__struct_fields__ and name not in ("extra", "id", "start", "end"):
            if getattr(record, name) is not None:
                found[name] = getattr(record, name)
        elif name in record.extra:
            found[name] = record.extra[name]
    return found


def brings_all(post: Post, finds: Sequence[str]) -> bool:
    """Whether the post leaves a stage that ``finds`` these fields nothing to find; False where the stage does
    not say what.

    A field of entities must be there in each. One of the user's own may be the post's, or each entity's.
    """
    mine, each = _brought(post, finds), [_brought(entity, finds) for entity in post.entities or []]

    def there(name: str) -> bool:
        of_post = name in Post.__struct_fields__ and name != "text"
        of_entities = name in Entity.__struct_fields__
        if name in mine and (of_post or not of_entities):
            return True
        if of_post and not of_entities:
            return False
        return all(name in one for one in each) and (bool(each) or (of_entities and not of_post))

    return bool(finds) and all(map(there, finds))
