"""Tags to spans, against seqeval's two readings and a round trip."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmner_cli.data.conll_posts import make_post
from gmner_cli.data.tags import Span, decode

TYPES = ("PER", "LOC", "MISC")


@st.composite
def spans_of(draw) -> tuple[int, list[Span]]:
    """A number of tokens and disjoint spans in them, neighbours of one type included."""
    spans, at = [], 0
    for gap, length, kind in draw(
            st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(TYPES)))):
        spans.append(Span(at + gap, at + gap + length, kind))
        at += gap + length
    return at + draw(st.integers(0, 2)), spans


def encode(count: int, spans: list[Span]) -> list[str]:
    tags = ["O"] * count
    for start, end, kind in spans:
        tags[start:end] = [f"B-{kind}"] + [f"I-{kind}"] * (end - start - 1)
    return tags


@given(spans_of(), st.sampled_from(["start", "drop"]))
def test_spans_survive_iob2(case, orphans):
    count, spans = case
    assert decode(encode(count, spans), orphans) == (spans, [])


@settings(deadline=None)  # the first example imports seqeval, and with it scikit-learn
@given(st.lists(st.sampled_from(["O", *(f"{p}-{t}" for p in "BI" for t in TYPES)]), min_size=1))
def test_readings_agree_with_seqeval(tags):
    scheme = pytest.importorskip("seqeval.scheme")
    from seqeval.metrics.sequence_labeling import get_entities

    strict = [Span(e.start, e.end, e.tag) for e in scheme.Entities([tags], scheme.IOB2).entities[0]]
    assert decode(tags, "drop")[0] == strict
    assert decode(tags, "start")[0] == [Span(start, end + 1, kind) for kind, start, end in get_entities(tags)]


def test_orphans_are_counted_once_a_run():
    tags = ["I-PER", "I-PER", "O", "B-LOC", "I-PER", "I-LOC"]
    assert decode(tags, "drop") == ([Span(3, 4, "LOC")], [0, 4, 5])
    assert decode(tags,
                  "start") == ([Span(0, 2, "PER"),
                                Span(3, 4, "LOC"),
                                Span(4, 5, "PER"),
                                Span(5, 6, "LOC")], [0, 4, 5])


# Tokens as tweets have them: variation selectors, hair spaces, joiners, C1 controls, no ASCII space alone.
tokens_of = st.lists(st.text(st.sampled_from("aB\ufe0f\u200a\u200b\u200d\xa0\x85\x92\u3000 &;"), min_size=1)
                     .filter(lambda t: t.strip(" ") == t), min_size=1, max_size=8)


@given(tokens_of, st.data())
def test_offsets_point_at_the_tokens(tokens, data):
    start = data.draw(st.integers(0, len(tokens) - 1))
    end = data.draw(st.integers(start + 1, len(tokens)))
    post = make_post("p", tokens, [Span(start, end, "PER")]).check()
    entity = post.entities[0]
    assert post.text[entity.start:entity.end] == " ".join(tokens[start:end]) == entity.text
    assert (entity.token_start, entity.token_end) == (start, end)
