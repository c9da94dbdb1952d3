"""What all commands that train share: options, and a bar and a table of epochs on stderr."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from gmner_cli.commands import completing, options
from gmner_cli.commands.progress import bar

Section = Annotated[str, typer.Argument(metavar="SECTION", autocompletion=completing.sections,
                                        help="The section of the recipe whose model is trained.")]
Posts = Annotated[str, typer.Argument(metavar="TRAIN", help="JSONL of posts with gold entities.")]
Dev = Annotated[str, typer.Option("--dev", metavar="FILE", help="Posts that choose the best epoch.")]
ModelDir = Annotated[Path, typer.Option("-o", "--out", metavar="MODEL_DIR", help="Where the trained model "
                                                                                 "goes.")]
Init = Annotated[str | None, typer.Option("--init", metavar="MODEL_DIR|RECIPE",
                                          help="Start from the weights of another trained model where they "
                                               "fit: its folder, "
                                               "or a recipe that has some, such as mini.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where a killed training stopped. More epochs "
                                                       "than it was started "
                                                       "with are allowed; a finished model goes on from its "
                                                       "best weights then.")]


def trains(section: str | None = None) -> Callable[[Callable[[], None]], Callable[..., None]]:
    """Make a command that trains the model of a recipe's ``section``; the decorated function gives its help.

    Without ``section`` the command has it as its first argument.
    """

    def give_options(described: Callable[[], None]) -> Callable[..., None]:
        def command(*given: Any, **named: Any) -> None:
            _train(*given, **named) if section is None else _train(section, *given, **named)

        whole = inspect.signature(_train, eval_str=True)
        shown = [parameter for name, parameter in whole.parameters.items()
                 if section is None or name != "section"]
        command.__signature__ = whole.replace(parameters=shown)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
        command.__doc__, command.__name__ = described.__doc__, described.__name__
        return command

    return give_options


def _train(
    section: Section,
    train: Posts,
    dev: Dev,
    out: ModelDir,
    recipe: options.Recipe = "mini",
    images: options.Images = None,
    follow_links: options.FollowLinks = False,
    on_missing_image: options.OnMissingImage = "error",
    init: Init = None,
    overrides: options.Set = None,
    label_map: options.LabelMap = None,
    limit: options.Limit = None,
    resume: Resume = False,
    device: options.Device = "auto",
    threads: options.Threads = None,
    seed: options.Seed = 0,
    offline: options.Offline = False,
) -> None:
    """Train the model of one section and say how it went."""
    from gmner_cli.api import learning
    from gmner_cli.errors import say

    with bar("epoch 1") as progress:
        state = {"epoch": 0}

        def step(epoch: int, number: int, count: int, loss: float) -> None:
            if epoch != state["epoch"]:
                state["epoch"] = epoch
                progress.restart(f"epoch {epoch}", count)
            progress.advance(1, note=f"loss {loss:.3f}")

        history = learning.train(section, train, out, dev=dev, recipe=recipe, images=images,
                                 follow_links=follow_links, on_missing_image=on_missing_image, init=init,
                                 set=overrides or [], label_map=options.parse_label_map(label_map),
                                 limit=limit, resume=resume, device=device, threads=threads, seed=seed,
                                 offline=offline, step=step, epoch=_print_row)
    say(f"best epoch {history.best_epoch}, {history.told}; the model is in {out}")


def _print_row(row: dict[str, Any]) -> None:
    cells = [
        f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}"
        for name, value in row.items()
    ]
    typer.echo("  ".join(cells), err=True)
