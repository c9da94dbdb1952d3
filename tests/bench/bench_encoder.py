"""How much of mini's encoder to train, by dev F1 on Twitter-GMNER: LoRA, all of it, or its top layers.

    python -m tests.bench.bench_encoder [--run] [--only whole] [--shared ../shared] [--folder DIR]

Without --run the table of the runs in tests/bench/results/encoder is printed. With it, those that are
missing are trained one after the other (an hour or so each on two cores), and each leaves a small JSON file
there. A run that was killed goes on after its last whole epoch. Seed, head and dropout are the same in all;
dev chooses the epoch.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from datetime import date
from pathlib import Path

from tests.bench.bench_knowledge import gmner
from tests.bench.markdown import show

COLUMNS = ("what is trained", "parameters", "size to ship", "epochs", "dev MNER F1")
RESULTS = Path(__file__).parent / "results" / "encoder"
WAYS = {
    "lora": ("LoRA, rank 32, all linear layers (shipped)", ()),
    "lora-8": ("the same, shorter", ("ner.train.epochs=8",)),
    "whole": ("the whole encoder", ("lora_rank=0", "train_embeddings=true", "lr=1e-4", "ner.train.epochs=8")),
    "top": ("the two top layers", ("lora_rank=0", "train_layers=2", "lr=2e-4", "ner.train.epochs=8"))}
"""By name, what a row says and what its run sets of recipe mini."""
SEED = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--only", choices=WAYS)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "gmner-encoder")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    for way in WAYS if given.run else ():
        if given.only in (None, way) and not _result(way).exists():
            run(way, given)
    rows = []
    for way, (what, changes) in WAYS.items():
        if _result(way).exists():
            made = json.loads(_result(way).read_text())
            settings = [change for change in changes if "epochs" not in change]
            named = f"{what} (`{' '.join(settings)}`)" if settings else what
            rows.append((named, f"{made['parameters'] / 1e6:.1f} M", f"{made['megabytes']} MB",
                         made["epochs"], f"{made['dev_f1']:.2f}"))
    show(f"Twitter-GMNER v2, dev, seed {SEED}", COLUMNS, rows)


def run(way: str, given: argparse.Namespace) -> None:
    """Train, and keep what the table says of it."""
    from safetensors import safe_open

    posts, model = given.folder / "posts", given.folder / way
    if not (posts / "test.jsonl").exists():
        gmner("prepare", "twitter-gmner", "--source", given.shared / "data" / "twitter-gmner-v2", "-o", posts)
    changes = (word for change in WAYS[way][1] for word in ("--set", change))
    gmner("train-ner", posts / "train.jsonl", "--dev", posts / "dev.jsonl", "--recipe", "mini", *changes,
          "--seed", SEED, "--threads", given.threads, "--resume", "-o", model)
    trained = json.loads((model / "run.json").read_text())
    weights = model / "model.safetensors"
    with safe_open(weights, "pt") as file:
        parameters = sum(file.get_tensor(name).numel() for name in file.keys())  # noqa: SIM118 - it is no dict
    RESULTS.mkdir(parents=True, exist_ok=True)
    made = {"dev_f1": round(trained["best_score"], 2), "parameters": parameters,
            "megabytes": round(weights.stat().st_size / 1e6, 1),
            "epochs": trained["recipe"]["ner"]["train"]["epochs"], "date": str(date.today()),
            "seconds": trained["seconds"], "versions": trained.get("versions")}
    _result(way).write_text(json.dumps(made, indent=1) + "\n")


def _result(way: str) -> Path:
    return RESULTS / f"{way}.json"


if __name__ == "__main__":
    main()
