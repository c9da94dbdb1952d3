"""Writing a data set of scenes: posts, pictures, and what the world knows.

    from gmner_cli.data import scenes
    scenes.write("scenes", seed=1, train=2000, dev=200, test=200)

Every post follows from (seed, split, number, knobs) alone, so a larger data set
of the same seed begins with the smaller one, however many processes drew it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import Random

from gmner_cli.data.scenes import knowledge
from gmner_cli.data.scenes.knobs import Knobs
from gmner_cli.data.scenes.picture import spoil
from gmner_cli.data.scenes.posts import make, make_captioned
from gmner_cli.errors import GmnerError
from gmner_cli.jsonl import write_atomic, write_posts
from gmner_cli.records import Post

CHUNK = 32
"""Posts that a process draws between two reports."""


def write(folder: str | Path, *, seed: int = 0, train: int = 0, dev: int = 0, test: int = 0, captions: int = 0,
          knobs: Knobs | None = None, jobs: int | None = None,
          progress: Callable[[int], object] = lambda n: None) -> dict[str, list[Post]]:
    """Draw the splits into ``folder``: SPLIT.jsonl, images/, knowledge.jsonl; returns the posts by split.

    ``captions``: further pictures with nothing but a caption, for pre-training,
    in captions.jsonl. A split of 0 posts is not written. ``jobs``: processes.
    Raises GmnerError when the folder cannot be written.
    """
    folder, knobs = Path(folder), knobs or Knobs()
    jobs = max(1, jobs or os.cpu_count() or 1)
    try:
        (folder / "images").mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise GmnerError(f"cannot make the folder: {problem.strerror}", where=str(folder)) from None
    counts = {"train": train, "dev": dev, "test": test, "captions": captions}
    chunks = [(folder, seed, split, start, min(start + CHUNK, count), knobs)
              for split, count in counts.items() for start in range(0, count, CHUNK)]
    splits: dict[str, list[Post]] = {split: [] for split, count in counts.items() if count}
    for (_, _, split, *_), posts in zip(chunks, _drawn(chunks, jobs), strict=True):
        splits[split] += posts
        progress(len(posts))
    for split, posts in splits.items():
        write_posts(folder / f"{split}.jsonl", posts)
    lines = (json.dumps(record, ensure_ascii=False) for record in knowledge.records(seed))
    write_atomic(folder / "knowledge.jsonl", "\n".join(lines) + "\n")
    return splits


def draw(seed: int, split: str, number: int, knobs: Knobs) -> tuple[Post, bytes]:
    """One post and its picture's JPEG file."""
    rng = Random(f"{seed} {split} {number}")
    if split == "captions":
        post, picture = make_captioned(number, knobs, rng)
    else:
        post, picture = make(number, split, knobs, rng)
    post.meta = {**post.meta, "seed": seed}
    return post, spoil(picture, knobs, rng)


def _drawn(chunks: list[tuple], jobs: int):
    if jobs == 1 or len(chunks) < 2:
        yield from map(_draw_chunk, chunks)
        return
    # Spawned, because the parent may hold threads (progress bar, torch) that a fork would copy half of.
    with ProcessPoolExecutor(min(jobs, len(chunks)), get_context("spawn")) as pool:
        yield from pool.map(_draw_chunk, chunks)


def _draw_chunk(chunk: tuple[Path, int, str, int, int, Knobs]) -> list[Post]:
    folder, seed, split, start, end, knobs = chunk
    posts = []
    for number in range(start, end):
        post, file = draw(seed, split, number, knobs)
        (folder / "images" / post.image).write_bytes(file)
        posts.append(post)
    return posts
