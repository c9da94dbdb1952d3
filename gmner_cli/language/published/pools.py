"""The hand-annotated pools of PGIM: posts of a train split by id, with model knowledge and entities.

A folder holds two files. ``NAME.txt`` has an id on one line and what was written of
the post on the next; ``NAME_GPT.txt`` has an id, then ``['Name', 'TYPE'], ...`` or ``None``.
Text, picture and caption of the posts stand elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from gmner_cli.data.conll import read_lines
from gmner_cli.data.inspection import text_key
from gmner_cli.errors import GmnerError, RecordError, printable
from gmner_cli.language.published.listing import listed
from gmner_cli.records import Knowledge, Post

LISTS = "_GPT"
"""At the end of the name of the file of entities."""

_ITEM = re.compile(r"\[(['\"])(.*?)\1, (['\"])([^'\"]+)\3\](, (?=\[)|$)")


@dataclass(frozen=True, slots=True)
class PoolEntry:
    """One annotated post and the line of its id; ``entities`` are (name, type), None where the list of them
    lacks it."""

    path: Path
    line: int
    id: str
    knowledge: str
    entities: list[tuple[str, str]] | None

    @property
    def where(self) -> str:
        """file:line, for a person."""
        return f"{self.path}:{self.line}"


@dataclass
class PoolReport:
    """What ``pool_posts`` found: ids of entries without a post, of posts without a caption, and of posts that
    stand in other splits, by the name of the split: ``renamed`` are those of ``elsewhere`` that do by text
    alone."""

    posts: int = 0
    unmatched: list[str] = field(default_factory=list)
    uncaptioned: list[str] = field(default_factory=list)
    elsewhere: dict[str, list[str]] = field(default_factory=dict)
    renamed: dict[str, list[str]] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """For a person."""
        yield f"{self.posts} annotated posts"
        if self.unmatched:
            yield f"{len(self.unmatched)} are not among the posts and left out: {listed(self.unmatched)}"
        if self.uncaptioned:
            yield f"{len(self.uncaptioned)} have no caption, which examples show: {listed(self.uncaptioned)}"
        for name, ids in self.elsewhere.items():
            yield f"{len(ids)} stand in {printable(name)}, and must not be examples there: {listed(ids)}"
            if name in self.renamed:
                renamed = self.renamed[name]
                yield f"{len(renamed)} of them stand there under another id: {listed(renamed)}"


def read_pool(folder: Path) -> tuple[list[PoolEntry], list[str]]:
    """The entries of a published pool in order, and what is odd, as "file:line: reason".

    Raises GmnerError when the folder does not hold the two files or one cannot be
    read; RecordError, with file:line, when lines are not in pairs of an id and a text, an
    id stands twice, or a list of entities is none.
    """
    knowledge, lists = _files(folder)
    entities = {name: (line, _entities(f"{lists}:{line}", text)) for line, name, text in _pairs(lists)}
    entries = [
        PoolEntry(knowledge, line, name, text,
                  entities.get(name, (None, None))[1]) for line, name, text in _pairs(knowledge)
    ]
    known = {entry.id for entry in entries}
    odd = [f"{lists}:{line}: entities of {name}, of which {knowledge.name} says nothing"
           for name, (line, _) in entities.items() if name not in known]
    odd += [
        f"{entry.where}: {entry.id} has no list of entities in {lists.name}" for entry in entries
        if entry.entities is None
    ]
    return entries, [printable(line) for line in odd]


def pool_posts(entries: Sequence[PoolEntry], posts: Iterable[Post],
               others: Mapping[str, Iterable[Post]] | None = None) -> tuple[list[Post], PoolReport]:
    """The entries' posts, in the order of the entries, with the pool's knowledge alone.

    ``posts``: where their text, picture and caption come from, such as a train
    split; all other fields pass. ``others``: splits by name in which pool posts are looked for,
    by id and by text. The annotated entities go into ``annotated``, [[name, type], ...]:
    they are not spans, and not all of them stand in the text.
    """
    wanted = {entry.id for entry in entries}
    by_id = {post.id: post for post in posts if post.id in wanted}
    found = [_example(by_id[entry.id], entry) for entry in entries if entry.id in by_id]
    report = PoolReport(len(found), [entry.id for entry in entries if entry.id not in by_id],
                        [post.id for post in found if not post.caption])
    keys = {post.id: text_key(post) for post in found}
    for name, split in (others or {}).items():
        there = {(post.id, text_key(post)) for post in split}
        named, texts = ({pair[part] for pair in there} for part in (0, 1))
        if ids := [entry.id for entry in entries if entry.id in named or keys.get(entry.id) in texts]:
            report.elsewhere[name] = ids
        if renamed := [identity for identity in ids if identity not in named]:
            report.renamed[name] = renamed
    return found, report


def _example(post: Post, entry: PoolEntry) -> Post:
    extra = dict(post.extra)
    if entry.entities is not None:
        extra["annotated"] = [list(pair) for pair in entry.entities]
    said = Knowledge(text=entry.knowledge, source=f"published:{entry.path.name}")
    return msgspec.structs.replace(post, knowledge=[said], extra=extra)


def _files(folder: Path) -> tuple[Path, Path]:
    names = sorted(path for path in folder.glob("*.txt")
                   if not path.stem.endswith(LISTS)) if folder.is_dir() else []
    lists = [path.with_name(f"{path.stem}{LISTS}.txt") for path in names]
    if len(names) != 1 or not lists[0].is_file():
        raise GmnerError(
            "is not the folder of a published pool", where=printable(str(folder)),
            hint=f"it holds NAME.txt, of ids and texts, and NAME{LISTS}.txt, of ids and entities")
    return names[0], lists[0]


def _pairs(path: Path) -> Iterator[tuple[int, str, str]]:
    """``(line of the id, id, text)`` of every two lines that are not blank."""
    lines = [(number, line.strip()) for number, line in enumerate(read_lines(path), start=1) if line.strip()]
    if not lines:
        raise GmnerError("is empty", where=printable(str(path)))
    seen: set[str] = set()
    for at in range(0, len(lines), 2):
        number, name = lines[at]
        where = f"{path}:{number}"
        if " " in name:
            raise RecordError(f"is not an id: {printable(name[:60])!r}", where=printable(where),
                              hint="every id stands on a line of its own, its text on the next")
        if at + 1 == len(lines):
            raise RecordError(f"id {printable(name)} has no line after it", where=printable(where),
                              hint="is the file whole?")
        if name in seen:
            raise RecordError(f"id {printable(name)} stands there twice", where=printable(where))
        seen.add(name)
        yield number, name, lines[at + 1][1]


def _entities(where: str, text: str) -> list[tuple[str, str]]:
    """The list of a line. Not read as Python: names hold the quotes that they stand in."""
    found: list[tuple[str, str]] = []
    at = 0
    while text != "None" and at < len(text):
        item = _ITEM.match(text, at)
        if item is None:
            raise RecordError("the line after this id is not a list of entities: "
                              f"{printable(text[at:at + 60])!r}",
                              where=printable(where), hint="it is None, or as in ['Name', 'TYPE'], ['Name', "
                                                           "'TYPE']")
        found.append((item[2], item[4]))
        at = item.end()
    return found
