"""Two streams of posts joined by id, in memory that does not grow while they run in the same order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest

from gmner_cli.records import Post


def join(predicted: Iterable[Post], gold: Iterable[Post]) -> Iterator[tuple[Post | None, Post | None]]:
    """Yield ``(predicted, gold)`` for every id of either stream, ids unique in each.

    The streams are read in lock step and a post waits only until its partner
    comes, so the order may differ. Posts without a partner come last, each in
    the order of its own stream: ``(None, gold)`` first, then ``(predicted, None)``.
    """
    waiting_predicted: dict[str, Post] = {}
    waiting_gold: dict[str, Post] = {}
    for ours, theirs in zip_longest(predicted, gold):
        if ours is not None and theirs is not None and ours.id == theirs.id:
            yield ours, theirs
            continue
        if ours is not None:
            partner = waiting_gold.pop(ours.id, None)
            if partner is None:
                waiting_predicted[ours.id] = ours
            else:
                yield ours, partner
        if theirs is not None:
            partner = waiting_predicted.pop(theirs.id, None)
            if partner is None:
                waiting_gold[theirs.id] = theirs
            else:
                yield partner, theirs
    for post in waiting_gold.values():
        yield None, post
    for post in waiting_predicted.values():
        yield post, None
