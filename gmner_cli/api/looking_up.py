"""``recipe_names``, ``recipe`` and ``schema``: what can be run, and what a record holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmner_cli.api.given import Changes, File, changes
from gmner_cli.records.field_table import schema

if TYPE_CHECKING:
    from gmner_cli.recipes import Recipe

__all__ = ["recipe", "recipe_names", "schema"]


def recipe_names() -> list[str]:
    """Names of the recipes that come with the tool, as `gmner recipes` lists them.

    >>> import gmner_cli
    >>> "mini" in gmner_cli.recipe_names()
    True
    """
    from gmner_cli import recipes

    return recipes.names()


def recipe(name: File = "mini", *, set: Changes = ()) -> Recipe:
    """A whole recipe with every value that can be set, as `gmner recipes NAME` prints it.

    ``name``: of a recipe that comes with the tool, or a YAML file; ``set`` changes values of it. Of a model
    that is still to be trained, the settings that the file does not give are in it too. ``values`` of the
    result holds all, ``stages`` what runs. Raises UsageError for unknown names and keys, and what the file's
    own models raise.

    >>> import gmner_cli
    >>> mini = gmner_cli.recipe("mini", set={"ner.train.epochs": 3})
    >>> mini.values["ner"]["train"]["epochs"], mini.stages[0]
    (3, 'ner')
    """
    from gmner_cli import recipes

    found = recipes.load(str(name), changes(set))
    if str(name) not in recipes.names():
        _spell_out(found)
    return found


def _spell_out(recipe: Recipe) -> None:
    """Add what a model's settings and its training are by default. Trained weights bring their own."""
    from msgspec import to_builtins

    from gmner_cli.classes.class_paths import find_class, parse_config
    from gmner_cli.training.settings import parse_train

    for stage in recipe.stages:
        section = recipe.section(stage)
        if not section.model or section.weights:
            continue
        model, where = find_class(section.model, trusted=[section.model]), f"recipe {recipe.name}"
        recipe.values[stage]["settings"] = to_builtins(parse_config(model, section.settings, where))
        if section.train is not None:
            recipe.values[stage]["train"] = to_builtins(parse_train(section.train, where))
