"""``gmner score``: predictions against gold."""

from __future__ import annotations

import json
import shutil
import sys
from enum import Enum
from typing import Annotated

import typer

from gmner_cli.commands.options import LabelMap, parse_label_map
from gmner_cli.errors import UsageError


class Match(str, Enum):
    """How an entity of PRED finds its entity of GOLD."""

    span = "span"
    text = "text"


def command(
    pred: Annotated[str, typer.Argument(metavar="PRED", help='Predicted posts; "-" is stdin.')],
    gold: Annotated[str, typer.Argument(metavar="GOLD", help='Gold posts of the same ids; "-" is stdin.')],
    iou: Annotated[float, typer.Option("--iou", metavar="T", help="A region is right with an IoU above T, 0 < T < 1.")
                   ] = 0.5,
    match: Annotated[Match, typer.Option(
        "--match", help="span: by post and characters. text: by image, name and type, IoU T or more, "
                        "as the script published with RiVEG counts.")] = Match.span,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, also in a terminal.")] = False,
    as_table: Annotated[bool, typer.Option("--table", help="The table, also when piped.")] = False,
    label_map: LabelMap = None,
    small: Annotated[float, typer.Option("--small", metavar="SHARE", help="A region under this share of its image "
                                         "is small, 0 < SHARE < 1.")] = 0.02,
    ignore_extra: Annotated[bool, typer.Option("--ignore-extra", help="Leave out posts of PRED that are not in GOLD, "
                                               "instead of stopping.")] = False,
) -> None:
    """Compare predicted posts with gold posts: span, MNER, EEG, GMNER, EES and SMNER.

    A table in a terminal, JSON when piped. Ratios are micro-averaged percentages. Rows that need boxes
    or masks are given where both files have them. A region is right when both sides have none, or when
    the first predicted one has an IoU above the threshold with any gold one. Posts that are missing in
    PRED, or carry an error there, count as having no entities. Neither file is changed.

    \b
        gmner score found.jsonl gold.jsonl
        gmner predict --texts test.jsonl --images photos/ | gmner score - test.jsonl
        gmner score found.jsonl gold.jsonl --json | jq .rows.GMNER.f1
        gmner score found.jsonl twitter-2017/test.jsonl --label-map OTHER=MISC
    """
    # Not at the top: `gmner --help` reads this file and should not wait for them.
    from gmner_cli.jsonl import read_posts
    from gmner_cli.scoring.counts import Settings
    from gmner_cli.scoring.published import score_by_text
    from gmner_cli.scoring.report import score
    from gmner_cli.scoring.table import clean, render

    if pred == gold == "-":
        raise UsageError("PRED and GOLD cannot both be stdin")
    if as_json and as_table:
        raise UsageError("--json and --table exclude each other")
    settings = Settings(iou=iou, small=small, renames=parse_label_map(label_map), ignore_extra=ignore_extra)
    count = score if match is Match.span else score_by_text
    report = count(read_posts(pred), read_posts(gold), settings)
    for warning in report["warnings"]:
        typer.echo(clean(f"gmner score: warning: {warning}"), err=True)
    if as_json or not (as_table or sys.stdout.isatty()):
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        typer.echo(render(report, shutil.get_terminal_size().columns), nl=False)
