"""Answers that no language model is needed for: from what the record says, from the drawn world, from a file.

These backends read the post itself and no prompt. ``answers`` yields nothing for a post of which they know
nothing, and that is no failure.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from gmner_cli.errors import GmnerError, UsageError, printable
from gmner_cli.language.llm.backend import Backend


class Ready(Backend):
    """A backend that reads no prompt. ``sha256``: of the file that its answers come from, where there is
    one."""

    generates: ClassVar[bool] = False
    sha256: str | None = None


def make(name: str, *, task: str, posts: str, quality: str = "right") -> Ready | None:
    """The backend of that name, or None when it is not one of these.

    ``posts``: the file that is asked about; ``world`` looks for knowledge.jsonl
    beside it, and published answers without ids are matched to all of its posts.
    ``quality``: right, vague or wrong, for ``world`` alone. Raises UsageError for
    half a name, GmnerError for a file that cannot be used.
    """
    kind, mark, path = name.partition(":")
    if kind == "template" and not mark:
        from gmner_cli.language.ready.template import FromTheRecord

        return FromTheRecord()
    if kind == "world":
        from gmner_cli.language.ready.world_answers import World

        if not path and not Path(posts).is_file():
            raise UsageError("world looks for knowledge.jsonl beside POSTS, and POSTS is no file",
                             hint="give it as --llm world:PATH")
        return World(_file(path or Path(posts).with_name("knowledge.jsonl")), quality)
    if kind == "file":
        from gmner_cli.language.ready.answers import FromFile

        if not path:
            raise UsageError("file: needs a path", hint="as in --llm file:answers.jsonl")
        return FromFile(_file(path), task=task, posts=posts)
    return None


def _file(path: str | Path) -> Path:
    # Not a pipe: answers are read more than once.
    if not Path(path).is_file():
        raise GmnerError("no such file", where=printable(str(path)))
    return Path(path)
