"""Stages: what turns posts into posts with more fields, some posts at a time.

A subcommand is: read JSONL, one stage, write JSONL. ``predict`` is several stages
in one process, each of which pulls from the one before (``compose``). A stage adds fields and
removes none, and a post that fails in it is marked (``post.error``), not lost. Stages leave posts
alone that failed or are skipped (``post.set_aside``).
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from gmner_cli import named_pictures
from gmner_cli.errors import (
    MOST_CHARACTERS,
    GmnerError,
    ImageError,
    RecordError,
    UsageError,
    foreign,
    printable,
    shown,
)
from gmner_cli.fields import VISUAL, clear, fill_text, of_entities
from gmner_cli.images import NO_PICTURES, Pictures, decoded_bytes
from gmner_cli.own_code import place_of
from gmner_cli.records import ABSTAINED, Post
from gmner_cli.runtime import Runtime
from gmner_cli.training.batches import ahead, bucket, collate, cut, looks, packed, prepared

if TYPE_CHECKING:  # torch is imported where a model runs: GrabCut's stage needs none
    from gmner_cli.model import Model

WINDOW = 128
"""Posts that a stage gets at a time, at most: enough to batch like lengths, and little for a slow stream to wait for. Tagging takes
4 % more time than with 256, and 64 would take 10 % more."""

MANY = 32
"""A stage that wants more posts than this at a time is a quick one."""

UNSAID = 16
"""Posts that a stage gets at a time that does not say how many it wants."""

BATCH_BYTES = 512 * 2**20
"""Decoded pictures of one batch, of which a few are in memory: 14 photos of 12 megapixels, one of 100."""


BATCH_START = 80
"""What a batch of texts costs a CPU beside its sub-words, in sub-words: measured with MiniLM; larger nets have less."""


class Stage(Protocol):
    """Anything that has a name and maps a list of posts to the same posts, in order, with more fields.

    It may say more, on its class, so that all of it is known before one is made:

    - ``finds``: names of the fields that it fills, as ``Model.finds``; () where it does not say. A stage that
      finds nothing of gold also runs before a model that is trained, where the recipe has it before that
      model's section.
    - ``window``: how many posts it wants at a time. Many, where it gains from batching like with
      like and is quick; few, where it is slow; 1, where it works post by post. Without one it gets UNSAID.
    - ``reads_images``: whether it opens pictures. It is then made with ``pictures=``, an ``images.Pictures``.
    - ``stored``: False where a training that is resumed should make its results again rather than read them
      from a file, because that is quicker. True where it does not say.
    - ``variants(posts) -> posts``: called in place of the stage for the posts that a model is trained on (not
      for dev posts): each in all the versions that training should see, in one post or in several of the same
      id. Entities may stand in it several times and in another order, but no new ones.
    """

    name: str

    def __call__(self, posts: list[Post]) -> list[Post]: ...


def run(model: Model, posts: Sequence[Post], runtime: Runtime, batch_size: int,
        pictures: Pictures = NO_PICTURES, progress: Callable[[int], Any] = lambda n: None) -> list[Post]:
    """Predict on posts in memory; returns copies, the posts given are not changed.

    Batches hold examples of like length (on a CPU, where a small batch is nearly as good as a large one, of so like
    length that least is computed for nothing), or with pictures of like shape for a model
    that pads pictures (``batches_by_shape``: 1.4 to 1.6 times fewer pixels for Grounding DINO on
    photos); the next two are prepared (pictures decoded, tensors padded) while one is computed. A batch whose pictures are large is
    cut (BATCH_BYTES; their sizes are known once CheckImages has opened them). One that does not fit
    into GPU memory is halved and tried again. ``progress`` is told of finished examples.
    The entities that a model finds get their ``text`` from the span, where it leaves that absent.
    A post of which an example names a picture that cannot be opened comes back marked, and otherwise as it
    was given, unless ``pictures.missing`` is "text-only".
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
            rest = iter(run(model, left, runtime, batch_size, pictures, progress))
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
    batches = cut(batches, price, BATCH_BYTES)
    # Not inference_mode: a model may need gradients to explain itself (GEM eq. 11),
    # and tensors made under inference_mode never take part in any.
    name = type(model).__name__
    with torch.no_grad(), runtime.autocast():
        for indexes, batch in prepared(model, examples, batches, copies, pictures, runtime, turn):
            found = _predict(model, indexes, batch, again, runtime)
            if len(found) != len(indexes):
                raise UsageError(f"{name}.predict gives {len(found)} outputs for a batch of {len(indexes)} examples")
            if _holds_nan(found):
                # Every comparison with NaN fails, so it would look like nothing found.
                raise RecordError(f"{name} computed NaN, so nothing can be said of the post")
            for index, output in zip(indexes, found, strict=True):
                outputs[index] = output
            progress(len(indexes))
    model.write(copies, examples, outputs)
    for post in copies:
        try:
            post.check()
        except RecordError as problem:
            raise RecordError(f"{name}.write leaves an invalid record: {problem.reason}", where=f"post {printable(post.id)}") from None
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
    """Whether a NaN is anywhere in what ``Model.predict`` gives. Infinity may be meant: what is forbidden scores so."""
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

    def __init__(self, name: str, model: Model, runtime: Runtime, batch_size: int, pictures: Pictures = NO_PICTURES):
        from gmner_cli.linear import pack

        self.name, self.model, self.runtime = name, model.to(runtime.device).eval(), runtime
        self.batch_size, self.pictures = batch_size, pictures
        model.ready()
        pack(model, runtime)

    @property
    def finds(self) -> tuple[str, ...]:
        return self.model.finds

    @property
    def window(self) -> int:
        """Pictures take long, and batching like with like gains little there, unless they are padded; texts are the other way round."""
        alone = self.model.reads_images and not self.model.batches_by_shape
        return min(WINDOW, (2 if alone else 8) * self.batch_size)

    def __call__(self, posts: list[Post]) -> list[Post]:
        wanted = [post for post in posts if not post.set_aside and not self._blind(post)]
        # Models look at `image` to know whether there is a picture; text-only hides it from them, not from the record.
        read = [msgspec.structs.replace(p, image=None) if p.image_problem is not None else p for p in wanted]
        found = run(self.model, read, self.runtime, self.batch_size, self.pictures)
        done = {}
        for old, new in zip(wanted, found, strict=True):
            if old.image_problem is not None and self.model.reads_images:
                new = clear(new, VISUAL)  # nothing can be said of what was not seen
            new.image = old.image
            done[id(old)] = new
        return [done.get(id(post), post) for post in posts]

    def _blind(self, post: Post) -> bool:
        """Whether the model has nothing to say of the post, because what it needs to see cannot be looked at."""
        if not self.model.reads_images:
            return False
        # A tagger goes on with the text; what only looks would call an unseen thing invisible. What grounding
        # models declined can still be looked at by one that fills no field of entities, such as a caption's.
        return ((post.grounding == ABSTAINED and of_entities(self.model.finds))
                or (post.image_problem is not None and "entities" not in self.model.finds))


class CheckImages:
    """Opens every picture once, before any model reads it: fills ``image_size``, marks posts that fail.

    It lets later stages rely on pictures being there, and says at once, and for
    every recipe, which files are broken.
    """

    name = "images"
    window = 32
    """Little enough that common pictures are still kept when the stages that look ask for them."""
    most_told = 20
    """Posts that are named on stderr; the records say it of all."""

    def __init__(self, pictures: Pictures, tell: Callable[[str], None], side: int | None = None,
                 wanted: Callable[[Post], bool] = lambda post: True):
        """``side``: ``largest_side`` of the models that will read the pictures, where they have one and the same.

        ``wanted``: whether a post's picture will be looked at; the others pass, whatever theirs is.
        """
        self.pictures, self.tell, self.side, self.wanted, self.told = pictures, tell, side, wanted, 0

    def __call__(self, posts: list[Post]) -> list[Post]:
        for post, problem in ahead(posts, self._problem, depth=2 * self.pictures.workers, workers=self.pictures.workers):
            if problem is None:
                continue
            if self.pictures.missing == "error":
                post.error = problem.reason
            elif self.pictures.missing == "text-only":
                post.image_problem = problem.reason
                self._say(post, problem, "going on without its image")
            else:
                post.skipped = problem.reason
                self._say(post, problem, "skipped")
        return posts

    def _say(self, post: Post, problem: ImageError, what: str) -> None:
        self.told += 1
        if not self.pictures.named:
            if self.told == 1:
                self.tell(f"post {printable(post.id)}: {problem.reason}. Posts whose picture is not in "
                          f"{self.pictures.root} are read without it, and nothing is looked for in it; name the folder "
                          "with --images DIR (said once)")
            return
        if self.told <= self.most_told:
            self.tell(f"post {printable(post.id)}: {problem.reason}; {what}")
        if self.told == self.most_told:
            self.tell("more images cannot be read, if any, without a line here; the records say which")

    def _problem(self, post: Post) -> ImageError | None:
        if post.set_aside or not self.wanted(post):
            return None
        try:
            self.pictures.load(post, self.side)
        except ImageError as problem:
            return problem.with_traceback(None)  # it is kept beside others, and would keep the frames
        return None


def compose(stages: Sequence[Stage], posts: Iterable[Post], most: int = WINDOW, proven: bool = False) -> Iterator[Post]:
    """All stages over a stream of posts, in order, each pulling from the one before as many as it works on at a time.

    That is its ``window``, or ``most`` where that is less, and in the beginning less still (``window_after``): the
    first records come at once, no post waits for more others than have come before it, and what a kill costs is
    little beside what is there. It follows from posts and settings, never from the time that
    anything takes, because the size of a batch changes the last digits of scores.

    A post that a stage cannot bear is marked with ``error`` and the others go on.
    Raises what a stage raises when that is not about one post: when the settings
    or the model are wrong, or when no post at all gets through, unless it is ``proven`` that some do.
    """
    made = iter(posts)
    for stage in stages:
        made = _through(stage, made, min(most, getattr(stage, "window", UNSAID)), proven)
    return made


def window_after(came: int, most: int) -> int:
    """How many posts a stage gets next that has had ``came`` and wants ``most``: a power of two, so that batches are full ones.

    At most a quarter of ``came``; where many are wanted, and so gain from each other, at most all.
    """
    return min(most, 1 << max(0, (came if most > MANY else came // 4).bit_length() - 1))


def _through(stage: Stage, posts: Iterator[Post], most: int, proven: bool) -> Iterator[Post]:
    came, tried = 0, 0
    first: Exception | None = None
    while window := list(islice(posts, window_after(came, most))):
        came += len(window)
        tried += sum(not post.set_aside for post in window)  # a stage leaves the others alone, so they say nothing of it
        done, problem = _apart(stage, window)
        proven = proven or any(not post.set_aside for post in done)
        first = None if proven else first or problem
        if first is not None and tried >= WINDOW:
            raise first
        yield from done
    if first is not None and tried > 1:
        raise first


def _apart(stage: Stage, posts: list[Post]) -> tuple[list[Post], Exception | None]:
    """The stage over the posts; where it raises, over halves of them, down to the posts that make it raise.

    Also the first exception that it raised. Raises what is not about one post.
    """
    done: list[Post] = []
    waiting, first = [posts], None
    while waiting:
        part = waiting.pop()
        try:
            made = stage(part)
            if "entities" in getattr(stage, "finds", ()):
                for post in made:
                    fill_text(post)
            done += made
        except Exception as problem:
            if isinstance(problem, GmnerError) and not isinstance(problem, (RecordError, ImageError)):
                raise
            # The frames hold the failed batch's tensors, which the halves will need the room of.
            traceback.clear_frames(problem.__traceback__)
            first = first or problem
            if len(part) > 1:
                half = (len(part) + 1) // 2
                waiting += [part[half:], part[:half]]
                continue
            mendable = foreign(problem)
            place = f" (in {where})" if (where := place_of(problem)) else ""  # of a user's own code
            what = mendable.reason if mendable else (
                shown(f"unexpected {type(problem).__name__}: {problem}", MOST_CHARACTERS) + place)
            done.append(msgspec.structs.replace(part[0], error=f"stage {stage.name}: {what}"))
    return done, first
