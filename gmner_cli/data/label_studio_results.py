"""What one annotation of Label Studio says: spans, regions of the picture, and which belong together.

Coordinates there are percent of the picture, turned about the left upper corner.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from gmner_cli.data.boxes import Region
from gmner_cli.data.findings import Report
from gmner_cli.data.offsets import Mark
from gmner_cli.data.outlines import Point, extent, turned
from gmner_cli.data.own_boxes import Drawn, Picture, picture_name


@dataclass
class Results:
    """``marks`` with their ids; ``drawn``: (id, region named by its label, texts that it carries);
    ``unread``: regions that cannot be read; ``size``: (width, height) of the picture in pixels;
    ``relations``: pairs of ids."""

    marks: list[Mark] = field(default_factory=list)
    mark_ids: list[str] = field(default_factory=list)
    drawn: list[tuple[str, Region, tuple[str, ...]]] = field(default_factory=list)
    unread: int = 0
    size: tuple[int, int] | None = None
    relations: list[tuple[str, str]] = field(default_factory=list)

    def linked(self, key: str) -> list[str]:
        """Ids that a relation links ``key`` to, in either direction."""
        return [b if a == key else a for a, b in self.relations if key in (a, b)]


IMAGES = ("image", "img", "picture", "photo", "image_url", "url", "filename")
"""Names under which a task may hold its picture, the best first."""
_OFFICE = frozenset({"annotator", "annotation_id", "created_at", "updated_at", "lead_time"})
"""What JSON-MIN says of the work and not of the post."""


def unpack(task: dict[str, Any], where: str,
           report: Report) -> tuple[dict[str, Any], list[dict[str, Any]] | None]:
    """The data of a task and the results of the annotation that is taken, None where there is none; of
    JSON-MIN, too."""
    if isinstance(task.get("data"), dict):
        return task["data"], _taken(task, where, report)
    regions = {
        key: item
        for key, item in task.items()
        if isinstance(item, list) and item and all(map(_is_region, item))
    }
    data = {key: item for key, item in task.items() if key not in regions and key not in _OFFICE}
    return data, [_typed(item) for items in regions.values() for item in items]


def studio_pictures(content: list[Any], path: Path, renames: Mapping[str, str],
                    report: Report) -> list[Picture]:
    """Every annotated picture of an export, whose tasks need no text. Raises KeyError, TypeError, ValueError
    or AttributeError."""
    pictures = []
    for number, task in enumerate(content, start=1):
        where = f"{path.name}: task {str(task.get('id', number))[:40]}"
        data, raw = unpack(task, where, report)
        key = next((key for key in IMAGES if isinstance(data.get(key), str) and data[key]), None)
        if key is None or raw is None:
            report.add("not_used", where, "has no picture" if key is None else "is not annotated")
            continue
        results = read_results(raw, where, report)
        name = picture_name(data[key], where, report) or ""
        pictures.append(
            Picture(
                PurePosixPath(name).name, where, results.size,
                [to_draw(region, texts, renames) for _, region, texts in results.drawn], results.unread))
    return pictures


def to_draw(region: Region, texts: tuple[str, ...], renames: Mapping[str, str]) -> Drawn:
    """A region and what may tell its entity: the texts it carries, and its label as text or type."""
    return Drawn(region, texts=(*texts, region.name), type=renames.get(region.name, region.name))


def _taken(task: dict[str, Any], where: str, report: Report) -> list[dict[str, Any]] | None:
    """The results of the ground truth, or of the first annotation that was not cancelled."""
    every = task.get("annotations") or task.get("completions") or []
    whole = [item for item in every if not item.get("was_cancelled") and item.get("result") is not None]
    whole.sort(key=lambda item: not item.get("ground_truth"))
    if len(every) > 1:
        report.add("not_used", where, f"one of {len(every)} annotations is taken")
    if not whole and task.get("predictions"):
        report.add("not_used", where, "its predictions are no annotation")
    return whole[0]["result"] if whole else None


def _is_region(item: Any) -> bool:
    """Whether an item of JSON-MIN is a span or a region and not a choice or a text."""
    return isinstance(item, dict) and any(
        key.endswith("labels") for key in item) and bool({"start", "x", "points", "rle"} & item.keys())


def _typed(item: dict[str, Any]) -> dict[str, Any]:
    """An item of JSON-MIN as the JSON export has it."""
    kind = next(key for key in item if key.endswith("labels"))
    return {
        "type": kind, "value": item,
        **{key: item.get(key) for key in ("original_width", "original_height", "image_rotation")}
    }


def read_results(raw: list[dict[str, Any]], where: str, report: Report) -> Results:
    """The results of one annotation. Raises KeyError, TypeError or ValueError for what the format does not
    allow."""
    found = Results()
    labels, texts = _labels(raw), _texts(raw)
    unused: Counter[str] = Counter()
    done: set[str] = set()
    for number, item in enumerate(raw):
        key, kind, value = str(item.get("id", f"#{number}")), str(item.get("type",
                                                                           "")), item.get("value") or {}
        if kind == "relation":
            found.relations.append((str(item["from_id"]), str(item["to_id"])))
        elif kind == "textarea":
            continue
        elif key in done and (_is_span(value) or _is_area(kind, value)):
            continue  # a region and its label are two results of one id
        elif _is_span(value):
            done.add(key)
            _add_mark(found, key, value, labels.get(key, []), where, report)
        elif _is_area(kind, value):
            done.add(key)
            name = (labels.get(key) or [""])[0]
            if len(labels.get(key, [])) > 1:
                report.add("several_types", where, f"a region is {' and '.join(labels[key])}")
            try:
                width, height = _size(item)
                found.size = found.size or (width, height)
                found.drawn.append((key, Region(name, _box(kind, value, width, height)), texts.get(key, ())))
            except (KeyError, TypeError, ValueError) as problem:
                found.unread += 1
                reason = f"it has no {problem}" if isinstance(problem, KeyError) else problem
                report.add("unknown_shape", where, f"a {kind or 'region'} of {name!r} cannot be read: "
                                                   f"{reason}")
        else:
            unused[kind or "untyped"] += 1
    if unused:
        report.add("not_used", where, ", ".join(f"{count} {kind}" for kind, count in unused.most_common()))
    return found


def _is_span(value: dict[str, Any]) -> bool:
    return "start" in value and "end" in value


def _is_area(kind: str, value: dict[str, Any]) -> bool:
    return "x" in value or "points" in value or "rle" in value or kind in ("brushlabels", "brush")


def _labels(raw: list[dict[str, Any]]) -> dict[str, list[str]]:
    """The labels of every id, in order, each once."""
    found: dict[str, list[str]] = {}
    for number, item in enumerate(raw):
        for key, names in (item.get("value") or {}).items():
            if key.endswith("labels") and isinstance(names, list):
                own = found.setdefault(str(item.get("id", f"#{number}")), [])
                own.extend(str(name) for name in names if str(name) not in own)
    return found


def _texts(raw: list[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Texts that somebody wrote to an id, in a text area or as its meta."""
    found: dict[str, tuple[str, ...]] = {}
    for item in raw:
        value, meta = item.get("value") or {}, item.get("meta")
        texts = [value.get("text")] if item.get("type") == "textarea" else [meta.get("text")] if isinstance(
            meta, dict) else []
        flat = [
            text for group in texts for text in (group if isinstance(group, list) else [group])
            if isinstance(text, str)
        ]
        key = str(item.get("id"))
        found[key] = (*found.get(key, ()), *(text.strip() for text in flat))
    return found


def _add_mark(found: Results, key: str, value: dict[str, Any], names: list[str], where: str,
              report: Report) -> None:
    place = value if type(value["start"]) is int else value.get("globalOffsets") or {}
    start, end, quote = place.get("start"), place.get("end"), value.get("text")
    if type(start) is not int or type(end) is not int or not names:
        report.add("unusable_span", where, f"{str({k: value[k] for k in ('start', 'end')})} of {names} is no "
                                           "span of a text with a label",
                   lossy=True)
        return
    if len(names) > 1:
        report.add("several_types", where, f"{quote!r} is {' and '.join(names)}")
    found.marks.append(Mark(start, end, names[0], quote if isinstance(quote, str) else None))
    found.mark_ids.append(key)


def _size(item: dict[str, Any]) -> tuple[int, int]:
    width, height = int(item["original_width"]), int(item["original_height"])
    if min(width, height) <= 0:
        raise ValueError(f"its picture is {width}x{height}")
    if item.get("image_rotation"):
        raise ValueError("its picture was turned")
    return width, height


def _box(kind: str, value: dict[str, Any], width: int, height: int) -> tuple[float, float, float, float]:
    """Percent of the picture to pixels; of what is no upright rectangle the extent."""
    across, down = width / 100, height / 100
    angle = math.radians(float(value.get("rotation") or 0))
    if "points" in value:
        corners: list[Point] = [(float(x) * across, float(y) * down) for x, y in value["points"]]
        if len(corners) < 3:
            raise ValueError(f"it has {len(corners)} points")
    elif "radiusX" in value:
        rx, ry = float(value["radiusX"]) * across, float(value["radiusY"]) * down
        cx, cy = float(value["x"]) * across, float(value["y"]) * down
        half = math.hypot(rx * math.cos(angle),
                          ry * math.sin(angle)), math.hypot(rx * math.sin(angle), ry * math.cos(angle))
        corners = [(cx - half[0], cy - half[1]), (cx + half[0], cy + half[1])]
    else:
        x, y, w, h = (float(value[side]) * scale for side, scale in
                      (("x", across), ("y", down), ("width", across), ("height", down)))
        middle = turned(0, 0, w, h, angle)
        corners = [(x + px - middle[0][0], y + py - middle[0][1]) for px, py in middle]
    x1, y1, x2, y2 = extent(corners)
    # Percents are rounded: what leaves the picture by a hundredth of a pixel touches its edge.
    x1, y1, x2, y2 = (round(edge if abs(value - edge) < 0.01 else value, 4)
                      for value, edge in ((x1, 0.0), (y1, 0.0), (x2, float(width)), (y2, float(height))))
    return x1, y1, x2, y2
