"""Posts per second of every visual stage, and what a second, third and fourth entity of a picture costs
beside the first.

    python -m tests.bench.bench_entities [--posts 96] [--rounds 5] [--threads 1] [--large]

Stages are mini's, on drawn scenes; pictures are opened, decoded and encoded in every round. --large adds the
SeqTR-style head of recipe riveg-seqtr on a BLIP of the base size with random weights (batches of 4 of 4
posts).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from gmner_cli import recipes
from gmner_cli.classes.class_paths import new_model
from gmner_cli.compute import runtime
from gmner_cli.data import scenes
from gmner_cli.flow.model_stage import predict_posts
from gmner_cli.model import Model
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import Entity, Post
from gmner_cli.segmentation.grabcut_stage import GrabCut
from gmner_cli.weights.model_folder import load_model
from tests import tiny
from tests.bench.markdown import conditions, show

COLUMNS = ("stage", "posts/s with one entity each", "2nd entity, % of the first", "3rd", "4th")
EXPRESSIONS = ["Liam (PER) - a man in a grey coat with a guitar", "Zentek (ORG) - a pink logo with a brown "
                                                                  "leaf",
               "Skerry Light (LOC) - a red lighthouse", "Milo (OTHER) - a black puppy with a purple collar"]


def asked(count: int, entities: int) -> list[Post]:
    """Posts of drawn pictures with so many entities each, boxes in the order of the expressions."""
    text = "Liam Zentek Skerry Milo"
    starts = [0, 5, 12, 19]
    return [Post(id=str(n), text=text, image=f"test-{n:06d}.jpg", image_size=(256, 256), entities=[
        Entity(start=start, end=start + 4, type="PER", expression=words)
        for start, words in zip(starts[:entities], EXPRESSIONS, strict=False)]) for n in range(count)]


def boxed(posts: list[Post]) -> list[Post]:
    for post in posts:
        for number, entity in enumerate(post.entities):
            entity.boxes = [(20.0 + 50 * number, 40.0, 90.0 + 50 * number, 180.0)]
    return posts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--posts", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--large", action="store_true")
    given = parser.parse_args()
    where = runtime.start("cpu", threads=given.threads)
    print(conditions(f"{given.threads} threads", f"{given.posts} posts", f"medians of {given.rounds} rounds"))
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scenes.write(folder, knobs=scenes.Knobs(), seed=5, train=0, dev=0, test=given.posts)
        pictures = Pictures(folder / "images")
        mini = recipes.load("mini")
        for stage in ("ve", "vg"):
            model = load_model(mini.section(stage).weights_folder(), offline=True)
            model.prepare_to_predict()
            rows.append(measure(f"mini {stage}",
                                lambda posts, model=model: predict_posts(model, posts, where, 32, pictures),
                                given.posts, given.rounds))
        grabcut = GrabCut(pictures=pictures)
        fewer = min(24, given.posts)
        rows.append(measure("GrabCut", lambda posts: grabcut(boxed(posts)), fewer, given.rounds))
        if given.large:
            model = large(folder)
            rows.append(
                measure("riveg-seqtr", lambda posts: predict_posts(model, posts, where, 4, pictures), 4,
                        given.rounds))
    show("Visual stages, from opening the picture on", COLUMNS, rows)


def large(folder: Path) -> Model:
    from transformers import BlipConfig, BlipForImageTextRetrieval, BlipImageProcessor

    section = recipes.load("riveg-seqtr").section("vg")
    BlipForImageTextRetrieval(BlipConfig()).save_pretrained(folder / "blip")
    BlipImageProcessor(size={"height": 384, "width": 384}).save_pretrained(folder / "blip")
    tiny.bert_tokenizer().save_pretrained(folder / "blip")
    settings = {**section.settings, "checkpoint": str(folder / "blip")}
    return new_model(section.model, settings, [], recipe="bench", offline=True).eval()


def measure(name: str, work, posts: int, rounds: int) -> tuple[str, ...]:
    """A row: posts per second with one entity each, and the time of each further one beside the first."""
    seconds: dict[int, list[float]] = {count: [] for count in (1, 2, 3, 4)}
    for _ in range(rounds + 1):
        for count, times in seconds.items():
            made = asked(posts, count)
            began = time.perf_counter()
            work(made)
            times.append(time.perf_counter() - began)
    # the first round warms up
    median = {count: statistics.median(times[1:]) for count, times in seconds.items()}
    further = (f"{100 * (median[count] - median[count - 1]) / median[1]:.1f}" for count in (2, 3, 4))
    return name, f"{posts / median[1]:.1f}", *further


if __name__ == "__main__":
    main()
