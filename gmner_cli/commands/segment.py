"""``gmner segment``: from the boxes of entities to masks."""

from __future__ import annotations

from typing import Annotated

import typer

from gmner_cli.commands import options
from gmner_cli.commands.with_progress import run_posts


def command(
    posts: Annotated[str,
                     typer.Argument(metavar="POSTS", help='JSONL of posts whose entities have boxes; '
                                    '"-" is stdin.')],
    images: options.Images = None,
    follow_links: options.FollowLinks = False,
    model: Annotated[str,
                     typer.Option(
                         "--model", envvar="GMNER_SEGMENT_MODEL", metavar="NAME|PATH",
                         help="grabcut; sam:vit_b, sam:vit_l or sam:vit_h (the authors' "
                         "weights); a .pth file of "
                         "theirs; or a hub id or folder of a Hugging Face SAM.")] = "grabcut",
    out: options.Out = "-",
    on_missing_image: options.OnMissingImage = "error",
    limit: options.Limit = None,
    window: options.Window = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    batch_size: Annotated[int | None,
                          typer.Option("--batch-size", envvar="GMNER_BATCH_SIZE", min=1, metavar="N",
                                       help="Pictures that a SAM gets at a time. Default: 4.")] = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    seed: options.Seed = 0,
    offline: options.Offline = False,
) -> None:
    """Give every box of every entity a mask: the pixels of the thing itself.

    Fills "masks", one for each of "boxes", as COCO run-length encodings of the whole
    picture. An entity with boxes [] gets masks []; one without "boxes" is left alone,
    unless it has "points", [[x, y], ...]: then its mask is what lies under them, and
    its box the one around that mask. What lies outside the picture is cut off; a box
    of which nothing is left gets an empty mask. Posts that fail come out with an
    "error" field, and the command then ends with exit code 3.

    The default, grabcut, needs no weights. The others are SAM, which is better and
    slower. A .pth file is read as tensors only, so that it cannot run code; official
    ones are looked for in $GMNER_CACHE and in torch's cache, downloaded once, and
    checked by sha256.

    \b
    Examples:
      gmner segment found.jsonl --images photos/ -o segmented.jsonl
      gmner predict --texts posts.jsonl --images photos/ | gmner segment - --images photos/ > segmented.jsonl
      gmner segment found.jsonl --images photos/ --model sam:vit_b -o segmented.jsonl
      gmner segment found.jsonl --images photos/ --model facebook/sam-vit-huge --device cuda -o masks.jsonl
    """
    from gmner_cli.api.finding import segment

    run_posts(segment, posts, out, images=images, follow_links=follow_links, model=model,
              on_missing_image=on_missing_image, limit=limit, window=window, resume=resume,
              overwrite=overwrite, batch_size=batch_size, device=device, threads=threads, seed=seed,
              offline=offline)
