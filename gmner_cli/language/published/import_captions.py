"""A stage that gives posts the captions of published files, by the picture's file name or by id, and tells
what fits nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from gmner_cli.errors import printable
from gmner_cli.language.published.captions import PublishedCaption, read_captions
from gmner_cli.language.published.listing import SHOWN, listed
from gmner_cli.records import Post

Field = Literal["caption", "detailed_caption"]

_PICTURE = re.compile(r"(.+)\.(?:jpe?g|png|gif|webp|bmp|tiff?|avif)", re.IGNORECASE)


class ImportCaptions:
    """Stage that fills ``caption`` (or ``detailed_caption``) of the posts that have none.

    A key of a file is a post's id or the name of its picture, with or without
    folder and ending. Where one stands twice with different captions, the first is
    taken, and so is the one of the file given first where two files say it of a post.
    """

    name = "caption"
    window = 1

    def __init__(self, files: Sequence[Path], field: Field = "caption", overwrite: bool = False):
        """``overwrite``: replace what a post has already. Raises GmnerError when a file cannot be used."""
        self.field, self.overwrite = field, overwrite
        self.files = [read_captions(path, field) for path in files]
        self.repeated = 0
        """Captions that stand in the files once more, in the same words."""
        self.differing: list[str] = []
        self.given = self.kept = 0
        self.without: list[str] = []
        """Ids of posts that the files have no caption for, but those that keep one they had."""
        self._by_key: dict[str, PublishedCaption] = {}
        self._file: dict[str, int] = {}
        self._doubles: set[tuple[str, str]] = set()
        for number, file in enumerate(self.files):
            for caption in file.captions:
                self._file.setdefault(caption.key, number)
                self._double(self._by_key.setdefault(caption.key, caption), caption)
        self._pictures = _by_picture(self._by_key.values())
        self._asked: set[str] = set()

    def __call__(self, posts: list[Post]) -> list[Post]:
        for post in posts:
            if not post.set_aside:
                self._fill(post)
        return posts

    def find(self, post: Post) -> list[PublishedCaption]:
        """The captions of a post, the one to take first; none where they are ambiguous.

        The file given first comes first, and in a file the picture's name before the
        id. The id is the name of a picture for posts without one alone: that of another
        post's picture may be the same.
        """
        found = list(filter(None, self._named(post))) or list(filter(None, self._alike(post)))
        return sorted(dict.fromkeys(found), key=lambda caption: self._file[caption.key])

    def account(self) -> Iterator[str]:
        """Lines for a person: what the files held, and what became of it in this run.

        Posts that an earlier run finished never come here (``--resume``): the lines claim nothing of them.
        """
        for file in self.files:
            yield printable(f"{file.path}: {len(file.captions)} captions")
            yield from _some(file.oddities, "lines without a caption")
        if self.repeated:
            yield f"{self.repeated} captions stand there once more in the same words"
        yield from _some(self.differing, "captions differ from another of the same name or post, which is "
                                         "taken")
        kept = f", {self.kept} had one and keep it (--overwrite replaces it)" if self.kept else ""
        yield f"{self.given} posts of this run got their {self.field}{kept}"
        if self.without:
            yield (f"{len(self.without)} posts of this run have no caption in the files: "
                   f"{listed(self.without)}")
        unused = [key for key in self._by_key if key not in self._asked]
        if unused:
            yield f"{len(unused)} captions belong to no post of this run: {listed(unused)}"

    def _named(self, post: Post) -> list[PublishedCaption | None]:
        """What is said of the post's picture, and of its id."""
        if not post.image:
            return [self._by_key.get(post.id), self._pictures.get(post.id)]
        name = PurePosixPath(post.image).name
        whole = self._pictures.get(name) if name == post.image else None
        return [self._by_key.get(post.image), self._by_key.get(name), whole, self._by_key.get(post.id)]

    def _alike(self, post: Post) -> list[PublishedCaption | None]:
        """What is said of a picture in another folder or with another ending, or without either."""
        return [
            found.get(name) for name in _names(post.image or "") for found in (self._by_key, self._pictures)
        ]

    def _fill(self, post: Post) -> None:
        found = self.find(post)
        self._asked.update(caption.key for caption in found)
        for again in found[1:]:
            self._double(found[0], again)
        if getattr(post, self.field) and not self.overwrite:
            self.kept += 1
        elif found:
            setattr(post, self.field, found[0].text)
            self.given += 1
        else:
            self.without.append(post.id)

    def _double(self, first: PublishedCaption, again: PublishedCaption) -> None:
        pair = (first.where, again.where)
        if first is again or pair in self._doubles:
            return
        self._doubles.add(pair)
        if first.text == again.text:
            self.repeated += 1
        else:
            self.differing.append(
                printable(f"{again.where}: {again.key} has another caption at {first.where}"))


def _by_picture(captions: Iterable[PublishedCaption]) -> dict[str, PublishedCaption]:
    """Captions of pictures by their names without folder, and without ending too, where that means one
    caption."""
    found: dict[str, PublishedCaption | None] = {}
    for caption in captions:
        for name in _names(caption.key) if _PICTURE.fullmatch(caption.key) else ():
            other = found.setdefault(name, caption)
            if other is None or other.text != caption.text:
                found[name] = None
    return {name: caption for name, caption in found.items() if caption is not None}


def _names(path: str) -> list[str]:
    """The names of a picture: its file name, and that without the ending."""
    name = PurePosixPath(path).name
    ending = _PICTURE.fullmatch(name)
    return [name, *([ending[1]] if ending else [])] if name else []


def _some(lines: list[str], kind: str) -> Iterator[str]:
    if lines:
        yield f"{len(lines)} {kind}" + (f", the first {SHOWN}" if len(lines) > SHOWN else "") + ":"
        yield from (f"  {line}" for line in lines[:SHOWN])
