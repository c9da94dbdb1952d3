"""``gmner predict``: posts in, entities with types, boxes and masks out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gmner_cli.commands import options
from gmner_cli.commands.running import run_posts


def _weights(what: str) -> object:
    return Annotated[Path | None, typer.Option(metavar="DIR", help=f"Folder of a trained {what}, instead of the recipe's.")]


def command(
    texts: Annotated[str, typer.Option("--texts", metavar="POSTS", help='JSONL of posts; at least {"text": ...}. "-" is stdin.')],
    images: options.Images = None,
    recipe: options.Recipe = "mini",
    ner: _weights("tagger (train-ner)") = None,
    ve: _weights("visual entailment model") = None,
    vg: _weights("visual grounding model") = None,
    gold: Annotated[str | None, typer.Option("--gold", metavar="spans|groundable|boxes",
                                             help="Believe this much of the incoming entities (oracle runs).")] = None,
    out: options.Out = "-",
    overrides: options.Set = None,
    on_missing_image: Annotated[Literal["error", "skip", "text-only"] | None, typer.Option(
        "--on-missing-image", help="What to do with a post whose picture cannot be read: let the post fail, leave it as it "
                                   "is, or go on without the picture. Default: error with --images, else text-only.")] = None,
    label_map: options.LabelMap = None,
    limit: options.Limit = None,
    resume: options.Resume = False,
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

    --resume keeps the posts of OUT whose id, text and image name are those of the
    input; it makes again those that failed or were skipped, and puts them last.

    \b
    Examples:
      gmner predict --images sample_data/images --texts sample_data/posts.jsonl -o found.jsonl
      echo '{"text": "Stephen Curry is back in London"}' | gmner predict --texts -
      gmner predict --texts test.jsonl | gmner score - test.jsonl
    """
    from gmner_cli.hub import go_offline, say
    from gmner_cli.recipes import load

    chosen = load(recipe, overrides or [])
    renames = options.parse_label_map(label_map)
    if offline:
        go_offline()
    from gmner_cli import runtime
    from gmner_cli.pipeline import build, looks, weights_digests
    from gmner_cli.stages import Pictures

    weights = {name: folder for name, folder in (("ner", ner), ("ve", ve), ("vg", vg)) if folder}
    where = runtime.start(device, precision=chosen.precision, seed=seed, threads=threads)
    on_missing = on_missing_image or ("error" if images else "text-only")
    pictures = Pictures(options.image_folder(images, texts, needed=looks(chosen)), on_missing, named=images is not None)
    config = {"command": "predict", "recipe": chosen.values, "gold": gold, "label_map": renames,
              "weights": weights_digests(chosen, weights), "on_missing_image": on_missing,
              "images": pictures.root and str(pictures.root.resolve())}

    def stages():
        if chosen.values.get("note"):
            say(" ".join(chosen.values["note"].split()))
        return build(chosen, where, pictures, gold=gold, weights=weights, batch_size=batch_size, offline=offline)

    outcome = run_posts(texts, out, stages, config=config, resume=resume, limit=limit, label_map=renames)
    if outcome.abstained:
        say(f"of {outcome.abstained} posts the pictures are unlike those that recipe {chosen.name} was trained on, so it did not "
            'look for anything in them ("grounding": "abstained"); --recipe zero-shot does')
    options.end_with_failures(outcome.failures)
