"""Stages: what turns posts into posts with more fields, one window of posts at a time.

A subcommand is: read JSONL, one stage, write JSONL. ``predict`` is several stages
in one process. A stage adds fields and removes none, and a post that fails in
it is marked (``post.error``), not lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image

from gmner_cli.errors import ImageError, UsageError
from gmner_cli.images import open_image
from gmner_cli.model import Example, Model, to_device
from gmner_cli.records import Post
from gmner_cli.runtime import Runtime
from gmner_cli.training.batches import ahead, bucket

WINDOW = 256
"""Posts that are in memory at a time: enough to batch like lengths, little enough to stream."""

MISSING = ("error", "skip", "text-only")


class Stage(Protocol):
    """Anything that has a name and maps a list of posts to the same posts, in order, with more fields."""

    name: str

    def __call__(self, posts: list[Post]) -> list[Post]: ...


class Pictures:
    """The posts' images: loaded from one folder, and what happens when one cannot be.

    ``missing``: "error" marks the post as failed, "skip" leaves it as it came in,
    "text-only" goes on as if it had no image.
    """

    def __init__(self, root: Path | None, missing: str = "error"):
        if missing not in MISSING:
            raise UsageError(f"unknown --on-missing-image {missing!r}", hint=", ".join(MISSING))
        if root is not None and not root.is_dir():
            raise UsageError("is not a folder", where=str(root), hint="--images names the folder of the pictures")
        self.root, self.missing = root, missing

    def load(self, post: Post) -> Image.Image | None:
        """The picture of a post, RGB, EXIF applied; None when it has none. Raises ImageError."""
        if post.image is None:
            return None
        if self.root is None:
            raise ImageError("there is no image folder", where=f"post {post.id}", hint="give it with --images DIR")
        picture = open_image(self.root, post.image)
        post.image_size = picture.size
        return picture


NO_PICTURES = Pictures(None)


def run(model: Model, posts: Sequence[Post], runtime: Runtime, batch_size: int,
        pictures: Pictures = NO_PICTURES, progress: Callable[[int], Any] = lambda n: None) -> list[Post]:
    """Predict on posts in memory; returns copies, the posts given are not changed.

    Batches hold examples of like length; the next two are prepared (pictures
    decoded, tensors padded) while one is computed. A batch that does not fit into
    GPU memory is halved and tried again. ``progress`` is told of finished examples.
    """
    copies = [model.blank(post) for post in posts]
    examples = model.examples(copies, training=False)
    outputs: list[Any] = [None] * len(examples)

    def prepare(indexes: list[int]) -> dict[str, Any]:
        return collate(model, [examples[i] for i in indexes], copies, pictures)

    with torch.inference_mode(), runtime.autocast():
        for indexes, batch in ahead(bucket(examples, batch_size), prepare):
            for index, output in zip(indexes, _predict(model, indexes, batch, prepare, runtime), strict=True):
                outputs[index] = output
            progress(len(indexes))
    model.write(copies, examples, outputs)
    return copies


def collate(model: Model, examples: Sequence[Example], posts: Sequence[Post], pictures: Pictures) -> dict[str, Any]:
    """A batch on the CPU, with the posts' pictures where the model reads them."""
    images: list[Image.Image | None] = [None] * len(examples)
    if model.reads_images:
        loaded = {e.post: None for e in examples}
        for index in loaded:
            loaded[index] = pictures.load(posts[index])
        images = [loaded[e.post] for e in examples]
    return model.collate(examples, images)


def _predict(model: Model, indexes: list[int], batch: dict[str, Any],
             prepare: Callable[[list[int]], dict[str, Any]], runtime: Runtime) -> list[Any]:
    try:
        return model.predict(to_device(batch, runtime.device))
    except torch.OutOfMemoryError:
        if len(indexes) == 1:
            raise
    torch.cuda.empty_cache()
    half = len(indexes) // 2
    return [output for part in (indexes[:half], indexes[half:])
            for output in _predict(model, part, prepare(part), prepare, runtime)]


class ModelStage:
    """A trained model as a stage. Posts whose picture fails are set aside before the batch is made."""

    def __init__(self, name: str, model: Model, runtime: Runtime, batch_size: int, pictures: Pictures = NO_PICTURES):
        self.name, self.model, self.runtime = name, model.to(runtime.device).eval(), runtime
        self.batch_size, self.pictures = batch_size, pictures
        model.ready()

    def __call__(self, posts: list[Post]) -> list[Post]:
        wanted = [post for post in posts if post.error is None]
        done = {id(old): new for old, new in zip(
            wanted, run(self.model, wanted, self.runtime, self.batch_size, self.pictures), strict=True)}
        return [done.get(id(post), post) for post in posts]


class CheckImages:
    """Opens every picture once, before any model reads it: fills ``image_size``, marks posts that fail.

    It lets later stages rely on pictures being there, and says at once, and for
    every recipe, which files are broken.
    """

    name = "images"

    def __init__(self, pictures: Pictures, tell: Callable[[str], None]):
        self.pictures, self.tell = pictures, tell

    def __call__(self, posts: list[Post]) -> list[Post]:
        for post, problem in ahead(posts, self._problem, depth=8):
            if problem is None:
                continue
            if self.pictures.missing == "error":
                post.error = str(problem).split("\n")[0]
            elif self.pictures.missing == "text-only":
                self.tell(f"post {post.id}: {problem.message}; going on without its image")
                post.extra["image_problem"] = problem.message
                post.image = None
            else:
                self.tell(f"post {post.id}: {problem.message}; skipped")
                post.extra["skipped"] = problem.message
        return posts

    def _problem(self, post: Post) -> ImageError | None:
        if post.error is not None:
            return None
        try:
            self.pictures.load(post)
        except ImageError as problem:
            return problem
        return None


def windows_of(posts: Iterable[Post], size: int = WINDOW) -> Iterator[list[Post]]:
    """Lists of at most ``size`` posts, as they arrive."""
    stream = iter(posts)
    while window := list(islice(stream, size)):
        yield window


def compose(stages: Sequence[Stage], posts: Iterable[Post], size: int = WINDOW) -> Iterator[Post]:
    """All stages over a stream of posts, in order, ``size`` posts at a time."""
    for window in windows_of(posts, size):
        for stage in stages:
            window = stage(window)
        yield from window
