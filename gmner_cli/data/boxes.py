"""Boxes of a post: joined to entities by name, kept inside the picture.

This is the one place where a name joins anything; from here on spans are the key.
"""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import PureWindowsPath

from gmner_cli.data.findings import Report
from gmner_cli.records import Box, Entity, Mask, Post


@dataclass(frozen=True)
class Region:
    """A named box (x1, y1, x2, y2 in pixels, as the annotators wrote it), perhaps with its mask."""

    name: str
    box: Box
    mask: Mask | None = None


@dataclass
class Annotation:
    """What one annotation file says about a picture.

    ``image``: its name without folders and suffix. ``size``: (width, height) in
    pixels, None where it is not known. ``unread``: the names of what is drawn
    but cannot be read, None for a name that cannot be either. ``notes``:
    findings (kind, message) made while reading.
    """

    image: str
    size: tuple[int, int] | None
    regions: list[Region]
    unread: list[str | None] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)


def image_stem(name: str) -> str:
    """The name of a picture without folders, Windows ones included, and without its suffix."""
    return PureWindowsPath(name.strip()).stem


def attach(post: Post, annotation: Annotation | None, where: object, report: Report, *,
           fix: bool = False) -> None:
    """Give every entity of ``post`` its boxes (and masks), in place.

    Without an annotation all entities are ungroundable. Names are compared as
    they stand: this, and no kinder comparison, gives the published counts. A
    repeated name gives its boxes to each of its entities. With ``fix`` a name
    that differs in case, spacing, punctuation, escaping or by a lost last
    letter goes to the one entity without boxes that it can mean. An entity
    all of whose boxes are unusable or unread stays without ``boxes``: not
    assessed. So do all that have none where something unread is of no entity's name.
    """
    entities = post.entities or []
    by_name: dict[str, list[Entity]] = defaultdict(list)
    for entity in entities:
        entity.boxes = []
        by_name[entity.text or ""].append(entity)
    for name, same in by_name.items():
        if len(same) > 1:
            report.add("repeated_name", post.id, f"{name!r} stands {len(same)} times")
    if annotation is None:
        return
    post.image_size = annotation.size
    groups: dict[str, list[Region]] = defaultdict(list)
    for region in annotation.regions:
        groups[region.name].append(region)
    for name in [n for n in groups if n not in by_name]:
        free = {n: e for n, e in by_name.items() if n not in groups}
        meant = near_name(name, list(free)) if fix else None
        for region in groups[name]:
            report.add("box_without_entity", where,
                       f"box {list(region.box)} is named {name!r}, "
                       + (f"joined to {meant!r}" if meant else f"entities are {list(by_name)}"),
                       fixed=meant is not None)
        regions = groups.pop(name)
        if meant is not None:
            groups[meant].extend(regions)
    for name, regions in groups.items():
        usable = usable_regions(regions, annotation.size, where, report, fix)
        for entity in by_name[name]:
            give(entity, usable)
    unclear = any(name not in by_name for name in annotation.unread)
    for entity in entities:
        if entity.boxes == [] and (unclear or entity.text in annotation.unread):
            entity.boxes = None


def give(entity: Entity, regions: Sequence[Region]) -> None:
    """Set boxes and masks of an entity from usable regions, in place; without any it is not assessed."""
    entity.boxes = [region.box for region in regions] or None
    masks = [region.mask for region in regions if region.mask is not None]
    if masks and len(masks) == len(regions):
        entity.masks = masks


def usable_regions(regions: Sequence[Region], size: tuple[int, int] | None, where: object, report: Report,
                   fix: bool) -> list[Region]:
    """Those regions that have an area; with ``fix`` cut at the edge of the picture, and their corners in
    order."""
    return [usable for region in regions if (usable := _usable(region, size, where, report, fix))]


def near_name(name: str, candidates: Sequence[str]) -> str | None:
    """The only candidate that ``name`` can be a slip of, or None."""
    wanted = _loose(name)
    same = [c for c in candidates if _loose(c) == wanted]
    # The annotation tool of v1 lost the last letter of some names.
    same = same or [c for c in candidates if wanted and _loose(c)[:-1] == wanted]
    return same[0] if len(same) == 1 else None


def _loose(name: str) -> str:
    return re.sub(r"[\W_]+", "", html.unescape(html.unescape(name)).casefold())


def _usable(region: Region, size: tuple[int, int] | None, where: object, report: Report,
            fix: bool) -> Region | None:
    x1, y1, x2, y2 = region.box
    if fix and x1 != x2 and y1 != y2 and (x1 > x2 or y1 > y2):
        box = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
        report.add("degenerate_box", where, f"box {list(region.box)} of {region.name!r} had its corners "
                                            "swapped", fixed=True)
        x1, y1, x2, y2 = box
    if size is not None and (x1 < 0 or y1 < 0 or x2 > size[0] or y2 > size[1]):
        inside = max(x1, 0.0), max(y1, 0.0), min(x2, float(size[0])), min(y2, float(size[1]))
        mended = fix and inside[0] < inside[2] and inside[1] < inside[3]
        report.add("box_outside", where, f"box {[x1, y1, x2, y2]} of {region.name!r} leaves "
                                         f"{size[0]}x{size[1]}", fixed=mended)
        if fix:
            x1, y1, x2, y2 = inside
    if not (x1 < x2 and y1 < y2):
        report.add("degenerate_box", where, f"box {[x1, y1, x2, y2]} of {region.name!r} has no area in the "
                                            "picture; left out")
        return None
    return replace(region, box=(x1, y1, x2, y2))
