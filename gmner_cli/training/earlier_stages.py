"""The stages of a recipe that run before the model that is trained, in training as in prediction.

They make what the model reads: candidate regions, captions, referring expressions. Stages that find anything
of gold are left out, because gold says it. ``made`` keeps the results on disk; ``asked`` gives a stage only
the posts that lack one; ``gold_kept`` puts gold back afterwards.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from gmner_cli.classes.own_code import digests
from gmner_cli.classes.shipped import is_shipped
from gmner_cli.compute.runtime import Runtime, precision_on, random_state_kept
from gmner_cli.errors import GmnerError, RecordError, printable
from gmner_cli.files.digest import sha256
from gmner_cli.flow.build import build_stage, stage_class
from gmner_cli.flow.compose import Stage, compose
from gmner_cli.flow.run_contents import WEIGHT_FILES
from gmner_cli.pictures.images import NO_PICTURES
from gmner_cli.recipes import Recipe, Section
from gmner_cli.records import Post
from gmner_cli.records.fields import GOLD_FIELDS, clear
from gmner_cli.training.asked import Asked
from gmner_cli.training.gold_kept import brings_all, put_back
from gmner_cli.training.gold_posts import MOST_LISTED
from gmner_cli.training.made import Made, changed, key_of
from gmner_cli.weights.hub import weights_sha256
from gmner_cli.weights.model_folder import CONFIG, WEIGHTS

TRAIN, DEV = "train", "dev"


class EarlierStages:
    """What runs before section ``stage`` of a recipe while its model is trained.

    The stages see the posts as in prediction, without what the trained model is to find; then gold is put
    back. What a post brings of a stage's fields is kept, and a post that brings them all is not given to it.
    The weights and settings are the recipe's, and so is the precision.
    """

    def __init__(self, recipe: Recipe, stage: str, finds: Sequence[str], runtime: Runtime, *,
                 offline: bool = False, tell: Callable[[str], Any] = print):
        """``finds``: what the trained model finds. Raises UsageError."""
        before = recipe.stages[:recipe.stages.index(stage)] if stage in recipe.stages else []
        kinds = [(recipe.section(name), stage_class(recipe.section(name))) for name in before]
        self._stages = [(section, kind) for section, kind in kinds
                        if not set(_finds(kind)).intersection(GOLD_FIELDS)]
        self._finds, self._recipe, self._runtime = finds, recipe, runtime
        self._offline, self._tell = offline, tell
        self.pictures = NO_PICTURES
        """What stages that look are given; to be set before ``apply`` where ``reads_images``."""
        self.reads_images = any(map(_reads_images, (kind for _, kind in self._stages)))
        """Whether a stage opens pictures."""
        self.stored = any(map(_stored, (kind for _, kind in self._stages)))
        """Whether results go to files, because they take long to make."""
        self.set_aside: dict[str, int] = {}
        """Posts on which a stage failed, by role of the file: "train" or "dev"."""

    @property
    def sections(self) -> list[str]:
        """Names of the sections that run."""
        return [section.name for section, _ in self._stages]

    @property
    def weights(self) -> list[Path]:
        """Folders that the stages' models are read from."""
        return [folder for section, _ in self._stages if (folder := section.weights_folder()) is not None]

    def wants_picture(self, post: Post) -> bool:
        """Whether a stage will look at the post's picture."""
        seen = clear(post, self._finds)
        return any(_reads_images(kind) and not brings_all(seen, _finds(kind)) for _, kind in self._stages)

    def check(self, posts: Sequence[Post]) -> None:
        """Raise GmnerError where a stage that ``posts`` need cannot be made, before anything is removed for
        it."""
        for section, kind in self._stages:
            folder = section.weights_folder()
            if folder is None:
                lacking = section.model is not None and kind.needs_training
            else:
                lacking = not (folder / WEIGHTS).is_file()
            if lacking and not all(brings_all(clear(post, self._finds), _finds(kind)) for post in posts):
                self._build(section)

    def describe(self) -> dict[str, Any]:
        """By section what the results depend on beside the recipe's own values: weights, own code, and files
        named in settings."""
        found = {section.name: self._inputs(section, kind) for section, kind in self._stages}
        return {name: inputs for name, inputs in found.items() if inputs}

    def apply(self, role: str, posts: list[Post], work: Path, retry: bool = True) -> list[Post]:
        """The posts with what the stages make of them, gold as it was; those on which one fails are left out,
        and counted.

        ``role``: "train", where each post may come in several versions (``Stage.variants``), or "dev".
        ``work``: where results are kept (see ``made``), and taken from. ``retry``: whether posts that failed
        before are given to the stage again. Random numbers are left alone. Raises GmnerError when no post is
        left, and what ``compose`` raises.
        """
        if not self._stages:
            return posts
        seen = {post.id: clear(post, (*self._finds, "grounding")) for post in posts}
        gold = {post.id: post for post in posts}
        through = list(seen.values())
        with random_state_kept():
            for section, kind in self._stages:
                through = self._through(section, kind, role, through, work, retry)
        through = [post if post.set_aside else _whole(post, gold[post.id], seen[post.id]) for post in through]
        failed = [post for post in through if post.set_aside]
        kept = [post for post in through if not post.set_aside]
        self.set_aside[role] = len(failed)
        for post in failed[:MOST_LISTED]:
            self._tell(f"post {printable(post.id)}: {post.error or post.skipped}")
        if failed:
            listed = f"; the first {MOST_LISTED} are listed" if len(failed) > MOST_LISTED else ""
            self._tell(f"{len(failed)} of {len(posts)} {role} posts are left out, because a stage before the "
                       f"model failed on them{listed}")
        if not kept:
            raise GmnerError(f"no {role} post is left: a stage before the model failed on each",
                             hint="the lines above say why")
        return kept

    def _through(self, section: Section, kind: Any, role: str, posts: list[Post], work: Path,
                 retry: bool) -> list[Post]:
        """The posts after one stage, several for one where there are variants."""
        if all(post.set_aside or brings_all(post, _finds(kind)) for post in posts):
            return posts
        made = Made(work, role, section.name, self._by(section, kind)) if _stored(kind) else None
        try:
            results = _taken_up(made, posts, retry) if made else {}
            finds = _finds(kind) if made is None or made.finds is None else made.finds
            new = (post for post in posts if not post.set_aside and id(post) not in results)
            left = [post for post in new if not brings_all(post, finds)]
            if left:
                again = f", {len(results)} were made before" if results else ""
                if made:
                    self._tell(f"stage {section.name} runs for {len(left)} {role} posts{again}")
                self._ask(self._build(section), section.name, role, posts, results, made)
        finally:
            if made:
                made.close()
        return [version for post in posts for version in results.get(id(post), [post])]

    def _ask(self, stage: Stage, name: str, role: str, posts: list[Post], results: dict[int, list[Post]],
             made: Made | None) -> None:
        """Add to ``results`` what the stage makes of the posts that are not there, and what failed."""
        finds = tuple(getattr(stage, "finds", ()))
        if made:
            made.begin(finds)
        # All that it would get in an unbroken training, so that its batches are the same ones.
        stream = [post for post in posts if not post.set_aside and not brings_all(post, finds)]
        variants = getattr(stage, "variants", None) if role == TRAIN else None
        asked = Asked(stage, name, finds, variants, results, made)
        for post, out in zip(stream, compose([asked], stream, proven=bool(results)), strict=True):
            if out.set_aside and id(post) not in results:
                results[id(post)] = [out]
                if made:
                    made.add([{"id": post.id, "key": key_of(post), "error": out.error or out.skipped}])
        del asked, stage
        if (cuda := self._runtime.device).type == "cuda":  # the next model needs the room
            import torch

            gc.collect()
            with torch.cuda.device(cuda):
                torch.cuda.empty_cache()

    def _build(self, section: Section) -> Stage:
        precision = precision_on(self._runtime.device, self._recipe.precision, self._tell)
        return build_stage(section, replace(self._runtime, precision=precision), self.pictures,
                           offline=self._offline, changes=self._recipe.changed_settings(section.name))

    def _inputs(self, section: Section, kind: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        folder = section.weights_folder()
        if folder is not None and (folder / WEIGHTS).is_file():
            found["weights"] = sha256(folder / WEIGHTS)
            if (folder / CONFIG).is_file():
                found["config"] = sha256(folder / CONFIG)
        if code := digests(_path(section)):
            found["code"] = code
        named = ((where, _content(value, kind)) for where, value in _leaves(section.settings))
        files = {where: digest for where, digest in named if digest}
        return {**found, **({"files": files} if files else {})}

    def _by(self, section: Section, kind: Any) -> str:
        """Hash of all that a stage's results follow from, posts and pictures aside; paths count by what lies
        there."""
        settings = {where: _content(value, kind) or value for where, value in _leaves(section.settings)}
        content = [kind.__name__, _path(section) if is_shipped(_path(section)) else "", settings,
                   self._recipe.precision, section.batch_size, self._inputs(section, kind)]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _path(section: Section) -> str:
    """What the section names: ``package.module:Class`` or ``file.py:Class``."""
    return section.stage or section.model or ""


def _whole(post: Post, gold: Post, seen: Post) -> Post:
    """The post with its gold, or marked where the two are no valid record."""
    try:
        return put_back(post, gold, seen).check()
    except RecordError as problem:
        error = f"a stage before the model leaves an invalid record: {problem.reason}"
        return msgspec.structs.replace(gold, error=error)


def _taken_up(made: Made, posts: Sequence[Post], retry: bool) -> dict[int, list[Post]]:
    """What is stored, by ``id()`` of the post."""
    results: dict[int, list[Post]] = {}
    for post in posts if made.lines else ():
        line = {} if post.set_aside else made.lines.get(key_of(post), {})
        if "made" in line:
            results[id(post)] = [changed(post, part) for part in line["made"]]
        elif "error" in line and not retry:
            results[id(post)] = [msgspec.structs.replace(post, error=line["error"])]
    return results


def _finds(kind: Any) -> tuple[str, ...]:
    return tuple(getattr(kind, "finds", ()))


def _reads_images(kind: Any) -> bool:
    return bool(getattr(kind, "reads_images", False))


def _stored(kind: Any) -> bool:
    return bool(getattr(kind, "stored", True))


def _leaves(settings: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """``(dotted path, value)`` of everything in nested settings that is neither a mapping nor a list."""
    if isinstance(settings, Mapping):
        pairs = [(f"{at}.{key}" if at else str(key), value) for key, value in settings.items()]
    elif isinstance(settings, list):
        pairs = [(f"{at}.{number}", value) for number, value in enumerate(settings)]
    else:
        yield at, settings
        return
    for where, value in pairs:
        yield from _leaves(value, where)


def _content(value: Any, kind: Any) -> str | None:
    """The hash of the file, or of the model's folder, that a setting names; None for what names neither.

    Of a user's own stage only weights count: it may write the other files that it is given, a log or a cache.
    """
    if not isinstance(value, str) or not {"/", "."}.intersection(value):
        return None
    path = Path(os.path.expanduser(value))
    if os.path.isfile(path):
        return sha256(path) if is_shipped(kind.__module__) or path.suffix in WEIGHT_FILES else None
    return weights_sha256(path) if os.path.isdir(path) and any(path.glob("*.safetensors")) else None
