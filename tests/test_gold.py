"""Entities that come in: without influence unless --gold asks for them, and then no more of them than it
names."""

from __future__ import annotations

import json

import pytest

from gmner_cli.flow.keep_gold import KeepGold
from gmner_cli.records import Entity, Post
from tests.conftest import read_jsonl

INCOMING = [
    [],
    None,
    [{"start": 0, "end": 1, "type": "PER", "score": 1.0}],
    [{
        "start": 15, "end": 21, "type": "WRONG", "boxes": [[0, 0, 1, 1]], "groundable": 1.0,
        "expression": "a dog"
    }, {"start": 0, "end": 5, "type": "ORG", "expansions": [{"text": "not a person"}]}],
    [{"start": 6, "end": 14, "type": "LOC"}],
    [{"start": a, "end": a + 1, "type": "X"} for a in range(20, -1, -1)],
]


def test_entities_that_come_in_change_nothing_unless_gold_asks_for_them(gmner, tiny_tagger):
    records = [{"id": f"{n}", "text": "Allen swims in London", "entities": entities}
               for n, entities in enumerate(INCOMING)]
    stdin = "".join(json.dumps(record) + "\n" for record in records)
    done = gmner("predict", "--texts", "-", "--ner", tiny_tagger, "--offline", "--device", "cpu", stdin=stdin)
    assert done.returncode == 0, done.stderr
    found = [r["entities"] for r in read_jsonl(done.stdout)]
    assert [(e["text"], e["type"]) for e in found[0]] == [("Allen", "PER"), ("London", "LOC")]
    for other in found[1:]:
        assert other == found[0]
    done = gmner("predict", "--texts", "-", "--ner", tiny_tagger, "--gold", "spans", "--offline", "--device",
                 "cpu", stdin=stdin)
    assert done.returncode == 3, "the post without entities cannot be believed"
    kept = read_jsonl(done.stdout)
    assert "needs `entities`" in kept[1]["error"]
    for record, entities in zip(kept, INCOMING, strict=True):
        if entities is not None:
            assert [(e["start"], e["end"], e["type"])
                    for e in record["entities"]] == [(e["start"], e["end"], e["type"]) for e in entities]
            assert all(e["boxes"] == [] and e["groundable"] == 0.0 and "score" not in e
                       for e in record["entities"]), (
                           "no more than spans is believed, and without a picture nothing is visible")


FULL = {
    "start": 0, "end": 5, "type": "PER", "fine_type": "swimmer", "score": 0.9, "entropy": 0.1,
    "candidates": ["PER"], "expression": "a swimmer", "groundable": 0.4, "box_scores": [0.3],
    "boxes": [(1, 2, 3, 4)]
}


@pytest.mark.parametrize("level, kept", {
    None: None,
    "spans": {},
    "groundable": {"groundable": 1.0, "visible": True},
    "boxes": {"groundable": 1.0, "visible": True, "boxes": [(1, 2, 3, 4)], "box_scores": [0.3]},
}.items())
def test_each_level_of_gold_keeps_what_it_names_and_no_prediction(level, kept):
    post = Post(id="a", text="Allen swims", caption="c", entities=[Entity(**FULL, extra={"mine": 1})])
    found, = KeepGold(level)([post])
    if kept is None:
        assert found.entities is None
    else:
        expected = {
            "start": 0, "end": 5, "type": "PER", "fine_type": "swimmer", "text": "Allen", "mine": 1, **kept
        }
        assert found.entities[0].to_builtins() == expected
    assert found.caption == "c" and post.entities[0].score == 0.9, "the post that came in is not changed"


@pytest.mark.parametrize("level, kept", [
    ("spans", {}), ("groundable", {"groundable": 0.0, "visible": False, "boxes": []}),
    ("boxes", {"groundable": 0.0, "visible": False, "boxes": []})])
def test_what_gold_says_is_not_in_the_picture_is_not_looked_for(level, kept):
    entity = Entity(start=0, end=5, type="PER", boxes=[])
    found, = KeepGold(level)([Post(id="a", text="Allen", entities=[entity])])
    assert found.entities[0].to_builtins() == {"start": 0, "end": 5, "type": "PER", "text": "Allen", **kept}


def test_posts_that_are_set_aside_stay_as_they_came_in():
    for marks in ({"error": "x"}, {"skipped": "x"}):
        post = Post(id="a", text="Allen", entities=[Entity(start=0, end=5, type="PER", score=0.5)], **marks)
        for level in (None, "spans"):
            assert KeepGold(level)([post]) == [post]
