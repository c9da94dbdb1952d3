"""A stage that is asked for what training needs of it: what it makes is kept, post by post."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from gmner_cli.errors import RecordError, UsageError
from gmner_cli.flow.compose import UNSAID, Stage
from gmner_cli.flow.interrupts import heed
from gmner_cli.records import Post
from gmner_cli.records.fields import clear
from gmner_cli.training.gold_kept import check_all_stand, keep_brought
from gmner_cli.training.made import Made, changed, changes_to, key_of


class Asked:
    """A stage as ``compose`` runs it here: what it makes is put into ``results``, and the posts come back as
    they went in."""

    def __init__(self, stage: Stage, name: str, finds: Sequence[str],
                 variants: Callable[[list[Post]], list[Post]] | None, results: dict[int, list[Post]],
                 made: Made | None):
        """``variants``: the stage's, where they are wanted. ``results``: by ``id()`` of a post, its versions
        with what was made; a post that is there already is not given to the stage. ``made``: where they are
        kept.
        """
        self.name, self.window = name, getattr(stage, "window", UNSAID)
        self._finds, self._call, self._many = finds, variants or stage, variants is not None
        self._results, self._made = results, made

    def __call__(self, posts: list[Post]) -> list[Post]:
        heed()
        asked = [post for post in posts if id(post) not in self._results]
        problems: dict[int, str] = {}
        lines = []
        for post, versions in zip(asked, self._versions(asked), strict=True):
            problem = next((v.error or v.skipped for v in versions if v.set_aside), None)
            try:
                if problem is None:
                    check_all_stand(versions, post, once=not self._many)
                    versions = [_checked(keep_brought(one, post, self._finds), post) for one in versions]
                    if self._made:
                        parts = [changes_to(post, one) for one in versions]
                        versions = [changed(post, part) for part in parts]  # as a resumed training reads them
                        lines.append({"id": post.id, "key": key_of(post), "made": parts})
                    self._results[id(post)] = versions
                    continue
            except RecordError as invalid:
                problem = f"stage {self.name}: {invalid.reason}"
            problems[id(post)] = problem
        if lines and self._made:
            self._made.add(lines)
        return [post if id(post) not in problems else msgspec.structs.replace(post, error=problems[id(post)])
                for post in posts]

    def _versions(self, posts: list[Post]) -> Iterator[list[Post]]:
        """What the stage makes of each post. Raises UsageError where it gives other posts than it got."""
        if not posts:
            return iter(())
        if self._many and len({post.id for post in posts}) < len(posts):  # versions by an earlier stage
            return (self._call([self._copy(post)]) for post in posts)
        found = self._call([self._copy(post) for post in posts])
        by_id: dict[str, list[Post]] = {post.id: [] for post in posts}
        same = [post.id for post in found] == [post.id for post in posts]
        if not (same or (self._many and {post.id for post in found} <= by_id.keys())):
            raise UsageError(f"stage {self.name} gives {len(found)} posts, not the {len(posts)} that it got",
                             hint="a stage gives the same posts, in order, with more fields")
        if not self._many:
            return ([post] for post in found)
        for post in found:
            by_id[post.id].append(post)
        return iter([by_id[post.id] for post in posts])

    def _copy(self, post: Post) -> Post:
        """Stages write into the posts they get. What is stored is copied whole, so that no change is
        missed."""
        return changed(post, {}) if self._made else clear(post, ())


def _checked(version: Post, post: Post) -> Post:
    if version.text != post.text:
        raise RecordError("it changes the text of the post", hint="spans count characters of the text")
    return version
