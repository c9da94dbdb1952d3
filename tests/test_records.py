"""The record: what is refused, with which words, and that nothing unknown is lost on the way."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmner_cli.errors import RecordError
from gmner_cli.ner.cut import Cut
from gmner_cli.records import Entity, Post, check_box, json_schema, token_offsets
from gmner_cli.records.jsonl import encode, loads

BASE = {"id": "p", "text": "Allen swims in London"}


def entity(**changes):
    return {**BASE, "entities": [{"start": 0, "end": 5, "type": "PER", **changes}]}


BAD = {
    "text missing": ({"id": "p"}, "missing field text"),
    "text a number": ({"id": "p", "text": 5}, "expected str, got int at text"),
    "id with a fraction": ({"id": 5.5, "text": "x"}, "expected text or a whole number at id, got a number "
                           "(5.5)"),
    "id empty": ({"id": "", "text": "x"}, "id is empty"),
    "tokens a string": ({**BASE, "tokens": "Allen swims"}, "expected array | null, got str at tokens"),
    "token not in text": ({**BASE, "tokens": ["Allen", "flies"]}, "tokens[1] 'flies' does not follow"),
    "token empty": ({**BASE, "tokens": ["Allen", ""]}, "tokens[1] is empty"),
    "image size zero": ({**BASE, "image_size": [0, 5]}, "image_size [0, 5] is not positive"),
    "image size of three": ({**BASE, "image_size": [1, 2, 3]}, "at image_size"),
    "entities an object": ({**BASE, "entities": {}}, "expected an array at entities, got an object"),
    "entity a string": ({**BASE, "entities": ["Allen"]}, "expected an object at entities[0], got a string"),
    "start missing": ({**BASE, "entities": [{"end": 5,
                                             "type": "PER"}]}, "missing field start at entities[0]"),
    "start a string": (entity(start="0"), "expected int, got str at entities[0].start"),
    "start a boolean": (entity(start=True), "expected int, got bool at entities[0].start"),
    "start with a fraction": (entity(start=0.5), "at entities[0].start"),
    "start negative": (entity(start=-1), "span -1..5 is not inside the text of 21 characters"),
    "end before start": (entity(start=5, end=2), "span 5..2 is not inside"),
    "end at start": (entity(start=5, end=5), "span 5..5 is not inside"),
    "end outside": (entity(end=22), "span 0..22 is not inside the text of 21 characters"),
    "text of another span": (entity(text="London"),
                             "entities[0].text 'London' is not what stands at 0..5: 'Allen'"),
    "type empty": (entity(type=""), "entities[0].type is empty"),
    "one token bound": ({**entity(token_start=0), "tokens": ["Allen"]},
                        "only one of token_start and token_end"),
    "tokens outside": ({**entity(token_start=0, token_end=3), "tokens": ["Allen"]},
                       "tokens 0..3 are not inside the 1 tokens"),
    "tokens of another span": ({**entity(token_start=0, token_end=2), "tokens": ["Allen", "swims"]},
                               "tokens 0..2 are characters 0..11, but the span says 0..5"),
    "x2 < x1": (entity(boxes=[[9, 1, 3, 4]]),
                "entities[0].boxes[0] [9.0, 1.0, 3.0, 4.0] needs x1 < x2 and y1 < y2"),
    "flat box": (entity(boxes=[[1, 4, 3, 4]]), "needs x1 < x2 and y1 < y2"),
    "box of three": (entity(boxes=[[1, 2, 3]]), "at entities[0].boxes[0]"),
    "box with a null": (entity(boxes=[[1, 2, 3, None]]), "at entities[0].boxes[0][3]"),
    "box with a string": (entity(boxes=[[1, 2, 3, "NaN"]]), "at entities[0].boxes[0][3]"),
    "scores not parallel": (entity(boxes=[], box_scores=[0.5]), "box_scores has 1 entries for 0 boxes"),
    "masks not parallel": (entity(boxes=[[1, 2, 3, 4]], masks=[]), "masks has 0 entries for 1 boxes"),
    "mask without size": (entity(boxes=[[1, 2, 3, 4]],
                                 masks=[{"counts": "x"}]), "missing field size at entities[0].masks[0]"),
    "groundable above 1": (entity(groundable=1.5), "groundable 1.5 is not a probability"),
    "proposal crossed": ({**BASE, "proposals": [{"box": [5, 5, 1, 9]}]}, "proposals[0].box"),
    "knowledge without text": ({**BASE, "knowledge": [{"source": "x"}]},
                               "missing field text at knowledge[0]"),
    "skipped a boolean": ({**BASE, "skipped": True}, "expected str"),
}


@pytest.mark.parametrize("record, words", BAD.values(), ids=BAD)
def test_what_is_wrong_is_named(record, words):
    with pytest.raises(RecordError) as caught:
        Post.from_builtins(record).check()
    assert words in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_are_refused_in_every_place(value):
    for changes in ({"score": value}, {"entropy": value}, {"groundable": value},
                    {"boxes": [(0, 0, value, 5)]}):
        with pytest.raises(RecordError, match="not finite"):
            Post(id="p", text="Allen", entities=[Entity(start=0, end=5, type="PER", **changes)]).check()


def test_declared_types_only_and_the_way_out_is_said():
    post = Post.from_builtins(entity(type="PERS"))
    assert post.check() is post
    assert post.check(["PERS"]) is post
    with pytest.raises(RecordError) as caught:
        post.check(["PER", "LOC"])
    assert "'PERS' is not one of LOC, PER" in str(caught.value)
    assert "--label-map PERS=NEW; did you mean 'PER'?" in str(caught.value)
    with pytest.raises(RecordError) as caught:
        post.check([])
    assert "None" not in str(caught.value)


def test_absent_and_empty_are_not_the_same():
    for boxes in ({}, {"boxes": []}):
        record = entity(**boxes)
        assert json.loads(encode(Post.from_builtins(record))) == record


coordinate = st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(st.tuples(coordinate, coordinate, coordinate, coordinate))
def test_a_box_passes_exactly_when_it_has_an_area(box):
    x1, y1, x2, y2 = box
    good = all(abs(v) < float("inf") for v in box) and x2 - x1 > 0 and y2 - y1 > 0
    try:
        check_box(box, "box")
    except RecordError:
        assert not good
    else:
        assert good


@given(st.text(max_size=30), st.integers(-3, 35), st.integers(-3, 35))
def test_a_span_passes_exactly_when_it_holds_text(text, start, end):
    post = Post(id="p", text=text, entities=[Entity(start=start, end=end, type="X")])
    try:
        post.check()
    except RecordError:
        assert start < 0 or end > len(text) or start >= end
    else:
        assert start >= 0 and len(text[start:end]) == end - start > 0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=3), max_leaves=8)
known = {*Post.__struct_fields__, *Entity.__struct_fields__} - {"extra"}
unknown_fields = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(lambda k: k not in known),
    json_values, max_size=4)


def same(a, b):
    """Equal in value and in JSON type: 1, 1.0 and true are three things."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@given(unknown_fields, unknown_fields, st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
@settings(deadline=None)
def test_unknown_fields_pass_through_a_round_trip(on_post, on_entity, text):
    record = {
        "id": "p", "text": text, **on_post, "entities": [{"start": 0, "end": 1, "type": "X", **on_entity}]
    }
    back = json.loads(encode(Post.from_builtins(loads(json.dumps(record))).check()))
    assert same(back, record)


def test_what_json_cannot_hold_is_refused_when_written():
    for odd in (float("nan"), {"deep": [float("inf")]}, "\ud800", object()):
        with pytest.raises(RecordError, match="cannot be written as JSON"):
            encode(Post(id="p", text="x", extra={"odd": odd}))


tweet = st.text(
    st.characters() | st.sampled_from(
        "\u200d\ufe0f👨👩👧🇩🇪🏽#@_'’-.,\u0301\u0644\u0627ا\u202eنيويورك東京\u2028\u2029\x85\x00\t\r\n "
        "\u3000\u200a\xad"
    ), max_size=60)


@given(tweet)
@settings(max_examples=400)
def test_words_are_in_order_and_cover_every_visible_character(text):
    spans = Cut().spans(text)
    assert all(a < b for a, b in spans)
    assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:], strict=False))
    covered = {i for a, b in spans for i in range(a, b)}
    assert covered == {i for i, c in enumerate(text) if not c.isspace()}


@given(tweet)
def test_words_given_as_tokens_are_found_where_they_were(text):
    spans = Cut().spans(text)
    assert token_offsets(text, [text[a:b] for a, b in spans]) == spans


def test_words_of_a_tweet_keep_their_exact_places():
    text = "👨‍👩‍👧 in New York 🇺🇸 #NYC\nhttps://t.co/x Beyoncé’s @O'Neal"
    words = [text[a:b] for a, b in Cut().spans(text)]
    for word in ("New", "York", "🇺🇸", "NYC", "https://t.co/x", "Beyoncé", "’", "s", "O", "Neal"):
        assert word in words


def test_the_schema_admits_what_is_read():
    schema = json_schema()
    post = schema["$defs"]["Post"]
    assert set(post["required"]) == {"id", "text"}
    assert post["additionalProperties"] is True and "extra" not in post["properties"]
    assert {"error", "skipped", "image_problem"} <= set(post["properties"])
