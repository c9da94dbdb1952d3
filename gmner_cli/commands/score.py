"""``gmner score``: predictions against gold."""

from __future__ import annotations

import json
import shutil
import sys
from enum import Enum
from typing import Annotated

import typer

from gmner_cli.commands import completing
from gmner_cli.commands.options import LabelMap, parse_label_map, stdout_holds
from gmner_cli.errors import UsageError


class Match(str, Enum):
    """How an entity of PRED finds its entity of GOLD."""

    span = "span"
    text = "text"


def command(
    pred: Annotated[str, typer.Argument(metavar="PRED", help='Predicted posts; "-" is stdin.')],
    gold: Annotated[str,
                    typer.Argument(metavar="GOLD", help='Gold posts of the same ids; "-" is stdin.')],
    iou: Annotated[float,
                   typer.Option("--iou", metavar="T", help="A region is right with an IoU above T, 0 "
                                "< T < 1.")] = 0.5,
    match: Annotated[
        Match,
        typer.Option(
            "--match", help="span: by post and characters. text: by image, name and type, IoU T or more, "
            "as the script published with RiVEG counts.")] = Match.span,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, also in a terminal.")] = False,
    as_table: Annotated[bool, typer.Option("--table", help="The table, also when piped.")] = False,
    label_map: LabelMap = None,
    small: Annotated[
        float,
        typer.Option("--small", metavar="SHARE", help="A region under this share of its "
                     "image "
                     "is small, 0 < SHARE < 1.")] = 0.02,
    ignore_extra: Annotated[
        bool,
        typer.Option("--ignore-extra", help="Leave out posts of PRED that are not "
                     "in GOLD, "
                     "instead of stopping.")] = False,
    oracles: Annotated[list[str] | None,
                       typer.Option(
                           "--cascade", metavar="LEVEL=FILE", autocompletion=completing.cascade,
                           help="Show what each stage loses, with FILE from `gmner predict --gold LEVEL`; "
                           "LEVEL is spans, groundable or boxes. Repeatable.")] = None,
) -> None:
    """Compare predicted posts with gold posts: span, MNER, EEG, GMNER, EES and SMNER.

    A table in a terminal, JSON when piped. Ratios are micro-averaged percentages. Rows that need boxes
    or masks are given where both files have them. A region is right when both sides have none, or when
    the first predicted one has an IoU above the threshold with any gold one. Posts that are missing in
    PRED, or carry an error there, count as having no entities. Neither file is changed.

    Gold entities may carry "slices", a list of names such as "held-out" or "small"; every name gets a
    row of recalls of its own. With --cascade the table is another: the F1 of PRED and of runs that
    believe more and more of the gold, and the points that each stage loses between one and the next.

    \b
        gmner score found.jsonl gold.jsonl
        gmner predict --texts test.jsonl --images photos/ | gmner score - test.jsonl
        gmner score found.jsonl gold.jsonl --json | jq .rows.GMNER.f1
        gmner score found.jsonl twitter-2017/test.jsonl --label-map OTHER=MISC
        gmner predict --gold spans --texts gold.jsonl --images photos/ -o spans.jsonl
        gmner predict --gold boxes --texts gold.jsonl --images photos/ -o boxes.jsonl
        gmner score found.jsonl gold.jsonl --cascade spans=spans.jsonl --cascade boxes=boxes.jsonl
    """
    # Not at the top: `gmner --help` reads this file and should not wait for them.
    from gmner_cli.api.against_gold import score
    from gmner_cli.flow import outputs
    from gmner_cli.scoring.printed_table import clean, render, render_cascade

    runs = _runs(oracles or [])
    outputs.check_records("-", [pred, gold, *runs.values()])
    if as_json and as_table:
        raise UsageError("--json and --table exclude each other")
    report = score(pred, gold, iou=iou, match=match.value, label_map=parse_label_map(label_map), small=small,
                   ignore_extra=ignore_extra, cascade=runs)
    for warning in report["warnings"]:
        typer.echo(clean(f"gmner score: warning: {warning}"), err=True)
    if as_json or not (as_table or sys.stdout.isatty()):
        text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
        typer.echo(text if stdout_holds(text) else json.dumps(report, indent=2, allow_nan=False))
    else:
        layout = render_cascade if runs else render
        typer.echo(layout(report, shutil.get_terminal_size().columns), nl=False)


def _runs(pairs: list[str]) -> dict[str, str]:
    """``["spans=a.jsonl"]`` to ``{"spans": "a.jsonl"}``."""
    from gmner_cli.scoring.cascade import LEVELS, check_level

    runs: dict[str, str] = {}
    for pair in pairs:
        level, mark, file = pair.partition("=")
        if not (mark and file):
            raise UsageError(f"--cascade {pair!r} is not of the form LEVEL=FILE",
                             hint=f"LEVEL is {', '.join(LEVELS)}")
        check_level(level)
        if level in runs:
            raise UsageError(f"--cascade {level} is given twice: {runs[level]} and {file}")
        runs[level] = file
    return runs
