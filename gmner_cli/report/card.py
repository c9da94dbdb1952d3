"""One post of the page: picture, marked text, table of entities, and what else the record says."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from gmner_cli.records import Entity, Post
from gmner_cli.report.compare import KINDS, STATES, Pair, best_overlap
from gmner_cli.report.marked import marked_text
from gmner_cli.report.overlay import overlay
from gmner_cli.report.page_picture import Shown
from gmner_cli.report.palette import Palette

WORDS = {**KINDS, **STATES}


def card(post: Post, pairs: Sequence[Pair], picture: Shown | str | None, palette: Palette, *,
         number: int, compared: bool, notes: Sequence[str] = ()) -> str:
    """HTML of one post.

    ``picture``: embedded, or the reason why it cannot be shown, or None for a post without one.
    ``compared``: the pairs hold gold. ``notes``: further sentences for the reader.
    """
    notes = list(notes)
    figure, trouble = _figure(post, pairs, picture, palette)
    size = picture.size if isinstance(picture, Shown) else None
    if size and post.image_size and tuple(post.image_size) != size:
        notes.append(f"the record says that the picture is {post.image_size[0]}×{post.image_size[1]} pixels, "
                     f"the file is {size[0]}×{size[1]}")
    notes += trouble
    head = (f'<header><a class="number" href="#post-{number}">{number}</a><h2>{escape(post.id)}</h2>'
            f'{_chip("failed", "failed") if post.error else ""}</header>')
    body = [f'<p class="text" dir="auto">{marked_text(post.text, pairs, palette)}</p>']
    if post.error:
        body.append(f'<p class="error"><b>This record failed:</b> {escape(post.error)}</p>')
    body += [f'<p class="note">{escape(note)}</p>' for note in notes]
    body.append(_table(post, pairs, palette, compared))
    body.append(_background(post))
    return (f'<article id="post-{number}" class="card" tabindex="-1" '
            f'data-search="{escape(_searchable(post, pairs))}">'
            f'{head}<div class="sides">{figure}<div class="words">{"".join(body)}</div></div></article>')


def _figure(post: Post, pairs: Sequence[Pair], picture: Shown | str | None,
            palette: Palette) -> tuple[str, list[str]]:
    if picture is None:
        return '<figure class="empty"><span>no picture</span></figure>', []
    if isinstance(picture, str):
        return ('<figure class="empty broken"><span><b>picture not '
                f'shown</b><br>{escape(picture)}</span></figure>', [])
    drawn, trouble = overlay(picture, post.text, pairs, palette)
    alt = escape(post.caption or f"the picture of post {post.id}")
    # The size of the frame is known before the picture is decoded, so the page does not jump.
    return (f'<figure><div class="frame"><img src="{picture.uri}" width="{picture.width}" '
            f'height="{picture.height}" '
            f'alt="{alt}" decoding="async">{drawn}</div></figure>', trouble)


def _table(post: Post, pairs: Sequence[Pair], palette: Palette, compared: bool) -> str:
    if not pairs:
        what = "no entities" if post.entities is not None else "entities not assessed"
        return f'<p class="none">{what}</p>'
    verdict = "<th>Verdict</th>" if compared else ""
    rows = "".join(_row(post, pair, number, palette, compared) for number, pair in enumerate(pairs))
    return ('<div class="scroll"><table><thead><tr><th>Entity</th>' + verdict +
            f"<th>Picture</th><th>In words</th></tr></thead><tbody>{rows}</tbody></table></div>")


def _row(post: Post, pair: Pair, number: int, palette: Palette, compared: bool) -> str:
    cells = [f"<td>{_names(post, pair, palette)}</td>"]
    if compared:
        cells.append(f'<td>{"".join(_chip(kind, WORDS[kind]) for kind in pair.kinds)}{_counted(pair)}</td>')
    cells.append(f'<td class="where">{_grounding(pair)}</td><td>{_in_words(pair)}</td>')
    types = sorted({entity.type for entity in (pair.found, pair.gold) if entity is not None})
    labels = escape(" ".join(str(palette.types.index(kind)) for kind in types))
    marks = {"kinds": pair.kinds, "rows": pair.found_rows, "gold-rows": pair.gold_rows, "small": pair.small}
    data = "".join(f' data-{name}="{" ".join(values)}"' for name, values in marks.items())
    return f'<tr data-e="{number}"{data} data-types="{labels}" tabindex="0">{"".join(cells)}</tr>'


def _counted(pair: Pair) -> str:
    """In which rows of the score the prediction counts, and the gold entity where that is another matter."""
    lines = []
    if pair.found_rows:
        lines.append(f'counts in {", ".join(pair.found_rows)}')
    if pair.gold is not None and pair.gold_rows != pair.found_rows:
        where = ", ".join(pair.gold_rows) or "no row"
        lines.append(f'<span class="side">gold</span> is found in {where}')
    return "".join(f'<div class="quiet counted">{line}</div>' for line in lines)


def _names(post: Post, pair: Pair, palette: Palette) -> str:
    lines = []
    if pair.found is not None:
        lines.append(_name(post.text, pair.found, palette, "found"))
    if pair.gold is not None and (pair.gold_text is not None or not _says_the_same(pair.found, pair.gold)):
        lines.append(_name(pair.gold_text or post.text, pair.gold, palette, "gold"))
    return "".join(lines)


def _says_the_same(found: Entity | None, gold: Entity) -> bool:
    """Span and type agree, and so does the fine type where gold has one."""
    return found is not None and (found.span, found.type) == (gold.span, gold.type) and (
        gold.fine_type is None or found.fine_type == gold.fine_type)


def _name(text: str, entity: Entity, palette: Palette, side: str) -> str:
    fine = f' <span class="fine">{escape(entity.fine_type)}</span>' if entity.fine_type else ""
    score = f' <span class="score" title="confidence in span and type">{entity.score:.2f}</span>' \
        if entity.score is not None else ""
    word = '<span class="side">gold</span> ' if side == "gold" else ""
    return (f'<div class="name {side}">{word}<bdi>{escape(text[entity.start:entity.end])}</bdi> '
            f'<span class="type {palette.css(entity.type)}">{escape(entity.type)}</span>{fine}{score}</div>')


def _grounding(pair: Pair) -> str:
    lines = []
    if pair.found is not None:
        lines.append(f"<div>{_where(pair.found, 'found' in pair.small)}</div>")
    if pair.gold is not None and not (pair.found and pair.found.boxes == pair.gold.boxes == []):
        overlap = f', <span class="quiet">IoU {best_overlap(pair.found, pair.gold):.2f}</span>' \
            if pair.found and pair.found.boxes and pair.gold.boxes else ""
        where = _where(pair.gold, "gold" in pair.small)
        lines.append(f'<div class="gold"><span class="side">gold</span> {where}{overlap}</div>')
    return "".join(lines)


def _where(entity: Entity, small: bool) -> str:
    """In words: not assessed, not in the picture, or how many boxes; with the probability if there is one."""
    if entity.boxes is None:
        words = '<span class="quiet">not assessed</span>'
    elif not entity.boxes:
        words = "not in the picture"
    else:
        words = "1 box" if len(entity.boxes) == 1 else f"{len(entity.boxes)} boxes"
        if entity.box_scores:
            words += f' <span class="score" title="confidence in the box">{entity.box_scores[0]:.2f}</span>'
    if small:
        words += ' <span class="quiet" title="counts in the rows of small regions">small</span>'
    if entity.groundable is not None:
        words += (f'<div class="quiet" title="probability that the picture shows it">'
                  f'visible {entity.groundable:.2f}</div>')
    return words


def _in_words(pair: Pair) -> str:
    entity = pair.entity
    parts = [f"<li>{escape(e.text)}{_source(e.source)}</li>" for e in entity.expansions or []]
    listed = f'<ul>{"".join(parts)}</ul>' if parts else ""
    if not entity.expression:
        return listed
    title = "the expression given to the visual models"
    return f'<div class="expression" title="{title}">{escape(entity.expression)}</div>' + listed


def _background(post: Post) -> str:
    """Caption and knowledge, folded away."""
    caption = f'<p class="caption"><b>Caption</b> {escape(post.caption)}</p>' if post.caption else ""
    if not post.knowledge:
        return caption
    items = "".join(f"<li>{escape(k.text)}{_source(k.source)}</li>" for k in post.knowledge)
    return f"{caption}<details><summary>Knowledge ({len(post.knowledge)})</summary><ul>{items}</ul></details>"


def _source(source: str | None) -> str:
    return f' <span class="quiet">· {escape(source)}</span>' if source else ""


def _chip(kind: str, words: str) -> str:
    return f'<span class="chip k-{kind}">{escape(words)}</span>'


def _searchable(post: Post, pairs: Sequence[Pair]) -> str:
    """Lower-case text that the free-text search looks in."""
    entities = [e for pair in pairs for e in (pair.found, pair.gold) if e is not None]
    words = [
        post.id, post.text, post.caption, post.error, *(e.type for e in entities),
        *(e.fine_type for e in entities), *(e.expression for e in entities),
        *(x.text for e in entities for x in e.expansions or [])
    ]
    return " ".join(dict.fromkeys(word.lower() for word in words if word))
