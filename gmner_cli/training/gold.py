"""Before a tagger is trained: which gold entities it could never find, why, and what mends that."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from gmner_cli.errors import GmnerError, printable
from gmner_cli.model import Model
from gmner_cli.records import Entity, Post
from gmner_cli.records.units import in_other_units

_SAME = ({"per", "pers", "person", "people",
          "human"}, {"loc", "location", "place", "gpe", "geoloc", "geo", "geographic"},
         {"org", "organization", "organisation", "company", "corporation", "corp", "group",
          "institution"}, {"misc", "miscellaneous", "other", "others", "thing"})
"""Names of the same type in different data sets, folded."""


def check_gold(model: Model, train: Sequence[Post], dev: Sequence[Post], names: tuple[str, str],
               tell: Callable[[str], Any]) -> None:
    """Compare the gold of both files with what ``model``, a tagger, can represent; ``names`` are what the
    files are called.

    ``tell`` hears one line about each kind of trouble. Raises GmnerError where training or choosing an
    epoch would mean nothing: dev shares no type with train or holds no entity, or most spans of a file cannot
    be represented.
    """
    _compare_types(train, dev, names, tell)
    for posts, name in zip((train, dev), names, strict=True):
        _check_spans(model, posts, name, tell)


def _compare_types(train: Sequence[Post], dev: Sequence[Post], names: tuple[str, str],
                   tell: Callable[[str], Any]) -> None:
    taught, asked = (Counter(entity.type
                             for post in posts
                             for entity in post.entities or [])
                     for posts in (train, dev))
    if not asked:
        raise GmnerError("no post has an entity, so every epoch would score 0", where=names[1],
                         hint="--dev needs posts with gold entities, as `gmner prepare` writes them")
    alike = defaultdict(list)
    for kind in sorted(taught):
        alike[_fold(kind)].append(kind)
    for kinds in alike.values():
        if len(kinds) > 1:
            usual = max(kinds, key=lambda kind: taught[kind])
            tell(
                f"{names[0]}: {_listed(kinds)} are different types to a tagger; if they mean the same, add " +
                " ".join(
                    f"--label-map {printable(kind)}={printable(usual)}" for kind in kinds if kind != usual))
    missing = sorted(asked.keys() - taught.keys())
    renames = " ".join(f"--label-map {printable(kind)}={printable(like)}" for kind in missing
                       if (like := same_type(kind, taught)))
    if len(missing) == len(asked):
        raise GmnerError(
            f"none of its types ({_listed(asked)}) stands in {names[0]}, which has "
            f"{_listed(taught)}: every epoch would score 0", where=names[1],
            hint=f"rename them: {renames}" if renames else "rename them with --label-map OLD=NEW")
    if missing:
        tell(f"{names[1]}: {sum(asked[kind] for kind in missing)} of {sum(asked.values())} entities have a "
             f"type that is not in {names[0]}, "
             f"so they are never found: {_listed({kind: asked[kind] for kind in missing})}"
             + (f"; if they mean the same, add {renames}" if renames else ""))


def same_type(kind: str, known: Iterable[str]) -> str | None:
    """The type of ``known`` that is probably meant by ``kind``: another case, another name of it, or nearly
    the same word."""
    folded = {_fold(name): name for name in sorted(known)}
    mine = _fold(kind)
    if mine in folded:
        return folded[mine]
    for group in _SAME:
        if mine in group and (names := [folded[name] for name in sorted(group) if name in folded]):
            return names[0]
    close = difflib.get_close_matches(mine, folded, n=1, cutoff=0.75)
    return folded[close[0]] if close else None


def _fold(kind: str) -> str:
    word = kind.casefold()
    for mark in ("b-", "i-"):
        word = word.removeprefix(mark)
    return "".join(c for c in word if c.isalnum())


def _listed(kinds: Iterable[str], most: int = 8) -> str:
    names = [printable(kind) for kind in sorted(kinds)]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


_NESTED = "share words with another entity"
_SPACE = "begin or end with white space"
_WORD = "begin or end inside a word"
_MEND = {_NESTED: "a flat tagger holds one of nested entities: leave out the others",
         _SPACE: "spans must begin and end with a visible character",
         _WORD: "give the posts `tokens` that end where entities end, or mend the spans"}


def _check_spans(model: Model, posts: Sequence[Post], name: str, tell: Callable[[str], Any]) -> None:
    total = 0
    lost: dict[tuple[str, str], list[str]] = {}
    for post in posts:
        total += len(post.entities or [])
        possible = set(model.representable(post))
        for entity in post.entities or []:
            if (*entity.span, entity.type) not in possible:
                why, hint = _why(model, post, entity)
                lost.setdefault((why, hint), []).append(
                    f"{printable(post.text[entity.start:entity.end][:40])!r} of post {printable(post.id)}")
    lines = [(len(found), f"{len(found)} of {total} entities {why} (such as {found[0]})", hint)
             for (why, hint), found in lost.items()]
    if 2 * sum(count for count, _, _ in lines) > total:
        _, worst, hint = max(lines)
        raise GmnerError(f"most entities are not what the model could find: {worst}", where=name, hint=hint)
    for _, line, hint in lines:
        tell(f"{name}: {line}, so the model never finds them as they are; {hint}")


def _why(model: Model, post: Post, entity: Entity) -> tuple[str, str]:
    """Why an entity cannot be represented, and what mends it."""
    if any(other is not entity and other.start < entity.end and entity.start < other.end
           for other in post.entities or []):
        return _NESTED, _MEND[_NESTED]
    for unit, start, end in in_other_units(post.text, *entity.span):
        moved = msgspec.structs.replace(entity, start=start, end=end, text=None, token_start=None,
                                        token_end=None)
        if (start, end, entity.type) in model.representable(msgspec.structs.replace(post, entities=[moved])):
            return (f"fit only if their offsets count {unit}",
                    "convert the offsets: `start` and `end` count characters (Unicode code points)")
    inside = post.text[entity.start:entity.end]
    return (_SPACE, _MEND[_SPACE]) if inside != inside.strip() else (_WORD, _MEND[_WORD])
