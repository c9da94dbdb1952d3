"""Batches of like length, made in background threads while the last one is computed."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from gmner_cli.compute.runtime import Runtime
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import Post

if TYPE_CHECKING:  # what computes without torch makes its work ahead too
    from gmner_cli.model import Example, Model

T = TypeVar("T")
R = TypeVar("R")

Shown = tuple[int, tuple[str, ...] | None]
"""The number of a post, and the names of the pictures that an example of it wants; None for its ``image``."""


def bucket(examples: Sequence[Example], batch_size: int, shuffle: random.Random | None = None,
           shape: Callable[[int], float] | None = None) -> list[list[int]]:
    """Indexes of ``examples`` in batches of similar length.

    Without ``shuffle``: sorted by length, longest first, so that a too large batch
    fails at once; or by ``shape`` of an index, and only where that is the same by length. With it: random
    pools of 50 batches are sorted, then the batches are shuffled, which keeps padding low and the order
    random.
    """
    order = list(range(len(examples)))
    if shuffle is None:
        order.sort(key=lambda i: (shape(i) if shape else 0, -examples[i].length))
        return [order[i:i + batch_size] for i in range(0, len(order), batch_size)]
    shuffle.shuffle(order)
    batches = []
    pool = batch_size * 50
    for start in range(0, len(order), pool):
        part = sorted(order[start:start + pool], key=lambda i: examples[i].length)
        batches += [part[i:i + batch_size] for i in range(0, len(part), batch_size)]
    shuffle.shuffle(batches)
    return batches


def packed(examples: Sequence[Example], batch_size: int, start: float) -> list[list[int]]:
    """Indexes of ``examples`` in batches of similar length, longest first, that together cost least to
    compute.

    A batch costs its size times the length of its longest, because the others are padded to that, and
    ``start`` beside. So lengths that are far apart do not share a batch only because nothing nearer has come.
    """
    order = sorted(range(len(examples)), key=lambda i: -examples[i].length)
    least, begins = [0.0], [0]
    for end in range(1, len(order) + 1):
        cost, begin = min((least[at] + examples[order[at]].length * (end - at) + start, at)
                          for at in range(max(0, end - batch_size), end))
        least.append(cost)
        begins.append(begin)
    batches, end = [], len(order)
    while end:
        batches.append(order[begins[end]:end])
        end = begins[end]
    return batches[::-1]


def cut(batches: Iterable[list[int]], cost: Callable[[int], float], most: float) -> Iterator[list[int]]:
    """The batches, parted where the ``cost`` of their indexes together would pass ``most``; one index may
    cost more."""
    for batch in batches:
        start, used = 0, 0.0
        for at, index in enumerate(batch):
            price = cost(index)
            if at > start and used + price > most:
                yield batch[start:at]
                start, used = at, 0.0
            used += price
        yield batch[start:]


def ahead(jobs: Iterable[T], work: Callable[[T], R], depth: int = 2,
          workers: int = 1) -> Generator[tuple[T, R], None, None]:
    """``(job, work(job))`` in order, with ``depth`` jobs prepared ahead off the main thread.

    Jobs are taken from ``jobs`` here, and only when it is their turn to be begun. With one worker
    ``work`` is called in order and never twice at a time; with several, only the results are in order. An
    exception in ``work`` is raised here, in its job's place; leaving the loop early drops what is not begun.
    """
    stream = iter(jobs)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="gmner-batches")

    def begun(count: int) -> deque[tuple[T, Future[R]]]:
        return deque((job, pool.submit(work, job)) for job in islice(stream, count))

    try:
        waiting = begun(depth)
        while waiting:
            job, future = waiting.popleft()
            result = future.result()
            waiting += begun(1)
            yield job, result
    finally:
        pool.shutdown(cancel_futures=True)


def prepared(model: Model, examples: Sequence[Example], batches: Iterable[list[int]], posts: Sequence[Post],
             pictures: Pictures, runtime: Runtime, turn: Lock | None = None,
             for_training: bool = False) -> Iterator[tuple[list[int], dict[str, Any]]]:
    """``(indexes, batch)`` in order, the next two made while one is computed.

    ``for_training``: whether the model is given what it trains on also in eval mode, for a loss.

    Pictures are decoded by several threads. ``model.collate`` is called in order and by one thread, so
    that what it draws does not depend on which picture is ready first; never while another thread holds
    ``turn``.
    """
    turn = turn or Lock()
    begun: list[dict[Shown, Future]] = []

    def begin() -> Iterator[tuple[list[int], dict[Shown, Future]]]:
        for indexes in batches:
            begun.append(_begin(model, [examples[i] for i in indexes], posts, pictures, for_training))
            yield indexes, begun[-1]

    def finish(job: tuple[list[int], dict[Shown, Future]]) -> dict[str, Any]:
        return _finish(model, [examples[i] for i in job[0]], posts, job[1], runtime, turn)

    made = ahead(begin(), finish)
    try:
        for (indexes, _), batch in made:
            begun.pop(0)
            yield indexes, batch
    finally:
        for loading in begun:
            for future in list(loading.values()):  # it may be taken from while we walk
                future.cancel()
        made.close()


def collate(model: Model, examples: Sequence[Example], posts: Sequence[Post], pictures: Pictures,
            runtime: Runtime, turn: Lock | None = None) -> dict[str, Any]:
    """A batch in CPU memory (pinned for a GPU), with the posts' pictures where the model reads them."""
    return _finish(model, examples, posts, _begin(model, examples, posts, pictures), runtime, turn or Lock())


def looks(model: Model, for_training: bool = False) -> bool:
    """Whether the model's ``collate`` gets pictures now; ``for_training``: also if it is in eval mode."""
    return model.reads_images or ((model.training or for_training) and model.trains_on_images)


def _begin(model: Model, examples: Sequence[Example], posts: Sequence[Post], pictures: Pictures,
           for_training: bool = False) -> dict[Shown, Future]:
    """Pictures on their way, by what an example is shown; none when the model does not look."""
    if not looks(model, for_training):
        return {}
    side, loading = model.largest_side, {}
    for shown in dict.fromkeys(map(_shown, examples)):
        post, names = posts[shown[0]], shown[1]
        loading[shown] = (pictures.begin(post, side) if names is None
                          else pictures.begin_named(post, names, side))
    return loading


def _shown(example: Example) -> Shown:
    return example.post, None if example.pictures is None else tuple(example.pictures)


def _finish(model: Model, examples: Sequence[Example], posts: Sequence[Post], loading: dict[Shown, Future],
            runtime: Runtime, turn: Lock) -> dict[str, Any]:
    loaded = {shown: future.result() for shown, future in loading.items()}
    loading.clear()  # decoded pictures are large, and whoever holds the job would hold them
    for example in examples:
        example.image_size = posts[example.post].image_size  # known now at the latest: loading sets it
    with turn:
        batch = model.collate(examples, [loaded.get(_shown(e)) for e in examples])
    if runtime.device.type == "cuda":
        import torch

        batch = {k: v.pin_memory() if isinstance(v, torch.Tensor) else v for k, v in batch.items()}
    return batch
