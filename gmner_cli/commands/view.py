"""``gmner view``: an HTML page of posts, their pictures, and what was found in them."""

from __future__ import annotations

from typing import Annotated

import typer

from gmner_cli.commands.options import SHOWN, FollowLinks, Images, LabelMap, Limit, parse_label_map
from gmner_cli.commands.score import Match
from gmner_cli.errors import SOME_FAILED, printable


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
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace PAGE also where it is no page of "
                                                                "gmner view.")] = False,
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
        gmner view found.jsonl --gold gold.jsonl --images photos/ --iou .7 --label-map OTHER=MISC -o page.html
        gmner predict --texts posts.jsonl | gmner view - --images . -o page.html
    """
    from gmner_cli.api.against_gold import view

    told = 0

    def complain(where: str, reason: str) -> None:
        nonlocal told
        told += 1
        if told <= SHOWN:
            typer.echo(f"gmner view: {printable(where)}: {printable(reason)}", err=True)

    seen = view(posts, out, images=images, follow_links=follow_links, gold=gold, title=title, limit=limit,
                iou=iou, match=None if match is None else match.value, small=small,
                label_map=parse_label_map(label_map), overwrite=overwrite, on_problem=complain)
    if told > SHOWN:
        typer.echo(f"gmner view: ... and {told - SHOWN} more; the page has all of them", err=True)
    typer.echo(f"gmner view: {seen.posts} posts" + (f", {told} problems" if told else ""), err=True)
    if told:
        raise typer.Exit(SOME_FAILED)
