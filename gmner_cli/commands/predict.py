"""``gmner predict``: posts in, entities with types, boxes and masks out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gmner_cli.commands import completing, options
from gmner_cli.commands.running import run_posts
from gmner_cli.errors import UsageError


def _weights(what: str) -> object:
    return Annotated[Path | None, typer.Option(metavar="DIR", help=f"Folder of a trained {what}, instead of the recipe's.")]


def command(
    ctx: typer.Context,
    posts: Annotated[str | None, typer.Argument(metavar="POSTS", help='JSONL of posts; at least {"text": ...}. "-" is stdin.',
                                                show_default=False)] = None,
    texts: Annotated[str | None, typer.Option("--texts", metavar="POSTS", help="The same, by name.")] = None,
    images: options.Images = None,
    follow_links: options.FollowLinks = False,
    recipe: options.Recipe = "mini",
    ner: _weights("tagger (train-ner)") = None,
    ve: _weights("visual entailment model") = None,
    vg: _weights("visual grounding model") = None,
    gold: Annotated[str | None, typer.Option("--gold", metavar="spans|groundable|boxes", autocompletion=completing.gold,
                                             help="Believe this much of the incoming entities (oracle runs).")] = None,
    out: options.Out = "-",
    overrides: options.Set = None,
    on_missing_image: Annotated[Literal["error", "skip", "text-only"] | None, typer.Option(
        "--on-missing-image", help="What to do with a post whose picture cannot be read: let the post fail, leave it as it "
                                   "is, or go on without the picture. Default: error with --images, else text-only.")] = None,
    label_map: options.LabelMap = None,
    limit: options.Limit = None,
    window: options.Window = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    batch_size: options.BatchSize = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    seed: options.Seed = 0,
    offline: options.Offline = False,
) -> None:
    """Find the entities of posts: span, type and, with a recipe that looks, box and mask.

    Entities that come in are ignored unless --gold asks for them. Posts that fail
    come out with an "error" field, and the command then ends with exit code 3.

    A recipe may decline a picture that is unlike those it was trained on, as mini
    does with photographs: then the post says "grounding": "abstained", and no entity
    of it has "boxes", which means not assessed.

    A post without "tokens" is cut into words as those were that the tagger learnt from: for
    mini, "Stephen Curry's" is three words, of which "Stephen Curry" is the entity.

    A picture's name leads into the folder of --images, and a symbolic link there out of it
    only with --follow-links. Pictures have at most 100 million pixels, 65,535 a side and 500:1.

    It is said how many of the posts stand in the data that a model was trained on, where they
    are 1 percent and more (posts whose "meta.split" is train do not count).

    --resume keeps the posts of OUT whose id, text and image name are those of the
    input; it makes again those that failed or were skipped, and puts them last.

    Records are written as they are finished, in the order of the input. OUT may be none
    of the files that are read, and holds nothing, or what gmner wrote (OUT.run.json says
    so), unless --overwrite is given. With --limit a longer OUT is kept as OUT.before.

    \b
    Examples:
      gmner predict sample_data/posts.jsonl --images sample_data/images -o found.jsonl
      gmner predict --images sample_data/images --texts sample_data/posts.jsonl -o found.jsonl
      echo '{"text": "Stephen Curry is back in London"}' | gmner predict --texts -
      gmner predict --texts test.jsonl | gmner score - test.jsonl
    """
    from gmner_cli.hub import go_offline, say
    from gmner_cli.recipes import load

    texts = _source(ctx, posts, texts)
    chosen = load(recipe, overrides or [])
    renames = options.parse_label_map(label_map)
    if offline:
        go_offline()
    from gmner_cli import runtime
    from gmner_cli.pipeline import build, known_posts, looks, weights_digests
    from gmner_cli.stages import Pictures

    weights = {name: folder for name, folder in (("ner", ner), ("ve", ve), ("vg", vg)) if folder}
    where = runtime.start(device, precision=chosen.precision, seed=seed, threads=threads)
    on_missing = on_missing_image or ("error" if images else "text-only")
    folder = options.image_folder(images, texts, needed=looks(chosen), follow_links=follow_links)
    pictures = Pictures(folder, on_missing, named=images is not None, follow_links=follow_links)
    config = {"command": "predict", "recipe": chosen.values, "gold": gold, "label_map": renames,
              "weights": weights_digests(chosen, weights), "on_missing_image": on_missing,
              "images": pictures.root and str(pictures.root.resolve())}

    known = known_posts(chosen, weights, gold)

    def stages():
        if chosen.values.get("note"):
            say(" ".join(chosen.values["note"].split()))
        return [known, *build(chosen, where, pictures, gold=gold, weights=weights, batch_size=batch_size, offline=offline)]

    outcome = run_posts(texts, out, stages, config=config, resume=resume, limit=limit, window=window, label_map=renames,
                        overwrite=overwrite, inputs=options.read_by(chosen, recipe, weights))
    if outcome.abstained:
        say(f"of {outcome.abstained} posts the pictures are unlike those that recipe {chosen.name} was trained on, so it did not "
            'look for anything in them ("grounding": "abstained"); --recipe zero-shot does')
    for line in known.warnings:
        say(line)
    options.end_with_failures(outcome.failures)


def _source(ctx: typer.Context, posts: str | None, texts: str | None) -> str:
    """What is read: POSTS or --texts; a file of defaults may name the second."""
    if posts is not None and texts is not None and ctx.get_parameter_source("texts").name != "DEFAULT_MAP":
        raise UsageError(f"POSTS is given twice: {posts}, and --texts {texts}", hint="give one of them")
    if posts is None and texts is None:
        raise UsageError("there is nothing to read", hint='name a file of posts, or "-" for stdin, as in `gmner predict posts.jsonl`')
    return texts if posts is None else posts
