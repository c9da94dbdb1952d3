"""The whole page: posts compared with gold, pictures embedded, everything in one HTML string."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from gmner_cli.errors import ImageError
from gmner_cli.records import Post
from gmner_cli.report.against import Item, against_gold, alone
from gmner_cli.report.card import card
from gmner_cli.report.compare import KINDS, STATES
from gmner_cli.report.page_picture import Shown, embed
from gmner_cli.report.palette import Palette
from gmner_cli.report.score_table import score_table
from gmner_cli.scoring.counts import Settings

OnProblem = Callable[[str, str], None]
"""Called with a post's id and one sentence: what of it could not be shown."""


def render_page(posts: Iterable[Post], gold: Iterable[Post] | None, images_root: Path, title: str,
                on_problem: OnProblem | None = None, follow_links: bool = False, *,
                settings: Settings | None = None, by_text: bool = False) -> str:
    """One self-contained HTML page that asks the network for nothing.

    Parameters
    ----------
    posts: what is shown, in this order.
    gold: what it is compared with, as the score does; None shows the posts alone. Gold posts that are not
        among ``posts`` are left out.
    images_root: folder that the posts' image paths are relative to.
    follow_links: whether symbolic links in that folder may lead out of it.
    on_problem: told of each picture that cannot be shown; the page shows the reason in its place.
    settings: of the score: the IoU of a right region, the share of a small one, types to read as others.
    by_text: whether the page shows what ``score --match text`` counts.
    """
    report = None
    if gold is None:
        items = alone(posts, settings or Settings())
    else:
        items, report = against_gold(list(posts), gold, settings or Settings(), by_text)
    palette = Palette(e.type for item in items for pair in item.pairs for e in (pair.found, pair.gold) if e)
    cards = []
    for number, item in enumerate(items, start=1):
        picture = _picture(item.post, images_root, on_problem, follow_links)
        cards.append(card(item.post, item.pairs, picture, palette, number=number, compared=item.compared,
                          notes=item.notes))
    style, script = _part("page.css"), _part("page.js")
    return Template(_part("page.html")).substitute(
        title=escape(title), style=style, script=script, style_hash=_hash(style), script_hash=_hash(script),
        summary=_summary(items, compared=gold is not None), score=score_table(report),
        kinds=_kind_filters(items) + _row_filters(items, report), types=_type_filters(items, palette),
        gold_switch=_GOLD_SWITCH if gold is not None else "",
        cards="\n".join(cards))


def _picture(post: Post, root: Path, on_problem: OnProblem | None, follow_links: bool) -> Shown | str | None:
    if not post.image:
        return None
    try:
        return embed(root, post.image, follow_links)
    except ImageError as problem:
        if on_problem is not None:
            on_problem(post.id, str(problem).split("\n")[0])
        return f"{post.image}: {problem.message}"


def _summary(items: Sequence[Item], compared: bool) -> str:
    entities = sum(pair.found is not None for item in items for pair in item.pairs)
    words = f"{_count(len(items), 'post')}, {_count(entities, 'entity', 'entities')}"
    if compared:
        gold = sum(pair.gold is not None for item in items for pair in item.pairs)
        words += f", compared with {gold} in gold"
    return words


def _kind_filters(items: Sequence[Item]) -> str:
    counts = Counter(kind for item in items for pair in item.pairs for kind in pair.kinds)
    # With gold all verdicts are listed, so that a zero can be read; otherwise only what occurs.
    names = [kind for kind in (*KINDS, *STATES)
             if counts[kind] or (kind in KINDS and any(item.compared for item in items))]
    return "".join(
        _filter("kind", kind, {**KINDS, **STATES}[kind], f"k-{kind}", counts[kind]) for kind in names)


def _row_filters(items: Sequence[Item], report: dict[str, Any] | None) -> str:
    """What counts as right in each row of the score."""
    if report is None:
        return ""
    counts = Counter(name for item in items for pair in item.pairs for name in pair.found_rows)
    return '<span class="gap"></span>' + "".join(
        _filter("row", name, f"{name} right", "counts", counts[name], name=name) for name in report["rows"])


def _type_filters(items: Sequence[Item], palette: Palette) -> str:
    counts = Counter(kind for item in items for pair in item.pairs
                     for kind in {e.type for e in (pair.found, pair.gold) if e is not None})
    return "".join(_filter("type", str(k), kind, palette.css(kind), counts[kind], name=kind)
                   for k, kind in enumerate(palette.types))


def _filter(group: str, value: str, words: str, css: str, count: int, name: str | None = None) -> str:
    """A toggle button. ``name``: how the address of the page spells it, where that is not ``value``."""
    return (f'<button type="button" class="filter {css}" data-group="{group}" data-value="{escape(value)}" '
            f'data-name="{escape(name or value)}" aria-pressed="false">{escape(words)} '
            f'<b>{count}</b></button>')


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _part(name: str) -> str:
    return files("gmner_cli.report").joinpath(name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    """The content's hash as a Content-Security-Policy spells it: nothing else may run or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode("utf-8")).digest()).decode("ascii")


_GOLD_SWITCH = '<label><input type="checkbox" id="show-gold" checked> Gold</label>'
