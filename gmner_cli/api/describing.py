"""``caption``, ``expand`` and ``pool``: what is said about posts in words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gmner_cli.api.given import (
    File,
    Folder,
    Progress,
    Tell,
    image_folder,
    no_progress,
    path,
    paths,
    undisturbed,
)
from gmner_cli.api.through import through
from gmner_cli.errors import UsageError
from gmner_cli.weights import hub

if TYPE_CHECKING:
    from gmner_cli.flow.run_file import Outcome


@undisturbed
def caption(posts: File, out: File, *, images: Folder | None = None, follow_links: bool = False,
            model: str | None = None, from_: File | Iterable[File] | None = None, detailed: bool = False,
            overwrite: bool = False, prompt: str | None = None, max_new_tokens: int | None = None,
            on_missing_image: str = "error", limit: int | None = None, window: int | None = None,
            resume: bool = False, batch_size: int | None = None, precision: str = "auto",
            device: str = "auto", threads: int | None = None, seed: int = 0, offline: bool = False,
            tell: Tell = hub.say, progress: Progress = no_progress) -> Outcome:
    """Say what the picture of every post of a file shows, as `gmner caption` does.

    Parameters
    ----------
    model: hub id or folder of an image-to-text model. None: on a GPU a default one.
    from_: files of published captions, read in place of a model's.
    detailed: fill ``detailed_caption`` instead of ``caption``.
    overwrite: replace captions that posts have already, and an ``out`` that gmner did not write.

    The others, what comes back and what is raised: as ``predict``. Raises UsageError where ``from_`` meets
    what is for a model.

    >>> import gmner_cli
    >>> from pathlib import Path
    >>> _ = Path("captions.txt").write_text("s01.jpg :a city by night\\n")
    >>> gmner_cli.caption("sample_data/posts.jsonl", "captioned.jsonl", from_="captions.txt").written
    28
    """
    if offline:
        hub.go_offline()
    field: Literal["caption", "detailed_caption"] = "detailed_caption" if detailed else "caption"
    config: dict[str, Any] = {"command": "caption", "field": field, "overwrite": overwrite}
    settings: dict[str, Any] = {"resume": resume, "limit": limit, "window": window, "overwrite": overwrite,
                                "tell": tell, "progress": progress}
    if files := paths(from_):
        if (model, prompt, max_new_tokens, batch_size, precision) != (None, None, None, None, "auto"):
            raise UsageError("from_ reads captions, and a model makes them", hint="give one or the other")
        from gmner_cli.language.published.import_captions import ImportCaptions

        ready = ImportCaptions(files, field, overwrite)
        config["from"] = [hub.sha256(file) if file.is_file() else str(file) for file in files]
        outcome = through(posts, out, lambda: [ready], config=config, inputs=files, **settings)
        for line in ready.account():
            tell(line)
        return outcome
    from gmner_cli.compute import runtime
    from gmner_cli.language import captioner
    from gmner_cli.pictures.images import Pictures
    from gmner_cli.pictures.picture_digests import digest_of_each

    where = runtime.start(device, precision=precision, seed=seed, threads=threads)
    checkpoint = model or captioner.default_checkpoint(where, field)
    folder = image_folder(images, posts, follow_links=follow_links)
    pictures = Pictures(folder, on_missing_image, follow_links=follow_links)
    config |= {"model": hub.weights_sha256(Path(checkpoint)) if Path(checkpoint).is_dir() else checkpoint,
               "prompt": prompt, "max_new_tokens": max_new_tokens, "on_missing_image": on_missing_image,
               "images": str(folder.resolve()), "pictures": digest_of_each(posts, pictures, limit)}

    def stages():
        return captioner.stages(where, pictures, tell, batch_size=batch_size, offline=offline,
                                checkpoint=checkpoint, field=field, prompt=prompt,
                                max_new_tokens=max_new_tokens, overwrite=overwrite)

    return through(posts, out, stages, config=config, inputs=[checkpoint], **settings)


@undisturbed
def expand(posts: File, out: File, *, task: str, llm: str = "template", pool: File | None = None,
           examples: int | None = None, similar_by: Folder | None = None, recipe: File | None = None,
           images: Folder | None = None, follow_links: bool = False, examples_fixed: int | None = None,
           never: File | Iterable[File] | None = None, prompt: File | None = None,
           max_tokens: int | None = None, temperature: float | None = None, base_url: str | None = None,
           per_minute: float | None = None, quality: str | None = None, source: str | None = None,
           overwrite: bool = False, store: File | None = None, limit: int | None = None,
           window: int | None = None, resume: bool = False, batch_size: int | None = None,
           device: str = "auto", threads: int | None = None, seed: int = 0, offline: bool = False,
           tell: Tell = hub.say, progress: Progress = no_progress) -> Outcome:
    """Ask a language model what the names in a file of posts are, as `gmner expand` does.

    Parameters
    ----------
    task: "knowledge" of the post, or "expansions" of its entities.
    llm: "template", "world", "file:PATH", "smollm2", "hf:ID_OR_PATH", "openai:MODEL" (then ``base_url``; its
        key comes from the environment alone).
    pool: JSONL of annotated posts; the most similar are examples in the prompt. ``never``: files whose posts
        are none.
    store: SQLite file that keeps answers. None: OUT.answers.sqlite.

    The others, what comes back and what is raised: as ``predict``.

    >>> import gmner_cli
    >>> gmner_cli.expand("sample_data/gold.jsonl", "expanded.jsonl", task="expansions").written
    28
    """
    if offline:
        hub.go_offline()
    from gmner_cli.compute import runtime
    from gmner_cli.language.expand.plan import LONGEST, Plan

    if task not in LONGEST:
        raise UsageError(f"unknown task {task!r}", hint=" or ".join(LONGEST))
    where = runtime.start(device, seed=seed, threads=threads)
    plan = Plan(str(posts), task, llm, pool=path(pool), examples=examples, similar_by=path(similar_by),
                recipe=None if recipe is None else str(recipe), images=path(images),
                follow_links=follow_links, examples_fixed=examples_fixed, never=paths(never) or None,
                prompt=path(prompt), max_tokens=max_tokens, temperature=temperature, base_url=base_url,
                per_minute=per_minute, quality=quality, source=source, overwrite=overwrite,
                store=_apart(Path(store), str(out)) if store else _beside(str(out)), batch_size=batch_size,
                seed=seed, offline=offline)
    plan.check()
    made = []
    known = plan.known_posts()

    def stages():
        made.append(plan.stage(where, tell))
        return [known, *made]

    try:
        outcome = through(posts, out, stages, config=plan.identity(), resume=resume, limit=limit,
                          window=window, overwrite=overwrite, keep_partial=True, inputs=plan.files(),
                          also=[plan.store], tell=tell, progress=progress)
    finally:
        for stage in made:
            tell(str(stage.tally))
    for line in known.warnings:
        tell(line)
    return outcome


def pool(source: Folder, out: File, *, posts: File, against: File | Iterable[File] | None = None,
         overwrite: bool = False, tell: Tell = hub.say) -> int:
    """Turn a published pool of annotated posts into records for ``expand(pool=...)``, as `gmner pool` does.

    Parameters
    ----------
    source: folder with NAME.txt and NAME_GPT.txt, as PGIM publishes them.
    posts: JSONL that has the text, picture and caption of the pool's posts.
    against: JSONL files of splits that will be asked about; ``tell`` hears which of the pool's posts stand in
        them.

    Returns the number of records. Raises GmnerError for files that cannot be read or written, UsageError for
    an ``out`` that must not be written.

    >>> import gmner_cli
    >>> from pathlib import Path
    >>> Path("annotated").mkdir()
    >>> _ = Path("annotated/p.txt").write_text("curry-1\\nA player of basketball.\\n")
    >>> _ = Path("annotated/p_GPT.txt").write_text("curry-1\\n['Stephen Curry', 'PER']\\n")
    >>> _ = Path("train.jsonl").write_text('{"id": "curry-1", "text": "Stephen Curry is back"}\\n')
    >>> gmner_cli.pool("annotated", "pool.jsonl", posts="train.jsonl")
    1
    """
    from gmner_cli.flow import outputs
    from gmner_cli.flow.sink import Sink
    from gmner_cli.language.published.pools import pool_posts, read_pool
    from gmner_cli.records.jsonl import read_posts

    splits = paths(against)
    outputs.check_records(out, [source, posts, *splits], overwrite=overwrite)
    entries, oddities = read_pool(Path(source))
    found, report = pool_posts(entries, read_posts(posts),
                               {str(split): read_posts(split) for split in splits})
    sink = Sink(out, config={"command": "pool"})
    sink.begin()
    for post in found:
        sink.write(post)
    sink.commit({"posts": len(found)})
    for line in (*oddities, *report.lines()):
        tell(line)
    return len(found)


def _apart(store: Path, out: str) -> Path:
    from gmner_cli.flow.outputs import MANIFEST, PARTIAL

    if out != "-" and store.resolve() in [Path(out + ending).resolve() for ending in ("", PARTIAL, MANIFEST)]:
        raise UsageError("--store and -o name the same file",
                         hint="leave --store out, and it lies beside OUT")
    return store


def _beside(out: str) -> Path | None:
    place = Path(out)
    if out == "-" or (place.exists() and not place.is_file()):
        return None
    return place.with_name(place.name + ".answers.sqlite")
