"""Posts per second of the tagger's training and prediction, each against a plain loop over the same model in
the same run.

    python -m tests.bench.bench_tagger [--posts 400] [--rounds 3] [--threads 2]

The plain loop takes the posts as they come, pads them together and prepares
nothing ahead; what is measured is what bucketing and preparing ahead bring. The
posts are made up; lengths follow tweets (5 to 35 words).
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that it runs from a checkout that is not installed

import torch  # noqa: E402

from gmner_cli import recipes
from gmner_cli.classes.class_paths import new_model
from gmner_cli.compute import runtime  # noqa: E402
from gmner_cli.flow.model_stage import predict_posts  # noqa: E402
from gmner_cli.model import to_device  # noqa: E402
from gmner_cli.ner.words import words_of  # noqa: E402
from gmner_cli.records import Entity, Post  # noqa: E402
from gmner_cli.training.loop import fit  # noqa: E402
from gmner_cli.training.settings import parse_train  # noqa: E402
from tests.bench.markdown import conditions, show, spread  # noqa: E402

COLUMNS = ("work", "posts/s, median", "min-max", "times the plain loop")

WORDS = [
    "the", "a", "in", "of", "over", "team", "game", "music", "river", "night", "band", "flies", "sings",
    "runs", "plays", "tonight", "again", "with", "their", "new"
]
NAMES = [("Allen", "PER"), ("Maria Silva", "PER"), ("London", "LOC"), ("NASA", "ORG"), ("Lake Como", "LOC")]


def made_up_posts(count: int, seed: int = 0) -> list[Post]:
    draw = random.Random(seed)
    posts = []
    for number in range(count):
        words = [draw.choice(WORDS) for _ in range(min(35, max(5, int(draw.gauss(16, 6)))))]
        name, kind = draw.choice(NAMES)
        words.insert(draw.randrange(len(words)), name)
        text = " ".join(words)
        start = text.index(name)
        posts.append(
            Post(id=str(number), text=text, entities=[Entity(start=start, end=start + len(name), type=kind)]))
    return posts


def plain_predict(model, posts, batch_size, where):
    copies = [model.blank(p) for p in posts]
    examples = model.examples(copies, training=False)
    outputs = []
    with torch.inference_mode(), where.autocast():
        for start in range(0, len(examples), batch_size):
            batch = model.collate(examples[start:start + batch_size], [None] * batch_size)
            outputs += model.predict(to_device(batch, where.device))
    model.write(copies, examples, outputs)
    return copies


def plain_train(model, posts, settings):
    optimizer = torch.optim.AdamW(model.parameter_groups(settings.lr, settings.head_lr))
    model.train()
    examples = model.examples(posts, training=True)
    random.Random(0).shuffle(examples)
    for start in range(0, len(examples), settings.batch_size):
        part = examples[start:start + settings.batch_size]
        model.loss(model.collate(part, [None] * len(part))).backward()
        optimizer.step()
        optimizer.zero_grad()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--posts", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=None)
    asked = parser.parse_args()
    where = runtime.start("auto", threads=asked.threads)
    posts = made_up_posts(asked.posts)
    section = recipes.load("mini").section("ner")
    settings = parse_train({**section.train, "epochs": 1}, "bench")
    words = sum(len(words_of(post)[0]) for post in posts) / len(posts)
    print(conditions(f"{where.device}, {torch.get_num_threads()} threads",
                     f"{len(posts)} posts of {words:.1f} words", f"{asked.rounds} rounds"))

    def fresh():
        torch.manual_seed(0)
        return new_model(section.model, section.settings, posts, recipe="bench",
                         offline=True).to(where.device)

    def ours_train(model):
        with tempfile.TemporaryDirectory() as folder:
            fit(model, posts, posts[:1], settings, Path(folder), where)

    tagger = fresh().eval()
    tagger.prepare_to_predict()
    rounds: dict[str, list[float]] = {}
    for _ in range(asked.rounds):
        for name, work in (("predict", lambda: predict_posts(tagger, posts, where, section.batch_size)),
                           ("predict, plain loop",
                            lambda: plain_predict(tagger, posts, section.batch_size, where)),
                           ("train", lambda model=fresh(): ours_train(model)),
                           ("train, plain loop", lambda model=fresh(): plain_train(model, posts, settings))):
            began = time.perf_counter()
            work()
            rounds.setdefault(name, []).append(len(posts) / (time.perf_counter() - began))

    def times(name: str) -> str:
        plain = rounds.get(f"{name}, plain loop")
        if plain is None:
            return ""
        return f"{statistics.median(a / b for a, b in zip(rounds[name], plain, strict=True)):.2f}"

    show("The tagger of mini", COLUMNS, [
        (name, f"{statistics.median(speeds):.0f}", spread(speeds, 0), times(name))
        for name, speeds in rounds.items()])


if __name__ == "__main__":
    main()
