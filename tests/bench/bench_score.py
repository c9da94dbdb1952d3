"""Speed and memory of ``gmner score`` on synthetic posts: ``python -m tests.bench.bench_score``.

Prints posts per second for 10,000 posts (median of several runs, whole process)
and the peak memory at 1,000 and 10,000 posts, which should hardly differ.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # so that it runs from a checkout that is not installed

from gmner_cli.records import Entity, Post  # noqa: E402
from gmner_cli.records.jsonl import write_posts  # noqa: E402
from tests.bench.markdown import conditions, show, spread  # noqa: E402

COLUMNS = ("gmner score", "posts/s, median", "seconds for 10,000 posts", "peak MiB at 1,000 posts",
           "peak MiB at 10,000")
RUNS = 5
TYPES = ("PER", "LOC", "ORG", "OTHER")


def make_post(rng: random.Random, number: int, noise: float) -> Post:
    """A post of 20 words with three entities; ``noise`` is the share of fields that are changed."""
    words = [f"w{rng.randrange(10_000)}" for _ in range(20)]
    text, entities = " ".join(words), []
    for first in rng.sample(range(0, 20, 2), 3):
        start = sum(len(w) + 1 for w in words[:first])
        x, y = rng.uniform(0, 600), rng.uniform(0, 400)
        boxes = [(x, y, x + rng.uniform(20, 300), y + rng.uniform(20, 200))] if rng.random() < 0.4 else []
        entity = Entity(start=start, end=start + len(words[first]), text=words[first], type=rng.choice(TYPES),
                        boxes=boxes)
        if rng.random() < noise:
            entity.type = rng.choice(TYPES)
        if boxes and rng.random() < noise:
            entity.boxes = [tuple(v + 15 for v in boxes[0])]
        entities.append(entity)
    return Post(id=f"post-{number}", text=text, tokens=words, image=f"post-{number}.jpg",
                image_size=(960, 640), entities=entities)


def write_pair(folder: Path, count: int) -> tuple[Path, Path]:
    """PRED and GOLD of the same posts: the seed is the post's, so that only the noise differs."""
    paths = folder / f"pred-{count}.jsonl", folder / f"gold-{count}.jsonl"
    for path, noise in zip(paths, (0.3, 0.0), strict=True):
        write_posts(path, (make_post(random.Random(n), n, noise) for n in range(count)))
    return paths


def run(pred: Path, gold: Path, *options: str) -> tuple[float, float]:
    """Seconds and peak memory in MiB of one process."""
    start = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "gmner_cli", "score", str(pred), str(gold), *options],
                             cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"gmner score ended with status {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> None:
    print(conditions("posts of 20 words and 3 entities", f"{RUNS} runs of the whole process",
                     packages=("msgspec", "numpy")))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        files = {count: write_pair(Path(folder), count) for count in (1_000, 10_000)}
        for options in ((), ("--match", "text")):
            name = " ".join(options) or "--match span"
            results = {count: [run(*pair, *options) for _ in range(RUNS)] for count, pair in files.items()}
            seconds = [s for s, _ in results[10_000]]
            peaks = [f"{statistics.median(memory for _, memory in results[count]):.0f}" for count in files]
            speed = 10_000 / statistics.median(seconds)
            rows.append((f"`{name}`", f"{speed:,.0f}", spread(seconds, 2), *peaks))
    show("Scoring", COLUMNS, rows)


if __name__ == "__main__":
    main()
