"""A model as a stage: ``ModelStage``, which ``build`` makes, and ``predict_posts``, which does its work.

Posts become examples, examples become batches, and the model writes what it predicts into copies of the
posts. The training loop predicts on dev posts with ``predict_posts``, too. ``compute.batches`` forms the
batches; ``named_pictures`` opens the pictures that examples name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec

from gmner_cli.compute.batches import bucket, collate, cut, looks, packed, prepared
from gmner_cli.compute.runtime import Runtime
from gmner_cli.errors import RecordError, UsageError, printable
from gmner_cli.flow import named_pictures
from gmner_cli.flow.compose import WINDOW
from gmner_cli.pictures.images import NO_PICTURES, Pictures, decoded_bytes
from gmner_cli.records import ABSTAINED, Post
from gmner_cli.records.fields import (
    VISUAL,
    clear,
    fill_text,
    names_and_types,
    of_entities,
    of_names,
    undeclared,
)

if TYPE_CHECKING:  # torch is imported where a model runs: GrabCut's stage needs none
    from gmner_cli.model import Model

BATCH_BYTES = 512 * 2**20
"""Most bytes of decoded pictures in one batch: 14 photos of 12 megapixels, or one of 100. A few batches are
in memory at a time."""

BATCH_START = 80
"""What a batch of texts costs a CPU beside its sub-words, counted in sub-words. Measured with MiniLM; with
larger networks it is less."""


def predict_posts(model: Model, posts: Sequence[Post], runtime: Runtime, batch_size: int,
                  pictures: Pictures = NO_PICTURES,
                  progress: Callable[[int], Any] = lambda n: None) -> list[Post]:
    """Predict on posts in memory; returns copies, the posts given are not changed.

    A batch holds examples of like length. On a CPU small batches cost little, so lengths are kept closer
    still. For a model that pads pictures (``batches_by_shape``) a batch holds pictures of like shape: 1.4 to
    1.6 times fewer pixels for Grounding DINO on photos. While a batch is computed, the next two are prepared.
    A batch of large pictures is cut (BATCH_BYTES; CheckImages has noted the sizes); one that does not fit
    into GPU memory is halved and tried again. ``progress`` is told of finished examples.

    Entities that a model finds get their ``text`` from the span, if it leaves that absent. If an example
    names a picture that cannot be opened, its post comes back marked and otherwise as it was given, unless
    ``pictures.missing`` is "text-only".
    Raises RecordError for a post that the model leaves invalid, and where it computes NaN.
    """
    import torch

    copies = [model.blank(post) for post in posts]
    examples = model.examples(copies, training=False)
    outputs: list[Any] = [None] * len(examples)
    turn, side = Lock(), model.largest_side
    named = named_pictures.Named()
    if looks(model) and any(example.pictures for example in examples):
        named = named_pictures.look_at(examples, pictures, side)
        aside = {n: named_pictures.set_aside(posts[n], why, pictures) for n, why in named.problems.items()}
        if any(aside.values()):
            left = [post for n, post in enumerate(posts) if aside.get(n) is None]
            rest = iter(predict_posts(model, left, runtime, batch_size, pictures, progress))
            return [aside.get(n) or next(rest) for n in range(len(posts))]

    def shape(index: int) -> float:
        width, height = copies[examples[index].post].image_size or (1, 1)
        return width / height

    def price(index: int) -> int:
        names = examples[index].pictures
        if names is not None:
            return sum(decoded_bytes(named.sizes[name], side) for name in names if name in named.sizes)
        size = copies[examples[index].post].image_size
        return decoded_bytes(size, side) if size is not None and model.reads_images else 0

    def again(indexes: list[int]) -> dict[str, Any]:
        return collate(model, [examples[i] for i in indexes], copies, pictures, runtime, turn)

    if model.reads_images or runtime.device.type != "cpu":
        batches = bucket(examples, batch_size, shape=shape if model.batches_by_shape else None)
    else:
        batches = packed(examples, batch_size, BATCH_START)
    # Not inference_mode: a model may need gradients to explain itself (GEM eq. 11),
    # and tensors made under inference_mode never take part in any.
    name = type(model).__name__
    with torch.no_grad(), runtime.autocast():
        fitting = cut(batches, price, BATCH_BYTES)
        for indexes, batch in prepared(model, examples, fitting, copies, pictures, runtime, turn):
            found = _predict(model, indexes, batch, again, runtime)
            if len(found) != len(indexes):
                raise UsageError(f"{name}.predict gives {len(found)} outputs for a batch of {len(indexes)} "
                                 "examples")
            if _holds_nan(found):
                # Every comparison with NaN fails, so it would look like nothing found.
                raise RecordError(f"{name} computed NaN, so nothing can be said of the post")
            for index, output in zip(indexes, found, strict=True):
                outputs[index] = output
            progress(len(indexes))
    came = [names_and_types(post) for post in copies]
    model.write(copies, examples, outputs)
    for post, before in zip(copies, came, strict=True):
        # What it does not declare was not cleared, so it may have been read from gold.
        if changed := undeclared(before, names_and_types(post), model.finds):
            raise UsageError(f"{name}.write changes {changed}, which is not among what it finds",
                             hint=f"write in it: finds = {(*model.finds, changed)!r}")
        if any(not kind for _, _, kind, _ in before) and not {"type", "entities"}.intersection(model.finds):
            raise UsageError(f"{name} is given entities without a type, which a stage after it finds",
                             hint="in the recipe's `stages`, put what finds types before it")
        try:
            post.check()
        except RecordError as problem:
            raise RecordError(f"{name}.write leaves an invalid record: {problem.reason}",
                              where=f"post {printable(post.id)}") from None
        if "entities" in model.finds:
            fill_text(post)
    return copies


def _predict(model: Model, indexes: list[int], batch: dict[str, Any],
             again: Callable[[list[int]], dict[str, Any]], runtime: Runtime) -> list[Any]:
    import torch

    from gmner_cli.model import to_device

    try:
        return model.predict(to_device(batch, runtime.device))
    except torch.OutOfMemoryError:
        if len(indexes) == 1:
            raise
    torch.cuda.empty_cache()
    half = len(indexes) // 2
    return [output for part in (indexes[:half], indexes[half:])
            for output in _predict(model, part, again(part), again, runtime)]


def _holds_nan(output: Any) -> bool:
    """Whether a NaN is anywhere in what ``Model.predict`` gives. Infinity may be meant, as the score of what
    is forbidden."""
    import torch

    if isinstance(output, float):
        return output != output
    if isinstance(output, torch.Tensor):
        return output.is_floating_point() and bool(output.isnan().any())
    if isinstance(output, dict):
        return any(map(_holds_nan, output.values()))
    return isinstance(output, (list, tuple)) and any(map(_holds_nan, output))


class ModelStage:
    """A trained model as a stage. Posts whose picture fails are set aside before the batch is made."""

    def __init__(self, name: str, model: Model, runtime: Runtime, batch_size: int,
                 pictures: Pictures = NO_PICTURES):
        from gmner_cli.compute.linear import pack

        self.name, self.model, self.runtime = name, model.to(runtime.device).eval(), runtime
        self.batch_size, self.pictures = batch_size, pictures
        model.prepare_to_predict()
        pack(model, runtime)

    @property
    def finds(self) -> tuple[str, ...]:
        return self.model.finds

    @property
    def window(self) -> int:
        """Few batches of pictures, many of texts: pictures take long, and gain little from being batched by
        likeness unless they are padded."""
        alone = self.model.reads_images and not self.model.batches_by_shape
        return min(WINDOW, (2 if alone else 8) * self.batch_size)

    def __call__(self, posts: list[Post]) -> list[Post]:
        wanted = [post for post in posts if not post.set_aside and not self._blind(post)]
        # Models look at `image` to know whether there is a picture; text-only hides it from them, not from
        # the record.
        read = [msgspec.structs.replace(p, image=None) if p.image_problem is not None else p for p in wanted]
        found = predict_posts(self.model, read, self.runtime, self.batch_size, self.pictures)
        done = {}
        for old, new in zip(wanted, found, strict=True):
            if old.image_problem is not None and self.model.reads_images:
                new = clear(new, VISUAL)  # nothing can be said of what was not seen
            new.image = old.image
            done[id(old)] = new
        return [done.get(id(post), post) for post in posts]

    def _blind(self, post: Post) -> bool:
        """Whether the model has nothing to say of the post, because it cannot look at the picture."""
        if not self.model.reads_images:
            return False
        finds = self.model.finds
        # What finds names or their types goes on with the text; what only looks would call an unseen thing
        # invisible. What grounding models declined can still be looked at by one that says nothing of where
        # things are: it fills no field of entities, such as a caption's, or types alone.
        if post.image_problem is not None and not of_names(finds):
            return True
        places = of_entities(finds) and not (of_names(finds) and set(finds).isdisjoint(VISUAL))
        return post.grounding == ABSTAINED and places
