"""The stage that opens every picture once, before any model reads it.

``build`` puts it in front of all others: they rely on pictures being there and on ``image_size``. Broken
files are told of at once, and alike for every recipe.
"""

from __future__ import annotations

from collections.abc import Callable

from gmner_cli.compute.batches import ahead
from gmner_cli.errors import ImageError, printable
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import Post


class CheckImages:
    """Opens each post's picture: fills ``image_size``, and marks posts whose picture cannot be opened.

    Such a post fails, is skipped, or goes on without its picture, as ``pictures.missing`` says.
    """

    name = "images"
    window = 32
    """Little enough that common pictures are still kept when the stages that look ask for them."""
    most_told = 20
    """Posts that are named on stderr; the records say it of all."""

    def __init__(self, pictures: Pictures, tell: Callable[[str], None], side: int | None = None,
                 wanted: Callable[[Post], bool] = lambda post: True):
        """``side``: ``largest_side`` of the models that will read the pictures, where all have the same.
        ``wanted``: whether a post's picture will be looked at; other posts pass, whatever theirs is.
        """
        self.pictures, self.tell, self.side, self.wanted, self.told = pictures, tell, side, wanted, 0

    def __call__(self, posts: list[Post]) -> list[Post]:
        for post, problem in ahead(posts, self._problem, depth=2 * self.pictures.workers,
                                   workers=self.pictures.workers):
            if problem is None:
                continue
            if self.pictures.missing == "error":
                post.error = problem.reason
            elif self.pictures.missing == "text-only":
                post.image_problem = problem.reason
                self._say(post, problem, "going on without its image")
            else:
                post.skipped = problem.reason
                self._say(post, problem, "skipped")
        return posts

    def _say(self, post: Post, problem: ImageError, what: str) -> None:
        self.told += 1
        if not self.pictures.named:
            if self.told == 1:
                self.tell(f"post {printable(post.id)}: {problem.reason}. Posts whose picture is not in "
                          f"{self.pictures.root} are read without it, and nothing is looked for in it; name "
                          "the folder with --images DIR (said once)")
            return
        if self.told <= self.most_told:
            self.tell(f"post {printable(post.id)}: {problem.reason}; {what}")
        if self.told == self.most_told:
            self.tell("more images cannot be read, if any, without a line here; the records say which")

    def _problem(self, post: Post) -> ImageError | None:
        if post.set_aside or not self.wanted(post):
            return None
        try:
            self.pictures.load(post, self.side)
        except ImageError as problem:
            return problem.with_traceback(None)  # it is kept beside others, and would keep the frames
        return None
