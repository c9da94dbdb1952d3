"""What the train-* commands share: settings in, a progress bar and a table of epochs out (all on stderr)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from gmner_cli.commands import options
from gmner_cli.commands.progress import bar


def run_training(stage: str, recipe: str, train: str, dev: str, out: Path, *, images: Path | None,
                 on_missing_image: str, init: Path | None, overrides: list[str] | None, label_map: list[str] | None,
                 limit: int | None, resume: bool, device: str, threads: int | None, seed: int, offline: bool) -> None:
    """Train the model of one stage and say how it went."""
    from gmner_cli.hub import go_offline, say
    from gmner_cli.recipes import load

    chosen = load(recipe, overrides or [], within=stage)
    renames = options.parse_label_map(label_map)
    if offline:
        go_offline()
    from gmner_cli import runtime
    from gmner_cli.training.loop import Watcher
    from gmner_cli.training.runs import train as train_stage

    precision = (chosen.section(stage).train or {}).get("precision", "auto")
    where = runtime.start(device, precision=precision, seed=seed, threads=threads)
    with bar("epoch 1") as progress:
        state = {"epoch": 0}

        def step(epoch: int, number: int, count: int, loss: float) -> None:
            if epoch != state["epoch"]:
                state["epoch"] = epoch
                progress.restart(f"epoch {epoch}", count)
            progress.advance(1, note=f"loss {loss:.3f}")

        history = train_stage(stage, chosen, train, dev, out, where, seed=seed, images=images,
                              on_missing_image=on_missing_image, resume=resume, offline=offline, init=init,
                              label_map=renames, limit=limit, watcher=Watcher(step=step, epoch=_print_row), tell=say)
    say(f"best epoch {history.best_epoch}, dev score {history.best_score:.2f}; the model is in {out}")


def _print_row(row: dict[str, Any]) -> None:
    cells = [f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}" for name, value in row.items()]
    typer.echo("  ".join(cells), err=True)
