"""Grounded and segmented multimodal named entity recognition for social-media posts.

    import gmner_cli

    gmner = gmner_cli.load("mini")
    posts = gmner([{"text": "Stephen Curry is back in London", "image": "curry.jpg"}], images="photos")

Every command has its function here; ``gmner_cli.api`` lists them. They are imported when they are asked for,
so that nothing waits for torch that does not need it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gmner_cli import moved
from gmner_cli.version import VERSION

__version__ = VERSION

if TYPE_CHECKING:
    from gmner_cli.api.against_gold import score, view
    from gmner_cli.api.describing import caption, expand, pool
    from gmner_cli.api.finding import predict, segment
    from gmner_cli.api.learning import prepare, train
    from gmner_cli.api.loaded import load
    from gmner_cli.api.looking_up import recipe, recipe_names, schema
    from gmner_cli.errors import GmnerError

__all__ = ["GmnerError", "caption", "expand", "load", "pool", "predict", "prepare", "recipe", "recipe_names",
           "schema", "score", "segment", "train", "view"]
"""None is the name of a module of this package, so that importing one never takes its place."""

_HOMES = {
    "api.describing": ("caption", "expand", "pool"),
    "api.finding": ("predict", "segment"),
    "api.against_gold": ("score", "view"),
    "api.learning": ("prepare", "train"),
    "api.loaded": ("load",),
    "api.looking_up": ("recipe", "recipe_names", "schema"),
    "errors": ("GmnerError",),
}
_HOME = {name: f"{__name__}.{home}" for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


moved.install()
