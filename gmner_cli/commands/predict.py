"""``gmner predict``: posts in, entities with types, boxes and masks out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from gmner_cli import sections
from gmner_cli.commands import completing, options
from gmner_cli.commands.config import said_by
from gmner_cli.commands.with_progress import run_posts
from gmner_cli.errors import UsageError


def _own(name: str) -> Any:
    told = (f"Folder of {sections.words(name)} as `{sections.training(name)}` leaves it, instead of the "
            "recipe's.")
    return typer.Option(f"--{name}", metavar="DIR", help=told)


def command(
    ctx: typer.Context,
    posts: Annotated[str | None,
                     typer.Argument(metavar="POSTS", help='JSONL of posts; at least {"text": '
                                    '...}. "-" is stdin.', show_default=False)] = None,
    texts: Annotated[str | None,
                     typer.Option("--texts", metavar="POSTS", help="The same, by name.")] = None,
    images: options.Images = None,
    follow_links: options.FollowLinks = False,
    recipe: options.Recipe = "mini",
    ner: Annotated[Path | None, _own("ner")] = None,
    ve: Annotated[Path | None, _own("ve")] = None,
    vg: Annotated[Path | None, _own("vg")] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights", metavar="NAME=DIR", autocompletion=completing.weights, help=
            "Folder of a trained model for the stage NAME of the recipe, instead of the recipe's; --ner DIR "
            "is --weights ner=DIR. Repeatable.")] = None,
    gold: Annotated[str | None,
                    typer.Option("--gold", metavar="spans|groundable|boxes", autocompletion=completing.gold,
                                 help="Believe this much of the incoming entities (oracle runs).")] = None,
    out: options.Out = "-",
    overrides: options.Set = None,
    on_missing_image: Annotated[
        Literal["error", "skip", "text-only"] | None,
        typer.Option(
            "--on-missing-image",
            help="What to do with a post whose picture cannot be read: let the post fail, leave it as it "
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

    Entities that come in are ignored unless --gold asks for them, and so is every field that a stage
    finds. Posts that fail come out with an "error" field, and the command then ends with exit code 3.

    --gold believes no more than it names: "spans" the spans, their types and token numbers, "groundable" also
    whether each entity is visible ("boxes", else "visible", says so), "boxes" also boxes, their
    scores and masks. Stages that find nothing else do not run; what the others find is made anew.
    A model that finds entities together with more takes no --gold.

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
      gmner predict test.jsonl --images photos/ --weights ner=tagger --weights vg=grounder -o found.jsonl
    """
    from gmner_cli.api.finding import predict

    run_posts(predict, _source(ctx, posts, texts), out, images=images, follow_links=follow_links,
              recipe=recipe, weights=_given(ctx, weights or []), gold=gold, set=overrides or [],
              on_missing_image=on_missing_image, label_map=options.parse_label_map(label_map), limit=limit,
              window=window, resume=resume, overwrite=overwrite, batch_size=batch_size, device=device,
              threads=threads, seed=seed, offline=offline)


def _given(ctx: typer.Context, pairs: list[str]) -> dict[str, Path]:
    """Folders of trained models by stage; what is typed is above what gmner.yaml says."""
    said = [(name, folder, f"--{name} {folder}", name)
            for name in sections.OWN if (folder := ctx.params[name])]
    for pair in pairs:
        name, mark, folder = pair.partition("=")
        if not (mark and name and folder):
            raise typer.BadParameter(f"{pair!r} is not of the form NAME=DIR", param_hint="--weights")
        said.append((name, Path(folder).expanduser(), f"--weights {pair}", "weights"))
    found: dict[str, tuple[Path, str, bool]] = {}
    for name, folder, written, parameter in said:
        typed = said_by(ctx, parameter) != "DEFAULT_MAP"
        if name in found and found[name][2] == typed:
            raise UsageError(f"the model of stage {name!r} is given twice: {found[name][1]} and {written}",
                             hint="give one of them")
        if name not in found or typed:
            found[name] = folder, written, typed
    return {name: folder for name, (folder, _, _) in found.items()}


def _source(ctx: typer.Context, posts: str | None, texts: str | None) -> str:
    """What is read: POSTS or --texts; a file of defaults may name the second."""
    if posts is not None and texts is not None and said_by(ctx, "texts") != "DEFAULT_MAP":
        raise UsageError(f"POSTS is given twice: {posts}, and --texts {texts}", hint="give one of them")
    given = texts if posts is None else posts
    if given is None:
        raise UsageError("there is nothing to read", hint='name a file of posts, or "-" for stdin, as in '
                                                          '`gmner predict posts.jsonl`')
    return given
