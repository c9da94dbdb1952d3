"""``gmner view``: an HTML page of posts, their pictures, and what was found in them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gmner_cli.commands.options import (
    SHOWN,
    FollowLinks,
    Images,
    LabelMap,
    Limit,
    image_folder,
    parse_label_map,
)
from gmner_cli.commands.score import Match
from gmner_cli.errors import SOME_FAILED, UsageError, printable

if TYPE_CHECKING:  # NumPy and the like are loaded when the command runs, not for --help
    from gmner_cli.jsonl import Line
    from gmner_cli.records import Post
    from gmner_cli.report.page import OnProblem


def command(
    posts: Annotated[str, typer.Argument(metavar="POSTS", help='JSONL of posts; "-" is stdin.')],
    out: Annotated[str, typer.Option("-o", "--out", metavar="PAGE", help='The HTML file; "-" is stdout.')],
    images: Images = None,
    follow_links: FollowLinks = False,
    gold: Annotated[
        str | None, typer.Option("--gold", metavar="GOLD", help="JSONL to compare with, matched by id.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="Heading. Default: the name of POSTS.")] = None,
    limit: Limit = None,
    iou: Annotated[float | None, typer.Option(
        "--iou", metavar="T",
        help="As in `gmner score`: a region is right with an IoU above T. Default 0.5.")] = None,
    match: Annotated[Match | None, typer.Option(
        "--match", help="As in `gmner score`: span (the default), or text.")] = None,
    small: Annotated[float | None, typer.Option(
        "--small", metavar="SHARE",
        help="As in `gmner score`: a region under this share of its image is small. Default 0.02.")] = None,
    label_map: LabelMap = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace PAGE also where it is no page of gmner view.")] = False,
) -> None:
    """Show posts in one HTML page: pictures with boxes and masks, texts with marked entities.

    The page holds everything it needs, pictures included (scaled to at most 640
    pixels wide), and asks the network for nothing. With --gold every entity is
    judged: correct, wrong type, wrong span, missed, spurious, wrong region,
    wrongly grounded, wrongly none; the page filters by these, and its address
    keeps the filter, as in page.html#kind=missed&type=PER or page.html#row=GMNER.

    The pairs and verdicts are those of `gmner score` with the same options, whose
    table stands above the posts; every entity says in which of its rows it counts.
    As there, boxes that are absent count as not visible, unless one side has none
    at all: then nothing is said of regions.

    A picture that cannot be shown, or a line that cannot be read, leaves its
    reason on the page and, of the first 20, on stderr; the exit code is then 3.

    \b
    Examples:
        gmner view sample_data/gold.jsonl -o gold.html
        gmner view found.jsonl --images photos/ --gold gold.jsonl -o page.html
        gmner view found.jsonl --gold gold.jsonl --iou 0.7 --label-map OTHER=MISC -o page.html
        gmner predict --texts posts.jsonl | gmner view - --images . -o page.html
    """
    from gmner_cli import outputs
    from gmner_cli.jsonl import read_posts, write_atomic
    from gmner_cli.report import render_page
    from gmner_cli.scoring.counts import Settings

    if gold is None and not (iou is match is small is None):
        raise UsageError("--iou, --match and --small say how --gold is compared, and there is none")
    given = {name: value for name, value in (("iou", iou), ("small", small)) if value is not None}
    settings = Settings(**given, renames=parse_label_map(label_map))
    outputs.check_page(out, [posts, gold], overwrite)
    failed: list[str] = []

    def complain(where: str, reason: str) -> None:
        failed.append(where)
        if len(failed) <= SHOWN:
            typer.echo(f"gmner view: {printable(where)}: {printable(reason)}", err=True)

    shown = _readable(posts, limit, complain)
    page = render_page(shown, None if gold is None else read_posts(gold),
                       image_folder(images, posts, needed=True, follow_links=follow_links),
                       title or ("stdin" if posts == "-" else Path(posts).name), on_problem=complain,
                       follow_links=follow_links, settings=settings, by_text=match is Match.text)
    if out == "-":
        sys.stdout.buffer.write(page.encode("utf-8"))
    else:
        path = Path(os.path.realpath(out))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, page)
    if len(failed) > SHOWN:
        typer.echo(f"gmner view: ... and {len(failed) - SHOWN} more; the page has all of them", err=True)
    typer.echo(f"gmner view: {len(shown)} posts" + (f", {len(failed)} problems" if failed else ""), err=True)
    if failed:
        raise typer.Exit(SOME_FAILED)


def _readable(source: str, limit: int | None, complain: OnProblem) -> list[Post]:
    """All posts; a bad line becomes a post that says why. Raises when no line at all can be read."""
    from gmner_cli.jsonl import failed_post, read_lines

    posts: list[Post] = []
    first_bad: Line | None = None
    for line in read_lines(source):
        if limit is not None and len(posts) >= limit:
            break
        if line.error is None:
            posts.append(line.post)
            continue
        first_bad = first_bad or line
        complain(line.error.where or source, line.error.message)
        posts.append(failed_post(line))
    if first_bad is not None and all(post.error for post in posts):
        raise first_bad.error
    return posts
