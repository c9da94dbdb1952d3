"""Expressions in training: every wording is asked of one picture, some of them under invented names."""

from __future__ import annotations

import pytest

from gmner_cli.errors import UsageError
from gmner_cli.language.expressions import Expressions
from gmner_cli.records import Entity, Expansion, Post

TEMPLATES = {"with_expansion": "{name} ({type}) - {expansion}", "without": "{name} ({type})", "kinds": {}}


def post(number=0):
    said = [Expansion(text="a dog", source="a"), Expansion(text="a brown dog", source="b")]
    return Post(
        id=str(number), text="Milo in Rome",
        entities=[Entity(start=0, end=4, type="OTHER", expansions=said),
                  Entity(start=8, end=12, type="LOC")])


def test_every_wording_of_an_entity_stands_in_its_post_and_the_post_is_not_changed():
    before = post()
    (worded,) = Expressions(**TEMPLATES).variants([before])
    assert [e.expression
            for e in worded.entities] == ["Milo (OTHER) - a dog", "Milo (OTHER) - a brown dog", "Rome (LOC)"]
    assert before == post()


def test_the_expansions_of_one_model_alone():
    stage = Expressions(**TEMPLATES, source="b")
    assert [e.expression for e in stage([post()])[0].entities] == ["Milo (OTHER) - a brown dog", "Rome (LOC)"]
    worded = stage.variants([post()])[0].entities
    assert [e.expression for e in worded] == ["Milo (OTHER) - a brown dog", "Rome (LOC)"]
    assert [e.expression for e in Expressions(**TEMPLATES, source="c")([post()])[0].entities
            ] == ["Milo (OTHER)", "Rome (LOC)"]


def test_invented_names_come_at_their_share_only_with_expansions_and_always_the_same():
    stage, posts = Expressions(**TEMPLATES, invented=0.3), [post(n) for n in range(300)]
    worded = stage.variants(posts)
    told = [e.expression for p in worded for e in p.entities if e.expansions]
    share = sum(not words.startswith("Milo ") for words in told) / len(told)
    assert 0.24 < share < 0.36 and len(set(told)) > 100
    assert all(e.expression == "Rome (LOC)" for p in worded for e in p.entities if not e.expansions)
    assert all(words.endswith((" (OTHER) - a dog", " (OTHER) - a brown dog")) for words in told)
    assert [p.entities for p in stage.variants(posts)] == [p.entities for p in worded]
    assert [e.expression for e in stage([post()])[0].entities] == ["Milo (OTHER) - a dog",
                                                                   "Rome (LOC)"], "never in prediction"


@pytest.mark.parametrize("share", [-0.1, 1.5, "half"])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(UsageError, match="between 0 and 1"):
        Expressions(**TEMPLATES, invented=share)


def test_an_entity_that_brings_its_expression_stands_once_and_keeps_it():
    before = post()
    before.entities[0].expression = "my dog"
    (worded,) = Expressions(**TEMPLATES, invented=1).variants([before])
    assert [e.expression for e in worded.entities] == ["my dog", "Rome (LOC)"]
    assert len(worded.entities[0].expansions) == 2
