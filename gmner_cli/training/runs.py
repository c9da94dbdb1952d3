"""What ``gmner train`` does: read, build, fit, and put a whole model folder in place."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gmner_cli import sections
from gmner_cli.classes.class_paths import find_class, new_model
from gmner_cli.classes.own_code import digests
from gmner_cli.compute.runtime import Runtime
from gmner_cli.errors import UsageError, printable
from gmner_cli.flow.run_contents import named_contents
from gmner_cli.model import Model
from gmner_cli.pictures.images import Pictures, own_folder
from gmner_cli.pictures.picture_digests import digest_of, digest_of_all
from gmner_cli.recipes import Recipe
from gmner_cli.records import Post
from gmner_cli.training import going_on, manifest
from gmner_cli.training.dev_loss import needs_dev_loss
from gmner_cli.training.earlier_stages import DEV, TRAIN, EarlierStages
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
from gmner_cli.training.gold_posts import read_gold, usable, usable_named
from gmner_cli.training.loop import History, Watcher, fit
from gmner_cli.training.resume_state import read_progress
from gmner_cli.training.settings import parse_train
from gmner_cli.training.start import start_folder
from gmner_cli.weights import trained_on
from gmner_cli.weights.model_folder import WEIGHTS, init_from


def train(stage: str, recipe: Recipe, train_file: Path | str, dev_file: Path | str, out: Path,
          runtime: Runtime, *, seed: int = 0, images: Path | None = None, follow_links: bool = False,
          on_missing_image: str = "error", resume: bool = False, offline: bool = False,
          init: Path | str | None = None, label_map: dict[str, str] | None = None, limit: int | None = None,
          watcher: Watcher | None = None, tell: Callable[[str], Any] = print) -> History:
    """Train the model of ``recipe``'s section ``stage`` and leave it, complete, in ``out``.

    The work happens in ``out.partial``; the old ``out`` stays until the new model
    is whole, and is then kept as ``out.before``. With ``resume`` a killed run goes on, and a finished
    one stays as it is; a changed recipe, seed, option or content of a file is refused by its name and values,
    but for more epochs (see ``going_on``). ``images``: by default the folder of ``train_file``. ``init``: a
    checkpoint to start from, as ``start.start_folder`` reads it. The recipe's stages before ``stage`` that
    find nothing of gold run first (see ``earlier_stages``). Raises GmnerError.
    """
    section = recipe.section(stage)
    if section.train is None or section.model is None:
        raise UsageError(f"section {stage!r} of recipe {recipe.name!r} has no `train` values, so it is not "
                         "trained", hint=_trained_sections(recipe))
    settings = parse_train(section.train, f"recipe {recipe.name}, {stage}.train")
    out = Path(os.path.realpath(out))  # the folder itself is replaced, not a link to it
    refuse_foreign(out)
    start = start_folder(init, stage) if init is not None else None
    kind = find_class(section.model, trusted=[section.model])
    if kind.finds and sections.tags(stage) not in (None, "entities" in kind.finds):
        found = ", ".join(kind.finds)
        raise UsageError(f"{kind.__name__} finds {found}, which is not what section {stage!r} is for",
                         where=f"recipe {recipe.name}")
    before = EarlierStages(recipe, stage, kind.finds, runtime, offline=offline, tell=tell)
    refuse_inputs(out, (train_file, dev_file, start, images, *before.weights))
    if settings.head_lr is not None and kind.parameter_groups is Model.parameter_groups:
        tell(f"train.head_lr has no effect: {kind.__name__} does not say, by `parameter_groups`, what its "
             "head is")
    looks = kind.reads_images or kind.trains_on_images or before.reads_images
    all_dev = kind.reads_images or (kind.trains_on_images and needs_dev_loss(settings, kind))
    folder = images or (own_folder(train_file, follow_links) if looks else None)
    before.pictures = pictures = Pictures(folder, on_missing_image, follow_links=follow_links)
    if str(train_file) == str(dev_file) == "-":
        raise UsageError("stdin cannot be both TRAIN and --dev", hint="name a file for one of them")

    with claimed(out, tell) as work:
        refuse_unmovable(out)
        met: set[str] = set()
        posts, dev = (read_gold(path, label_map, limit, tell, met) for path in (train_file, dev_file))
        if unmet := sorted((label_map or {}).keys() - met):
            tell(f"--label-map: no entity has the type {', '.join(map(printable, unmet))}; there are "
                 f"{', '.join(map(printable, sorted(met)))}")
        parts = [*before.sections, stage]
        about = manifest.describe(
            sections.run_name(stage), recipe.values, {"train": (train_file, posts), "dev": (dev_file, dev)},
            seed, runtime.device, runtime.precision, start / WEIGHTS if start else None, label_map=label_map
            or {}, limit=limit, images=str(pictures.root.resolve()) if looks else None,
            on_missing_image=on_missing_image if looks else None, code=digests(section.model) or None,
            sections=parts, earlier_stages=before.describe(),
            pictures=digest_of_all(
                {"train": posts, **({"dev": dev} if all_dev or before.reads_images else {})},
                pictures) if looks else None,
            contents={
                name: held
                for name, held in named_contents(recipe, without={f"{stage}.model"}).items()
                if name.partition(".")[0] in parts
            })
        before.check([*posts, *dev])

        # What is quickly made is made first: a model that is finished is compared by its facts, too.
        quick = not (before.stored or before.reads_images)

        def prepare(posts: list[Post], dev: list[Post]) -> tuple[list[Post], list[Post], Model]:
            # Once a model has seen them, the posts stay the same ones.
            retry = quick or read_progress(work) is None
            posts, dev = before.run(TRAIN, posts, work, retry), before.run(DEV, dev, work, retry)
            model = new_model(section.model, section.settings, posts, recipe=recipe.name, offline=offline)
            if resume:
                model = going_on.as_begun(model, manifest.read(work) or manifest.read(out) or {}, offline)
            about.update(facts=model.facts, set_aside=before.set_aside)
            if "entities" in kind.finds:
                check_gold(model, posts, dev, (str(train_file), str(dev_file)), tell)
                if line := trained_on.told_of_dev(posts, dev, start):
                    tell(line)
            return posts, dev, model

        if quick:
            posts, dev, model = prepare(posts, dev)
        earlier = (going_on.look_back(work, out, about, settings, tell, lambda: _place(work, out, tell))
                   if resume else going_on.NOTHING)
        if earlier.history is not None:
            return earlier.history
        if looks:
            posts, dev = _with_pictures(posts, dev, kind, before, all_dev, pictures, about, tell)
            earlier.refuse_changes(about)
        if not resume:
            discard(work, tell)
        work.mkdir(exist_ok=True)
        if not quick:
            if manifest.read(work) is None:  # what is made is only taken up beside what says how
                if earlier.finished is not None:
                    about[going_on.CONTINUED] = going_on.continued(earlier.finished)
                manifest.write(work, {**about, "finished": False, "epochs": []})
            posts, dev, model = prepare(posts, dev)
            earlier.refuse_changes(about)
        if looks:
            posts, dev = _with_named(posts, dev, model, pictures, about, tell)
            earlier.refuse_changes(about)
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
        tell(f"{len(posts)} posts to train on, {len(dev)} to choose by; {trained:,} of {total:,} parameters "
             "are trained")
        began = time.perf_counter()
        outer = watcher or Watcher()

        def after_epoch(row: dict[str, Any]) -> None:
            record["epochs"] = [*record["epochs"][:row["epoch"] - 1], row]
            manifest.write(work, record)
            outer.epoch(row)

        history = fit(model, posts, dev, settings, work, runtime, seed=seed, pictures=pictures, resume=resume,
                      watcher=Watcher(step=outer.step, epoch=after_epoch))
        manifest.write(
            work, {
                **record, "epochs": history.rows, "best_epoch": history.best_epoch,
                "best_score": history.best_score, "metric": settings.metric or model.metric, "finished": True,
                "files": contents(work), "seconds": round(time.perf_counter() - began, 1)
            })
        _place(work, out, tell)
    return history


def _trained_sections(recipe: Recipe) -> str:
    names = [name for name in recipe.sections
             if recipe.section(name).model and recipe.section(name).train is not None]
    return f"sections that are trained: {', '.join(names)}" if names else "none of its sections is"


def _with_pictures(posts: list[Post], dev: list[Post], kind: type[Model], before: EarlierStages,
                   all_dev: bool, pictures: Pictures, about: dict[str, Any],
                   tell: Callable[[str], Any]) -> tuple[list[Post], list[Post]]:
    """The posts of both files whose pictures can be read, if they are looked at; ``about`` gets how many."""
    every = {"training": kind.reads_images or kind.trains_on_images, "dev": all_dev}
    files = {"training": posts, "dev": dev}
    files = {role: part for role, part in files.items() if every[role] or before.reads_images}
    checked = usable(files, pictures, tell, {role: before.wants_picture for role in files if not every[role]})
    posts, dev = checked["training"], checked.get("dev", dev)
    about["usable"] = {role: [len(part), sum(post.image is not None for post in part)]
                       for role, part in (("train", posts), ("dev", dev))}
    return posts, dev


def _with_named(posts: list[Post], dev: list[Post], model: Model, pictures: Pictures, about: dict[str, Any],
                tell: Callable[[str], Any]) -> tuple[list[Post], list[Post]]:
    """The posts of both files whose named pictures can all be read; ``about`` gets their numbers, and the
    digests of the pictures."""
    files = {"training": posts, **({"dev": dev} if model.reads_images else {})}
    found = usable_named(model, files, pictures, tell)
    if found is None:
        return posts, dev
    kept, names = found
    posts, dev = kept["training"], kept.get("dev", dev)
    about["named_pictures"] = {"train": len(posts), "dev": len(dev)}
    about["pictures"] |= {f"named {role}": digest_of(names[role], pictures) for role in sorted(names)}
    return posts, dev


def _place(work: Path, out: Path, tell: Callable[[str], Any]) -> None:
    said = going_on.comparison(work, out)
    put_in_place(work, out)
    if said:
        tell(said)
