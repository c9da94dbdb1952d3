"""gmner prepare: a published data set to records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gmner_cli.errors import DATA_FAILED

SHOWN = 5
"""Findings of one kind that are printed; report.json holds all."""


def command(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="twitter-gmner, twitter-fmnerg, twitter-smner, "
                                           "twitter-2015, twitter-2017 or conll.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for the JSONL files and report.json.")],
    source: Annotated[Path | None, typer.Option("--source", metavar="DIR", help="The data set as its authors publish it "
                      "(conll: a file). Default: $GMNER_DATA/DATASET, then data/DATASET.")] = None,
    images: Annotated[Path | None, typer.Option("--images", metavar="DIR", help="Folder of the pictures: open each one, "
                      "record its size, report what is missing or broken.")] = None,
    boxes: Annotated[Path | None, typer.Option("--boxes", metavar="DIR", help="Folder of the box files (ID.xml), where it "
                     "is not the data set's own.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Stop with exit code 1, and write no records, if there are problems; report.json lists them all.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Repair what can be repaired, and say what was.")] = False,
    against: Annotated[list[str] | None, typer.Option("--against", metavar="NAME=DIR", help="Look for posts of this data "
                       "set's test split in train and dev. Repeatable. Default: data sets beside the source.")] = None,
    orphans: Annotated[Literal["start", "drop"] | None, typer.Option("--orphans", help="What an I- tag does that continues nothing: start an "
                       "entity, or drop. Default: as the data set's published counts need it.")] = None,
    column: Annotated[int, typer.Option("--column", metavar="N", help="conll: column of the tag; 1 is the first, -1 the "
                      "last.")] = -1,
) -> None:
    """Turn a published data set into records: train.jsonl, dev.jsonl, test.jsonl and report.json.

    A table of figures and everything odd in the data go to stderr; report.json
    lists every finding. Without --fix the data stays as published.

    \b
    Examples:
      gmner prepare twitter-gmner --source data/twitter-gmner-v2 -o posts/
      gmner prepare twitter-gmner --source data/twitter-gmner-v2 -o posts/ --images photos/ --fix
      gmner prepare twitter-2017 --source data/twitter-2017 -o posts-2017/ --check
      gmner prepare conll --source tagged.txt -o posts/
    """
    from rich.console import Console

    from gmner_cli import data
    from gmner_cli.data import output, summary

    console = Console(stderr=True, highlight=False)
    splits = data.load(dataset, source, options=data.Options(fix=fix, boxes=boxes, orphans=orphans, column=column),
                       images=images, against=_pairs(against or []), beside=not against, stop=not check)
    console.print(summary.table(splits))
    for line in summary.findings(splits.report, most=SHOWN):
        console.print(line, markup=False, soft_wrap=True)
    problems = splits.report.problems()
    report = output.write_report(splits, out)
    if check and problems:
        console.print(f"gmner prepare: {len(problems)} problems, listed in {report}; no records written",
                      markup=False, soft_wrap=True)
        raise typer.Exit(DATA_FAILED)
    for path in output.write(splits, out):
        console.print(f"wrote {path}", markup=False, soft_wrap=True)


def _pairs(against: list[str]) -> dict[str, Path]:
    """``["twitter-2015=DIR"]`` to a mapping; a malformed pair is a usage error."""
    found = {}
    for pair in against:
        name, mark, folder = pair.partition("=")
        if not (mark and name and folder):
            raise typer.BadParameter(f"{pair!r} is not of the form NAME=DIR", param_hint="--against")
        found[name] = Path(folder)
    return found
