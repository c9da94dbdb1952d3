"""The stage that keeps of the incoming entities what ``--gold`` believes, and clears the rest.

``build`` puts it before the recipe's stages, so that what comes in never influences what they find.
``records.fields`` holds the order of fields that it goes by.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from gmner_cli.records import Post
from gmner_cli.records.fields import believe


class KeepGold:
    """Keeps no more of the incoming entities than ``level`` names; see ``fields.believe``.

    A post without ``entities`` fails, unless ``level`` is None.
    """

    name = "gold"
    window = 1

    def __init__(self, level: str | None, finds: Iterable[str] = ()):
        """``finds``: all that the stages after it find, which is cleared; see ``fields``."""
        self.level, self._cleared = level, frozenset(finds)

    def __call__(self, posts: list[Post]) -> list[Post]:
        return [post if post.set_aside else self._keep(post) for post in posts]

    def _keep(self, post: Post) -> Post:
        if self.level is not None and post.entities is None:
            return msgspec.structs.replace(
                post, error=f"post {post.id}: --gold {self.level} needs `entities`, and the record has none")
        return believe(post, self.level, self._cleared)
