"""Options that several commands share, spelled and explained once."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from gmner_cli.commands import completing
from gmner_cli.errors import SOME_FAILED

Images = Annotated[
    Path | None,
    typer.Option("--images", envvar="GMNER_IMAGES", metavar="DIR",
                 help="Folder that the image paths are relative to. Default: images/ beside the JSONL file "
                      "if it "
                      "exists, else the file's own folder."),
]
FollowLinks = Annotated[
    bool, typer.Option("--follow-links", envvar="GMNER_FOLLOW_LINKS", help="Symbolic links in the folder may "
                                                                           "lead out of it, to files.")
]
Out = Annotated[
    str, typer.Option("-o", "--out", metavar="FILE", help='Where the records go; "-" is stdout.')
]
Recipe = Annotated[
    str, typer.Option("--recipe", envvar="GMNER_RECIPE", metavar="NAME", autocompletion=completing.recipes,
                      help="Recipe name (see `gmner recipes`) or path of a YAML file.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one recipe value, as in --set "
                                                    "ner.train.epochs=3. Repeatable."),
]
Device = Annotated[str,
                   typer.Option("--device", envvar="GMNER_DEVICE", metavar="auto|cpu|cuda[:N]",
                                autocompletion=completing.devices, help="Where models run.")]
Offline = Annotated[
    bool, typer.Option("--offline/--online", envvar="GMNER_OFFLINE", help="Never ask the network; use what "
                                                                          "is on disk.")
]
Seed = Annotated[int,
                 typer.Option("--seed", envvar="GMNER_SEED", min=0, max=2 ** 32 -
                              1, metavar="N", help="Seed of everything random.")]
BatchSize = Annotated[int | None,
                      typer.Option("--batch-size", envvar="GMNER_BATCH_SIZE", min=1, metavar="N",
                                   help="Default: the recipe's.")]
Threads = Annotated[int | None,
                    typer.Option("--threads", envvar="GMNER_THREADS", min=1, max=1024, metavar="N",
                                 help="CPU threads. Default: all cores.")]
Limit = Annotated[int | None,
                  typer.Option("--limit", min=1, metavar="N", help="Read only the first N posts.")]
Window = Annotated[
    int | None, typer.Option("--window", envvar="GMNER_WINDOW", min=1, metavar="N",
                             help="Posts that may wait for each other, so that like can be computed with "
                                  "like: one waits for as many as have come before it. 1 answers each as it "
                                  "comes, at two to three times the cost of tagging. Default: what suits the "
                                  "models, at most 128.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace OUT also where it holds something that gmner did not "
                                           "write.")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on where a killed run stopped; what it finished is not made "
                                        "again.")
]
OnMissingImage = Annotated[
    Literal["error", "skip", "text-only"],
    typer.Option("--on-missing-image", help="What to do with a post whose picture cannot be read: let the "
                                            "post fail, "
                                            "leave it as it is, or go on without the picture."),
]
LabelMap = Annotated[
    list[str] | None, typer.Option("--label-map", metavar="OLD=NEW", help="Rename a type while reading. "
                                                                          "Repeatable.")
]


def parse_label_map(pairs: list[str] | None) -> dict[str, str]:
    """``["OTHER=MISC"]`` to ``{"OTHER": "MISC"}``; a malformed pair is a usage error."""
    renames = {}
    for pair in pairs or []:
        old, mark, new = pair.partition("=")
        if not (mark and old and new):
            raise typer.BadParameter(f"{pair!r} is not of the form OLD=NEW", param_hint="--label-map")
        renames[old] = new
    return renames


def parse_settings(pairs: list[str] | None) -> dict[str, object]:
    """``["visible=0.3"]`` to ``{"visible": 0.3}``; values are JSON where they can be, else text."""
    settings: dict[str, object] = {}
    for pair in pairs or []:
        key, mark, value = pair.partition("=")
        if not (mark and key):
            raise typer.BadParameter(f"{pair!r} is not of the form KEY=VALUE", param_hint="--set")
        try:
            settings[key] = json.loads(value)
        except ValueError:
            settings[key] = value
    return settings


def stdout_holds(text: str) -> bool:
    """Whether stdout's encoding has all characters of ``text``; what it lacks is escaped, which JSON and YAML
    must do themselves."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


SHOWN = 20
"""Problems of one run that are printed; the rest is counted."""


def end_with_failures(failures: list[str], shown: int = SHOWN) -> None:
    """Say which records failed and why, and leave with exit code 3; do nothing when none did."""
    if not failures:
        return
    for reason in failures[:shown]:
        typer.echo(f"gmner: failed: {reason}", err=True)
    if len(failures) > shown:
        typer.echo(f"gmner: ... and {len(failures) - shown} more", err=True)
    typer.echo(f"gmner: {len(failures)} records failed; they are in the output with an \"error\" field",
               err=True)
    raise typer.Exit(SOME_FAILED)
