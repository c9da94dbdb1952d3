"""Which annotated posts a language model is shown: those most like the post it is asked about (MSEA), or a
fixed set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from gmner_cli.compute.runtime import Runtime
from gmner_cli.errors import GmnerError, printable
from gmner_cli.language.prompts import Values, values_of
from gmner_cli.language.similar.pool import Pool
from gmner_cli.records import Post

Examples = Callable[[Sequence[Post]], list[list[Values]]]
"""For each of some posts the examples it is shown, in the order of the prompt."""


class Similar:
    """The N posts of the pool most like each post, by cosine (RiVEG, section IV-B1, argTopN).

    The search is exact; of posts equally alike, the first of the pool comes first.
    The most similar example stands last in the prompt, next to the question: the
    paper does not say where, and models lean on what they read last.
    """

    def __init__(self, pool: Pool, features: np.ndarray, embed: Callable[[Sequence[Post]], np.ndarray],
                 count: int):
        """``features``: unit vectors of the pool's posts, float32 [pool, d]; ``embed`` makes those of
        others."""
        self.pool, self.features, self.embed, self.count = pool, features, embed, count

    def __call__(self, posts: Sequence[Post]) -> list[list[Values]]:
        return [shown(self.pool, order, post, self.count)[::-1]
                for post, order in zip(posts, nearest(self.embed(posts), self.features), strict=True)]


class SameForAll:
    """One random set for all posts, the ablation "w/o MSEA" (RiVEG, Table VII); a post's own place goes to
    the next."""

    def __init__(self, pool: Pool, count: int, seed: int):
        self.pool, self.count = pool, count
        usable = pool.usable
        self.order = Random(seed).sample(usable, len(usable))

    def __call__(self, posts: Sequence[Post]) -> list[list[Values]]:
        return [shown(self.pool, self.order, post, self.count) for post in posts]


def examples_from(pool: Pool, count: int, *, similar_by: Path | None, seed: int, runtime: Runtime,
                  tell: Callable[[str], Any], **tagger: Any) -> Examples:
    """``count`` examples of the pool for each post: like it by the tagger ``similar_by``, or without one a
    random set for all.

    ``tagger``: how to load it, for ``features.Tagger``. Raises GmnerError when no post of the pool may be an
    example, and what that raises.
    """
    if not pool.usable:
        raise GmnerError("holds no post that may be an example", where=printable(str(pool.path)),
                         hint="annotate posts of the training split, or ask without examples: --examples 0")
    if similar_by is None:
        return SameForAll(pool, count, seed)
    from gmner_cli.language.similar.features import Tagger, pool_features

    embed = Tagger(similar_by, runtime, tell=tell, **tagger)
    return Similar(pool, pool_features(pool, embed, tell), embed, count)


def nearest(queries: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Indexes of ``features`` [pool, d] by falling cosine to each of ``queries`` [n, d], int [n, pool]; ties
    in order.

    Both hold unit vectors.
    """
    # Not a matrix product: its rounding may depend on the row, and would part what is equally alike.
    cosine = np.einsum("qd,pd->qp", queries.astype(np.float64), features.astype(np.float64))
    return np.argsort(-cosine, axis=1, kind="stable")


def shown(pool: Pool, order: Sequence[int], post: Post, count: int) -> list[Values]:
    """The first ``count`` posts of the pool, in this order, that may be shown to ``post``; fewer where there
    are not as many."""
    chosen: list[Values] = []
    for index in order:
        if len(chosen) == count:
            break
        if pool.may_show(index, post):
            example = pool.posts[index]
            answer, *_ = example.knowledge or []  # a pool is of posts that have some
            chosen.append(values_of(example, answer=answer.text))
    return chosen
