"""What no adapter can see alone: duplicates, overlaps between splits, leaks between data sets, pictures."""

from __future__ import annotations

import re
from pathlib import Path

from gmner_cli.data.findings import Report
from gmner_cli.errors import ImageError
from gmner_cli.pictures.images import locate, open_image
from gmner_cli.records import Post

Posts = dict[str, list[Post]]
_SPACE = re.compile(r"\s+")


def text_key(post: Post) -> str:
    """Equal for posts that say the same: white space and case do not count, tokenisers differ in both."""
    return _SPACE.sub("", post.text).casefold()


def duplicates(posts: Posts, report: Report, *, fix: bool = False) -> None:
    """Report ids that stand twice in a split; with ``fix`` drop equal posts and rename others, in place."""
    for split, members in posts.items():
        first: dict[str, Post] = {}
        kept = []
        for post in members:
            before = first.setdefault(post.id, post)
            if before is post:
                kept.append(post)
                continue
            # A copy that says something else, be it one entity, is never dropped.
            same = before.to_builtins() == post.to_builtins()
            differs = "entities" if before.text == post.text else "texts"
            report.add(
                "duplicate_id", f"{split} {post.id}", "stands twice with the same text and entities"
                if same else f"stands twice with different {differs}", fixed=fix)
            if fix and same:
                continue
            if fix:
                number = 2
                while f"{post.id}#{number}" in first:
                    number += 1
                post.id = f"{post.id}#{number}"
                first[post.id] = post
            kept.append(post)
        posts[split] = kept


def overlaps(posts: Posts, report: Report) -> None:
    """Report posts that stand in two splits, by id, and under another id by text."""
    ids: dict[str, str] = {}
    texts: dict[str, tuple[str, str]] = {}
    for split, members in posts.items():
        for post in members:
            other = ids.setdefault(post.id, split)
            if other != split:
                report.add("id_in_two_splits", post.id, f"stands in {other} and {split}")
                continue
            other, name = texts.setdefault(text_key(post),
                                           (split, post.id)) if post.text else (split, post.id)
            if other != split:
                report.add("text_in_two_splits", post.id, f"in {split} says what {name} says in {other}")


def leaks(posts: Posts, theirs: Posts, name: str, report: Report) -> dict[str, dict[str, int]]:
    """Test posts of another data set that stand in train or dev, counted by id, by text, and by either.

    Only ``theirs["test"]`` is looked at. Every post found goes to ``report``.
    """
    test = theirs.get("test", [])
    counts = {"test": {"posts": len(test)}}
    for split in (s for s in posts if s != "test"):
        ids = {post.id for post in posts[split]}
        texts = {text_key(post) for post in posts[split] if post.text}
        found = {"id": 0, "text": 0, "either": 0}
        for post in test:
            by_id, by_text = post.id in ids, text_key(post) in texts
            found["id"] += by_id
            found["text"] += by_text
            if by_id or by_text:
                found["either"] += 1
                how = " and ".join(w for w, hit in (("id", by_id), ("text", by_text)) if hit)
                report.add("leak", post.id, f"of {name} test stands in {split}, by {how}")
        counts[split] = found
    return counts


def pictures(posts: Posts, root: Path, report: Report, *, fix: bool = False,
             follow_links: bool = False) -> None:
    """Open the picture of every post; record its true size as ``image_size``, in place.

    A size other than the annotation's makes its boxes wrong: with ``fix`` boxes
    are rescaled where the aspect ratio is the same within 1%; otherwise the
    annotation's size is kept, and so is the finding.
    """
    for post in (p for split in posts.values() for p in split):
        if not post.image:
            continue
        try:
            locate(root, post.image, follow_links)
        except ImageError as problem:
            _without_picture(post, "missing_image", problem, report, fix)
            continue
        try:
            size = open_image(root, post.image, follow_links).size
        except ImageError as problem:
            _without_picture(post, "broken_image", problem, report, fix)
            continue
        if post.image_size is None or post.image_size == size:
            post.image_size = size
            continue
        scales = size[0] / post.image_size[0], size[1] / post.image_size[1]
        # Masks cannot be stretched without redrawing them, so such posts are only reported.
        masked = any(entity.masks for entity in post.entities or [])
        mended = fix and not masked and abs(scales[0] / scales[1] - 1) <= 0.01
        report.add("size_differs", post.id,
                   f"annotation {post.image_size[0]}x{post.image_size[1]}, picture {size[0]}x{size[1]}",
                   fixed=mended)
        if mended:
            _rescale(post, *scales)
            post.image_size = size


def _without_picture(post: Post, kind: str, problem: ImageError, report: Report, fix: bool) -> None:
    report.add(kind, post.id, f"{post.image}: {problem.message}", fixed=fix)
    if fix:
        post.meta = {**(post.meta or {}), "image": post.image}
        post.image = None


def _rescale(post: Post, across: float, down: float) -> None:
    for entity in post.entities or []:
        if entity.boxes:
            entity.boxes = [(x1 * across, y1 * down, x2 * across, y2 * down)
                            for x1, y1, x2, y2 in entity.boxes]
