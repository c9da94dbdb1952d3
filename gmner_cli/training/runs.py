"""What every ``train-*`` command does: read, build, fit, and put a whole model folder in place."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.jsonl import read_posts
from gmner_cli.model import init_from, new_model
from gmner_cli.recipes import Recipe
from gmner_cli.records import Post
from gmner_cli.runtime import Runtime
from gmner_cli.stages import NO_PICTURES, Pictures
from gmner_cli.training import manifest
from gmner_cli.training.checkpoint import FILE as CHECKPOINT
from gmner_cli.training.loop import History, Watcher, fit
from gmner_cli.training.settings import parse_train


def train(stage: str, recipe: Recipe, train_file: Path | str, dev_file: Path | str, out: Path, runtime: Runtime, *,
          seed: int = 0, pictures: Pictures = NO_PICTURES, resume: bool = False, offline: bool = False,
          init: Path | None = None, label_map: dict[str, str] | None = None,
          limit: int | None = None, watcher: Watcher | None = None,
          tell: Callable[[str], Any] = print) -> History:
    """Train the model of ``recipe``'s section ``stage`` and leave it, complete, in ``out``.

    The work happens in ``out.partial``; the old ``out`` stays until the new model
    is whole. With ``resume`` a killed run goes on; a changed recipe, data or seed
    is refused. ``init``: a checkpoint to start from (see ``model.init_from``).
    Raises GmnerError.
    """
    section = recipe.section(stage)
    if section.train is None:
        raise UsageError(f"section {stage!r} of recipe {recipe.name!r} has no `train` values, so it is not trained")
    settings = parse_train(section.train, f"recipe {recipe.name}, {stage}.train")
    posts = _read(train_file, label_map, limit)
    dev = _read(dev_file, label_map, limit)
    work = out.with_name(out.name + ".partial")
    about = manifest.describe(f"train-{stage}", recipe.values, {"train": train_file, "dev": dev_file},
                              seed, runtime.device, runtime.precision)
    about["init"] = str(init) if init else None
    if resume:
        _refuse_changes(work, about)
    elif work.exists():
        tell(f"{work} holds an interrupted training, which is discarded (--resume would go on with it)")
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    earlier = manifest.read(work) or {}
    record = {**about, "finished": False, "epochs": earlier.get("epochs", [])}
    manifest.write(work, record)

    model = new_model(section.model, section.settings, posts, recipe=recipe.name, offline=offline)
    if init is not None:
        used, held = init_from(model, init)
        tell(f"starts from {used} of the {held} tensors in {init}")
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    total = sum(p.numel() for p in model.parameters())
    tell(f"{len(posts)} posts to train on, {len(dev)} to choose by; {trained:,} of {total:,} parameters are trained")
    began = time.perf_counter()
    outer = watcher or Watcher()

    def after_epoch(row: dict[str, Any]) -> None:
        record["epochs"] = [*record["epochs"][:row["epoch"] - 1], row]
        manifest.write(work, record)
        outer.epoch(row)

    history = fit(model, posts, dev, settings, work, runtime, seed=seed, pictures=pictures, resume=resume,
                  watcher=Watcher(step=outer.step, epoch=after_epoch))
    manifest.write(work, {**record, "epochs": history.rows, "best_epoch": history.best_epoch,
                          "best_score": history.best_score, "finished": True,
                          "seconds": round(time.perf_counter() - began, 1)})
    (work / CHECKPOINT).unlink(missing_ok=True)
    _put_in_place(work, out)
    return history


def _read(path: Path | str, label_map: dict[str, str] | None, limit: int | None) -> list[Post]:
    posts = list(read_posts(path, limit=limit))
    if not posts:
        raise GmnerError("holds no posts", where=str(path))
    for post in posts:
        for entity in post.entities or []:
            entity.type = (label_map or {}).get(entity.type, entity.type)
    return posts


def _refuse_changes(work: Path, about: dict[str, Any]) -> None:
    before = manifest.read(work)
    if before is None:
        return
    parts = {"recipe": ("recipe",), "seed": ("seed",), "--init": ("init",), "training data": ("data", "train", "sha256"),
             "dev data": ("data", "dev", "sha256"), "precision": ("precision",)}
    changed = [name for name, path in parts.items() if _dig(before, path) != _dig(about, path)]
    if changed:
        raise GmnerError(f"was started with another {' and '.join(changed)}", where=str(work),
                         hint="train without --resume to start again, or with the old values")


def _dig(content: dict[str, Any], path: tuple[str, ...]) -> Any:
    for key in path:
        content = content.get(key, {}) if isinstance(content, dict) else {}
    return content


def _put_in_place(work: Path, out: Path) -> None:
    """Swap the finished folder in. Renames are atomic one by one; the old model is deleted last."""
    old = out.with_name(f"{out.name}.old-{os.getpid()}")
    if out.exists():
        os.rename(out, old)
    os.rename(work, out)
    shutil.rmtree(old, ignore_errors=True)
