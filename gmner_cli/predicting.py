"""From a file of posts to a file of posts, through any stages: reading, failing politely, resuming, writing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from gmner_cli.jsonl import Sink, failed_post, read_lines
from gmner_cli.records import Post
from gmner_cli.stages import WINDOW, Stage, compose


@dataclass
class Outcome:
    """What came of a run: posts written, ids skipped by resuming, and why posts failed."""

    written: int = 0
    resumed: int = 0
    failures: list[str] = field(default_factory=list)


def run_file(source: str | Path, target: str | Path | None, stages: Callable[[], Sequence[Stage]], *,
             config: dict[str, Any], resume: bool = False, limit: int | None = None,
             label_map: dict[str, str] | None = None, progress: Callable[[int], Any] = lambda n: None) -> Outcome:
    """Read ``source``, run the stages, write ``target``; nothing that came in is lost.

    ``stages`` is called once, after the first checks, so that a wrong path is
    said before models are loaded. ``config`` identifies the run for ``resume``.
    Records that cannot be read or that a stage marks come out with ``error``.
    """
    sink = Sink(target, resume=resume, config=config)
    outcome = Outcome()
    lines = _posts(source, outcome, sink.finished, limit, label_map or {})
    first = list(islice(lines, 1))  # a missing file is found before the models are loaded
    if first:
        for post in compose(stages(), _chain(first, lines), WINDOW):
            if post.error is not None and not _unreadable(post):
                outcome.failures.append(post.error)
            sink.write(post)
            outcome.written += 1
            progress(1)
    sink.commit({"posts": outcome.written + outcome.resumed, "failed": len(outcome.failures)})
    return outcome


def _posts(source: str | Path, outcome: Outcome, finished: set[str], limit: int | None,
           label_map: dict[str, str]) -> Iterator[Post]:
    for line in islice(read_lines(source), limit):
        if line.error is not None:
            post = failed_post(line)
            outcome.failures.append(str(line.error).split("\n")[0])
        else:
            post = line.post
            if post.error is not None and not _unreadable(post):
                post = msgspec.structs.replace(post, error=None)  # it failed in an earlier run: try again
            for entity in post.entities or []:
                entity.type = label_map.get(entity.type, entity.type)
        if post.id in finished:
            outcome.resumed += 1
            continue
        yield post


def _unreadable(post: Post) -> bool:
    """Whether the post stands for a line that could not be read (``jsonl.failed_post``)."""
    return post.error is not None and "input" in post.extra


def _chain(first: list[Post], rest: Iterator[Post]) -> Iterator[Post]:
    yield from first
    yield from rest
