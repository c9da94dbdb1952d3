"""From CoNLL sentences to posts: spans in tokens and characters, the same for every data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

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
    sentences: Sequence[Sentence], path: Path, report: Report, *, orphans: Orphans, meta: Mapping[str, Any],
    fix: bool = False, renames: Mapping[str, str] | None = None, name: Callable[[int], str] | None = None,
) -> list[Post]:
    """Posts of one split from the first tag column; ``name(n)`` makes the id of the n-th post where it has none.

    ``renames``: types that the records call otherwise. Orphans go to
    ``report``; with ``fix`` they start an entity whatever ``orphans`` says.
    """
    reading: Orphans = "start" if fix else orphans
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
        post_id = sentence.id or (name(number) if name else f"line-{sentence.line}")
        image = f"{sentence.id}.jpg" if sentence.id else None
        posts.append(make_post(post_id, sentence.tokens, spans, image=image, meta=dict(meta)))
    for old, count in renamed.items():
        report.add("label_renamed", path, f"{old} is {renames[old]} in the records ({count} entities)")
    return posts
