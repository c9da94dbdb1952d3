"""Boxes of a post: read from Pascal VOC XML, joined to entities by name, kept inside the picture.

This is the one place where a name joins anything; from here on spans are the key.
"""

from __future__ import annotations

import html
import math
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PureWindowsPath
from xml.etree import ElementTree

from gmner_cli.data.findings import Report
from gmner_cli.errors import GmnerError
from gmner_cli.inside import inside
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
    pixels, None where it is not known. ``notes``: findings (kind, message) made
    while reading.
    """

    image: str
    size: tuple[int, int] | None
    regions: list[Region]
    notes: list[tuple[str, str]] = field(default_factory=list)


class _NoDoctype(ElementTree.TreeBuilder):
    """Refuses a document type: it is where entity-expansion bombs are declared."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("declares a DOCTYPE, which is refused")


def read_voc(path: Path) -> Annotation:
    """A Pascal VOC file. Raises GmnerError when it is broken, incomplete, or declares a DOCTYPE."""
    try:
        root = ElementTree.fromstring(path.read_bytes(), ElementTree.XMLParser(target=_NoDoctype()))
        regions = [Region(_text(item, "name"), _box(item)) for item in root.iterfind("object")]
        size = tuple(int(_text(root, f"size/{side}")) for side in ("width", "height"))
        image = _text(root, "filename")
    except (ElementTree.ParseError, ValueError, OSError) as problem:
        raise GmnerError(f"cannot be read: {problem}", where=str(path)) from None
    return Annotation(image_stem(image), size if min(size) > 0 else None, regions)


def image_stem(name: str) -> str:
    """The name of a picture without folders, Windows ones included, and without its suffix."""
    return PureWindowsPath(name.strip()).stem


def _text(node: ElementTree.Element, path: str) -> str:
    text = node.findtext(path)
    if text is None:
        raise ValueError(f"<{node.tag}> has no <{path}>")
    return text


def _box(node: ElementTree.Element) -> Box:
    box = tuple(float(_text(node, f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax"))
    if not all(math.isfinite(value) for value in box):
        raise ValueError(f"box {box} is not finite")
    return box


def attach(post: Post, annotation: Annotation | None, where: object, report: Report, *, fix: bool = False) -> None:
    """Give every entity of ``post`` its boxes (and masks), in place.

    Without an annotation all entities are ungroundable. Names are compared as
    they stand: this, and no kinder comparison, gives the published counts. A
    repeated name gives its boxes to each of its entities. With ``fix`` a name
    that differs in case, spacing, punctuation, escaping or by a lost last
    letter goes to the one entity without boxes that it can mean. An entity
    all of whose boxes are unusable stays without ``boxes``: not assessed.
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
        usable = [r for r in (_usable(region, annotation.size, where, report, fix) for region in regions) if r]
        for entity in by_name[name]:
            entity.boxes = [r.box for r in usable] or None
            if usable and usable[0].mask is not None:
                entity.masks = [r.mask for r in usable]


def near_name(name: str, candidates: Sequence[str]) -> str | None:
    """The only candidate that ``name`` can be a slip of, or None."""
    wanted = _loose(name)
    same = [c for c in candidates if _loose(c) == wanted]
    # The annotation tool of v1 lost the last letter of some names.
    same = same or [c for c in candidates if wanted and _loose(c)[:-1] == wanted]
    return same[0] if len(same) == 1 else None


def _loose(name: str) -> str:
    return re.sub(r"[\W_]+", "", html.unescape(html.unescape(name)).casefold())


def _usable(region: Region, size: tuple[int, int] | None, where: object, report: Report, fix: bool) -> Region | None:
    x1, y1, x2, y2 = region.box
    if fix and x1 != x2 and y1 != y2 and (x1 > x2 or y1 > y2):
        box = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
        report.add("degenerate_box", where, f"box {list(region.box)} of {region.name!r} had its corners swapped", fixed=True)
        x1, y1, x2, y2 = box
    if size is not None and (x1 < 0 or y1 < 0 or x2 > size[0] or y2 > size[1]):
        report.add("box_outside", where, f"box {[x1, y1, x2, y2]} of {region.name!r} leaves {size[0]}x{size[1]}", fixed=fix)
        if fix:
            x1, x2 = (min(max(x, 0.0), float(size[0])) for x in (x1, x2))
            y1, y2 = (min(max(y, 0.0), float(size[1])) for y in (y1, y2))
    if not (x1 < x2 and y1 < y2):
        report.add("degenerate_box", where, f"box {[x1, y1, x2, y2]} of {region.name!r} has no area; left out", fixed=fix)
        return None
    return replace(region, box=(x1, y1, x2, y2))


def note_image_name(annotation: Annotation, post_id: str, where: object, report: Report) -> None:
    """Report an annotation that names another picture than the one of its post."""
    if annotation.image == f"{post_id}_region":
        report.add("region_file_name", where, f"names {annotation.image!r}")
    elif annotation.image != post_id:
        report.add("foreign_annotation", where, f"names {annotation.image!r}, not {post_id!r}")


def annotate(
    posts: dict[str, list[Post]], folder: Path, suffix: str, read: Callable[[Path], Annotation], report: Report, *,
    fix: bool = False, follow_links: bool = False,
) -> None:
    """Attach ``folder/ID.suffix``, read by ``read``, to every post of every split. ``follow_links``: see ``inside``.

    Raises GmnerError when the folder is absent; broken, foreign and left-over
    files go to ``report``.
    """
    if not folder.is_dir():
        raise GmnerError("no such folder", where=str(folder), hint=f"it must hold one ID{suffix} per picture with boxes")
    files = {path.name.removesuffix(suffix): path for path in sorted(folder.iterdir()) if path.name.endswith(suffix)}
    used = set()
    for split in posts.values():
        for post in split:
            path = files.get(post.id)
            used.add(post.id)
            where = f"{folder.name}/{post.id}{suffix}"
            try:
                annotation = read(inside(folder, path.name, follow_links=follow_links, what="annotation")) if path else None
            except GmnerError as problem:
                report.add("broken_annotation", where, problem.message)
                continue
            if annotation is not None:
                note_image_name(annotation, post.id, where, report)
                for kind, message in annotation.notes:
                    report.add(kind, where, message)
            attach(post, annotation, where, report, fix=fix)
    for name in sorted(files.keys() - used):
        report.add("annotation_without_post", f"{folder.name}/{name}{suffix}", "belongs to no post")
