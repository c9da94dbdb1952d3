"""``gmner recipes``: what can be run, and with which values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gmner_cli.commands import completing
from gmner_cli.commands.options import Set, stdout_holds

if TYPE_CHECKING:
    from gmner_cli.recipes import Recipe


def command(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", autocompletion=completing.recipes, help="A recipe, or the path of one.")] = None,
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

    if name is not None:
        recipe = recipes.load(name, overrides or [])
        if name not in recipes.names():
            _spell_out(recipe)
        typer.echo(recipes.text_of(recipe, escaped=not stdout_holds(recipes.text_of(recipe))), nl=False)
        return
    names = recipes.names()
    indent = max(map(len, names)) + 2
    for known in names:
        recipe = recipes.load(known)
        typer.echo(f"{known:{indent}}{' -> '.join(recipe.stages)}")
        typer.echo(fill(recipe.values.get("about", ""), max(get_terminal_size().columns - 1, indent + 30), initial_indent=" " * indent,
                        subsequent_indent=" " * indent, break_on_hyphens=False))


def _spell_out(recipe: Recipe) -> None:
    """Add what a model's settings and its training are by default; the shipped recipes say all of it. Trained weights bring their own."""
    from msgspec import to_builtins

    from gmner_cli.model import find_class, parse_config
    from gmner_cli.training.settings import parse_train

    for stage in recipe.stages:
        section = recipe.section(stage)
        if not section.model or section.weights:
            continue
        model, where = find_class(section.model, trusted=[section.model]), f"recipe {recipe.name}"
        recipe.values[stage]["settings"] = to_builtins(parse_config(model, section.settings, where))
        if section.train is not None:
            recipe.values[stage]["train"] = to_builtins(parse_train(section.train, where))
