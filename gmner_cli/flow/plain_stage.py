"""Stages without weights: the class that a recipe's ``stage:`` names, made with the recipe's settings.

``build`` makes them here. What a user's own stage gives back is checked (``OwnStage``).
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

from gmner_cli.classes.own_code import load
from gmner_cli.classes.shipped import is_shipped
from gmner_cli.errors import UsageError, did_you_mean
from gmner_cli.pictures.images import Pictures
from gmner_cli.recipes import Section
from gmner_cli.records import Post


def find_stage(section: Section) -> type:
    """The class that ``section.stage`` names, the tool's or the user's, trusted because the recipe names it.

    One with ``reads_images = True`` is also given ``pictures`` when it is made. Raises UsageError.
    """
    path = section.stage or ""
    kind, module = load(path, trusted=[path], what="stage")
    where, _, name = path.rpartition(":")
    if not isinstance(kind, type):
        known = [n for n, v in vars(module).items() if isinstance(v, type) and _is_called(v)]
        raise UsageError(f"{where} has no class named {name!r}", hint=did_you_mean(name, known))
    if "gmner_cli.model" in sys.modules and issubclass(kind, sys.modules["gmner_cli.model"].Model):
        raise UsageError(f"{name} is a Model, which has weights", where=where,
                         hint="name it by `model:`, not by `stage:`")
    if not _is_called(kind):
        raise UsageError(f"{name} has no `__call__`", where=where,
                         hint="write in it: def __call__(self, posts): ... return posts")
    finds = getattr(kind, "finds", ())
    if not (isinstance(finds, tuple) and all(isinstance(field, str) for field in finds)):
        raise UsageError(f"{name} does not say which fields it finds", where=where,
                         hint='write: finds = ("caption",), with the comma, or () for none')
    return kind


def make_stage(section: Section, pictures: Pictures) -> Any:
    """The stage itself. Raises UsageError for a setting that it does not know, and for one that it needs."""
    kind = find_stage(section)
    where = f"recipe {section.recipe}"
    parameters = inspect.signature(kind).parameters
    given = {"pictures"} if getattr(kind, "reads_images", False) else set()
    if given - parameters.keys() and not _takes_all(parameters):
        raise UsageError(f"{kind.__name__} reads pictures, and its __init__ takes none", where=where,
                         hint="write: def __init__(self, ..., *, pictures)")
    known = [name for name, one in parameters.items() if name != "pictures" and one.kind not in _MANY]
    for key in section.settings:
        if key == "pictures" or (key not in known and not _takes_all(parameters)):
            raise UsageError(f"unknown setting {key!r} for {kind.__name__}", where=where,
                             hint=did_you_mean(key, known))
    for name in known:
        if parameters[name].default is inspect.Parameter.empty and name not in section.settings:
            raise UsageError(f"{kind.__name__} needs the setting {name!r}", where=where,
                             hint=f"write it in the recipe: {section.name}: {{settings: {{{name}: ...}}}}")
    stage = kind(**section.settings, **({"pictures": pictures} if given else {}))
    if not isinstance(getattr(stage, "name", None), str):
        raise UsageError(f"{kind.__name__} has no `name`, by which messages call it", where=section.stage,
                         hint=f'write in it: name = "{section.name}"')
    return stage if is_shipped(section.stage or "") else OwnStage(stage)


class OwnStage:
    """A user's stage: it gets the posts that did not fail before, and what it gives back is checked."""

    def __init__(self, stage: Any):
        self.stage = stage

    def __getattr__(self, name: str) -> Any:
        if name == "stage":  # while it is copied, it has none yet
            raise AttributeError(name)
        return getattr(self.stage, name)

    def __call__(self, posts: list[Post]) -> list[Post]:
        """Raises UsageError where other posts come back than went in, RecordError for an invalid record."""
        name = self.stage.name
        left = {number for number, post in enumerate(posts) if post.set_aside}
        wanted = [post for number, post in enumerate(posts) if number not in left]
        ids = [post.id for post in wanted]
        made = self.stage(list(wanted)) if wanted else []
        if not isinstance(made, list | tuple) or not all(isinstance(post, Post) for post in made):
            raise UsageError(f"stage {name} gives back {_kind_of(made)}; wanted is the list of posts")
        if [post.id for post in made] != ids:
            raise UsageError(f"stage {name} does not give back the posts that it got, in their order: "
                             f"{len(ids)} went in, {len(made)} came out")
        for post in made:
            post.check()
        done = iter(made)
        return [post if number in left else next(done) for number, post in enumerate(posts)]


_MANY = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def _takes_all(parameters: Any) -> bool:
    return any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())


def _is_called(kind: type) -> bool:
    """Whether what it makes can be called; a class itself always can."""
    return "__call__" in dir(kind)


def _kind_of(made: Any) -> str:
    return "a list of something else" if isinstance(made, list | tuple) else type(made).__name__
