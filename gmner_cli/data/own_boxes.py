"""Boxes of a user's own annotation, joined to the entities of a post.

A box belongs to the entity that (1) the tool links it to, else (2) whose text it
is named by, else (3) whose type it is named by, where only one entity of the
post has that type. Any other box is reported and joined to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import parse_qs, urlsplit

from gmner_cli.data.boxes import Region, give, usable_regions
from gmner_cli.data.findings import Report
from gmner_cli.records import Entity, Post


@dataclass(frozen=True)
class Drawn:
    """A region, and what may tell its entity: a link, names that may be its text, and its type."""

    region: Region
    entity: Entity | None = None
    texts: tuple[str, ...] = ()
    type: str | None = None


@dataclass
class Picture:
    """What a file says of one picture: its name without folders, (width, height), regions, and the number of
    those that cannot be read."""

    file: str
    where: str
    size: tuple[int, int] | None
    drawn: list[Drawn] = field(default_factory=list)
    unread: int = 0


def assign(post: Post, drawn: Sequence[Drawn], size: tuple[int, int] | None, where: object, report: Report, *,
           unread: int = 0, fix: bool = False) -> None:
    """Give every entity of ``post`` its boxes, in place. ``unread``: regions that could not be read.

    An entity without a box is not visible, unless a region was not read or not
    joined: that may be its own, so it is left unassessed.
    """
    entities = post.entities or []
    post.image_size = size or post.image_size
    boxes: dict[int, list[Region]] = {}
    for item in drawn:
        owners = _owners(item, entities)
        if not owners:
            unread += 1
            report.add("box_without_entity", where, f"box {[round(v, 1) for v in item.region.box]} is named "
                                                    f"{item.region.name!r}, "
                       f"entities are {[(entity.text, entity.type) for entity in entities]}")
        for entity in owners:
            boxes.setdefault(id(entity), []).append(item.region)
    for entity in entities:
        found = boxes.get(id(entity))
        if found:
            give(entity, usable_regions(found, post.image_size, where, report, fix))
        else:
            entity.boxes = None if unread else []


def _owners(item: Drawn, entities: Sequence[Entity]) -> list[Entity]:
    if item.entity is not None:
        return [item.entity]
    # An entity that is named twice is the same thing twice, as in the published data sets.
    named = [entity for entity in entities if entity.text in item.texts]
    if named:
        return named
    typed = [entity for entity in entities if entity.type == item.type]
    return typed if len(typed) == 1 else []


def picture_name(value: object, where: object, report: Report) -> str | None:
    """The path of a picture as a record has it: relative, with "/"; None for an empty value.

    An address, an absolute path or one that climbs is cut to the file's own name, and reported.
    """
    if not isinstance(value, str) or not value.strip():
        return None
    given = value.strip()
    parts = urlsplit(given) if "://" in given or given.startswith("/data/") else None
    path = given if parts is None else parse_qs(parts.query).get("d", [parts.path])[0]
    windows = PureWindowsPath(path)
    plain = PurePosixPath(windows.as_posix())
    if parts is None and not windows.drive and not plain.is_absolute() and ".." not in plain.parts:
        return str(plain)
    report.add("image_path", where, f"{given[:100]!r} is {plain.name!r} in the record")
    return plain.name or None
