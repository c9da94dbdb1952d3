"""By which pictures a run is known, wherever their folder lies: those of its posts, by content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from heapq import nsmallest
from itertools import islice
from pathlib import Path

from gmner_cli.errors import GmnerError
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import Post
from gmner_cli.records.jsonl import read_lines

MOST_POSTS, MOST_PICTURES = 10_000, 100
"""Of a file whose posts come one by one: how many are looked at first, and how many of their pictures."""


def digest_of_each(source: str | Path, pictures: Pictures, limit: int | None = None) -> dict[str, str]:
    """Of some pictures of a file of posts, always the same of the same posts: the sha256 of each, by name.

    A sample, because they are read before the run begins. One that is missing is left out: it may be put
    there before the run goes on. Empty for a pipe, which can be read only once, and without a folder.
    """
    if pictures.root is None or not Path(source).is_file():
        return {}
    try:
        names = {name for line in islice(read_lines(source), min(limit or MOST_POSTS, MOST_POSTS))
                 if line.post is not None for name in _names(line.post)}
    except GmnerError:  # the run will say so
        return {}
    chosen = nsmallest(MOST_PICTURES, names, key=lambda name: hashlib.sha256(_bytes(name)).digest())
    found = {name: pictures.sha256(name) for name in sorted(chosen)}
    return {name: digest for name, digest in found.items() if digest is not None}


def digest_of_all(files: Mapping[str, Iterable[Post]], pictures: Pictures) -> dict[str, str]:
    """By role, one sha256 of the pictures of its posts, by name and content; missing ones count as such."""
    return {role: digest_of({post.image for post in posts if post.image is not None}, pictures)
            for role, posts in files.items()}


def digest_of(names: Iterable[str], pictures: Pictures) -> str:
    """One sha256 of pictures, as ``digest_of_all``."""
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(_bytes(name) + b"\0" + str(pictures.sha256(name)).encode() + b"\n")
    return digest.hexdigest()


def _names(post: Post) -> Iterator[str]:
    """The post's picture and those that were made for it or its entities."""
    if post.image is not None:
        yield post.image
    made_for = [post.generated, *(entity.generated for entity in post.entities or [])]
    yield from (made.image for some in made_for for made in some or [])


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")
