"""``predict`` and ``segment``: entities, boxes and masks of a file of posts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gmner_cli.api.given import (
    Changes,
    File,
    Folder,
    Progress,
    Tell,
    changes,
    folders,
    image_folder,
    no_progress,
    read_by,
    undisturbed,
)
from gmner_cli.api.through import through
from gmner_cli.weights import hub

if TYPE_CHECKING:
    from gmner_cli.flow.run_file import Outcome


@undisturbed
def predict(posts: File, out: File, *, images: Folder | None = None, follow_links: bool = False,
            recipe: File = "mini", weights: Mapping[str, Folder] | None = None, gold: str | None = None,
            set: Changes = (), on_missing_image: str | None = None,
            label_map: Mapping[str, str] | None = None, limit: int | None = None,
            window: int | None = None, resume: bool = False, overwrite: bool = False,
            batch_size: int | None = None, device: str = "auto", threads: int | None = None, seed: int = 0,
            offline: bool = False, tell: Tell = hub.say, progress: Progress = no_progress) -> Outcome:
    """Find the entities of a file of posts, as `gmner predict` does; for posts in memory see ``load``.

    Parameters
    ----------
    posts, out: JSONL files. ``out`` may be none of those that are read, and holds nothing or what gmner
        wrote, unless ``overwrite``.
    images: folder of the pictures. None: ``images`` beside ``posts``, else its own folder.
    recipe: name of a recipe, or a YAML file; ``set`` changes values of it.
    weights: folders of trained models by stage, as in {"ner": "tagger"}, instead of the recipe's.
    gold: "spans", "groundable" or "boxes" of the incoming entities are believed; None: nothing.
    on_missing_image: "error", "skip" or "text-only"; None: error with ``images``, else text-only.
    resume: go on where a killed run stopped.
    progress: called with the number of posts that were just written.

    Returns what came of it: ``written``, ``resumed``, ``skipped``, ``abstained``, and ``failures``, one line
    for each post that stands in ``out`` with an "error". Raises UsageError for what contradicts itself,
    ModelError for weights that cannot be loaded, GmnerError for files that cannot be read or written.

    >>> import gmner_cli
    >>> pictures = "sample_data/images"
    >>> done = gmner_cli.predict("sample_data/posts.jsonl", "found.jsonl", images=pictures, limit=3)
    >>> done.written, done.failures
    (3, [])
    """
    from gmner_cli.recipes import load

    chosen = load(str(recipe), changes(set))
    given, renames = folders(weights), dict(label_map or {})
    if offline:
        hub.go_offline()
    from gmner_cli.compute import runtime
    from gmner_cli.flow.build import build, known_posts, looks, weights_digests
    from gmner_cli.flow.run_contents import named_contents
    from gmner_cli.pictures.images import Pictures
    from gmner_cli.pictures.picture_digests import digest_of_each

    where = runtime.start(device, precision=chosen.precision, seed=seed, threads=threads)
    on_missing = on_missing_image or ("error" if images else "text-only")
    folder = image_folder(images, posts, follow_links) if images is not None or looks(chosen) else None
    pictures = Pictures(folder, on_missing, named=images is not None, follow_links=follow_links)
    config = {"command": "predict", "recipe": chosen.values, "gold": gold, "label_map": renames,
              "weights": weights_digests(chosen, given), "on_missing_image": on_missing,
              "images": pictures.root and str(pictures.root.resolve()),
              "pictures": digest_of_each(posts, pictures, limit),
              "contents": named_contents(chosen, without={f"{name}.weights" for name in chosen.stages})}
    known = known_posts(chosen, given, gold)

    def stages():
        if chosen.values.get("note"):
            tell(" ".join(chosen.values["note"].split()))
        return [known, *build(chosen, where, pictures, gold=gold, weights=given, batch_size=batch_size,
                              offline=offline, tell=tell)]

    outcome = through(posts, out, stages, config=config, resume=resume, limit=limit, window=window,
                      label_map=renames, overwrite=overwrite, inputs=read_by(chosen, recipe, given),
                      tell=tell, progress=progress)
    if outcome.abstained:
        tell(f"of {outcome.abstained} posts the pictures are unlike those that recipe {chosen.name} was "
             'trained on, so it did not look for anything in them ("grounding": "abstained"); --recipe '
             "zero-shot does")
    for line in known.warnings:
        tell(line)
    return outcome


@undisturbed
def segment(posts: File, out: File, *, images: Folder | None = None, follow_links: bool = False,
            model: str = "grabcut", on_missing_image: str = "error", limit: int | None = None,
            window: int | None = None, resume: bool = False, overwrite: bool = False,
            batch_size: int | None = None, device: str = "auto", threads: int | None = None, seed: int = 0,
            offline: bool = False, tell: Tell = hub.say, progress: Progress = no_progress) -> Outcome:
    """Give every box of every entity of a file a mask, as `gmner segment` does.

    Parameters
    ----------
    model: "grabcut", which needs no weights and no torch; "sam:vit_b", "sam:vit_l", "sam:vit_h"; a .pth file
        of SAM's authors; a hub id or a folder of a Hugging Face SAM.
    batch_size: pictures that a SAM gets at a time.

    The others, what comes back and what is raised: as ``predict``.

    >>> import gmner_cli
    >>> gmner_cli.segment("sample_data/gold.jsonl", "cut.jsonl", images="sample_data/images", limit=3).written
    3
    """
    if offline:
        hub.go_offline()
    from gmner_cli.compute import runtime
    from gmner_cli.flow.check_images import CheckImages
    from gmner_cli.pictures.images import Pictures
    from gmner_cli.pictures.picture_digests import digest_of_each
    from gmner_cli.segmentation.choosing import GRABCUT, asked, identity, segmenter

    if model == GRABCUT and device in ("auto", "cpu"):  # it needs no torch, which takes seconds to import
        where = None
        runtime.use_threads(threads)
    else:
        where = runtime.start(device, seed=seed, threads=threads)
    folder = image_folder(images, posts, follow_links=follow_links)
    pictures = Pictures(folder, on_missing_image, follow_links=follow_links)
    config = {"command": "segment", "model": identity(model), "on_missing_image": on_missing_image,
              "images": str(folder.resolve()), "pictures": digest_of_each(posts, pictures, limit)}

    def stages():
        return [CheckImages(pictures, tell, wanted=asked),
                segmenter(model, where, pictures, batch_size=batch_size, offline=offline)]

    return through(posts, out, stages, config=config, resume=resume, limit=limit, window=window,
                   overwrite=overwrite, inputs=[model], tell=tell, progress=progress)
