"""A run, from a file of posts to a file of records (``run_file``), or the same in memory (``run_records``).

Lines are read into posts, ``compose`` sends them through the stages, ``sink`` takes what comes out. Here it
is decided what is written of a post that failed, and which posts a resumed run leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from gmner_cli.errors import RecordError, printable, say
from gmner_cli.flow.compose import WINDOW, Stage, compose
from gmner_cli.flow.sink import Sink, fingerprint
from gmner_cli.records import ABSTAINED, Post
from gmner_cli.records.jsonl import (
    UNREADABLE,
    Given,
    Line,
    encode,
    failed_post,
    loads,
    read_lines,
    read_records,
)

R = TypeVar("R")


@dataclass
class Outcome:
    """What came of a run, counted in posts."""

    written: int = 0
    """Those that failed or were skipped among them."""
    resumed: int = 0
    """Finished by an earlier run, and not made again."""
    replaced: int = 0
    """Finished before under the same id with another text or image, and made again."""
    skipped: int = 0
    abstained: int = 0
    """Posts whose picture a model declined to look at."""
    failures: list[str] = field(default_factory=list)
    """Where and why posts failed, a line each."""


def run_file(source: str | Path, target: str | Path | None, stages: Callable[[], Sequence[Stage]], *,
             config: dict[str, Any], resume: bool = False, limit: int | None = None,
             window: int | None = None, label_map: dict[str, str] | None = None, keep_partial: bool = False,
             progress: Callable[[int], Any] = lambda n: None, tell: Callable[[str], None] = say) -> Outcome:
    """Read ``source``, run the stages, write ``target``; nothing that came in is lost.

    ``stages`` is called once: after the first checks, so that a wrong path is said before models are loaded,
    and before ``target`` is touched, so that a model that cannot be loaded costs no records. ``config``
    identifies the run for ``resume``. A record that cannot be read, and one that a stage marks, is written as
    it came in, with ``error`` or ``skipped``; with ``keep_partial`` also with what the stages had found.
    ``window``: most posts that a stage gets at a time; the default is the same for a pipe as for a file, so
    that both give the same. ``limit``: most posts that are read; a longer ``target`` is kept beside it.
    Raises GmnerError when a file cannot be read or written.
    """
    reading = _Reading(islice(read_lines(source), limit), label_map or {},
                       "stdin" if str(source) == "-" else printable(str(source)))
    # a missing file is found before OUT is looked at and models are loaded
    first = list(islice(reading.lines, 1))
    sink = Sink(target, resume=resume, config=config, keep_longer=limit is not None)
    outcome = Outcome()
    try:
        posts = reading.posts(chain(first, reading.lines), sink.finished, outcome)
        waiting = list(islice(posts, 1))
        made: Iterable[Post] = ()
        if waiting:
            made = compose(stages(), chain(waiting, posts), window or WINDOW, proven=bool(sink.finished))
        sink.begin(tell)
        for post in made:
            _write(sink, post, reading, outcome, keep_partial)
            progress(1)
        sink.commit({"posts": outcome.written + outcome.resumed, "failed": len(outcome.failures),
                     "skipped": outcome.skipped}, tell)
    except BaseException:
        sink.close()
        finished = outcome.written + outcome.resumed - len(outcome.failures) - outcome.skipped
        if sink.resumable and finished:
            tell(f"stopped: {finished} finished posts are in {sink.partial}; go on with --resume")
        raise
    _tell_of_others(sink, outcome, tell)
    return outcome


def run_records(records: Iterable[Given], stages: Sequence[Stage], *, window: int | None = None,
                label_map: dict[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """As ``run_file``, of posts in memory: yields the records that a file would hold, one by one.

    Raises GmnerError when the settings or the models are wrong, or no post at all gets through.
    """
    reading = _Reading(read_records(records), label_map or {}, "posts")
    for post in compose(stages, reading.posts(reading.lines, {}, Outcome()), window or WINDOW):
        _, written = _put(encode, post, reading.origin(post)[1], keep_partial=False)
        yield loads(written)


def _write(sink: Sink, post: Post, reading: _Reading, outcome: Outcome, keep_partial: bool) -> None:
    place, line = reading.origin(post)
    post, _ = _put(sink.write, post, line, keep_partial)
    outcome.written += 1
    # what came in so is not said of this run
    outcome.abstained += post.grounding == ABSTAINED and not post.set_aside
    outcome.skipped += post.skipped is not None
    if post.error is not None:
        # The error of an unreadable line begins with its place.
        outcome.failures.append(post.error if post.error.startswith(place) else f"{place}: {post.error}")


def _put(write: Callable[[Post], R], post: Post, line: Line, keep_partial: bool) -> tuple[Post, R]:
    """``write`` a post; as it came in, with the reason, where it failed or JSON cannot hold it.

    Returns what was written, and what ``write`` says of it.
    """
    if post.set_aside and line.post is not None and not keep_partial:
        post = _as_it_came(line, error=post.error, skipped=post.skipped)
    try:
        return post, write(post)
    except RecordError as problem:  # a stage left something that is not JSON, such as NaN
        post = _as_it_came(line, error=problem.reason)
    try:
        return post, write(post)
    except RecordError:  # what came in is nested more deeply than can be written
        post = Post(id=post.id, text=post.text, image=post.image, error=post.error)
        return post, write(post)


def _as_it_came(line: Line, error: str | None = None, skipped: str | None = None) -> Post:
    # From the line, because the stages may have changed the post that was made of it.
    came = Post.from_builtins({**line.raw, "id": line.id})
    return msgspec.structs.replace(came, error=error, skipped=skipped, image_problem=None)


def _tell_of_others(sink: Sink, outcome: Outcome, tell: Callable[[str], None]) -> None:
    """Say which posts of the earlier run this one made again, or did not meet."""
    if outcome.replaced:
        tell(f"{outcome.replaced} posts have another text or image than under the same id before; they were "
             "made again")
    others = len(sink.finished) - outcome.resumed - outcome.replaced
    if others:
        tell(f"{others} records of the resumed run are kept, though no post that was read has their id")


class _Reading:
    """The posts of a file, or of a list, and from which lines they came."""

    def __init__(self, lines: Iterator[Line], label_map: dict[str, str], name: str):
        self.lines, self.name = lines, name
        self._renames = label_map
        self._origins: dict[str, Line] = {}

    def posts(self, lines: Iterator[Line], finished: dict[str, int], outcome: Outcome) -> Iterator[Post]:
        """Posts that are not finished. Marks of an earlier run are taken off: what failed is tried again."""
        for line in lines:
            post = line.post
            if line.id in finished:
                # An id may be made from a line number, and stand for another post since a line was put in
                # above.
                if post is not None and finished[line.id] == fingerprint(post.text, post.image):
                    outcome.resumed += 1
                    continue
                outcome.replaced += 1
            self._origins[line.id] = line
            if post is None:
                yield failed_post(line)
                continue
            if not _unreadable(post):
                post = msgspec.structs.replace(post, error=None, skipped=None, image_problem=None)
            for entity in post.entities or []:
                entity.type = self._renames.get(entity.type, entity.type)
            yield post

    def origin(self, post: Post) -> tuple[str, Line]:
        """``file:line`` of a post, and the line itself; to be asked once."""
        line = self._origins.pop(post.id)
        return f"{self.name}:{line.number}", line


def _unreadable(post: Post) -> bool:
    """Whether the post stands for a line that could not be read (``jsonl.failed_post``)."""
    return post.error is not None and UNREADABLE in post.extra
