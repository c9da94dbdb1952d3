"""Posts per second of a small visual model, pictures decoded by a pool ahead against a plain loop, in the
same run.

    python -m tests.bench.bench_pictures [--posts 200] [--rounds 3] [--threads 1]

Pictures are photos of 1000x750 pixels as JPEG, drawn here; the model is a BLIP of random
weights that takes 32x32 pixels, so that nearly all the work is opening and scaling.
"One thread ahead" is the same pipeline with one decoding thread; "reduced" is the pool with a
model that says it needs no more than 64 pixels. Nothing is kept from one round to the next.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that it runs from a checkout that is not installed

import torch  # noqa: E402
from PIL import Image, ImageDraw  # noqa: E402

from gmner_cli.classes.class_paths import new_model  # noqa: E402
from gmner_cli.compute import runtime  # noqa: E402
from gmner_cli.flow.model_stage import predict_posts  # noqa: E402
from gmner_cli.model import Model
from gmner_cli.pictures.images import WORKERS, Pictures, open_image  # noqa: E402
from gmner_cli.records import Entity, Post  # noqa: E402
from tests.bench.markdown import conditions, show, spread  # noqa: E402
from tests.tiny import save_blip  # noqa: E402

COLUMNS = ("pictures are opened by", "posts/s, median", "min-max", "times the plain loop")
BATCH = 16


def draw_pictures(folder: Path, count: int) -> None:
    """Coarse noise and shapes: as heavy to decode as a photo (about 150 KB at quality 85)."""
    for number in range(count):
        picture = Image.effect_noise((250, 188), 60).resize((1000, 750),
                                                            Image.Resampling.BICUBIC).convert("RGB")
        draw = ImageDraw.Draw(picture)
        for step in range(8):
            x, y = (97 * (number + step)) % 900, (61 * (number + 3 * step)) % 650
            draw.ellipse((x, y, x + 150, y + 120), fill=(40 * step % 255, 30 * number % 255, 90))
        picture.save(folder / f"{number}.jpg", quality=85)


def plain_loop(model: Model, posts: list[Post], folder: Path) -> None:
    copies = [model.blank(p) for p in posts]
    examples = model.examples(copies, training=False)
    outputs = []
    with torch.no_grad():
        for start in range(0, len(examples), BATCH):
            part = examples[start:start + BATCH]
            outputs += model.predict(
                model.collate(part, [open_image(folder, copies[e.post].image) for e in part]))
    model.write(copies, examples, outputs)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--posts", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="of the model; decoding has its own")
    asked = parser.parse_args()
    where = runtime.start("cpu", threads=asked.threads)
    print(conditions(f"{asked.threads} threads of the model", f"{asked.posts} posts with a picture each",
                     f"batches of {BATCH}", f"{asked.rounds} rounds", packages=("torch", "pillow")))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_pictures(folder, asked.posts)
        model = new_model("gmner_cli.entailment.blip_itm:BlipItm",
                          {"checkpoint": str(save_blip(folder / "blip"))}, [], recipe="bench",
                          offline=True).to(where.device).eval()
        posts = [
            Post(id=str(n), text="Allen swims", image=f"{n}.jpg",
                 entities=[Entity(start=0, end=5, type="PER")]) for n in range(asked.posts)
        ]

        def ahead(workers: int, side: int | None = None) -> Callable[[], object]:
            def work() -> None:
                pictures = Pictures(folder, workers=workers)
                model.largest_side = side
                predict_posts(model, posts, where, BATCH, pictures)
            return work

        ways = {"plain loop": lambda: plain_loop(model, posts, folder), "one thread ahead": ahead(1),
                f"pool of {WORKERS} ahead": ahead(WORKERS), f"pool of {WORKERS}, reduced": ahead(WORKERS, 64)}
        rounds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(asked.rounds):
            for way, work in ways.items():
                began = time.perf_counter()
                work()
                rounds[way].append(len(posts) / (time.perf_counter() - began))
    ratios = {way: statistics.median(a / b for a, b in zip(speeds, rounds["plain loop"], strict=True))
              for way, speeds in rounds.items()}
    show("Pictures, decoded ahead", COLUMNS, [
        (way, f"{statistics.median(speeds):.1f}", spread(speeds), f"{ratios[way]:.2f}")
        for way, speeds in rounds.items()])


if __name__ == "__main__":
    main()
