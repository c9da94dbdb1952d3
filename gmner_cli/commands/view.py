"""``gmner view``: an HTML page of posts, their pictures, and what was found in them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gmner_cli.commands.options import SHOWN, FollowLinks, Images, Limit, image_folder
from gmner_cli.errors import SOME_FAILED, printable

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
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace PAGE also where it is no page of gmner view.")] = False,
) -> None:
    """Show posts in one HTML page: pictures with boxes and masks, texts with marked entities.

    The page holds everything it needs, pictures included (scaled to at most 640
    pixels wide), and asks the network for nothing. With --gold every entity is
    judged: correct, wrong type, wrong span, missed, spurious, wrong region,
    wrongly grounded, wrongly none; the page filters by these, and its address
    keeps the filter, as in page.html#kind=missed&type=PER.

    The verdicts are those of `gmner score`; where boxes are absent on either side,
    nothing is said of the region, and right span and type are called that.

    A picture that cannot be shown, or a line that cannot be read, leaves its
    reason on the page and, of the first 20, on stderr; the exit code is then 3.

    \b
    Examples:
        gmner view sample_data/gold.jsonl -o gold.html
        gmner view found.jsonl --images photos/ --gold gold.jsonl -o page.html
        gmner predict --texts posts.jsonl | gmner view - --images . -o page.html
    """
    from gmner_cli import outputs
    from gmner_cli.jsonl import read_posts, write_atomic
    from gmner_cli.report import render_page

    outputs.check_page(out, [posts, gold], overwrite)
    failed: list[str] = []

    def complain(where: str, reason: str) -> None:
        failed.append(where)
        if len(failed) <= SHOWN:
            typer.echo(f"gmner view: {printable(where)}: {printable(reason)}", err=True)

    shown = _readable(posts, limit, complain)
    page = render_page(shown, None if gold is None else read_posts(gold),
                       image_folder(images, posts, needed=True, follow_links=follow_links),
                       title or ("stdin" if posts == "-" else Path(posts).name), on_problem=complain, follow_links=follow_links)
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
