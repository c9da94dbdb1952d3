"""``gmner train-ner``: a tagger from posts with gold entities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gmner_cli.commands import options
from gmner_cli.commands.training import run_training

Posts = Annotated[str, typer.Argument(metavar="TRAIN", help="JSONL of posts with gold entities.")]
Dev = Annotated[str, typer.Option("--dev", metavar="FILE", help="Posts that choose the best epoch.")]
ModelDir = Annotated[Path, typer.Option("-o", "--out", metavar="MODEL_DIR", help="Where the trained model goes.")]
Init = Annotated[Path | None, typer.Option("--init", metavar="MODEL_DIR",
                                           help="Start from the weights of another trained model where they fit.")]


def command(
    train: Posts,
    dev: Dev,
    out: ModelDir,
    recipe: options.Recipe = "mini",
    images: options.Images = None,
    on_missing_image: options.OnMissingImage = "error",
    init: Init = None,
    overrides: options.Set = None,
    label_map: options.LabelMap = None,
    limit: options.Limit = None,
    resume: options.Resume = False,
    device: options.Device = "auto",
    threads: options.Threads = None,
    seed: options.Seed = 0,
    offline: options.Offline = False,
) -> None:
    """Train a tagger: the `ner` section of a recipe, on the one loop that trains everything.

    The best epoch by the dev score is kept. Killed at any moment it goes on with
    --resume; MODEL_DIR appears (or changes) only when the model is whole. It holds
    model.safetensors, config.json, what the encoder needs, and run.json with the
    recipe, versions, data hashes and a row per epoch. A folder that holds anything
    else is not replaced. Posts without "entities" are left out, with a count.

    \b
    Examples:
      gmner train-ner train.jsonl --dev dev.jsonl -o tagger
      gmner train-ner train.jsonl --dev dev.jsonl -o tagger --set epochs=3 --set lr=1e-3
      gmner predict --texts test.jsonl --ner tagger | gmner score - test.jsonl
    """
    run_training("ner", recipe, train, dev, out, images=images, on_missing_image=on_missing_image, init=init,
                 overrides=overrides, label_map=label_map, limit=limit, resume=resume, device=device, threads=threads,
                 seed=seed, offline=offline)
