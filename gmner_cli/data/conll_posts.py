"""From CoNLL sentences to posts: spans in tokens and characters, the same for every data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gmner_cli.data.adapter import NO_ENTITY, Options
from gmner_cli.data.conll import Sentence
from gmner_cli.data.findings import Report
from gmner_cli.data.tags import Orphans, Span, decode
from gmner_cli.records import Entity, Post, token_offsets


def make_post(post_id: str, tokens: list[str], spans: Sequence[Span], **fields: Any) -> Post:
    """A post whose text is its tokens joined by one space, with ``spans`` as entities."""
    text = " ".join(tokens)
    offsets = token_offsets(text, tokens)
    entities = []
    for span in spans:
        start, end = offsets[span.start][0], offsets[span.end - 1][1]
        entities.append(Entity(start=start, end=end, token_start=span.start, token_end=span.end,
                               text=text[start:end], type=span.type))
    return Post(id=post_id, text=text, tokens=tokens, entities=entities, **fields)


def tagged_posts(
    sentences: Sequence[Sentence],
    path: Path,
    report: Report,
    options: Options,
    *,
    orphans: Orphans,
    meta: Mapping[str, Any],
    renames: Mapping[str, str] | None = None,
    name: Callable[[int], str] | None = None,
) -> list[Post]:
    """Posts of one split from the first tag column; ``name(n)`` makes the id of the n-th post where it has
    none.

    ``orphans``: the data set's own reading, where ``options`` asks for none.
    ``renames``: types that the records call otherwise; ``options.label_map``
    adds to them, and what it calls O is no entity. Orphans go to ``report``;
    with ``options.fix`` they start an entity whatever is asked.
    """
    fix, reading = options.fix, "start" if options.fix else options.orphans or orphans
    renames = {**(renames or {}), **options.label_map}
    posts = []
    renamed: Counter[str] = Counter()
    for number, sentence in enumerate(sentences, start=1):
        spans, lost = decode(sentence.column(), reading)
        for at in lost:
            report.add("orphan_tag", f"{path}:{sentence.lines[at]}",
                       f"{sentence.tags[at][0]} continues nothing, so it "
                       + ("starts an entity" if reading == "start" else "is no entity"), fixed=fix)
        if renames:
            renamed.update(span.type for span in spans if span.type in renames)
            spans = [span._replace(type=renames.get(span.type, span.type)) for span in spans]
            spans = [span for span in spans if span.type != NO_ENTITY]
        post_id = sentence.id or (name(number) if name else f"{path.stem}-line-{sentence.line}")
        image = f"{sentence.id}.jpg" if sentence.id else None
        posts.append(make_post(post_id, sentence.tokens, spans, image=image, meta=dict(meta)))
    for old, count in renamed.items():
        new = "no entity" if renames[old] == NO_ENTITY else renames[old]
        report.add("label_renamed", path, f"{old} is {new} in the records ({count} entities)")
    return posts
