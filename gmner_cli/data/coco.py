"""COCO files: boxes and masks by image.

    {"images": [{"id": 1, "file_name": "7.jpg", "width": 640, "height": 480}],
     "categories": [{"id": 3, "name": "PER"}],
     "annotations": [{"image_id": 1, "category_id": 3, "bbox": [x, y, width, height],
                      "attributes": {"entity": "Lady Gaga"}}]}

An annotation belongs to the entity whose text is its attribute ``entity``,
``text`` or ``name``, else to the one that is called as its category is, else to
the only one of the type of that name.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

from gmner_cli.data.boxes import Region
from gmner_cli.data.findings import Report
from gmner_cli.data.outlines import check_reach, drawn
from gmner_cli.data.own_boxes import Drawn, Picture
from gmner_cli.errors import RecordError
from gmner_cli.pictures.images import MOST_PIXELS
from gmner_cli.pictures.masks import run_lengths
from gmner_cli.records import Mask

_TEXTS = ("entity", "text", "name")


def coco_pictures(content: Any, path: Path, renames: Mapping[str, str], report: Report) -> list[Picture]:
    """Every image that a file lists; ``renames``: types that the records call otherwise.

    Raises KeyError, TypeError, ValueError or AttributeError for what is no COCO file.
    """
    names = {category["id"]: str(category["name"]) for category in content.get("categories", [])}
    pictures: dict[Any, Picture] = {}
    for image in content["images"]:
        width, height = image.get("width"), image.get("height")
        told = type(width) is type(height) is int and min(width, height) > 0 and width * height <= MOST_PIXELS
        file = PureWindowsPath(str(image.get("file_name", ""))).name
        pictures[image["id"]] = Picture(file, f"{path.name}: {file or image['id']}",
                                        (width, height) if told else None)
    strangers: dict[Any, int] = defaultdict(int)
    for annotation in content["annotations"]:
        picture = pictures.get(annotation["image_id"])
        if picture is None:
            strangers[annotation["image_id"]] += 1
        else:
            _add(picture, annotation, names.get(annotation.get("category_id"), ""), renames, report)
    for key, count in strangers.items():
        report.add("annotation_without_post", path.name, f"{count} annotations are of image {str(key)[:40]}, "
                                                         "which is not listed")
    return list(pictures.values())


def _add(picture: Picture, annotation: dict[str, Any], category: str, renames: Mapping[str, str],
         report: Report) -> None:
    sources = [source for source in (annotation.get("attributes"), annotation) if isinstance(source, dict)]
    said = [source.get(key) for source in sources for key in _TEXTS]
    texts = (*(text for text in said if isinstance(text, str) and text), category)
    try:
        x, y, across, down = (float(value) for value in annotation["bbox"])
        if not all(map(math.isfinite, (x, y, across, down))):
            raise ValueError("bbox is not finite")
    except (KeyError, TypeError, ValueError, OverflowError) as problem:
        picture.unread += 1
        reason = f"no {problem}" if isinstance(problem, KeyError) else problem
        report.add("broken_annotation", picture.where, f"an annotation of {texts[0]!r} cannot be read: "
                                                       f"{reason}")
        return
    mask = _mask(annotation.get("segmentation"), picture.size, picture.where, report)
    picture.drawn.append(Drawn(Region(texts[0], (x, y, x + across, y + down), mask), texts=texts,
                               type=renames.get(category, category)))


def _mask(segmentation: Any, size: tuple[int, int] | None, where: str, report: Report) -> Mask | None:
    """The mask of an annotation, from run lengths or polygons; None where there is none or it does not fit
    the picture."""
    if not segmentation or size is None:
        return None
    width, height = size
    try:
        if isinstance(segmentation, dict):
            mask = Mask.from_builtins(segmentation) if segmentation.get("size") == [height, width] else None
            if mask is not None:
                run_lengths(mask)
        else:
            outlines = [list(zip(*[map(float, outline)] * 2, strict=True)) for outline in segmentation]
            for outline in outlines:
                check_reach(outline, width, height)
            if not all(len(outline) > 2 for outline in outlines):
                raise ValueError("an outline has fewer than three points")
            mask = drawn(outlines, height, width)
    except (RecordError, TypeError, ValueError, OverflowError) as problem:
        report.add("not_used", where, f"a segmentation cannot be read: {str(problem)[:100]}")
        return None
    if mask is None:
        report.add("not_used", where, "a segmentation is of another size than its picture")
    return mask
