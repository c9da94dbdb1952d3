"""The annotated pool: which of its posts may be examples, and for which posts.

No post of a held-out split is ever an example, and no post is an example for itself. Published pools need
this: of those for Twitter-2015 and -2017, 39 posts stand in the test split of Twitter-GMNER, and 43 in its
dev split, one of them under another id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gmner_cli.data.inspection import text_key
from gmner_cli.errors import UsageError, printable, shown
from gmner_cli.language.prompts import fold
from gmner_cli.records import Post
from gmner_cli.records.jsonl import read_lines, read_posts

HELD_OUT = frozenset({"dev", "test", "val", "valid", "validation"})
"""Values of ``meta.split`` of posts that a model is judged by."""


@dataclass(frozen=True)
class Pool:
    """Annotated posts, in the order of their file."""

    path: Path
    posts: list[Post]
    barred: list[str | None]
    """For each post, why it may not be an example; None if it may."""
    unannotated: int = 0
    """How many posts of the file are left out, because they have no knowledge, or failed."""
    held_out: frozenset[str] | None = None
    """Ids of the held-out posts that were known when the pool was read, if the posts that are asked about
    come as a stream. None if those were known, too."""

    def may_show(self, index: int, to: Post) -> bool:
        """Whether post ``index`` may be an example for ``to``: not barred, and another post by id and text.

        Raises UsageError if ``to`` is a held-out post that was not known: others of its split may be in the
        pool.
        """
        if self.held_out is not None and (split := _split(to)) in HELD_OUT and to.id not in self.held_out:
            raise UsageError(f"post {shown(to.id)!r} is of split {printable(split)}, and a stream does "
                             "not tell in time which others are, so that they might be examples",
                             hint="name the file of that split with --never, or as POSTS")
        post = self.posts[index]
        return self.barred[index] is None and post.id != to.id and text_key(post) != text_key(to)

    @property
    def usable(self) -> list[int]:
        """Indexes of the posts that may be examples for somebody."""
        return [index for index, reason in enumerate(self.barred) if reason is None]

    def __str__(self) -> str:
        """How many posts there are, how many are left out and why."""
        reasons = [f"{count} {reason}" for reason, count in Counter(filter(None, self.barred)).items()]
        reasons += [f"{self.unannotated} without knowledge, or failed"] if self.unannotated else []
        why = f"; never examples: {', '.join(reasons)}" if reasons else ""
        return (f"{printable(str(self.path))}: {len(self.posts) + self.unannotated} posts, "
                f"{len(self.usable)} may be examples{why}")


def read_pool(path: Path, never: Sequence[Path] = (), asked: Path | None = None) -> Pool:
    """The posts of ``path`` that have knowledge; the first entry of it is the example's answer.

    ``never``: files whose posts are never examples. ``asked``: the file of posts that are asked about; its
    held-out posts (by ``meta.split``) are never examples either. None for a stream. Nor are held-out posts of
    the pool itself. Raises RecordError at the first bad record of the pool, GmnerError for a file that cannot
    be read.
    """
    ids: dict[str, str] = {}
    texts: dict[str, str] = {}
    for file, whole in [*((file, True) for file in never), *([(asked, False)] if asked else [])]:
        for post in _posts(file):
            if whole or _split(post) in HELD_OUT:
                ids.setdefault(post.id, file.name)
                texts.setdefault(text_key(post), file.name)
    found = list(read_posts(path))
    posts = [post for post in found if post.knowledge and fold(post.knowledge[0].text) and post.error is None]
    return Pool(path, posts, [_bar(post, ids, texts) for post in posts],
                len(found) - len(posts),
                frozenset(ids) if asked is None else None)


def neighbours(posts: str | Path) -> list[Path]:
    """dev.jsonl and test.jsonl beside a file of posts, as ``gmner prepare`` writes them."""
    path = Path(posts)
    beside = [path.with_name(f"{split}.jsonl") for split in ("dev", "test")] if path.is_file() else []
    return [file for file in beside if file.is_file()]


def _posts(file: Path) -> Iterator[Post]:
    """Every post of a file, also of a line that is bad otherwise: what may be held out must be known."""
    for line in read_lines(file):
        raw = line.raw if isinstance(line.raw, dict) else {}
        if line.post is not None:
            yield line.post
        elif isinstance(raw.get("text"), str):
            identity, meta = raw.get("id"), raw.get("meta")
            yield Post(id=str(identity) if type(identity) in (str, int) else line.id, text=raw["text"],
                       meta=meta if isinstance(meta, dict) else None)


def _split(post: Post) -> str | None:
    split = (post.meta or {}).get("split")
    return split.lower() if isinstance(split, str) else None


def _bar(post: Post, ids: dict[str, str], texts: dict[str, str]) -> str | None:
    split = _split(post)
    if split in HELD_OUT:
        return f"of split {split}"
    if post.id in ids:
        return f"in {printable(ids[post.id])} by id"
    if text_key(post) in texts:
        return f"in {printable(texts[text_key(post)])} by text"
    return None
