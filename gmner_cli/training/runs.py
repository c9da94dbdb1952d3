"""A training, from two files of gold to a model folder: what ``gmner train`` does.

``train`` calls the phases of ``Training`` in order. Of its neighbours, ``gold_posts`` reads the files,
``earlier_stages`` runs what the recipe has before the model, ``loop`` fits the model, ``manifest`` and
``going_on`` say whether and how a resumed training goes on, and ``folder`` puts the result in its place.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
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

    The work happens in ``out.partial``. The old ``out`` stays until the new model is whole, and is then kept
    as ``out.before``. With ``resume`` a killed training goes on, and a finished one stays as it is; a changed
    recipe, seed, option or content of a file is refused by its name and values, but for more epochs (see
    ``going_on``). ``images``: by default the folder of ``train_file``. ``init``: a checkpoint to start from,
    as ``start.start_folder`` reads it. Raises GmnerError.
    """
    data = Data(train_file, dev_file, images, follow_links, on_missing_image, label_map or {}, limit)
    training = Training(stage, recipe, data, out, runtime, seed=seed, resume=resume, offline=offline,
                        init=init, tell=tell)
    with claimed(training.out, tell) as training.work:
        refuse_unmovable(training.out)
        training.read()
        if training.quick:
            training.prepare()
        training.look_back()
        if training.earlier.history is not None:
            return training.earlier.history
        training.drop_unreadable()
        training.take_folder()
        if not training.quick:
            training.begin_manifest()
            training.prepare()
        training.drop_unreadable_named()
        training.begin()
        return training.fit(watcher or Watcher())


@dataclass(frozen=True)
class Data:
    """What a training reads, as ``train`` is given it."""

    train_file: Path | str
    dev_file: Path | str
    images: Path | None
    follow_links: bool
    on_missing_image: str
    label_map: dict[str, str]
    limit: int | None


class Training:
    """One training. Its methods are its phases, in the order in which ``train`` calls them.

    They share the posts, which become fewer and fuller, the model, and ``about``, which goes into run.json.
    """

    work: Path
    """The folder ``out.partial``, claimed by ``train``."""
    model: Model

    def __init__(self, stage: str, recipe: Recipe, data: Data, out: Path, runtime: Runtime, *, seed: int,
                 resume: bool, offline: bool, init: Path | str | None, tell: Callable[[str], Any]):
        """Check all that can be checked before a file is read. Raises UsageError."""
        section = recipe.section(stage)
        if section.train is None or section.model is None:
            raise UsageError(f"section {stage!r} of recipe {recipe.name!r} has no `train` values, so it is "
                             "not trained", hint=_trained_sections(recipe))
        self.stage, self.recipe, self.data, self.runtime, self.seed = stage, recipe, data, runtime, seed
        self.section, self.resume, self.offline, self.tell = section, resume, offline, tell
        self.settings = parse_train(section.train, f"recipe {recipe.name}, {stage}.train")
        self.out = out = Path(os.path.realpath(out))  # the folder itself is replaced, not a link to it
        refuse_foreign(out)
        self.start = start = start_folder(init, stage) if init is not None else None
        self.kind = kind = find_class(section.model, trusted=[section.model])
        if kind.finds and sections.tags(stage) not in (None, "entities" in kind.finds):
            found = ", ".join(kind.finds)
            raise UsageError(f"{kind.__name__} finds {found}, which is not what section {stage!r} is for",
                             where=f"recipe {recipe.name}")
        before = EarlierStages(recipe, stage, kind.finds, runtime, offline=offline, tell=tell)
        refuse_inputs(out, (data.train_file, data.dev_file, start, data.images, *before.weights))
        if self.settings.head_lr is not None and kind.parameter_groups is Model.parameter_groups:
            tell(f"train.head_lr has no effect: {kind.__name__} does not say, by `parameter_groups`, what "
                 "its head is")
        self.looks = kind.reads_images or kind.trains_on_images or before.reads_images
        self.all_dev = kind.reads_images or (kind.trains_on_images and needs_dev_loss(self.settings, kind))
        folder = data.images or (own_folder(data.train_file, data.follow_links) if self.looks else None)
        self.pictures = Pictures(folder, data.on_missing_image, follow_links=data.follow_links)
        before.pictures, self.before = self.pictures, before
        if str(data.train_file) == str(data.dev_file) == "-":
            raise UsageError("stdin cannot be both TRAIN and --dev", hint="name a file for one of them")
        # What is quickly made is made before `look_back`: a finished model is compared by its facts, too.
        self.quick = not (before.stored or before.reads_images)
        self.earlier = going_on.NOTHING

    def read(self) -> None:
        """Both files, and ``about``: all that the training follows from."""
        data, looks, met = self.data, self.looks, set[str]()
        self.posts, self.dev = (read_gold(path, data.label_map, data.limit, self.tell, met)
                                for path in (data.train_file, data.dev_file))
        if unmet := sorted(data.label_map.keys() - met):
            self.tell(f"--label-map: no entity has the type {', '.join(map(printable, unmet))}; there are "
                      f"{', '.join(map(printable, sorted(met)))}")
        parts, folder = [*self.before.sections, self.stage], self.pictures.root
        dev_is_seen = self.all_dev or self.before.reads_images
        seen = {"train": self.posts, **({"dev": self.dev} if dev_is_seen else {})}
        contents = named_contents(self.recipe, without={f"{self.stage}.model"})
        self.about = manifest.describe(
            sections.run_name(self.stage), self.recipe.values,
            {"train": (data.train_file, self.posts), "dev": (data.dev_file, self.dev)},
            self.seed, self.runtime.device, self.runtime.precision,
            self.start / WEIGHTS if self.start else None,
            label_map=data.label_map, limit=data.limit,
            images=str(folder.resolve()) if looks and folder else None,
            on_missing_image=data.on_missing_image if looks else None,
            code=digests(self.section.class_path) or None, sections=parts,
            earlier_stages=self.before.describe(),
            pictures=digest_of_all(seen, self.pictures) if looks else None,
            contents={name: held for name, held in contents.items() if name.partition(".")[0] in parts})
        self.before.check([*self.posts, *self.dev])

    def prepare(self) -> None:
        """Run the earlier stages, make the model, and check that gold suits it."""
        # Once a model has seen the posts, they stay the same ones.
        retry = self.quick or read_progress(self.work) is None
        self.posts = self.before.apply(TRAIN, self.posts, self.work, retry)
        self.dev = self.before.apply(DEV, self.dev, self.work, retry)
        model = new_model(self.section.class_path, self.section.settings, self.posts, recipe=self.recipe.name,
                          offline=self.offline)
        if self.resume:
            run = manifest.read(self.work) or manifest.read(self.out) or {}
            model = going_on.as_begun(model, run, self.offline)
        self.model = model
        self.about.update(facts=model.facts, set_aside=self.before.set_aside)
        if "entities" in self.kind.finds:
            files = (str(self.data.train_file), str(self.data.dev_file))
            check_gold(model, self.posts, self.dev, files, self.tell)
            if line := trained_on.told_of_dev(self.posts, self.dev, self.start):
                self.tell(line)
        self.earlier.refuse_changes(self.about)

    def look_back(self) -> None:
        """Find the training that a resumed one goes on from. Raises GmnerError if it was another one."""
        if self.resume:
            self.earlier = going_on.look_back(self.work, self.out, self.about, self.settings, self.tell,
                                              self._place)

    def drop_unreadable(self) -> None:
        """Leave out posts whose picture is needed and cannot be read; ``about`` gets how many are left."""
        if not self.looks:
            return
        kind, before = self.kind, self.before
        # Of a file whose pictures the model reads, all are needed; of another, those that a stage looks at.
        every = {
            "training": kind.reads_images or kind.trains_on_images,
            "dev": self.all_dev,
        }
        files = {"training": self.posts, "dev": self.dev}
        files = {role: part for role, part in files.items() if every[role] or before.reads_images}
        some = {role: before.wants_picture for role in files if not every[role]}
        checked = usable(files, self.pictures, self.tell, some)
        self.posts, self.dev = checked["training"], checked.get("dev", self.dev)
        self.about["usable"] = {role: [len(part), sum(post.image is not None for post in part)]
                                for role, part in (("train", self.posts), ("dev", self.dev))}
        self.earlier.refuse_changes(self.about)

    def take_folder(self) -> None:
        """Make ``work`` this training's, empty unless it is resumed."""
        if not self.resume:
            discard(self.work, self.tell)
        self.work.mkdir(exist_ok=True)

    def begin_manifest(self) -> None:
        """Say in ``work`` how what is made there is made: it is only taken up beside that."""
        if manifest.read(self.work) is None:
            if self.earlier.finished is not None:
                self.about[going_on.CONTINUED] = going_on.continued(self.earlier.finished)
            manifest.write(self.work, {**self.about, "finished": False, "epochs": []})

    def drop_unreadable_named(self) -> None:
        """Leave out posts of which an example names a picture that cannot be read, and note it likewise."""
        if not self.looks:
            return
        files = {"training": self.posts, **({"dev": self.dev} if self.model.reads_images else {})}
        found = usable_named(self.model, files, self.pictures, self.tell)
        if found is not None:
            kept, names = found
            self.posts, self.dev = kept["training"], kept.get("dev", self.dev)
            self.about["named_pictures"] = {"train": len(self.posts), "dev": len(self.dev)}
            self.about["pictures"] |= {f"named {role}": digest_of(names[role], self.pictures)
                                       for role in sorted(names)}
        self.earlier.refuse_changes(self.about)

    def begin(self) -> None:
        """Put into ``work`` what epochs are added to, and into the model the weights that it starts from."""
        if self.earlier.finished is not None:
            going_on.begin_again(self.model, self.earlier.finished, self.out, self.work, self.about)
        # The checkpoint is written before the row, so after a kill it may know of one more.
        rows = (read_progress(self.work) or {}).get("rows", [])
        self.record = {**self.about, "finished": False, "epochs": rows}
        manifest.write(self.work, self.record)
        trained_on.write(self.work, self.posts, self.start)
        if self.start is not None:
            used, held = init_from(self.model, self.start)
            self.tell(f"starts from {used} of the {held} tensors in {self.start}")

    def fit(self, watcher: Watcher) -> History:
        """Train, note each epoch, and put the model in its place."""
        total = sum(p.numel() for p in self.model.parameters())
        trained = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        self.tell(f"{len(self.posts)} posts to train on, {len(self.dev)} to choose by; {trained:,} of "
                  f"{total:,} parameters are trained")
        began = time.perf_counter()

        def after_epoch(row: dict[str, Any]) -> None:
            self.record["epochs"] = [*self.record["epochs"][:row["epoch"] - 1], row]
            manifest.write(self.work, self.record)
            watcher.epoch(row)

        history = fit(self.model, self.posts, self.dev, self.settings, self.work, self.runtime,
                      seed=self.seed, pictures=self.pictures, resume=self.resume,
                      watcher=Watcher(step=watcher.step, epoch=after_epoch))
        manifest.write(self.work, {
            **self.record, "epochs": history.rows, "best_epoch": history.best_epoch,
            "best_score": history.best_score, "metric": self.settings.metric or self.model.metric,
            "finished": True, "files": contents(self.work), "seconds": round(time.perf_counter() - began, 1)})
        self._place()
        return history

    def _place(self) -> None:
        said = going_on.comparison(self.work, self.out)
        put_in_place(self.work, self.out)
        if said:
            self.tell(said)


def _trained_sections(recipe: Recipe) -> str:
    names = [name for name in recipe.sections
             if recipe.section(name).model and recipe.section(name).train is not None]
    return f"sections that are trained: {', '.join(names)}" if names else "none of its sections is"
