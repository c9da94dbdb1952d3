"""Writing a data set of scenes: posts, pictures, what the world knows, and report.json.

    from gmner_cli.data import scenes
    scenes.write("scenes", seed=1, train=2000, dev=200, test=200)

Every post follows from (seed, split, number, knobs) alone, so a larger data set
of the same seed begins with the smaller one, however many processes drew it.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from random import Random
from threading import Thread

from gmner_cli.data.adapter import Splits
from gmner_cli.data.exchange import DRAWN, IMAGES, KNOWLEDGE, REPORT, exchange
from gmner_cli.data.findings import Report
from gmner_cli.data.output import write_report
from gmner_cli.data.scenes import sheet, world_knowledge
from gmner_cli.data.scenes.knobs import Knobs
from gmner_cli.data.scenes.picture import spoil
from gmner_cli.data.scenes.scene_posts import make, make_captioned
from gmner_cli.errors import GmnerError
from gmner_cli.records import Post
from gmner_cli.records.jsonl import write_atomic, write_posts

NAME = "scenes"
CHUNK = 32
"""Posts that a process draws between two reports."""


def write(folder: str | Path, *, seed: int = 0, train: int = 0, dev: int = 0, test: int = 0,
          captions: int = 0, knobs: Knobs | None = None, jobs: int | None = None, shown: int = 0,
          overwrite: bool = False, progress: Callable[[int], object] = lambda n: None) -> Splits:
    """Draw the splits into ``folder``: SPLIT.jsonl, images/, knowledge.jsonl, report.json. All of it appears
    at the end.

    ``captions``: further pictures with nothing but a caption, for pre-training,
    in captions.jsonl. A split of 0 posts is not written. ``jobs``: processes.
    ``shown``: so many posts of each split are drawn with their boxes on SPLIT-sheet.png.
    An older set of scenes is replaced as a whole; other files in the folder stay. ``overwrite``:
    replace also files of these names that are not known to be of an older set.
    Raises UsageError where such files are, and GmnerError when the folder cannot be written.
    """
    knobs, jobs = knobs or Knobs(), max(1, jobs or os.cpu_count() or 1)
    counts = {split: count for split, count in
              (("train", train), ("dev", dev), ("test", test), ("captions", captions)) if count}
    names = [f"{split}.jsonl" for split in counts] + [KNOWLEDGE, DRAWN] \
        + [f"{split}-sheet.png" for split in counts if shown]
    with exchange(folder, overwrite=overwrite) as swap:
        swap.check([*names, REPORT])  # before hours of drawing
        splits = Splits(NAME, Path(folder), {split: [] for split in counts}, Report())
        (swap.new / IMAGES).mkdir()
        chunks = [(swap.new, seed, split, start, min(start + CHUNK, count), knobs)
                  for split, count in counts.items() for start in range(0, count, CHUNK)]
        for (_, _, split, *_), posts in zip(chunks, _drawn(chunks, jobs), strict=True):
            splits[split].extend(posts)
            progress(len(posts))
        for split, posts in splits.posts.items():
            write_posts(swap.new / f"{split}.jsonl", posts)
            if shown:
                sheet.write(posts[:shown], swap.new / IMAGES, swap.new / f"{split}-sheet.png")
        lines = (json.dumps(record, ensure_ascii=False) for record in world_knowledge.records(seed))
        write_atomic(swap.new / KNOWLEDGE, "\n".join(lines) + "\n")
        write_report(splits, swap, names)
        swap.put()
    return splits


def draw(seed: int, split: str, number: int, knobs: Knobs) -> tuple[Post, bytes]:
    """One post and its picture's JPEG file."""
    rng = Random(f"{seed} {split} {number}")
    if split == "captions":
        post, picture = make_captioned(number, knobs, rng)
    else:
        post, picture = make(number, split, knobs, rng)
    post.meta = {**(post.meta or {}), "seed": seed}
    return post, spoil(picture, knobs, rng)


def _drawn(chunks: list[tuple], jobs: int):
    if jobs == 1 or len(chunks) < 2:
        yield from map(_draw_chunk, chunks)
        return
    # Spawned, because the parent may hold threads (progress bar, torch) that a fork would copy half of.
    with ProcessPoolExecutor(min(jobs, len(chunks)), get_context("spawn"),
                             initializer=_end_with_parent) as pool:
        try:
            yield from pool.map(_draw_chunk, chunks)
        except BrokenProcessPool:
            raise GmnerError("a process that draws was ended from outside", hint="is there memory enough? "
                             "Fewer --jobs need less") from None


def _end_with_parent() -> None:
    """End this process when its parent has ended, however that was: a killed parent tells nobody."""
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
            os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the parent ends its workers
    Thread(target=watch, daemon=True).start()


def _draw_chunk(chunk: tuple[Path, int, str, int, int, Knobs]) -> list[Post]:
    folder, seed, split, start, end, knobs = chunk
    posts = []
    for number in range(start, end):
        post, file = draw(seed, split, number, knobs)
        if post.image is not None:
            (folder / IMAGES / post.image).write_bytes(file)
        posts.append(post)
    return posts
