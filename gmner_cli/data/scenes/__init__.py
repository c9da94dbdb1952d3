"""The scenes world: named entities with constant looks, pictures of them, and posts about them.

A wind tunnel for grounding: results on it say that a system works, never how
well it does on real posts.
"""

from gmner_cli.data.scenes.dataset import NAME, draw, write
from gmner_cli.data.scenes.knobs import Knobs

__all__ = ["NAME", "Knobs", "draw", "write"]
