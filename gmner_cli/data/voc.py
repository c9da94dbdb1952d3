"""Pascal VOC files: boxes of labelImg, turned ones of roLabelImg, polygons, in whatever encoding they really
are."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from gmner_cli.data.annotation_files import read_whole
from gmner_cli.data.boxes import Annotation, Region, image_stem
from gmner_cli.data.outlines import Point, extent, turned
from gmner_cli.errors import GmnerError
from gmner_cli.records import Box

MOST_BYTES = 16_000_000
_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})["']""")
_HEAD = frozenset({"folder", "filename", "path", "source", "owner", "size", "segmented", "object"})
"""What stands in a file without any object; another element may be an object under another name."""


class _NoDoctype(ElementTree.TreeBuilder):
    """Refuses a document type: it is where entity-expansion bombs are declared."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("declares a DOCTYPE, which is refused")


def read_voc(path: Path) -> Annotation:
    """What a Pascal VOC file says. An object that cannot be read is named in ``unread``.

    Raises GmnerError, which names the file, when it is broken as a whole, of
    another kind, or declares a DOCTYPE.
    """
    try:
        root, encoding = _parse(read_whole(path, MOST_BYTES).lstrip())
        for node in root.iter():
            node.tag = node.tag.rpartition("}")[2].lower()
        if root.tag != "annotation":
            raise ValueError(f"it is <{root.tag[:40]}>, not Pascal VOC's <annotation>")
        odd = [node.tag for node in root if node.tag not in _HEAD]
        if odd and root.find("object") is None:
            raise ValueError(f"it has no <object>, but <{odd[0][:40]}>")
        name = root.findtext("filename") or root.findtext("path") or path.name
        found = Annotation(image_stem(name), _size(root), [])
    except (ElementTree.ParseError, LookupError, ValueError, OverflowError, RecursionError,
            OSError) as problem:
        raise GmnerError(f"cannot be read: {problem}", where=str(path)) from None
    if encoding:
        found.notes.append(("file_encoding", encoding))
    for number, node in enumerate(root.iterfind("object"), start=1):
        label = node.findtext("name")
        try:
            if label is None:
                raise ValueError("<object> has no <name>")
            found.regions.append(Region(label, _box(node)))
        except ValueError as problem:
            found.unread.append(label)
            found.notes.append(
                ("broken_annotation", f"object {number}, {label!r}, cannot be read: {problem}"))
    return found


def _parse(data: bytes) -> tuple[ElementTree.Element, str | None]:
    """The tree, and what to tell where the file is not in the encoding it declares, or in one that expat does
    not know.

    Raises what the first honest attempt raises when none succeeds.
    """
    match = _ENCODING.match(data)
    declared = match[1].decode("ascii") if match else "UTF-8"
    first: Exception | None = None
    for name, content in _attempts(data, declared):
        try:
            parser = ElementTree.XMLParser(target=_NoDoctype())
            parser.feed(content)
            root = parser.close()
        except (ElementTree.ParseError, LookupError, ValueError) as problem:
            first = first or problem
            continue
        same = name is None or name.replace("-", "").lower() == declared.replace("-", "").lower()
        return root, None if same else f"declares the encoding {declared!r}, read as {name}"
    raise first or ValueError(f"its encoding is none that is known, {declared!r} by its own word")


def _attempts(data: bytes, declared: str) -> Iterator[tuple[str | None, bytes | str]]:
    """The content in the encodings it may be in, likeliest first; None is what expat makes of the bytes."""
    # Bytes above ASCII that are valid UTF-8 are hardly ever anything else, whatever is declared.
    if data.isascii() or "utf" in declared.lower():
        yield None, data
    for name in ["UTF-8"] if data.isascii() else ["UTF-8", declared, "UTF-16", "GB18030"]:
        if name == "UTF-16" and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
            continue
        try:
            yield name, data.decode("utf-8-sig" if name == "UTF-8" else name)
        except (LookupError, ValueError):
            continue


def _size(root: ElementTree.Element) -> tuple[int, int] | None:
    if root.find("size") is None:
        return None
    width, height = (int(float(_text(root, f"size/{side}"))) for side in ("width", "height"))
    return (width, height) if min(width, height) > 0 else None


def _box(node: ElementTree.Element) -> Box:
    outline = node.find("bndbox")
    if outline is not None and not _pairs(outline):
        x1, y1, x2, y2 = (float(_text(node, f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax"))
        box = x1, y1, x2, y2
    elif node.find("robndbox") is not None:
        box = extent(
            turned(*(float(_text(node, f"robndbox/{side}")) for side in ("cx", "cy", "w", "h", "angle"))))
    else:
        outline = node.find("polygon") if outline is None else outline
        if outline is None:
            raise ValueError("it has no <bndbox>, <robndbox> or <polygon>")
        box = extent(_pairs(outline))
    if not all(math.isfinite(value) for value in box):
        raise ValueError(f"box {box} is not finite")
    return box


def _pairs(node: ElementTree.Element) -> list[Point]:
    """The points of <x1>, <y1>, <x2>, ... or of <pt><x><y>."""
    values = {child.tag: child.text for child in node}
    numbered = [(values[tag], values.get(f"y{tag[1:]}")) for tag in values if re.fullmatch(r"x\d+", tag)]
    nested = [(point.findtext("x"), point.findtext("y")) for point in node if point.find("x") is not None]
    return [(float(x or "nothing"), float(y or "nothing")) for x, y in numbered or nested]


def _text(node: ElementTree.Element, path: str) -> str:
    text = node.findtext(path)
    if text is None:
        raise ValueError(f"<{node.tag}> has no <{path}>")
    return text
