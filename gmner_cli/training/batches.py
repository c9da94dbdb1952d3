"""Batches of like length, made in a background thread while the last one is computed."""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from gmner_cli.model import Example

T = TypeVar("T")


def bucket(examples: Sequence[Example], batch_size: int, shuffle: random.Random | None = None) -> list[list[int]]:
    """Indexes of ``examples`` in batches of similar length.

    Without ``shuffle``: sorted by length, longest first, so that a too large batch
    fails at once. With it: random pools of 50 batches are sorted, then the batches
    are shuffled, which keeps padding low and the order random.
    """
    order = list(range(len(examples)))
    if shuffle is None:
        order.sort(key=lambda i: -examples[i].length)
        return [order[i:i + batch_size] for i in range(0, len(order), batch_size)]
    shuffle.shuffle(order)
    batches = []
    pool = batch_size * 50
    for start in range(0, len(order), pool):
        part = sorted(order[start:start + pool], key=lambda i: examples[i].length)
        batches += [part[i:i + batch_size] for i in range(0, len(part), batch_size)]
    shuffle.shuffle(batches)
    return batches


def ahead(jobs: Sequence[T], work: Callable[[T], Any], depth: int = 2) -> Iterator[tuple[T, Any]]:
    """``(job, work(job))`` in order, with ``depth`` results prepared ahead off the main thread.

    An exception in ``work`` is raised here; leaving the loop early stops the thread.
    """
    ready: queue.Queue = queue.Queue(maxsize=depth)
    stop = threading.Event()

    def put(item: Any) -> bool:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def run() -> None:
        try:
            for job in jobs:
                if not put((job, work(job), None)):
                    return
        except BaseException as problem:
            put((None, None, problem))
        else:
            put(None)

    thread = threading.Thread(target=run, name="gmner-batches", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            job, result, problem = item
            if problem is not None:
                raise problem
            yield job, result
    finally:
        stop.set()
        thread.join()
