"""Boxes from a COCO file, joined to the posts of a user's own data.

    {"images": [{"id": 1, "file_name": "7.jpg", "width": 640, "height": 480}],
     "categories": [{"id": 3, "name": "PER"}],
     "annotations": [{"image_id": 1, "category_id": 3, "bbox": [x, y, width, height],
                      "attributes": {"entity": "Lady Gaga"}}]}

An image belongs to the posts whose picture has its file name, else to the post
whose id it is. An annotation belongs to the entity whose text is its attribute
``entity``, ``text`` or ``name``, else to the one that is called as its category
is, else to the only one of the type of that name. A post whose image the file
does not list stays unassessed; one without entities gets ``proposals``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from gmner_cli.data.adapter import Options
from gmner_cli.data.boxes import Region, usable_regions
from gmner_cli.data.files import read_whole
from gmner_cli.data.findings import Report
from gmner_cli.data.outlines import check_reach, drawn
from gmner_cli.data.own_boxes import Drawn, assign
from gmner_cli.errors import GmnerError, RecordError
from gmner_cli.images import MOST_PIXELS
from gmner_cli.jsonl import loads
from gmner_cli.masks import run_lengths
from gmner_cli.records import Mask, Post, Proposal

MOST_BYTES = 2_000_000_000
_TEXTS = ("entity", "text", "name")


def add_boxes(posts: Sequence[Post], options: Options, report: Report) -> None:
    """Give the posts the boxes of ``options.boxes``, in place; nothing where it is None.

    Raises GmnerError when it is no COCO file, or none of its images belongs to a post.
    """
    if options.boxes is None:
        return
    path = Path(options.boxes)
    images, annotations, names = _content(path)
    by_file: dict[str, list[Post]] = defaultdict(list)
    for post in posts:
        if post.image:
            by_file[PurePosixPath(post.image).name].append(post)
    by_id = {post.id: post for post in posts}
    used = 0
    for key, image in images.items():
        file = PureWindowsPath(str(image.get("file_name", ""))).name
        where = f"{path.name}: {file or key}"
        stem = PurePosixPath(file).stem
        owners = by_file.get(file) or [by_id[name] for name in (file, stem) if name in by_id][:1]
        if not owners:
            report.add("annotation_without_post", where, "belongs to no post")
        for post in owners:
            used += 1
            _add(post, image, annotations.get(key, []), names, where, report, options)
    for key in annotations.keys() - images.keys():
        report.add("annotation_without_post", path.name, f"{len(annotations[key])} annotations are of image {str(key)[:40]}, which is not listed")
    if posts and not used:
        example = next((str(image.get("file_name")) for image in images.values()), None)
        raise GmnerError(f"none of its {len(images)} images belongs to a post, so no box is known", where=str(path),
                         hint=f"a file_name must be a post's picture or its id: the first is {example!r}, "
                              f"the first post has {posts[0].image or posts[0].id!r}")


def _content(path: Path) -> tuple[dict[Any, dict], dict[Any, list[dict]], dict[Any, str]]:
    try:
        content = loads(read_whole(path, MOST_BYTES))
        images = {image["id"]: image for image in content["images"]}
        names = {category["id"]: str(category["name"]) for category in content.get("categories", [])}
        annotations: dict[Any, list[dict]] = defaultdict(list)
        for annotation in content["annotations"]:
            hash(annotation.get("category_id"))
            annotations[annotation["image_id"]].append(annotation)
    except OSError as problem:
        raise GmnerError(f"cannot be read: {problem.strerror}", where=str(path), hint="--boxes names a COCO file (.json)") from None
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        if not path.exists():
            raise GmnerError("no such file", where=str(path), hint="--boxes names a COCO file (.json)") from None
        reason = f"no {problem}" if isinstance(problem, KeyError) else problem
        raise GmnerError(f"is not a COCO file: {reason}", where=str(path),
                         hint='it holds {"images": [...], "annotations": [...], "categories": [...]}') from None
    return images, annotations, names


def _add(post: Post, image: dict, annotations: Sequence[dict], names: dict[Any, str], where: str, report: Report,
         options: Options) -> None:
    width, height = image.get("width"), image.get("height")
    told = type(width) is type(height) is int and min(width, height) > 0 and width * height <= MOST_PIXELS
    size = (width, height) if told else None
    found, unread = [], 0
    for number, annotation in enumerate(annotations):
        category = names.get(annotation.get("category_id"), "")
        attributes = annotation.get("attributes")
        said = [source.get(key) for source in (attributes, annotation) if isinstance(source, dict) for key in _TEXTS]
        texts = (*(text for text in said if isinstance(text, str) and text), category)
        try:
            x, y, across, down = (float(value) for value in annotation["bbox"])
            if not all(map(math.isfinite, (x, y, across, down))):
                raise ValueError("bbox is not finite")
        except (KeyError, TypeError, ValueError, OverflowError) as problem:
            unread += 1
            reason = f"no {problem}" if isinstance(problem, KeyError) else problem
            report.add("broken_annotation", where, f"annotation {number} of {texts[0]!r} cannot be read: {reason}")
            continue
        mask = _mask(annotation.get("segmentation"), size, where, report)
        found.append(Drawn(Region(texts[0], (x, y, x + across, y + down), mask), texts=texts, type=options.label_map.get(category, category)))
    if post.entities is None:
        regions = usable_regions([item.region for item in found], size, where, report, options.fix)
        post.image_size = size
        post.proposals = [Proposal(box=region.box, label=region.name or None) for region in regions] or None
        if regions:
            report.add("proposals", where, f"{len(regions)} boxes are proposals of post {post.id}, which has no entities")
        return
    assign(post, found, size, where, report, unread=unread, fix=options.fix)


def _mask(segmentation: Any, size: tuple[int, int] | None, where: str, report: Report) -> Mask | None:
    """The mask of an annotation, from run lengths or polygons; None where there is none or it does not fit the picture."""
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
