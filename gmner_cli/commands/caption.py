"""``gmner caption``: what a picture shows, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from gmner_cli.commands import options
from gmner_cli.commands.config import said_by
from gmner_cli.commands.with_progress import run_posts


def command(
    ctx: typer.Context,
    posts: Annotated[str, typer.Argument(metavar="POSTS", help='JSONL of posts; "-" is stdin.')],
    images: options.Images = None,
    follow_links: options.FollowLinks = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="HUB_ID|PATH", help="An image-to-text model of Hugging Face transformers, "
            "such as "
            "Salesforce/blip-image-captioning-base, or a folder with "
            "one. Default, on "
            "a GPU alone: Salesforce/blip2-opt-2.7b.")] = None,
    files: Annotated[list[Path] | None,
                     typer.Option(
                         "--from", metavar="FILE", help="Take captions from a published file instead: "
                         "lines NAME.jpg "
                         ":CAPTION, imgid:ID###CAPTION, or JSONL with id "
                         "and caption. "
                         "Repeatable.")] = None,
    detailed: Annotated[
        bool, typer.Option("--detailed", help='Fill "detailed_caption" instead of "caption".')] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace captions that posts have already, and an OUT "
                     "that gmner did not write.")] = False,
    prompt: Annotated[str | None,
                      typer.Option(
                          "--prompt", metavar="TEXT", help="What a chat model is asked, or the words "
                          "another model goes on from. Default: what this kind of model expects.")] = None,
    max_new_tokens: Annotated[
        int | None,
        typer.Option("--max-new-tokens", min=1, metavar="N", help="Length of a caption at "
                     "most. Default: 40, with --detailed 200.")] = None,
    out: options.Out = "-",
    on_missing_image: options.OnMissingImage = "error",
    limit: options.Limit = None,
    window: options.Window = None,
    resume: options.Resume = False,
    batch_size: Annotated[int | None,
                          typer.Option("--batch-size", envvar="GMNER_BATCH_SIZE", min=1, metavar="N",
                                       help="Pictures at a time. Default: 8.")] = None,
    precision: Annotated[Literal["auto", "float32", "bfloat16"],
                         typer.Option("--precision", help="auto is bfloat16 on GPUs that have it.")] = "auto",
    device: options.Device = "auto",
    threads: options.Threads = None,
    seed: options.Seed = 0,
    offline: options.Offline = False,
) -> None:
    """Say what the picture of every post shows, by a model or from published files.

    Fills "caption", a short one, or with --detailed "detailed_caption". A post that
    has one keeps it, unless --overwrite is given; one without a picture gets none from
    a model. Posts that fail come out with an "error" field, and the command then ends
    with exit code 3.

    --from finds a post's caption by the name of its picture, else by its id; of several
    files the first given is taken. What is odd in a file, stands there twice, or belongs
    to no post of this run is told on stderr.

    \b
    Examples:
      gmner caption posts.jsonl --images photos/ -o captioned.jsonl
      gmner caption posts.jsonl --images photos/ --model Salesforce/blip-image-captioning-base -o blip.jsonl
      gmner caption posts.jsonl --detailed --model HuggingFaceTB/SmolVLM-Instruct -o described.jsonl
      gmner caption train.jsonl --from BLIP2_15.txt -o captioned.jsonl
      gmner caption captioned.jsonl --detailed --from owltraincaption_1.txt -o described.jsonl
    """
    from gmner_cli.api.describing import caption

    making: dict[str, Any] = {"model": model, "prompt": prompt, "max_new_tokens": max_new_tokens,
                              "precision": precision, "batch_size": batch_size}
    if files:  # a gmner.yaml or a variable may say how captions are made, but not a flag
        if odd := [name for name in making if said_by(ctx, name) == "COMMANDLINE"]:
            raise typer.BadParameter("makes captions, and --from reads them: give one or the other",
                                     param_hint=f"--{odd[0].replace('_', '-')}")
        making = {"from_": files}
    run_posts(caption, posts, out, images=images, follow_links=follow_links, detailed=detailed,
              overwrite=overwrite, on_missing_image=on_missing_image, limit=limit, window=window,
              resume=resume, device=device, threads=threads, seed=seed, offline=offline, **making)
