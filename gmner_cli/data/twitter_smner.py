"""Twitter-SMNER (RiVEG §III): Twitter-GMNER's posts with a segmentation mask for every visible entity.

The annotations are labelme files, ``{"shapes": [{"label", "points",
"shape_type", "group_id"}], "imagePath", "imageHeight", "imageWidth"}``: one
file per picture, shapes labelled with the entity's text. Points are x, y in
pixels. Masks may overlap, and one entity may have several.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec

from gmner_cli.data.adapter import Adapter, Options
from gmner_cli.data.boxes import Annotation, Region, annotate, image_stem
from gmner_cli.data.findings import Report
from gmner_cli.data.twitter_gmner import LABELS, read_text
from gmner_cli.errors import GmnerError
from gmner_cli.images import MOST_PIXELS
from gmner_cli.records import Mask, Post


def read_labelme(path: Path) -> Annotation:
    """A labelme file; boxes are the extents of the masks, x2 and y2 exclusive.

    Shapes of one label and one ``group_id`` are the visible parts of one thing
    and become one mask. Raises GmnerError when the file is broken or lacks
    the size of its picture.
    """
    try:
        content = msgspec.json.decode(path.read_bytes())
        height, width = int(content["imageHeight"]), int(content["imageWidth"])
        if min(height, width) <= 0 or height * width > MOST_PIXELS:
            raise ValueError(f"impossible picture size {width}x{height}")
        found = Annotation(image_stem(str(content["imagePath"])), (width, height), [])
        parts: dict[Any, list[list[float]]] = {}
        for number, shape in enumerate(content["shapes"]):
            outline = _outline(shape)
            if outline is None:
                found.notes.append(("unknown_shape", f"shape {number} of {shape['label']!r} is a "
                                    f"{shape.get('shape_type')} of {len(shape['points'])} points; left out"))
                continue
            _check_reach(outline, width, height, shape["label"], found)
            group = shape.get("group_id")
            key = (str(shape["label"]), number if group is None else ("group", str(group)))
            parts.setdefault(key, []).append(outline)
        for (label, _), outlines in parts.items():
            found.regions.append(_region(label, outlines, height, width))
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, RecursionError, OSError) as problem:
        reason = f"no {problem}" if isinstance(problem, KeyError) else problem
        raise GmnerError(f"is not a labelme file: {reason}", where=str(path)) from None
    return found


def _outline(shape: dict[str, Any]) -> list[float] | None:
    """Corners of a shape as x, y, x, y, …; None for a shape that has no outline of its own."""
    points = [(float(x), float(y)) for x, y in shape["points"]]
    kind = shape.get("shape_type") or "polygon"
    if kind == "rectangle" and len(points) == 2:
        (x1, y1), (x2, y2) = points
        points = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    elif kind != "polygon" or len(points) < 3:
        return None
    return [value for point in points for value in point]


def _check_reach(outline: list[float], width: int, height: int, label: str, found: Annotation) -> None:
    """Note an outline that leaves the picture. Raises ValueError when it is absurdly far outside."""
    xs, ys = outline[::2], outline[1::2]
    # The rasteriser walks along the outline, so a coordinate of 1e12 would exhaust memory.
    if not all(math.isfinite(v) and -side <= v <= 2 * side for side, vs in ((width, xs), (height, ys)) for v in vs):
        raise ValueError(f"shape of {label!r} lies far outside the picture")
    if min(xs) < 0 or min(ys) < 0 or max(xs) > width or max(ys) > height:
        found.notes.append(("mask_outside", f"shape of {label!r} leaves {width}x{height}"))


def _region(label: str, outlines: list[list[float]], height: int, width: int) -> Region:
    from pycocotools import mask as coco  # brings numpy, which the other data sets need not wait for

    encoded = coco.merge(coco.frPyObjects(outlines, height, width))
    x, y, across, down = (float(v) for v in coco.toBbox(encoded))
    mask = Mask(size=(height, width), counts=encoded["counts"].decode("ascii"))
    return Region(label, (x, y, x + across, y + down), mask)


def read(source: Path, options: Options, report: Report) -> dict[str, list[Post]]:
    """``source/txt`` and ``source/json`` (or ``source/masks``). Raises GmnerError when one is absent."""
    posts = read_text(source / "txt", "twitter-smner", options, report)
    folder = options.boxes or (source / "masks" if (source / "masks").is_dir() else source / "json")
    annotate(posts, folder, ".json", read_labelme, report, fix=options.fix, follow_links=options.follow_links)
    return posts


ADAPTERS = (
    Adapter(
        name="twitter-smner", read=read, labels=LABELS, family="twitter-gmner",
        accepts=frozenset({"boxes", "orphans"}),
        published='"Advancing Grounded Multimodal Named Entity Recognition via LLM-Based Reformulation and '
                  'Box-Based Segmentation" (Li et al., RiVEG), GitHub project JinYuanLi0012/RiVEG',
        layout="txt/train.txt, txt/dev.txt, txt/test.txt (as in Twitter-GMNER) and json/ID.json (labelme)",
    ),
)
