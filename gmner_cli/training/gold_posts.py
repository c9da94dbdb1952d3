"""What a training reads: posts with gold entities, and the pictures that go with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from gmner_cli.data.adapter import NO_ENTITY
from gmner_cli.errors import GmnerError, RecordError, printable
from gmner_cli.flow import named_pictures
from gmner_cli.flow.check_images import CheckImages
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import Post
from gmner_cli.records.jsonl import read_lines

if TYPE_CHECKING:
    from gmner_cli.model import Model

MOST_LISTED = 20
"""Bad pictures that are named before a training is refused; all are counted."""


def read_gold(path: Path | str, label_map: dict[str, str] | None, limit: int | None,
              tell: Callable[[str], Any], met: set[str] | None = None) -> list[Post]:
    """The posts of a file that were assessed; the others would teach that nothing is an entity.

    ``label_map``: types to read as others; entities of a type that is O there are left out, as in
    ``prepare``. ``met`` takes the types that stand in the file.
    Marks of an earlier run on a picture are taken off: it is tried again. Raises
    RecordError at the first bad or failed record, GmnerError when no post is left.
    """
    name = "stdin" if str(path) == "-" else printable(str(path))
    posts: list[Post] = []
    unassessed = 0
    renames = label_map or {}
    for line in islice(read_lines(path), limit):
        post = line.checked()
        if post.error is not None:
            raise RecordError(f"the post failed in an earlier run: {printable(post.error)}",
                              where=f"{name}:{line.number}",
                              hint='leave out records with "error" before training on the rest')
        if post.entities is None:
            unassessed += 1
            continue
        if met is not None:
            met.update(entity.type for entity in post.entities)
        post.entities = [entity for entity in post.entities if renames.get(entity.type) != NO_ENTITY]
        for entity in post.entities:
            entity.type = renames.get(entity.type, entity.type)
        posts.append(msgspec.structs.replace(post, skipped=None, image_problem=None))
    if unassessed:
        tell(f"{name}: {unassessed} posts have no \"entities\", so they were not assessed; they are left out")
    if not posts:
        raise GmnerError("holds no posts" + (' with "entities"' if unassessed else ""), where=name)
    return posts


def usable(files: dict[str, list[Post]], pictures: Pictures, tell: Callable[[str], Any],
           wanted: Mapping[str, Callable[[Post], bool]] | None = None) -> dict[str, list[Post]]:
    """The posts that can be trained on, after opening every picture once: a bad one must not end a run hours
    later.

    ``wanted``: by the name of a file, whether a post's picture will be looked at; without it all will be.
    Raises GmnerError when pictures cannot be read and ``pictures.missing`` is "error", or no post is left.
    """
    checks = {role: CheckImages(pictures, tell, wanted=asked) for role, asked in (wanted or {}).items()}
    every = CheckImages(pictures, tell)
    checked = {role: checks.get(role, every)(posts) for role, posts in files.items()}
    # Models look at `image` to know whether there is a picture.
    checked = {role: [msgspec.structs.replace(post, image=None) if post.image_problem is not None else post
                      for post in posts] for role, posts in checked.items()}
    return _kept(checked, tell)


def usable_named(model: Model, files: dict[str, list[Post]], pictures: Pictures,
                 tell: Callable[[str], Any]) -> tuple[dict[str, list[Post]], dict[str, set[str]]] | None:
    """As ``usable``, of the pictures that the model's examples name; and their names. None where they name
    none.

    ``files``: by role, "training" or "dev".
    """
    checked, any_named = {}, False
    names: dict[str, set[str]] = {}
    for role, posts in files.items():
        training = role == "training"
        asked = posts if training else [model.blank(post) for post in posts]
        examples = model.examples(asked, training=training)
        names[role] = {name for example in examples for name in example.pictures or ()}
        named = named_pictures.look_at(examples, pictures, model.largest_side)
        any_named = any_named or bool(named.sizes or named.problems)
        problems = {n: named_pictures.set_aside(posts[n], why, pictures) for n, why in named.problems.items()}
        checked[role] = [problems.get(n) or post for n, post in enumerate(posts)]
    return (_kept(checked, tell), names) if any_named else None


def _kept(checked: dict[str, list[Post]], tell: Callable[[str], Any]) -> dict[str, list[Post]]:
    """The posts that are not set aside, after a word about the others. Raises as ``usable``."""
    failed = [post for posts in checked.values() for post in posts if post.error is not None]
    for post in failed[:MOST_LISTED]:
        tell(f"post {printable(post.id)}: {post.error}")
    if failed:
        first = f"; the first {MOST_LISTED} are listed" if len(failed) > MOST_LISTED else ""
        raise GmnerError(f"{len(failed)} of {sum(map(len, checked.values()))} posts have a picture that "
                         f"cannot be read{first}",
                         hint="name the folder with --images DIR, or add --on-missing-image skip (or "
                              "text-only)")
    kept = {}
    for role, posts in checked.items():
        kept[role] = [post for post in posts if not post.set_aside]
        if len(kept[role]) < len(posts):
            tell(f"{len(posts) - len(kept[role])} of {len(posts)} {role} posts are left out, because of "
                 "their pictures")
        if not kept[role]:
            raise GmnerError(f"no {role} post has a picture that can be read", hint="is --images the right "
                                                                                    "folder?")
    return kept
