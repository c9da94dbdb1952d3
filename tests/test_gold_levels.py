"""What each level of ``--gold`` keeps of an entity, and what is cleared."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmner_cli.entailment.entailer import Entailer
from gmner_cli.flow.keep_gold import KeepGold
from gmner_cli.grounding.grounder import Grounder
from gmner_cli.records import Entity, Post, fields
from gmner_cli.records.fields import LEVELS, VISUAL, left_out
from tests.test_fields import gold

SPANS = {"start", "end", "type", "fine_type", "text", "token_start", "token_end"}
KEPT = {"spans": SPANS, "groundable": SPANS | {"groundable", "visible"},
        "boxes": SPANS | {"groundable", "visible", "boxes", "box_scores", "masks"}}
ALWAYS = {"expansions", "slices", "extra", "generated"}
CLEARED = {"score", "entropy", "candidates", "expression"}
WITH = {"groundable": {*VISUAL}, "visible": {*VISUAL}, "boxes": {"boxes", "box_scores", "masks"}}


def test_every_field_of_an_entity_is_of_a_level_or_passes_or_is_never_gold():
    assert set(Entity.__struct_fields__) - {"generated"} == KEPT["boxes"] | CLEARED | (ALWAYS - {"generated"})
    assert set(fields.CERTAINTY) | {"expression"} == CLEARED and set(fields.PASSING) | {"extra"} == ALWAYS


box = st.just((1.0, 2.0, 3.0, 4.0))


@st.composite
def entities(draw):
    boxes = draw(st.none() | st.lists(box, max_size=2))
    beside = {name: draw(st.none() | st.just([value] * len(boxes or [])))
              for name, value in (("box_scores", 0.5), ("masks", gold().entities[0].masks[0]))}
    given = {name: draw(st.none() | values) for name, values in {
        "fine_type": st.just("f"), "text": st.just("Allen"), "score": st.just(0.5), "entropy": st.just(0.5),
        "candidates": st.just([1]), "expression": st.just("e"), "groundable": st.floats(0, 1),
        "visible": st.booleans(),
        "expansions": st.just([]), "slices": st.just(["s"])}.items()}
    extra = draw(st.sampled_from([{}, {"own": 1, "mine": 2}]))
    return Entity(start=0, end=5, type="PER", boxes=boxes, **beside, **given, extra=extra)


declared = st.sets(st.sampled_from(["type", "fine_type", "expansions", "score", "own", "caption", *VISUAL]),
                   max_size=4)


@given(st.sampled_from(LEVELS), entities(), declared)
@settings(max_examples=300, deadline=None)
def test_what_comes_out_of_a_level_is_its_fields_less_what_stages_find(level, entity, finds):
    post = Post(id="p", text="Allen swims", caption="c", grounding="abstained", entities=[entity],
                extra={"own": 1, "mine": 2})
    before = copy.deepcopy(post)
    (found,) = KeepGold(level, finds)([post])
    assert post == before, "what came in is not changed"
    if "type" not in finds:  # which what finds it must write
        found.check()
    gone = finds.union(*(WITH.get(name, ()) for name in finds))
    after = found.entities[0]
    visible = bool(entity.boxes) if entity.boxes is not None else entity.visible
    kept = (KEPT[level] | ALWAYS) - {"extra", "generated"} - gone
    expected = {name: getattr(entity, name) for name in kept}
    chance = None if visible is None else float(visible)
    told = {"text": "Allen", "visible": visible, "groundable": chance}
    expected |= {name: value for name, value in told.items() if name in kept}
    if expected.get("visible") is False:
        expected["boxes"] = []
    if "type" in finds:
        expected["type"] = ""
    for name in set(Entity.__struct_fields__) - {"extra"}:
        assert getattr(after, name) == expected.get(name), name
    for was, now in ((post, found), (entity, after)):
        assert now.extra == {key: value for key, value in was.extra.items() if key not in finds}
    assert found.caption == (None if "caption" in finds else "c") and found.grounding is None


@given(entities(), declared)
@settings(max_examples=100, deadline=None)
def test_without_gold_no_entity_and_nothing_that_is_found_stays(entity, finds):
    post = Post(id="p", text="Allen swims", caption="c", entities=[entity], extra={"own": 1, "mine": 2})
    (found,) = KeepGold(None, finds)([post])
    assert found.entities is None
    assert found.extra == ({"mine": 2} if "own" in finds else {"own": 1, "mine": 2})
    assert found.caption == (None if "caption" in finds else "c")


@pytest.mark.parametrize(("record", "kept"), [
    ({"groundable": 0.9, "visible": True}, {"groundable": 1.0, "visible": True}),
    ({"groundable": 0.2, "visible": False}, {"groundable": 0.0, "visible": False, "boxes": []}),
    ({"groundable": 0.9, "visible": True, "boxes": []}, {"groundable": 0.0, "visible": False, "boxes": []}),
    ({"groundable": 0.9}, {})])
def test_visible_is_believed_where_no_box_says_it(record, kept):
    """So a run of visual entailment alone may be piped into one that grounds."""
    bare = {"start": 0, "end": 5, "type": "PER"}
    for level in ("groundable", "boxes"):
        (found,) = KeepGold(level)([gold(text="Allen", tokens=None, entities=[{**bare, **record}])])
        assert found.entities[0].to_builtins() == {**bare, "text": "Allen", **kept}


def test_models_that_spell_out_what_their_base_found_before_are_left_out_as_then():
    """Masks, and an entailer's boxes, stood in `finds` to be cleared; nobody found them."""
    class Where(Grounder):
        finds = ("boxes", "box_scores", "masks")

    class Whether(Entailer):
        finds = ("groundable", "boxes", "box_scores", "masks")

    assert Where.finds == Grounder.finds and Whether.finds == Entailer.finds
    assert left_out(Where.finds, "boxes", "vg") and left_out(Whether.finds, "groundable", "ve")
    assert not left_out(Where.finds, "groundable", "vg") and not left_out(Whether.finds, "spans", "ve")
