"""Which texts a model was trained on, as hashes beside its weights: a score on them should be no surprise.

A text is known by its letters and digits, without links, whatever its case and however it was tokenised. So
the tweets of Twitter-2015 and -2017 are found in Twitter-GMNER. Nothing can be read back from a hash.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gmner_cli.errors import GmnerError, ModelError
from gmner_cli.records import Post
from gmner_cli.records.jsonl import write_atomic

FILE = "trained_on.hashes"
"""Sorted hashes of 8 bytes each."""
LEAST = 10
"""Letters and digits of a text that is told from others by them; a shorter one ("good morning") may be
anybody's."""
SHARE = 0.01
"""Share of known posts below which nothing is said: a split may hold a retweet of another."""

_SIZE = 8
# As it is, cut off by Twitter ("http…"), or in the pieces of a tokeniser ("https : //t . co/x", "http://t.
# co/x").
_LINK = re.compile(
    r"https?\s*:\s*/+\s*(?:t\s*\.\s*co\b\s*/?\s*[^\s…]*|\S+)|https?(?=\s*(?:…|:|\.\s*\.|$))|www\.\S+|pic\.twitter\.com\S*"
)
_ESCAPED = re.compile(r"&\s*(?:amp|lt|gt|quot)\b")


def fingerprint(text: str) -> bytes | None:
    """The hash of a text, or None of one that is too short to be told from others."""
    bare = _LINK.sub(" ", _ESCAPED.sub(" ", unicodedata.normalize("NFKC", text).casefold()))
    key = "".join(c for c in bare if c.isalnum())
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"),
                           digest_size=_SIZE).digest() if len(key) >= LEAST else None


def _hashes(posts: Iterable[Post], init: Path | None) -> set[bytes]:
    made = {found for post in posts if (found := fingerprint(post.text)) is not None}
    return made | (read(init) if init else set())


def write(folder: Path, posts: Iterable[Post], init: Path | None = None) -> None:
    """Leave the hashes of ``posts`` in a model folder, with those of the model that it started from."""
    hashes = _hashes(posts, init)
    write_atomic(Path(folder) / FILE, b"".join(sorted(hashes)))


def read(folder: Path) -> frozenset[bytes]:
    """The hashes in a model folder; none where it does not say. Raises ModelError for a damaged file."""
    path = folder / FILE
    if not path.is_file():
        return frozenset()
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise GmnerError(f"cannot be read: {problem.strerror}", where=str(path)) from None
    if len(content) % _SIZE:
        raise ModelError("is damaged", where=str(path), hint="remove it: then nobody is told of posts that "
                                                             "the model was trained on")
    return frozenset(content[at:at + _SIZE] for at in range(0, len(content), _SIZE))


def told_of_dev(posts: Iterable[Post], dev: Sequence[Post], init: Path | None = None) -> str | None:
    """What to say where posts to choose by stand among those to train on, or in the data of the model that
    training starts from."""
    hashes = _hashes(posts, init)
    count = sum(fingerprint(post.text) in hashes for post in dev)
    if not count or count < SHARE * len(dev):
        return None
    return (f"{count} of {len(dev)} posts to choose by stand in the training data" +
            (", or in that of the model it starts from" if init else "") +
            ": the dev score is too high, and what was learnt by heart chooses the epoch")


class Known:
    """Stage that changes nothing: it counts posts that models were trained on, but for those whose
    ``meta.split`` is train."""

    name = "known"

    def __init__(self, models: Mapping[str, frozenset[bytes]], so: str):
        """``models``: hashes by what the model is called. ``so``: what follows for posts that stand among
        them."""
        self.models, self.so = {name: hashes for name, hashes in models.items() if hashes}, so
        self.posts, self.found = 0, dict.fromkeys(self.models, 0)

    def __call__(self, posts: list[Post]) -> list[Post]:
        if self.models:
            self._count([post for post in posts if str((post.meta or {}).get("split")).lower() != "train"])
        return posts

    def _count(self, posts: Sequence[Post]) -> None:
        self.posts += len(posts)
        for post in posts:
            mine = fingerprint(post.text)
            for name, hashes in self.models.items():
                self.found[name] += mine in hashes

    @property
    def warnings(self) -> list[str]:
        """A line about each model that knows some of the posts, and not less than SHARE of them."""
        return [f"{count} of {self.posts} posts stand in the data that {name} was trained on: {self.so}"
                for name, count in self.found.items() if count and count >= SHARE * self.posts]
