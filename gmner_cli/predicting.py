"""From a file of posts to a file of posts, through any stages: reading, failing politely, resuming, writing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec

from gmner_cli.errors import RecordError, printable
from gmner_cli.hub import say
from gmner_cli.jsonl import UNREADABLE, Line, failed_post, read_lines
from gmner_cli.records import Post
from gmner_cli.sink import Sink
from gmner_cli.stages import WINDOW, Stage, compose


@dataclass
class Outcome:
    """What came of a run: posts written, posts finished before or skipped, and where and why posts failed."""

    written: int = 0
    resumed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)


def run_file(source: str | Path, target: str | Path | None, stages: Callable[[], Sequence[Stage]], *,
             config: dict[str, Any], resume: bool = False, limit: int | None = None,
             label_map: dict[str, str] | None = None, progress: Callable[[int], Any] = lambda n: None,
             tell: Callable[[str], None] = say) -> Outcome:
    """Read ``source``, run the stages, write ``target``; nothing that came in is lost.

    ``stages`` is called once, after the first checks, so that a wrong path is
    said before models are loaded. ``config`` identifies the run for ``resume``.
    Records that cannot be read or that a stage marks come out with ``error``.
    Raises GmnerError when a file cannot be read or written.
    """
    reading = _Reading(source, limit, label_map or {})
    first = list(islice(reading.lines, 1))  # a missing file is found before OUT is touched and models are loaded
    sink = Sink(target, resume=resume, config=config)
    outcome = Outcome()
    posts = reading.posts(chain(first, reading.lines), sink.finished, outcome)
    waiting = list(islice(posts, 1))
    try:
        if waiting:
            for post in compose(stages(), chain(waiting, posts), WINDOW):
                _write(sink, post, reading.place(post), outcome)
                progress(1)
        sink.commit({"posts": outcome.written + outcome.resumed, "failed": len(outcome.failures)})
    except BaseException:
        sink.close()
        if sink.resumable and outcome.written + outcome.resumed:
            tell(f"stopped: {outcome.written + outcome.resumed} finished posts are in {sink.partial}; go on with --resume")
        raise
    return outcome


def _write(sink: Sink, post: Post, place: str, outcome: Outcome) -> None:
    try:
        sink.write(post)
    except RecordError as problem:  # a stage left something that is not JSON, such as NaN
        post = Post(id=post.id, text=post.text, image=post.image, error=problem.reason)
        sink.write(post)
    outcome.written += 1
    outcome.skipped += post.skipped is not None
    if post.error is not None:
        # The error of an unreadable line begins with its place.
        outcome.failures.append(post.error if post.error.startswith(place) else f"{place}: {post.error}")


class _Reading:
    """The posts of a file, and from which lines they came."""

    def __init__(self, source: str | Path, limit: int | None, label_map: dict[str, str]):
        self.name = "stdin" if str(source) == "-" else printable(str(source))
        self.lines = islice(read_lines(source), limit)
        self._renames, self._numbers = label_map, {}

    def posts(self, lines: Iterator[Line], finished: set[str], outcome: Outcome) -> Iterator[Post]:
        """Those that are not finished. What an earlier run left as marks is taken off: it is tried again."""
        for line in lines:
            if line.id in finished:
                outcome.resumed += 1
                continue
            self._numbers[line.id] = line.number
            if line.error is not None:
                yield failed_post(line)
                continue
            post = line.post
            if not _unreadable(post):
                post = msgspec.structs.replace(post, error=None, skipped=None, image_problem=None)
            for entity in post.entities or []:
                entity.type = self._renames.get(entity.type, entity.type)
            yield post

    def place(self, post: Post) -> str:
        """``file:line`` of a post, to be asked once."""
        return f"{self.name}:{self._numbers.pop(post.id, '?')}"


def _unreadable(post: Post) -> bool:
    """Whether the post stands for a line that could not be read (``jsonl.failed_post``)."""
    return post.error is not None and UNREADABLE in post.extra
