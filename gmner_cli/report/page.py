"""The whole page: posts compared with gold, pictures embedded, everything in one HTML string."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from gmner_cli.errors import ImageError
from gmner_cli.records import Post
from gmner_cli.report.card import card
from gmner_cli.report.compare import KINDS, STATES, Pair, compare, describe, mask_trouble
from gmner_cli.report.palette import Palette
from gmner_cli.report.pictures import Shown, embed
from gmner_cli.scoring.audit import all_boxes

OnProblem = Callable[[str, str], None]
"""Called with a post's id and one sentence: what of it could not be shown."""

MOST_ENTITIES = 500
"""Of a post that are drawn: marks stand in each other, so a page of thousands would be larger than memory."""


@dataclass
class _Item:
    post: Post
    pairs: list[Pair]
    compared: bool
    notes: list[str] = field(default_factory=list)


def render_page(posts: Iterable[Post], gold: Iterable[Post] | None, images_root: Path, title: str,
                on_problem: OnProblem | None = None, follow_links: bool = False) -> str:
    """One self-contained HTML page that asks the network for nothing.

    Parameters
    ----------
    posts: what is shown, in this order.
    gold: what it is compared with, by id; None shows the posts alone. Gold posts that are not
        among ``posts`` are left out.
    images_root: folder that the posts' image paths are relative to.
    follow_links: whether symbolic links in that folder may lead out of it.
    on_problem: told of each picture that cannot be shown; the page shows the reason in its place.
    """
    by_id = None if gold is None else {post.id: post for post in gold}
    items = [_item(post, by_id) for post in posts]
    palette = Palette(e.type for item in items for pair in item.pairs for e in (pair.found, pair.gold) if e)
    cards = []
    for number, item in enumerate(items, start=1):
        picture = _picture(item.post, images_root, on_problem, follow_links)
        cards.append(card(item.post, item.pairs, picture, palette, number=number, compared=item.compared,
                          notes=item.notes))
    style, script = _part("page.css"), _part("page.js")
    return Template(_part("page.html")).substitute(
        title=escape(title), style=style, script=script, style_hash=_hash(style), script_hash=_hash(script),
        summary=_summary(items, compared=by_id is not None), kinds=_kind_filters(items),
        types=_type_filters(items, palette), gold_switch=_GOLD_SWITCH if by_id is not None else "",
        cards="\n".join(cards))


def _item(post: Post, gold: Mapping[str, Post] | None) -> _Item:
    found = post.entities or []
    if gold is None:
        more = [f"the first {MOST_ENTITIES} of its {len(found)} entities are drawn"] if len(found) > MOST_ENTITIES else []
        return _Item(post, describe(found[:MOST_ENTITIES]), compared=False, notes=more)
    truth = gold.get(post.id)
    most = max(len(found), len(truth.entities or []) if truth else 0)
    if most > MOST_ENTITIES:
        return _Item(post, describe(found[:MOST_ENTITIES]), compared=False,
                     notes=[f"{most} entities are more than can be compared here; the first {MOST_ENTITIES} predictions are drawn"])
    if truth is None:
        return _Item(post, describe(found), compared=False, notes=["there is no gold for this post"])
    if truth.text != post.text:
        return _Item(post, describe(found), compared=False, notes=["gold has another text under this id"])
    if truth.error is not None:
        return _Item(post, describe(found), compared=False, notes=["the gold post carries an error, so it is not compared"])
    notes = []
    if post.set_aside:
        found = []
        notes.append(f"this post {'failed' if post.error is not None else 'was skipped'}, so nothing in it was assessed; "
                     "as in the score, it counts as having no entities")
    elif post.entities is None:
        notes.append("no entities were assessed in this post; as in the score, it counts as having none")
    if truth.entities is None:
        notes.append("no entities were assessed in gold; as in the score, it counts as having none")
    if post.image_size and truth.image_size and tuple(post.image_size) != tuple(truth.image_size) and (all_boxes(post) or all_boxes(truth)):
        (w, h), (gold_w, gold_h) = post.image_size, truth.image_size
        notes.append(f"the picture is {w}x{h} here and {gold_w}x{gold_h} in gold, so its boxes may not mean the same places")
    pairs = compare(found, truth.entities or [])
    return _Item(post, pairs, compared=True, notes=notes + mask_trouble(pairs))


def _picture(post: Post, root: Path, on_problem: OnProblem | None, follow_links: bool) -> Shown | str | None:
    if not post.image:
        return None
    try:
        return embed(root, post.image, follow_links)
    except ImageError as problem:
        if on_problem is not None:
            on_problem(post.id, str(problem).split("\n")[0])
        return f"{post.image}: {problem.message}"


def _summary(items: Sequence[_Item], compared: bool) -> str:
    entities = sum(pair.found is not None for item in items for pair in item.pairs)
    words = f"{_count(len(items), 'post')}, {_count(entities, 'entity', 'entities')}"
    if compared:
        gold = sum(pair.gold is not None for item in items for pair in item.pairs)
        words += f", compared with {gold} in gold"
    return words


def _kind_filters(items: Sequence[_Item]) -> str:
    counts = Counter(kind for item in items for pair in item.pairs for kind in pair.kinds)
    # With gold all verdicts are listed, so that a zero can be read; otherwise only what occurs.
    names = [kind for kind in (*KINDS, *STATES)
             if counts[kind] or (kind in KINDS and any(item.compared for item in items))]
    return "".join(_filter("kind", kind, {**KINDS, **STATES}[kind], f"k-{kind}", counts[kind]) for kind in names)


def _type_filters(items: Sequence[_Item], palette: Palette) -> str:
    counts = Counter(kind for item in items for pair in item.pairs
                     for kind in {e.type for e in (pair.found, pair.gold) if e is not None})
    return "".join(_filter("type", str(k), kind, palette.css(kind), counts[kind], name=kind)
                   for k, kind in enumerate(palette.types))


def _filter(group: str, value: str, words: str, css: str, count: int, name: str | None = None) -> str:
    """A toggle button. ``name``: how the address of the page spells it, where that is not ``value``."""
    return (f'<button type="button" class="filter {css}" data-group="{group}" data-value="{escape(value)}" '
            f'data-name="{escape(name or value)}" aria-pressed="false">{escape(words)} <b>{count}</b></button>')


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _part(name: str) -> str:
    return files("gmner_cli.report").joinpath(name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    """The content's hash as a Content-Security-Policy spells it: nothing else may run or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode("utf-8")).digest()).decode("ascii")


_GOLD_SWITCH = '<label><input type="checkbox" id="show-gold" checked> Gold</label>'
