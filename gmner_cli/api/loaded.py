"""``load``: a recipe whose models are in memory, for posts that are too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, cast

from gmner_cli.api.given import Changes, File, Folder, Tell, changes, folders, image_folder, undisturbed
from gmner_cli.errors import UsageError
from gmner_cli.weights import hub

if TYPE_CHECKING:
    from gmner_cli.compute.runtime import Runtime
    from gmner_cli.flow.compose import Stage
    from gmner_cli.pictures.images import Pictures
    from gmner_cli.recipes import Recipe
    from gmner_cli.records import Post
    from gmner_cli.records.jsonl import Given


@undisturbed
def load(recipe: File = "mini", *, weights: Mapping[str, Folder] | None = None, gold: str | None = None,
         set: Changes = (), batch_size: int | None = None, device: str = "auto", threads: int | None = None,
         seed: int = 0, offline: bool = False, tell: Tell = hub.say) -> Gmner:
    """The models of a recipe, loaded once, as something to call with posts.

    Parameters
    ----------
    recipe: name of a recipe (``recipe_names``), or a YAML file; ``set`` changes values of it, as in
        {"vg.settings.threshold": 0.3}.
    weights: folders of trained models by stage, as in {"ner": "tagger"}, instead of the recipe's.
    gold: "spans", "groundable" or "boxes" of the entities that come in are believed, and what would find them
        is not loaded until a call asks for it. None: nothing is believed.
    batch_size: examples that are computed together; None is the recipe's.
    device: "auto", "cpu", "cuda" or "cuda:N".
    threads: that torch computes with in this process from now on; None is one for each core.
    offline: ask no network, in this process from now on.
    tell: gets what the command says on stderr, line by line.

    Raises UsageError for what contradicts itself, ModelError for weights that cannot be had or loaded.

    >>> import gmner_cli
    >>> gmner = gmner_cli.load("mini", device="cpu")
    >>> [post] = gmner([{"text": "Stephen Curry is back in London"}])
    >>> [(entity["text"], entity["type"]) for entity in post["entities"]]
    [('Stephen Curry', 'PER'), ('London', 'LOC')]
    """
    from gmner_cli.recipes import load as load_recipe

    chosen = load_recipe(str(recipe), changes(set))
    if offline:
        hub.go_offline()
    from gmner_cli.compute import runtime

    where = runtime.start(device, precision=chosen.precision, seed=seed, threads=threads)
    if chosen.values.get("note"):
        tell(" ".join(chosen.values["note"].split()))
    return Gmner(chosen, where, weights=folders(weights), gold=gold, batch_size=batch_size, offline=offline,
                 tell=tell)


class Gmner:
    """A recipe with its models in memory. Several threads may call it: they take turns, stage by stage."""

    def __init__(self, recipe: Recipe, runtime: Runtime, *, weights: Mapping[str, Path],
                 gold: str | None = None, batch_size: int | None = None, offline: bool = False,
                 tell: Tell = hub.say):
        """As ``load``, of a recipe that is read and a runtime that is started."""
        self.recipe, self.runtime, self.gold = recipe, runtime, gold
        self._options: dict[str, Any] = {"weights": weights, "batch_size": batch_size, "offline": offline,
                                         "tell": tell}
        self._pictures, self._turn = _Now(), RLock()
        self._made: dict[str, Stage] = {}
        self._stages(gold)

    def __call__(self, posts: Iterable[Given], images: Folder | None = None, *, gold: str | None = None,
                 on_missing_image: str | None = None, follow_links: bool = False,
                 label_map: Mapping[str, str] | None = None,
                 window: int | None = None) -> list[dict[str, Any]]:
        """What is found in posts: a record for each, in their order, as a line of `gmner predict` holds it.

        Parameters
        ----------
        posts: dicts as in JSONL, {"text": ...} at least, or ``records.Post`` objects. They are not changed.
        images: folder that their "image" names are relative to. None: ``images`` where the process runs if it
            is there, else that folder; then a picture that is not found is no failure.
        gold: as for ``load``, for these posts; None is what ``load`` was told.
        on_missing_image: "error" (the default with ``images``), "skip" or "text-only".
        follow_links: whether symbolic links in the folder may lead out of it.
        label_map: types of the entities that come in to read as others.
        window: posts that may wait for each other, at most.

        A post without an id gets one. One that cannot be read, or that a stage cannot bear, comes back with
        an "error" and as it came in. Raises UsageError for arguments that are wrong, and what a stage raises
        that no post at all gets through.
        """
        return list(self.stream(posts, images, gold=gold, on_missing_image=on_missing_image,
                                follow_links=follow_links, label_map=label_map, window=window))

    def stream(self, posts: Iterable[Given], images: Folder | None = None, *, gold: str | None = None,
               on_missing_image: str | None = None, follow_links: bool = False,
               label_map: Mapping[str, str] | None = None,
               window: int | None = None) -> Iterator[dict[str, Any]]:
        """As a call, of any iterable, each record as soon as it is finished.

        To compute like with like it reads ahead by up to ``window`` posts (by default what suits the models,
        at most 128, and less in the beginning); with 1 each is answered as it comes. Wrong arguments raise at
        once, the rest while it is read.
        """
        from gmner_cli.flow.build import looks
        from gmner_cli.flow.run_file import run_records
        from gmner_cli.pictures.images import Pictures
        from gmner_cli.records import Post

        if isinstance(posts, (Mapping, str, bytes, Path, Post)):
            raise UsageError(f"posts are a list of records, not one {type(posts).__name__}",
                             hint='write gmner([{"text": ...}]); files are read by gmner_cli.predict')
        if window is not None and window < 1:
            raise UsageError(f"window {window} is below 1")
        wanted = images is not None or looks(self.recipe)
        folder = image_folder(images, "-", follow_links) if wanted else None
        pictures = Pictures(folder, on_missing_image or ("error" if images else "text-only"),
                            named=images is not None, follow_links=follow_links)
        with self._turn, self._pictures.are(pictures):
            stages = self._stages(gold or self.gold)
        return run_records(posts, [_Turn(stage, self._pictures, pictures, self._turn) for stage in stages],
                           window=window, label_map=dict(label_map or {}))

    def _stages(self, gold: str | None) -> list[Stage]:
        from gmner_cli.flow.build import build

        return build(self.recipe, self.runtime, cast("Pictures", self._pictures), gold=gold, made=self._made,
                     **self._options)


class _Now:
    """The pictures of the call whose turn it is: stages are made once, and each call has its own folder."""

    def __init__(self) -> None:
        from gmner_cli.pictures.images import NO_PICTURES

        self._now = NO_PICTURES

    def __getattr__(self, name: str) -> Any:
        return getattr(self._now, name)

    @contextmanager
    def are(self, pictures: Pictures) -> Iterator[None]:
        """A context in which they are these."""
        before, self._now = self._now, pictures
        try:
            yield
        finally:
            self._now = before


class _Turn:
    """A stage as one call uses it: while it works no other call does, and the pictures are this call's."""

    def __init__(self, stage: Stage, now: _Now, pictures: Pictures,
                 turn: AbstractContextManager[Any]):
        self._stage, self._now, self._pictures, self._turn = stage, now, pictures, turn

    def __getattr__(self, name: str) -> Any:  # name, window
        return getattr(self._stage, name)

    def __call__(self, posts: list[Post]) -> list[Post]:
        with self._turn, self._now.are(self._pictures):
            return self._stage(posts)
