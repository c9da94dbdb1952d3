"""The drawn world as a language model: it knows every name of the scenes, well, vaguely or wrongly."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from gmner_cli.errors import GmnerError, UsageError, did_you_mean, printable, shown
from gmner_cli.files.digest import sha256
from gmner_cli.language.llm.backend import Answer, Failure, Question
from gmner_cli.language.ready import Ready
from gmner_cli.language.ready.lines import read_typed
from gmner_cli.records import Entity, Post

QUALITIES = ("right", "vague", "wrong")


class Known(msgspec.Struct):
    """A line of the knowledge.jsonl of ``gmner prepare scenes``: a name, and what it stands for in several
    wordings."""

    name: str
    type: str
    right: list[str]
    vague: list[str]
    wrong: list[str]


class World(Ready):
    """Expansions: what the name stands for; of two things of one name, that of the entity's type.

    Knowledge: the known names of the text with what each stands for, both things
    where a name has two, because the text does not tell which is meant.
    """

    def __init__(self, path: Path, quality: str = "right"):
        """Raises UsageError for an unknown quality, GmnerError for a file that is not one of the scenes."""
        if quality not in QUALITIES:
            raise UsageError(f"unknown quality {quality!r}", hint=did_you_mean(quality, QUALITIES))
        self.name = "world" if quality == "right" else f"world:{quality}"
        self._phrases: dict[str, list[tuple[str, list[str]]]] = {}
        for where, known in read_typed(path, Known):
            phrases = [p for p in getattr(known, quality) if p.strip()]
            if not phrases or not known.name.strip():
                raise GmnerError(f"says nothing {quality} of {shown(known.name)!r}", where=where)
            self._phrases.setdefault(known.name, []).append((known.type, phrases))
        if not self._phrases:
            raise GmnerError("holds no names", where=printable(str(path)))
        self.sha256 = sha256(path)
        longest_first = sorted(self._phrases, key=lambda name: (-len(name), name))
        self._names = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")

    def answers(self, questions: Sequence[Question]) -> Iterator[tuple[int, Answer | Failure]]:
        for index, question in enumerate(questions):
            text = self._about(question.post) if question.entity is None else self._expansion(
                question.post, question.entity)
            if text:
                yield index, Answer(text=text, model=self.name)

    def _expansion(self, post: Post, entity: Entity) -> str | None:
        things = self._phrases.get(post.text[entity.start:entity.end], [])
        meant = things if len(things) == 1 else [thing for thing in things if thing[0] == entity.type]
        return _one_of(meant[0][1], post, entity.start) if meant else None

    def _about(self, post: Post) -> str | None:
        at = {match.group(): match.start() for match in reversed(list(self._names.finditer(post.text)))}
        told = [f"{number}. {name}: {' or '.join(_one_of(p, post, at[name]) for _, p in self._phrases[name])}"
                for number, name in enumerate(sorted(at, key=at.__getitem__), 1)]
        return f"Named entities: {'; '.join(told)}." if told else None


def _one_of(phrases: list[str], post: Post, start: int) -> str:
    """One wording, always the same for a place in a post, and not for all posts."""
    return phrases[zlib.crc32(f"{post.id} {start}".encode("utf-8", "replace")) % len(phrases)]
