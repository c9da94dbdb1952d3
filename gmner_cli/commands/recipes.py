"""``gmner recipes``: what can be run, and with which values."""

from __future__ import annotations

from typing import Annotated

import typer

from gmner_cli.commands.options import Set


def command(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A recipe, or the path of one.")] = None,
    overrides: Set = None,
) -> None:
    """List the recipes, or print one whole, with every value that can be set.

    A recipe of your own can start with "extends: mini" and give only what differs.

    \b
    Examples:
      gmner recipes
      gmner recipes mini
      gmner recipes mini --set ner.train.epochs=3 > mine.yaml
    """
    from gmner_cli import recipes

    if name is not None:
        typer.echo(recipes.text_of(recipes.load(name, overrides or [])), nl=False)
        return
    for known in recipes.names():
        recipe = recipes.load(known)
        typer.echo(f"{known:10} {' -> '.join(recipe.stages)}")
        typer.echo(typer.style(f"{'':10} {recipe.values.get('about', '')}"))
