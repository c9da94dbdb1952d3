"""What knowledge brings to the small tagger on real tweets: PLIM's comparison with recipe plim-mini.

    python -m tests.bench.bench_knowledge [--run] [--only twitter-2017] [--trained whole] [--threads 2]
                                          [--shared ../shared] [--folder DIR]
    python -m tests.bench.bench_knowledge --smollm2 100 [...]

Without --run the table of the finished runs is printed. With it, runs that are not finished are trained one
after the other and each leaves a small JSON file in tests/bench/results/knowledge, so that the grid can be
spread over days; a run that was killed goes on after its last whole epoch. Every choice (epoch, and
the recipe's values) is made on dev; test is scored once per run. Knowledge is what the authors of PGIM and
RiVEG published, made by ChatGPT; whoever compares must know that it was written with the posts' captions in
view. What is trained is LoRA adapters, as the recipe says, or with --trained whole the encoder itself.

With --smollm2, the first posts of Twitter-2017's test split are read once more by the taggers of seed 1, the
one that knows ChatGPT's knowledge being given that of SmolLM2-135M, asked as PLIM asks (captions, similar
annotated examples), or none.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from itertools import product
from pathlib import Path

from tests.bench.markdown import show

COLUMNS = ("data", "trained", "seeds (without / with)", "without", "with knowledge", "gain",
           "PLIM on BERT-base")
COLUMNS_SMALL = ("tagger", "precision", "recall", "F1")
RESULTS = Path(__file__).parent / "results" / "knowledge"
SOURCES = {
    "twitter-2017": ("twitter-2017", "pgim/knowledge-2017"),
    "twitter-2015": ("twitter-2015", "pgim/knowledge-2015"),
    "twitter-gmner": ("twitter-gmner-v2", "riveg/knowledge-gmner")
}
GRID = [("twitter-2017", 1), ("twitter-2017", 2), ("twitter-gmner", 1), ("twitter-2015", 1)]
FILES = {"train": "train.txt", "dev": "valid.txt", "test": "test.txt"}
EPOCHS = {"twitter-2017": 8, "twitter-2015": 7, "twitter-gmner": 4}
"""About 1,700 steps of 16 posts on each data set, with knowledge and without; set before any run on the last
two."""
TRAINED = {"lora": (), "whole": ("lora_rank=0", "train_embeddings=true", "ner.train.lr=1e-4")}
"""What differs from the recipe, by what is trained; the values of "whole" are those of bench_encoder."""
NAMES = {"lora": "LoRA", "whole": "the whole encoder"}
PUBLISHED = {"twitter-2017": (84.96, 89.58), "twitter-2015": (74.71, 76.79), "twitter-gmner": (78.19, 82.89)}
"""BERT-base of RiVEG's paper (test F1; tables V and IX), without and with knowledge by ChatGPT."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--only", choices=SOURCES)
    parser.add_argument("--knowledge", choices=["none", "published"])
    parser.add_argument("--trained", choices=TRAINED, default="lora")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--smollm2", type=int, metavar="POSTS")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "gmner-knowledge")
    given = parser.parse_args()
    if given.run:
        for data, seed in GRID:
            for knowledge in ("none", "published"):
                if given.only in (None, data) and given.knowledge in (None,
                                                                      knowledge) and given.seed in (None,
                                                                                                    seed):
                    run(data, knowledge, seed, given)
    if given.smollm2:
        small(given)
    results = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    runs = [r for r in results if "test" in r]
    days = sorted(r["date"] for r in runs)
    show(f"Test F1 of spans and types, runs of {days[0]} to {days[-1]}", COLUMNS, compared(runs))
    for part in (r for r in results if "rows" in r):
        show(f"The first {part['posts']} posts of {part['data']} test, seed {part['seed']}, {part['date']}",
             COLUMNS_SMALL, [(name, *(f"{row[key]:.2f}" for key in ("precision", "recall", "f1")))
                             for name, row in part["rows"].items()])


def run(data: str, knowledge: str, seed: int, given: argparse.Namespace) -> None:
    name = knowledge if given.trained == "lora" else f"{knowledge}.{given.trained}"
    result = RESULTS / f"{data}.{name}.{seed}.json"
    if result.exists():
        return
    folder = given.folder / data
    splits = {split: folder / f"{split}.jsonl" for split in FILES}
    source, published = SOURCES[data]
    if not splits["test"].exists():
        gmner("prepare", data, "--source", given.shared / "data" / source, "-o", folder)
    if knowledge == "published":
        splits = {
            split: explained(path, given.shared / "data" / published / FILES[split])
            for split, path in splits.items()
        }
    model = folder / f"{name}.{seed}"
    changes = (f"ner.settings.knowledge={knowledge == 'published'}", *TRAINED[given.trained],
               f"ner.train.epochs={EPOCHS[data]}")
    gmner("train-ner", splits["train"], "--dev", splits["dev"], "--recipe", "plim-mini",
          "--seed", seed, "--threads", given.threads,
          *(word for change in changes for word in ("--set", change)), "--resume", "-o", model)
    found = model.with_suffix(f".{seed}.test.jsonl")
    gmner("predict", "--texts", splits["test"], "--recipe", "plim-mini", "--ner", model, "--threads",
          given.threads, "-o", found)
    scored = json.loads(gmner("score", found, splits["test"], "--json"))
    trained = json.loads((model / "run.json").read_text())
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(
        json.dumps(
            {
                "data": data, "knowledge": knowledge, "trained": given.trained, "seed": seed, "date": str(
                    date.today()), "threads": given.threads, "dev_f1": round(trained["best_score"], 2),
                "best_epoch": trained["best_epoch"], "seconds": trained["seconds"], "test": {
                    name: round(scored["rows"]["MNER"][name], 2) for name in ("precision", "recall", "f1")
                }, "versions": trained.get("versions"), "recipe": trained["recipe"]["ner"]
            }, indent=1) + "\n")
    print(f"{result.name}: dev {trained['best_score']:.2f}, test {scored['rows']['MNER']['f1']:.2f}",
          file=sys.stderr)


def small(given: argparse.Namespace) -> None:
    """Knowledge from SmolLM2 on a part of the test set, beside the published one and none, with the taggers
    of seed 1."""
    data, seed, posts = "twitter-2017", 1, given.smollm2
    folder, source = given.folder / data, given.shared / "data"
    plain, knowing = (folder / f"{knowledge}.{seed}" for knowledge in ("none", "published"))
    captions, pool = source / "captions/BLIP2_17.txt", folder / "pool.jsonl"
    for split in ("train", "test"):
        gmner("caption", folder / f"{split}.jsonl", "--from", captions, "-o",
              folder / f"{split}.captioned.jsonl")
    gmner("pool", source / "pgim/annotated-2017", "--posts", folder / "train.captioned.jsonl", "-o", pool)
    asked = folder / f"test.{posts}.smollm2.jsonl"
    gmner("expand", folder / "test.captioned.jsonl", "--limit", posts, "--task", "knowledge", "--llm",
          "smollm2", "--pool", pool, "--similar-by", plain, "--threads", given.threads, "--offline",
          "--resume", "-o", asked)
    gold, rows = folder / f"test.{posts}.jsonl", {}
    gold.write_text("".join((folder / "test.jsonl").read_text().splitlines(keepends=True)[:posts]))
    for name, model, read in (("trained without knowledge", plain,
                               gold), ("trained with it, given none", knowing,
                                       gold), ("trained with it, given SmolLM2's", knowing, asked),
                              ("trained with it, given ChatGPT's", knowing, folder / "test.knowledge.jsonl")):
        found = folder / "found.jsonl"
        gmner("predict", "--texts", read, "--limit", posts, "--recipe", "plim-mini", "--ner", model,
              "--threads", given.threads, "-o", found)
        rows[name] = {
            k: round(v, 2)
            for k, v in json.loads(gmner("score", found, gold, "--json"))["rows"]["MNER"].items()
        }
    about = json.loads((folder / f"{asked.name}.run.json").read_text())
    (RESULTS / f"{data}.smollm2.{seed}.json").write_text(
        json.dumps(
            {
                "data": data, "seed": seed, "posts": posts, "date": str(date.today()), "rows": rows,
                "expand": about
            }, indent=1) + "\n")


def explained(posts: Path, answers: Path) -> Path:
    """The posts with the knowledge that was published for them."""
    out = posts.with_suffix(".knowledge.jsonl")
    if not out.exists():
        gmner("expand", posts, "--task", "knowledge", "--llm", f"file:{answers}", "-o", out)
    return out


def compared(results: list[dict]) -> list[tuple[str, ...]]:
    """Rows per data set and what is trained: mean test F1 over seeds without and with knowledge, and the gain
    of seeds that have both beside PLIM's on BERT-base."""
    rows = []
    for data, trained in product(SOURCES, TRAINED):
        by = {
            k: {
                r["seed"]: r["test"]["f1"]
                for r in results
                if (r["data"], r["knowledge"], r["trained"]) == (data, k, trained)
            }
            for k in ("none", "published")
        }
        if not any(by.values()):
            continue
        cells = [f"{statistics.mean(by[k].values()):.2f}" if by[k] else "not run" for k in by]
        both = sorted(set(by["none"]) & set(by["published"]))
        gain = f"{statistics.mean(by['published'][s] - by['none'][s] for s in both):+.2f}" if both else ""
        before, after = PUBLISHED[data]
        seeds = " / ".join(", ".join(map(str, sorted(by[k]))) or "-" for k in by)
        published = f"{before} / {after} ({after - before:+.2f})"
        rows.append((data, NAMES[trained], seeds, *cells, gain, published))
    return rows


def gmner(*arguments: object) -> str:
    done = subprocess.run([sys.executable, "-m", "gmner_cli", *map(str, arguments)], stdout=subprocess.PIPE,
                          text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])})
    if done.returncode:
        raise SystemExit(f"gmner {arguments[0]} ended with {done.returncode}")
    return done.stdout


if __name__ == "__main__":
    main()
