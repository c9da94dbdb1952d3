"""What every ``train-*`` command does: read, build, fit, and put a whole model folder in place."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gmner_cli.errors import UsageError, printable
from gmner_cli.images import own_folder
from gmner_cli.language.expressions import Expressions
from gmner_cli.model import Model, find_class, new_model
from gmner_cli.model_folder import WEIGHTS, init_from
from gmner_cli.own_code import digests
from gmner_cli.picture_digests import digest_of_all
from gmner_cli.recipes import Recipe
from gmner_cli.records import Post
from gmner_cli.run_contents import named_contents
from gmner_cli.runtime import Runtime
from gmner_cli.stages import Pictures
from gmner_cli.training import going_on, manifest, trained_on
from gmner_cli.training.checkpoint import read_progress
from gmner_cli.training.folder import (
    claimed,
    contents,
    discard,
    put_in_place,
    refuse_foreign,
    refuse_inputs,
    refuse_unmovable,
)
from gmner_cli.training.gold import check_gold
from gmner_cli.training.loop import History, Watcher, fit
from gmner_cli.training.posts import read_gold, usable
from gmner_cli.training.settings import parse_train
from gmner_cli.training.start import start_folder

FINDERS = ("ner", "ve", "vg")
"""Sections whose name says whether their models find entities, or look for those that are there."""


def train(stage: str, recipe: Recipe, train_file: Path | str, dev_file: Path | str, out: Path, runtime: Runtime, *,
          seed: int = 0, images: Path | None = None, follow_links: bool = False, on_missing_image: str = "error",
          resume: bool = False, offline: bool = False, init: Path | str | None = None, label_map: dict[str, str] | None = None,
          limit: int | None = None, watcher: Watcher | None = None,
          tell: Callable[[str], Any] = print) -> History:
    """Train the model of ``recipe``'s section ``stage`` and leave it, complete, in ``out``.

    The work happens in ``out.partial``; the old ``out`` stays until the new model
    is whole, and is then kept as ``out.before``. With ``resume`` a killed run goes on, and a finished
    one stays as it is; a changed recipe, seed, option or content of a file is refused by its name and values, but for
    more epochs (see ``going_on``). ``images``: by default the folder of ``train_file``. ``init``: a checkpoint to start
    from, as ``start.start_folder`` reads it. Where the recipe asks for entities in expressions before
    ``stage``, so does the training, in every wording. Raises GmnerError.
    """
    section = recipe.section(stage)
    if section.train is None or section.model is None:
        raise UsageError(f"section {stage!r} of recipe {recipe.name!r} has no `train` values, so it is not trained")
    settings = parse_train(section.train, f"recipe {recipe.name}, {stage}.train")
    out = Path(os.path.realpath(out))  # the folder itself is replaced, not a link to it
    refuse_foreign(out)
    start = start_folder(init, stage) if init is not None else None
    refuse_inputs(out, (train_file, dev_file, start, images))
    kind = find_class(section.model, trusted=[section.model])
    if stage in FINDERS and ("entities" in kind.finds) != (stage == "ner"):
        raise UsageError(f"{kind.__name__} finds {', '.join(kind.finds) or 'nothing'}, which is not what section {stage!r} is for",
                         where=f"recipe {recipe.name}")
    if settings.head_lr is not None and kind.parameter_groups is Model.parameter_groups:
        tell(f"train.head_lr has no effect: {kind.__name__} does not say, by `parameter_groups`, what its head is")
    looks = kind.reads_images or kind.trains_on_images
    pictures = Pictures(images or (own_folder(train_file, follow_links) if looks else None), on_missing_image, follow_links=follow_links)
    if str(train_file) == str(dev_file) == "-":
        raise UsageError("stdin cannot be both TRAIN and --dev", hint="name a file for one of them")

    with claimed(out, tell) as work:
        refuse_unmovable(out)
        met: set[str] = set()
        posts, dev = (read_gold(path, label_map, limit, tell, met) for path in (train_file, dev_file))
        if unmet := sorted((label_map or {}).keys() - met):
            tell(f"--label-map: no entity has the type {', '.join(map(printable, unmet))}; there are {', '.join(map(printable, sorted(met)))}")
        about = manifest.describe(
            f"train-{stage}", recipe.values, {"train": (train_file, posts), "dev": (dev_file, dev)}, seed, runtime.device,
            runtime.precision, start / WEIGHTS if start else None, label_map=label_map or {}, limit=limit,
            images=str(pictures.root.resolve()) if looks else None, on_missing_image=on_missing_image if looks else None,
            pictures=digest_of_all(
                {"train": posts, **({"dev": dev} if kind.reads_images else {})}, pictures) if looks else None,
            code=digests(section.model) or None, contents=named_contents(recipe, without={f"{stage}.model"}))
        asked = Expressions.of(recipe, stage)
        model = new_model(section.model, section.settings, asked.every_wording(posts) if asked else posts,
                          recipe=recipe.name, offline=offline)
        about["facts"] = model.facts
        if "entities" in kind.finds:
            check_gold(model, posts, dev, (str(train_file), str(dev_file)), tell)
            if line := trained_on.told_of_dev(posts, dev, start):
                tell(line)

        earlier = (going_on.look_back(work, out, about, settings, tell, lambda: _place(work, out, tell)) if resume
                   else going_on.NOTHING)
        if earlier.history is not None:
            return earlier.history
        if looks:
            posts, dev = _with_pictures(posts, dev, kind, pictures, about, tell)
            earlier.refuse_changes(about)
        if asked:
            posts, dev = asked.every_wording(posts), asked(dev)
        if not resume:
            discard(work, tell)
        work.mkdir(exist_ok=True)
        if earlier.finished is not None:
            going_on.begin_again(model, earlier.finished, out, work, about)
        # The checkpoint is written before the row, so after a kill it may know of one more.
        record = {**about, "finished": False, "epochs": (read_progress(work) or {}).get("rows", [])}
        manifest.write(work, record)
        trained_on.write(work, posts, start)

        if start is not None:
            used, held = init_from(model, start)
            tell(f"starts from {used} of the {held} tensors in {start}")
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
                              "best_score": history.best_score, "metric": settings.metric or model.metric, "finished": True,
                              "files": contents(work), "seconds": round(time.perf_counter() - began, 1)})
        _place(work, out, tell)
    return history


def _with_pictures(posts: list[Post], dev: list[Post], kind: type[Model], pictures: Pictures, about: dict[str, Any],
                   tell: Callable[[str], Any]) -> tuple[list[Post], list[Post]]:
    """The posts of both files whose pictures can be read; ``about`` gets their numbers."""
    checked = usable({"training": posts, **({"dev": dev} if kind.reads_images else {})}, pictures, tell)
    posts, dev = checked["training"], checked.get("dev", dev)
    about["usable"] = {role: [len(part), sum(post.image is not None for post in part)]
                       for role, part in (("train", posts), ("dev", dev))}
    return posts, dev


def _place(work: Path, out: Path, tell: Callable[[str], Any]) -> None:
    said = going_on.comparison(work, out)
    put_in_place(work, out)
    if said:
        tell(said)
