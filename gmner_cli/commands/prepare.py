"""gmner prepare: a published data set or a file of one's own to records, or a drawn one to posts and
pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gmner_cli.commands import completing, options
from gmner_cli.commands.config import said_by
from gmner_cli.commands.progress import bar

if TYPE_CHECKING:
    from gmner_cli.data import Splits

SHOWN = 5
"""Findings of one kind that are printed; report.json holds all."""

_PARAMETERS = {"set": "knobs"}
"""Arguments of the library's ``prepare`` that are called otherwise here."""


def command(
    ctx: typer.Context,
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET", autocompletion=completing.
            datasets, help="twitter-gmner, twitter-fmnerg, twitter-smner, "
            "twitter-2015, twitter-2017, scenes; of your own: conll, text, csv, label-studio, doccano.")],
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="DIR", help="Folder for the JSONL files and report.json.")],
    source: Annotated[Path | None,
                      typer.Option(
                          "--source", metavar="PATH", help="The data set as its authors publish it; "
                          "your own is a file. Default: $GMNER_DATA/DATASET, then data/DATASET.")] = None,
    images: Annotated[Path | None,
                      typer.Option(
                          "--images", metavar="DIR", help="Folder of the pictures: open each one, "
                          "record its size, report what is missing or broken.")] = None,
    follow_links: options.FollowLinks = False,
    boxes: Annotated[
        Path | None,
        typer.Option(
            "--boxes", metavar="PATH", help="Folder of the box files (ID.xml), where it "
            "is not the data set's own; for your own data a COCO file or a Label Studio export.")] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help=
            "Stop with exit code 1, and write no records, if there are problems; report.json lists them all."
        )] = False,
    fix: Annotated[bool,
                   typer.Option("--fix", help="Repair what can be repaired, and say what was.")] = False,
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against", metavar="NAME=DIR", help="Look for posts of this data "
            "set's test split in train and dev. Repeatable. Default: data sets beside the source.")] = None,
    orphans: Annotated[Literal["start", "drop"] | None,
                       typer.Option(
                           "--orphans", help="What an I- tag does that continues nothing: start an "
                           "entity, or drop. Default: start, and drop in Twitter-2015 and 2017.")] = None,
    column: Annotated[
        int,
        typer.Option("--column", metavar="N", help="conll: column of the tag; 1 is the first, -1 the "
                     "last.")] = -1,
    label_map: Annotated[
        list[str] | None,
        typer.Option(
            "--label-map", metavar="OLD=NEW", help="Call the type OLD of the data set NEW in "
            "the records; OLD=O leaves its entities out. Repeatable.")] = None,
    train: Annotated[int, typer.Option("--train", min=0, metavar="N", help="scenes: training posts.")] = 2000,
    dev: Annotated[int, typer.Option("--dev", min=0, metavar="N", help="scenes: development posts.")] = 250,
    test: Annotated[int, typer.Option("--test", min=0, metavar="N", help="scenes: test posts.")] = 500,
    captions: Annotated[
        int,
        typer.Option("--captions", min=0, metavar="N", help="scenes: pictures with captions alone, "
                     "to pre-train on.")] = 0,
    knobs: Annotated[list[str] | None,
                     typer.Option(
                         "--set", metavar="KEY=VALUE", help="scenes: change one setting, as in "
                         "--set visible=0.3. Repeatable; an unknown key lists them.")] = None,
    sheet: Annotated[int,
                     typer.Option(
                         "--sheet", min=0, metavar="N", help="scenes: draw the first N posts of each split, "
                         "with their gold boxes, on SPLIT-sheet.png.")] = 0,
    jobs: Annotated[int | None,
                    typer.Option("--jobs", min=1, metavar="N",
                                 help="scenes: processes that draw. Default: all cores.")] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite",
                     help="Replace also files of the same names in DIR that prepare did not write.")] = False,
    seed: options.Seed = 0,
) -> None:
    """Turn a published data set into records, or draw one: train.jsonl, dev.jsonl, test.jsonl. A file gives
    one.

    A table of figures and everything odd in the data go to stderr; report.json
    lists every finding: boxes whose name is in no text, orphan tags, posts that stand in
    another set's test split. Without --fix the data stays as published. With it no word
    is ever left out, and what cannot be mended without loss (a line with other columns than
    the rest, a file in which no tag is found) ends with exit code 1. What an annotation file
    could not tell leaves "boxes" absent, which is not [].

    conll: one token a line, its tag in IOB1, IOB2, BIOES, BILOU, BMES, BMEWO or IO, also
    as PER-B or b_PER; the scheme is told by the whole file. text: one post a line. csv: a
    table with columns text, image, id. label-studio: its JSON export, boxes included.
    doccano: its JSONL export. Boxes of a COCO file or a
    Label Studio export belong to the entity whose text is their attribute "entity" (there:
    their text), else to the one called as their label, else to the only one of that type;
    boxes of posts without entities become proposals.

    The files of one run appear together, at its end, and replace those of an earlier
    run as a whole; report.json lists them. Other files in DIR stay as they are.

    "scenes" is drawn, not read: small pictures of a world of named entities and
    tweet-like posts about them, with exact spans, types, boxes and masks. 60 percent of the
    entities are not visible, and 34 of the pictures show none of theirs; a fifth of the names
    is held out of training, some mean two things, and often another of the kind stands
    beside the one that is meant. --set visible=0.6 and the like change that. The same seed
    gives the same posts, on any number of cores. Results on it are never results on real posts.

    \b
    Examples:
      gmner prepare twitter-gmner --source data/twitter-gmner-v2 -o posts/
      gmner prepare twitter-gmner --source data/twitter-gmner-v2 -o posts/ --images photos/ --fix
      gmner prepare twitter-2017 --source data/twitter-2017 -o posts-2017/ --check
      gmner prepare conll --source tagged.txt -o posts/
      gmner prepare conll --source tagged.txt --label-map MISC=OTHER --label-map TIME=O -o posts/
      gmner prepare csv --source posts.csv --images photos/ -o posts/
      gmner prepare label-studio --source export.json -o posts/
      gmner prepare doccano --source all.jsonl --boxes instances.json -o posts/
      gmner prepare scenes --seed 1 --train 2000 --dev 200 --test 200 --sheet 20 -o scenes/
    """
    from gmner_cli.api.learning import DRAWING, READING, SCENES, prepare

    others = READING if dataset == SCENES else DRAWING
    typed = {name for name in others
             if said_by(ctx, _PARAMETERS.get(name, name)) == "COMMANDLINE"}
    if odd := sorted(typed):
        raise typer.BadParameter(f"means nothing for {dataset}", param_hint=f"--{odd[0].replace('_', '-')}")
    from rich.console import Console

    from gmner_cli.data import summary

    console = Console(stderr=True, highlight=False)

    def tell(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    def shown(splits: Splits) -> None:
        console.print(summary.table(splits))
        for line in summary.findings(splits.report, most=SHOWN):
            tell(line)

    if dataset != SCENES:
        prepare(dataset, out, source=source, images=images, follow_links=follow_links, boxes=boxes,
                check=check, fix=fix, against=_pairs(against or []), orphans=orphans, column=column,
                label_map=options.parse_label_map(label_map), overwrite=overwrite, tell=tell, shown=shown)
        return
    written: list[str] = []
    with bar("pictures", train + dev + test + captions) as progress:
        splits = prepare(SCENES, out, seed=seed, train=train, dev=dev, test=test, captions=captions,
                         set=options.parse_settings(knobs), sheet=sheet, jobs=jobs, overwrite=overwrite,
                         tell=written.append, progress=progress.advance)
    console.print(summary.table(splits))
    for line in written:
        tell(line)


def _pairs(against: list[str]) -> dict[str, Path]:
    """``["twitter-2015=DIR"]`` to a mapping; a malformed pair is a usage error."""
    found = {}
    for pair in against:
        name, mark, folder = pair.partition("=")
        if not (mark and name and folder):
            raise typer.BadParameter(f"{pair!r} is not of the form NAME=DIR", param_hint="--against")
        found[name] = Path(folder)
    return found
