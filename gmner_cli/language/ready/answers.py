"""Answers that somebody gave before, read from a file: ours as JSON Lines, or the published knowledge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from gmner_cli.errors import GmnerError, RecordError, UsageError, printable, say, shown
from gmner_cli.files.bounded import open_regular
from gmner_cli.files.digest import sha256
from gmner_cli.language.llm.backend import Answer, Failure, Question
from gmner_cli.language.ready import Ready
from gmner_cli.language.ready.lines import read_typed
from gmner_cli.records.jsonl import read_lines

_Key = tuple[str, int | None, int | None]
"""Post id, and the entity's characters; None for the post itself."""


class AnswerLine(msgspec.Struct):
    """A line of a file of answers: of a post, or of the entity at ``start``..``end`` of it."""

    id: str | int
    text: str
    start: int | None = None
    end: int | None = None


class FromFile(Ready):
    """Gives every post or entity the answer that the file has for it."""

    def __init__(self, path: Path, *, task: str, posts: str):
        """``posts``: the file that is asked about; published answers carry no ids and are matched to its
        texts.

        Raises RecordError for a bad line, UsageError for published knowledge where it cannot be used,
        GmnerError for a file that cannot be read.
        """
        self.name = f"file:{path.name}"
        self.sha256 = sha256(path)
        self._answers = _read_answers(path) if _is_jsonl(path) else _match_published(path, task, posts)

    def answers(self, questions: Sequence[Question]) -> Iterator[tuple[int, Answer | Failure]]:
        for index, question in enumerate(questions):
            span = (None, None) if question.entity is None else question.entity.span
            text = self._answers.get((question.post.id, *span))
            if text is not None:
                yield index, Answer(text=text, model=self.name)


def _is_jsonl(path: Path) -> bool:
    """Whether the first line that is not blank begins as a JSON object; published files begin with a word and
    its tag."""
    try:
        with open_regular(path) as stream:
            first = next((line for line in stream if line.removeprefix(b"\xef\xbb\xbf").strip()), b"")
    except (OSError, ValueError) as problem:
        raise GmnerError(f"cannot be read: {getattr(problem, 'strerror', None) or problem}",
                         where=printable(str(path))) from None
    if not first:
        raise GmnerError("is empty", where=printable(str(path)))
    return first.removeprefix(b"\xef\xbb\xbf").replace(b" ", b"").startswith((b'{"', b"{}"))


def _read_answers(path: Path) -> dict[_Key, str]:
    found: dict[_Key, str] = {}
    for where, line in read_typed(path, AnswerLine):
        if (line.start is None) != (line.end is None):
            raise RecordError("has only one of start and end", where=where)
        if found.setdefault((str(line.id), line.start, line.end), line.text) != line.text:
            raise RecordError(f"another answer for {shown(str(line.id))!r} stands above", where=where)
    return found


def _match_published(path: Path, task: str, posts: str) -> dict[_Key, str]:
    from gmner_cli.language.published.knowledge_files import match, read_knowledge

    if task != "knowledge":
        raise UsageError("holds no JSON Lines; published files hold knowledge, not expansions",
                         where=printable(str(path)))
    if not Path(posts).is_file():
        raise UsageError("its answers carry no ids, so they are matched to all posts of a file, and POSTS is "
                         "no file",
                         where=printable(str(path)), hint="write the posts to a file first")
    answers, report = match([line.post for line in read_lines(posts) if line.post is not None],
                            read_knowledge(path))
    say(f"{printable(str(path))}: {report}")
    return {(identity, None, None): text for identity, text in answers.items()}
