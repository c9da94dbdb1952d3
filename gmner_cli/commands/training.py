"""What the train-* commands share: their options, and a progress bar and a table of epochs (all on stderr)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from gmner_cli.commands import options
from gmner_cli.commands.progress import bar

Posts = Annotated[str, typer.Argument(metavar="TRAIN", help="JSONL of posts with gold entities.")]
Dev = Annotated[str, typer.Option("--dev", metavar="FILE", help="Posts that choose the best epoch.")]
ModelDir = Annotated[Path, typer.Option("-o", "--out", metavar="MODEL_DIR", help="Where the trained model goes.")]
Init = Annotated[str | None, typer.Option("--init", metavar="MODEL_DIR|RECIPE",
                                          help="Start from the weights of another trained model where they fit: its folder, "
                                               "or a recipe that has some, such as mini.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where a killed training stopped. More epochs than it was started "
                                                       "with are allowed; a finished model goes on from its best weights then.")]


def trains(stage: str) -> Callable[[Callable[[], None]], Callable[..., None]]:
    """Make a command that trains the model of a recipe's section ``stage``; the decorated function gives its help."""

    def give_options(described: Callable[[], None]) -> Callable[..., None]:
        def command(
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
            _train(stage, recipe, overrides, device, threads, out, offline, train_file=train, dev_file=dev, images=images,
                   follow_links=follow_links, on_missing_image=on_missing_image, init=init, limit=limit, resume=resume, seed=seed,
                   label_map=options.parse_label_map(label_map))

        command.__doc__ = described.__doc__
        return command

    return give_options


def _train(stage: str, recipe: str, overrides: list[str] | None, device: str, threads: int | None, out: Path,
           offline: bool, *, seed: int, **rest: Any) -> None:
    """Train the model of one stage and say how it went; ``rest`` goes to ``training.runs.train`` as it is."""
    from gmner_cli.hub import go_offline, say
    from gmner_cli.recipes import load

    chosen = load(recipe, overrides or [], within=stage)
    if offline:
        go_offline()
    from gmner_cli import runtime
    from gmner_cli.training.loop import Watcher
    from gmner_cli.training.runs import train

    precision = (chosen.section(stage).train or {}).get("precision", "auto")
    where = runtime.start(device, precision=precision, seed=seed, threads=threads)
    with bar("epoch 1") as progress:
        state = {"epoch": 0}

        def step(epoch: int, number: int, count: int, loss: float) -> None:
            if epoch != state["epoch"]:
                state["epoch"] = epoch
                progress.restart(f"epoch {epoch}", count)
            progress.advance(1, note=f"loss {loss:.3f}")

        history = train(stage, chosen, out=out, runtime=where, seed=seed, offline=offline,
                        watcher=Watcher(step=step, epoch=_print_row), tell=say, **rest)
    say(f"best epoch {history.best_epoch}, {history.told}; the model is in {out}")


def _print_row(row: dict[str, Any]) -> None:
    cells = [f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}" for name, value in row.items()]
    typer.echo("  ".join(cells), err=True)
