"""A folder of annotation files, one a picture: which of them belongs to which post."""

from __future__ import annotations

import filecmp
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from gmner_cli.data.annotation_files import find
from gmner_cli.data.boxes import Annotation, attach
from gmner_cli.data.findings import Report
from gmner_cli.errors import GmnerError
from gmner_cli.files.inside import inside
from gmner_cli.records import Post

_SPLITS = {"train": "train", "dev": "dev", "valid": "dev", "val": "dev", "test": "test"}
"""Names of folders that hold the files of one split."""
_PICTURES = (".jpg", ".jpeg", ".png")


def annotate(
    posts: dict[str, list[Post]],
    folder: Path,
    suffix: str,
    read: Callable[[Path], Annotation],
    report: Report,
    *,
    fix: bool = False,
    follow_links: bool = False,
) -> None:
    """Attach ``ID.suffix`` of ``folder`` or a folder in it, read by ``read``, to every post of every split.

    ``follow_links``: whether a file may be a link that leads out of ``folder`` (see ``inside``).

    A post without a file has no visible entity: the data sets write none then.
    So a folder that is absent or empty, or of which no file belongs to a post,
    raises GmnerError; broken, foreign and left-over files go to ``report``.
    """
    files = find(folder, suffix)
    loose: dict[str, list[str]] = defaultdict(list)
    for name in files:
        loose[_loose(name)].append(name)
    everyone = [post for members in posts.values() for post in members]
    ids = {post.id for post in everyone}
    used = set()
    for split, members in posts.items():
        for post in members:
            near = [] if post.id in files else [
                name for name in loose.get(_loose(post.id), []) if name not in ids
            ]
            name = near[0] if len(near) == 1 else post.id
            used.add(name)
            _add(post, split, files.get(name, []), folder, read, report, fix, follow_links)
    if everyone and not used & files.keys():
        example = next(iter(files.values()))[0].name
        raise GmnerError(
            f"none of its {len(files)} {suffix} files belongs to a post, so no box is known",
            where=str(folder),
            hint=f"files must be called ID{suffix}: one is {example!r}, a post's id is {everyone[0].id!r}")
    for name in sorted(files.keys() - used):
        for path in files[name]:
            report.add("annotation_without_post", path.relative_to(folder.parent), "belongs to no post")


def _add(post: Post, split: str, found: Sequence[Path], folder: Path, read: Callable[[Path], Annotation],
         report: Report, fix: bool, follow_links: bool) -> None:
    where = str(found[0].relative_to(folder.parent)) if found else f"{folder.name}/{post.id}"
    if len(found) > 1:
        own = [
            path for path in found if any(
                _SPLITS.get(part.lower()) == split for part in path.relative_to(folder).parts[:-1])
        ]
        found = own if len(own) == 1 else found
        if not _alike(found):
            names = ", ".join(str(path.relative_to(folder)) for path in found[:3])
            report.add("ambiguous_annotation", post.id, f"{names} say different things")
            return
        where = str(found[0].relative_to(folder.parent))
    try:
        annotation = read(
            inside(folder, str(found[0].relative_to(folder)), follow_links=follow_links,
                   what="annotation")) if found else None
    except GmnerError as problem:
        report.add("broken_annotation", where, problem.message)
        return
    if annotation is not None:
        if annotation.image == f"{post.id}_region":
            report.add("region_file_name", where, f"names {annotation.image!r}")
        elif annotation.image != post.id:
            report.add("foreign_annotation", where, f"names {annotation.image!r}, not {post.id!r}")
        for kind, message in annotation.notes:
            report.add(kind, where, message)
    attach(post, annotation, where, report, fix=fix)


def _alike(paths: Sequence[Path]) -> bool:
    try:
        return all(filecmp.cmp(paths[0], path, shallow=False) for path in paths[1:])
    except OSError:
        return False


def _loose(name: str) -> str:
    name = name.casefold()
    return next((name.removesuffix(ending) for ending in _PICTURES if name.endswith(ending)), name)
