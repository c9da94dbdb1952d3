"""``gmner recipes``: what can be run, and with which values."""

from __future__ import annotations

from typing import Annotated

import typer

from gmner_cli.commands import completing
from gmner_cli.commands.options import Set, stdout_holds


def command(
    name: Annotated[str | None,
                    typer.Argument(metavar="[NAME]", autocompletion=completing.
                                   recipes, help="A recipe, or the path of one.")] = None,
    overrides: Set = None,
) -> None:
    """List the recipes, or print one whole, with every value that can be set.

    A recipe of your own can start with "extends: mini" and give only what differs; of a model
    that is still to be trained, what it does not give is printed too.

    "precision: bfloat16" halves the time of tagging where the processor multiplies bfloat16
    (avx512_bf16, amx_bf16, ARM); elsewhere that is said, and float32 is used. What it costs
    in F1 stands on the model's card.

    \b
    Examples:
      gmner recipes
      gmner recipes mini
      gmner recipes mini --set ner.train.epochs=3 > mine.yaml
      gmner recipes mini --set precision=bfloat16
    """
    from shutil import get_terminal_size
    from textwrap import fill

    from gmner_cli import recipes
    from gmner_cli.api.looking_up import recipe as whole

    if name is not None:
        recipe = whole(name, set=overrides or [])
        typer.echo(recipes.text_of(recipe, escaped=not stdout_holds(recipes.text_of(recipe))), nl=False)
        return
    names = recipes.names()
    indent = max(map(len, names)) + 2
    for known in names:
        recipe = recipes.load(known)
        typer.echo(f"{known:{indent}}{' -> '.join(recipe.stages)}")
        typer.echo(
            fill(recipe.values.get("about", ""), max(get_terminal_size().columns - 1, indent + 30),
                 initial_indent=" " * indent, subsequent_indent=" " * indent, break_on_hyphens=False))
