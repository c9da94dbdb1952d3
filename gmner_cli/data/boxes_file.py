"""Boxes from one file of a user's own, joined to posts by their pictures: COCO, or an export of Label Studio.

A picture belongs to the posts whose ``image`` has its file name, else to the
post whose id it is; Label Studio's mark before an uploaded name does not count.
A post whose picture the file does not list stays unassessed; one without
entities gets ``proposals``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from gmner_cli.data.adapter import Options
from gmner_cli.data.annotation_files import read_whole
from gmner_cli.data.boxes import usable_regions
from gmner_cli.data.coco import coco_pictures
from gmner_cli.data.findings import Report
from gmner_cli.data.label_studio_results import studio_pictures
from gmner_cli.data.own_boxes import Picture, assign
from gmner_cli.errors import GmnerError
from gmner_cli.records import Post, Proposal
from gmner_cli.records.jsonl import loads

MOST_BYTES = 2_000_000_000
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")


def add_boxes(posts: Sequence[Post], options: Options, report: Report) -> None:
    """Give the posts the boxes of ``options.boxes``, in place; nothing where it is None.

    Raises GmnerError when it is neither format, or none of its pictures belongs to a post.
    """
    if options.boxes is None:
        return
    path = Path(options.boxes)
    pictures = _read(path, options, report)
    by_file: dict[str, list[Post]] = defaultdict(list)
    for post in posts:
        if post.image:
            by_file[PurePosixPath(post.image).name].append(post)
    by_id = {post.id: post for post in posts}
    used = 0
    for picture in pictures:
        names = [picture.file, _UPLOADED.sub("", picture.file, count=1)]
        owners = next((by_file[name] for name in names if name in by_file), None) or [
            by_id[name] for name in (*names, *(PurePosixPath(name).stem for name in names)) if name in by_id
        ][:1]
        if not owners:
            report.add("annotation_without_post", picture.where, "belongs to no post")
        for post in owners:
            used += 1
            _add(post, picture, options, report)
    if posts and not used:
        raise GmnerError(
            f"none of its {len(pictures)} pictures belongs to a post, so no box is known", where=str(path),
            hint=
            "a file name must be a post's picture or its id: the first is "
            f"{pictures[0].file if pictures else None!r}, "
            f"the first post has {posts[0].image or posts[0].id!r}")


def _read(path: Path, options: Options, report: Report) -> list[Picture]:
    hint = ('--boxes names a COCO file, {"images": [...], "annotations": [...], "categories": [...]}, '
            "or a JSON export of Label Studio")
    try:
        content = loads(read_whole(path, MOST_BYTES))
        read = studio_pictures if isinstance(content, list) else coco_pictures
        return read(content, path, options.label_map, report)
    except FileNotFoundError:
        raise GmnerError("no such file", where=str(path), hint=hint) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as problem:
        reason = f"no {problem}" if isinstance(problem,
                                               KeyError) else getattr(problem, "strerror", None) or problem
        raise GmnerError(f"is not a COCO file, nor an export of Label Studio: {reason}", where=str(path),
                         hint=hint) from None


def _add(post: Post, picture: Picture, options: Options, report: Report) -> None:
    if post.entities is not None:
        assign(post, picture.drawn, picture.size, picture.where, report, unread=picture.unread,
               fix=options.fix)
        return
    regions = usable_regions([item.region for item in picture.drawn], picture.size, picture.where, report,
                             options.fix)
    post.image_size = picture.size or post.image_size
    post.proposals = [Proposal(box=region.box, label=region.name or None) for region in regions] or None
    if regions:
        report.add("proposals", picture.where, f"{len(regions)} boxes are proposals of post {post.id}, which "
                                               "has no entities")
