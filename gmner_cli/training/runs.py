"""What every ``train-*`` command does: read, build, fit, and put a whole model folder in place."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.hub import sha256
from gmner_cli.images import own_folder
from gmner_cli.language.expressions import Expressions
from gmner_cli.model import Model, find_class, new_model, own_code
from gmner_cli.model_folder import WEIGHTS, init_from
from gmner_cli.recipes import Recipe
from gmner_cli.runtime import Runtime
from gmner_cli.stages import Pictures
from gmner_cli.training import manifest
from gmner_cli.training.checkpoint import read_progress
from gmner_cli.training.folder import claimed, contents, discard, put_in_place, refuse_foreign
from gmner_cli.training.loop import History, Watcher, fit
from gmner_cli.training.posts import read_gold, usable
from gmner_cli.training.settings import parse_train

FINDERS = ("ner", "ve", "vg")
"""Sections whose name says whether their models find entities, or look for those that are there."""


def train(stage: str, recipe: Recipe, train_file: Path | str, dev_file: Path | str, out: Path, runtime: Runtime, *,
          seed: int = 0, images: Path | None = None, on_missing_image: str = "error", resume: bool = False,
          offline: bool = False, init: Path | None = None, label_map: dict[str, str] | None = None,
          limit: int | None = None, watcher: Watcher | None = None,
          tell: Callable[[str], Any] = print) -> History:
    """Train the model of ``recipe``'s section ``stage`` and leave it, complete, in ``out``.

    The work happens in ``out.partial``; the old ``out`` stays until the new model
    is whole. With ``resume`` a killed run goes on, and a finished one stays as it
    is; a changed recipe, seed, option or content of a file is refused. ``images``: by
    default the folder of ``train_file``. ``init``: a checkpoint to start from (see
    ``model_folder.init_from``). Where the recipe asks for entities in expressions before
    ``stage``, so does the training, in every wording. Raises GmnerError.
    """
    section = recipe.section(stage)
    if section.train is None or section.model is None:
        raise UsageError(f"section {stage!r} of recipe {recipe.name!r} has no `train` values, so it is not trained")
    settings = parse_train(section.train, f"recipe {recipe.name}, {stage}.train")
    out = Path(os.path.realpath(out))  # the folder itself is replaced, not a link to it
    refuse_foreign(out)
    kind = find_class(section.model, trusted=[section.model])
    if stage in FINDERS and ("entities" in kind.finds) != (stage == "ner"):
        raise UsageError(f"{kind.__name__} finds {', '.join(kind.finds) or 'nothing'}, which is not what section {stage!r} is for",
                         where=f"recipe {recipe.name}")
    if settings.head_lr is not None and kind.parameter_groups is Model.parameter_groups:
        tell(f"train.head_lr has no effect: {kind.__name__} does not say, by `parameter_groups`, what its head is")
    looks = kind.reads_images or kind.trains_on_images
    pictures = Pictures(images or (own_folder(train_file) if looks else None), on_missing_image)
    if str(train_file) == str(dev_file) == "-":
        raise UsageError("stdin cannot be both TRAIN and --dev", hint="name a file for one of them")
    posts, dev = (read_gold(path, label_map, limit, tell) for path in (train_file, dev_file))
    about = manifest.describe(
        f"train-{stage}", recipe.values, {"train": (train_file, posts), "dev": (dev_file, dev)}, seed, runtime.device,
        runtime.precision, init / WEIGHTS if init else None, label_map=label_map or {}, limit=limit,
        images=str(pictures.root.resolve()) if looks else None, on_missing_image=on_missing_image if looks else None,
        code=sha256(own_code(kind)) if own_code(kind) else None)
    asked = Expressions.of(recipe, stage)
    model = new_model(section.model, section.settings, asked.every_wording(posts) if asked else posts,
                      recipe=recipe.name, offline=offline)
    about["facts"] = model.facts

    with claimed(out, tell) as work:
        earlier = (manifest.read(work) if resume else None) or {}
        if earlier:
            _refuse_changes(earlier, about, work)
            if earlier.get("finished"):
                put_in_place(work, out)
                tell(f"was already finished; {out} is in place")
                return _history(earlier)
        elif resume and not work.exists():
            done = manifest.read(out) or {}
            if done.get("finished"):
                _refuse_changes(done, about, out)
                tell(f"{out} is already finished (train without --resume to train it again)")
                return _history(done)

        if looks:
            checked = usable({"training": posts, **({"dev": dev} if kind.reads_images else {})}, pictures, tell)
            posts, dev = checked["training"], checked.get("dev", dev)
            about["usable"] = {role: [len(part), sum(post.image is not None for post in part)]
                               for role, part in (("train", posts), ("dev", dev))}
            if earlier:
                _refuse_changes(earlier, about, work)
        if asked:
            posts, dev = asked.every_wording(posts), asked(dev)
        if not resume:
            discard(work, tell)
        work.mkdir(exist_ok=True)
        # The checkpoint is written before the row, so after a kill it may know of one more.
        record = {**about, "finished": False, "epochs": (read_progress(work) or {}).get("rows", [])}
        manifest.write(work, record)

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
                              "best_score": history.best_score, "finished": True, "files": contents(work),
                              "seconds": round(time.perf_counter() - began, 1)})
        put_in_place(work, out)
    return history


def _refuse_changes(earlier: dict[str, Any], about: dict[str, Any], work: Path) -> None:
    if changed := manifest.changes(earlier, about):
        raise GmnerError(f"was started with another {' and '.join(changed)}", where=str(work),
                         hint="train without --resume to start again, or with the old values")


def _history(finished: dict[str, Any]) -> History:
    return History(finished["epochs"], finished["best_epoch"], finished["best_score"])
