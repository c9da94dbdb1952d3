"""What a stage is, and how posts flow through several of them.

A stage takes a list of posts, a window, and gives the same posts back with more fields. ``compose`` chains
stages: each pulls its windows from the one before. ``build`` makes the stages; ``run_file`` brings the posts
and writes what comes out.

A post that fails in a stage is marked (``post.error``) and goes on to the end. Stages leave alone what failed
or is skipped (``post.set_aside``).
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

import msgspec

from gmner_cli.classes.own_code import place_of
from gmner_cli.errors import MOST_CHARACTERS, GmnerError, ImageError, RecordError, foreign, shown
from gmner_cli.records import Post
from gmner_cli.records.fields import fill_text

WINDOW = 128
"""Most posts of a window: enough to batch like lengths, few enough for a slow stream to wait for. Tagging
takes 4 % more time than with 256, and 64 would take 10 % more."""

MANY = 32
"""A stage with a larger window than this is taken for a quick one."""

UNSAID = 16
"""The window of a stage that names none."""


class Stage(Protocol):
    """Anything that has a name, takes a list of posts, and gives them back in order, with more fields.

    Its class may have more; it is read before a stage is made:

    - ``finds``: names of the fields that it fills, as ``Model.finds``; by default (). A stage that finds
      nothing of gold also runs in training, if the recipe has it before the section that is trained.
    - ``window``: how many posts it wants at a time: many if it is quick and gains from batching like with
      like, few if it is slow, 1 if it works post by post. By default UNSAID.
    - ``reads_images``: whether it opens pictures. It is then made with ``pictures=``, an ``images.Pictures``.
    - ``stored``: whether training keeps its results in a file, for a resumed training to read. By default
      True; False if making them again is quicker.
    - ``variants(posts) -> posts``: called in place of the stage for training posts (not for dev posts). Gives
      each post in all the versions that training should see: one post, or several of the same id. Entities
      may be repeated and reordered, but none may be new.
    """

    name: str

    def __call__(self, posts: list[Post]) -> list[Post]: ...


def compose(stages: Sequence[Stage], posts: Iterable[Post], most: int = WINDOW,
            proven: bool = False) -> Iterator[Post]:
    """All stages over a stream of posts, in order; each pulls its windows from the one before.

    A window holds as many posts as the stage wants, but no more than ``most``. The first windows are smaller
    (``window_after``), so that the first records come at once and a kill costs little of what is done. Their
    sizes follow from posts and settings, never from time: the size of a batch changes the last digits of
    scores.

    A post on which a stage raises is marked with ``error``, and the others go on. What is not about one post
    is raised: wrong settings, a wrong model, or that no post at all gets through, unless ``proven`` says that
    some did before.
    """
    made = iter(posts)
    for stage in stages:
        made = _through(stage, made, min(most, getattr(stage, "window", UNSAID)), proven)
    return made


def window_after(came: int, most: int) -> int:
    """How many posts a stage gets next that has had ``came`` and wants ``most``.

    It grows with ``came``: up to a quarter of it, or up to all of it where ``most`` is above MANY. A power of
    two, so that batches are full.
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
    """The stage over the posts; if it raises, over each half of them, down to single posts, which are marked.

    Returns also the first exception. Raises what is not about one post.
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
