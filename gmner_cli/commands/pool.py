"""``gmner pool``: a published pool of annotated posts to records, for ``gmner expand --pool``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gmner_cli.commands import options


def command(
    source: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Folder of the pool as PGIM publishes it: "
                       "NAME.txt and NAME_GPT.txt.")],
    posts: Annotated[Path,
                     typer.Option(
                         "--posts", metavar="FILE", help="JSONL that has the text, picture "
                         "and caption of the "
                         "pool's posts: the train split that they are from, captioned.")],
    against: Annotated[list[Path] | None,
                       typer.Option(
                           "--against", metavar="FILE", help="JSONL of a split that will be asked "
                           "about: say which of the pool's posts stand in it. Repeatable.")] = None,
    out: options.Out = "-",
    overwrite: options.Overwrite = False,
) -> None:
    """Turn a published pool of hand-annotated posts into records that can be examples.

    The pool's files have ids and knowledge; text, picture and caption come from --posts.
    Every record carries the pool's "knowledge", and the annotators' list of entities
    as "annotated". Pool posts that stand in the split one predicts on must not be
    examples there: expand leaves them out, and --against tells which they are.

    \b
    Examples:
      gmner pool annotated-2015/ --posts train.jsonl -o pool.jsonl
      gmner caption train.jsonl --from BLIP2_15.txt -o captioned.jsonl
      gmner pool annotated-2015/ --posts captioned.jsonl --against gmner/test.jsonl -o pool.jsonl
    """
    from gmner_cli.api.describing import pool

    pool(source, out, posts=posts, against=against, overwrite=overwrite)
