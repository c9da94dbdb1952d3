"""Stages: what turns posts into posts with more fields, some posts at a time.

A subcommand is: read JSONL, one stage, write JSONL. ``predict`` is several stages
in one process, each of which pulls from the one before (``compose``). A stage adds fields and
removes none, and a post that fails in it is marked (``post.error``), not lost. Stages leave posts
alone that failed or are skipped (``post.set_aside``).
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Protocol

import msgspec

from gmner_cli.classes.own_code import place_of
from gmner_cli.errors import MOST_CHARACTERS, GmnerError, ImageError, RecordError, foreign, shown
from gmner_cli.records import Post
from gmner_cli.records.fields import fill_text

if TYPE_CHECKING:  # torch is imported where a model runs: GrabCut's stage needs none
    pass


WINDOW = 128
"""Posts that a stage gets at a time, at most: enough to batch like lengths, and little for a slow stream to
wait for. Tagging takes 4 % more time than with 256, and 64 would take 10 % more."""

MANY = 32
"""A stage that wants more posts than this at a time is a quick one."""

UNSAID = 16
"""Posts that a stage gets at a time that does not say how many it wants."""


class Stage(Protocol):
    """Anything that has a name and maps a list of posts to the same posts, in order, with more fields.

    It may say more, on its class, so that all of it is known before one is made:

    - ``finds``: names of the fields that it fills, as ``Model.finds``; () where it does not say. A stage that
      finds nothing of gold also runs before a model that is trained, where the recipe has it before that
      model's section.
    - ``window``: how many posts it wants at a time. Many, where it gains from batching like with
      like and is quick; few, where it is slow; 1, where it works post by post. Without one it gets UNSAID.
    - ``reads_images``: whether it opens pictures. It is then made with ``pictures=``, an ``images.Pictures``.
    - ``stored``: False where a training that is resumed should make its results again rather than read them
      from a file, because that is quicker. True where it does not say.
    - ``variants(posts) -> posts``: called in place of the stage for the posts that a model is trained on (not
      for dev posts): each in all the versions that training should see, in one post or in several of the same
      id. Entities may stand in it several times and in another order, but no new ones.
    """

    name: str

    def __call__(self, posts: list[Post]) -> list[Post]: ...


def compose(stages: Sequence[Stage], posts: Iterable[Post], most: int = WINDOW,
            proven: bool = False) -> Iterator[Post]:
    """All stages over a stream of posts, in order, each pulling from the one before as many as it works on at
    a time.

    That is its ``window``, or ``most`` where that is less, and in the beginning less still
    (``window_after``): the first records come at once, no post waits for more others than have come before
    it, and what a kill costs is little beside what is there. It follows from posts and settings, never from
    the time that anything takes, because the size of a batch changes the last digits of scores.

    A post that a stage cannot bear is marked with ``error`` and the others go on.
    Raises what a stage raises when that is not about one post: when the settings
    or the model are wrong, or when no post at all gets through, unless it is ``proven`` that some do.
    """
    made = iter(posts)
    for stage in stages:
        made = _through(stage, made, min(most, getattr(stage, "window", UNSAID)), proven)
    return made


def window_after(came: int, most: int) -> int:
    """How many posts a stage gets next that has had ``came`` and wants ``most``: a power of two, so that
    batches are full ones.

    At most a quarter of ``came``; where many are wanted, and so gain from each other, at most all.
    """
    return min(most, 1 << max(0, (came if most > MANY else came // 4).bit_length() - 1))


def _through(stage: Stage, posts: Iterator[Post], most: int, proven: bool) -> Iterator[Post]:
    came, tried = 0, 0
    first: Exception | None = None
    while window := list(islice(posts, window_after(came, most))):
        came += len(window)
        # a stage leaves the others alone, so they say nothing of it
        tried += sum(not post.set_aside for post in window)
        done, problem = _apart(stage, window)
        proven = proven or any(not post.set_aside for post in done)
        first = None if proven else first or problem
        if first is not None and tried >= WINDOW:
            raise first
        yield from done
    if first is not None and tried > 1:
        raise first


def _apart(stage: Stage, posts: list[Post]) -> tuple[list[Post], Exception | None]:
    """The stage over the posts; where it raises, over halves of them, down to the posts that make it raise.

    Also the first exception that it raised. Raises what is not about one post.
    """
    done: list[Post] = []
    waiting, first = [posts], None
    while waiting:
        part = waiting.pop()
        try:
            made = stage(part)
            if "entities" in getattr(stage, "finds", ()):
                for post in made:
                    fill_text(post)
            done += made
        except Exception as problem:
            if isinstance(problem, GmnerError) and not isinstance(problem, (RecordError, ImageError)):
                raise
            # The frames hold the failed batch's tensors, which the halves will need the room of.
            traceback.clear_frames(problem.__traceback__)
            first = first or problem
            if len(part) > 1:
                half = (len(part) + 1) // 2
                waiting += [part[half:], part[:half]]
                continue
            mendable = foreign(problem)
            place = f" (in {where})" if (where := place_of(problem)) else ""  # of a user's own code
            what = mendable.reason if mendable else (
                shown(f"unexpected {type(problem).__name__}: {problem}", MOST_CHARACTERS) + place)
            done.append(msgspec.structs.replace(part[0], error=f"stage {stage.name}: {what}"))
    return done, first
