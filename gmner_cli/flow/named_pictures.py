"""Pictures that examples name (``Example.pictures``), opened once before a batch needs them.

``CheckImages`` knows only the posts' own pictures; ``model_stage`` and training look here at the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from gmner_cli.compute.batches import ahead
from gmner_cli.errors import ImageError, say
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import Post

if TYPE_CHECKING:  # looking at pictures needs no torch
    from gmner_cli.model import Example

MOST_TOLD = 20
"""Pictures that are named on stderr, because posts go on without them or are skipped."""


@dataclass
class Named:
    """What became of the pictures that examples name."""

    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    """[width, height] of the whole picture, by its name."""
    problems: dict[int, ImageError] = field(default_factory=dict)
    """The first problem of each post that has one, by number of the post."""


def look_at(examples: Sequence[Example], pictures: Pictures, side: int | None) -> Named:
    """Open every picture that ``examples`` name. ``side``: ``largest_side`` of the model."""
    wanted: dict[str, list[int]] = {}
    for example in examples:
        for name in example.pictures or ():
            wanted.setdefault(name, []).append(example.post)

    def opened(name: str) -> tuple[int, int] | ImageError:
        try:
            return pictures.open(name, side).size
        except ImageError as problem:
            return problem.with_traceback(None)  # it is kept beside others, and would keep the frames

    found = Named()
    for name, what in ahead(wanted, opened, depth=2 * pictures.workers, workers=pictures.workers):
        if not isinstance(what, ImageError):
            found.sizes[name] = what
            continue
        for number in wanted[name]:
            found.problems.setdefault(number, what)
    return found


def set_aside(post: Post, problem: ImageError, pictures: Pictures) -> Post | None:
    """A copy of the post, marked as ``pictures.missing`` asks: failed, or skipped.

    None where it goes on without the picture.
    """
    if pictures.missing == "error":
        return msgspec.structs.replace(post, error=problem.reason)
    going_on = pictures.missing == "text-only"
    line = f"post {post.id}: {problem.reason}; {'going on without it' if going_on else 'skipped'}"
    if line not in pictures.told and len(pictures.told) < MOST_TOLD:
        pictures.told.add(line)
        say(line)
    return None if going_on else msgspec.structs.replace(post, skipped=problem.reason)
