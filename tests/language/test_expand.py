"""The stage: what is asked, where answers go, and that nothing else of a post changes."""

from __future__ import annotations

import pytest

from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.language.expand import HOPELESS, Expand
from gmner_cli.language.llm.backend import Answer, Backend, Failure
from gmner_cli.language.prompts import read_prompt
from gmner_cli.records import Entity, Expansion, Knowledge, Post


class Dummy(Backend):
    """Answers each question by ``reply(question)``, the last first; None is passed over."""

    name = "dummy"

    def __init__(self, reply=lambda question: "an answer", **more):
        self.reply, self.more, self.seen = reply, more, []

    def answers(self, questions):
        self.seen += questions
        for index in reversed(range(len(questions))):
            reply = self.reply(questions[index])
            if reply is not None:
                yield index, reply if isinstance(reply, Failure) else Answer(text=reply, model="m", **
                                                                             self.more)


class Silent(Dummy):
    name, generates = "silent", False


def post(identity="a", **more):
    return Post(id=identity, text="Vale met Orrin", caption="two men", entities=[
        Entity(start=0, end=4, type="PER", score=0.9), Entity(start=9, end=14, type="PER")], **more)


def expand(task, backend, posts, **options):
    stage = Expand(task, backend, read_prompt(task), **options)
    return stage, stage(posts)


def name(question):
    return question.post.text[question.entity.start:question.entity.end]


def test_each_entity_is_asked_for_and_only_its_expansion_changes():
    backend = Dummy(lambda q: f"  it is\n {name(q)} \n", prompt_tokens=10, answer_tokens=2)
    before = [post(), Post(id="b", text="nothing", entities=[]), Post(id="c", text="not assessed")]
    was = [p.to_builtins() for p in before]
    stage, found = expand("expansions", backend, before)
    assert [e.to_builtins() for e in found[0].entities[0].expansions
            ] == [{"text": "it is Vale", "source": "llm:dummy", "of": "prediction"}]
    assert [e.to_builtins() for e in found[0].entities[1].expansions
            ] == [{"text": "it is Orrin", "source": "llm:dummy", "of": "gold"}]
    now = [p.clear("expansions").to_builtins() for p in found]
    assert now == was
    assert [q.prompt.splitlines()[-2:] for q in backend.seen] == [
        ['Question: what is "Vale"?', "Answer:"],
        ['Question: what is "Orrin"?', "Answer:"]]
    assert str(stage.tally).startswith("2 questions, 0 failed, entities: 1 gold, 1 predicted, 20 tokens in, "
                                       "4 out, ")


def test_knowledge_is_asked_once_a_post():
    backend = Dummy(lambda q: f"Named entities:\n1. {q.post.id}")
    stage, found = expand("knowledge", backend, [post("a"), post("b")])
    assert [[k.to_builtins()
             for k in p.knowledge]
            for p in found] == [[{"text": f"Named entities: 1. {i}", "source": "llm:dummy"}]
                                for i in "ab"], "an answer of several lines becomes one"
    assert all(q.entity is None for q in backend.seen) and found[0].entities[0].expansions is None


def test_a_source_answers_once_and_others_stay():
    one = post(knowledge=[
        Knowledge(text="old", source="llm:other"),
        Knowledge(text="before", source="llm:dummy"),
        Knowledge(text="nobody's")
    ])
    backend = Dummy()
    stage, (same,) = expand("knowledge", backend, [one])
    assert backend.seen == [] and stage.tally.kept == 1 and [k.text for k in same.knowledge
                                                             ] == ["old", "before", "nobody's"]
    _, (again,) = expand("knowledge", backend, [one], overwrite=True)
    assert [(k.text, k.source) for k in again.knowledge] == [("old", "llm:other"), ("an answer", "llm:dummy"),
                                                             ("nobody's", None)]
    other = Dummy()
    other.name = "second"
    _, (more,) = expand("knowledge", other, [one])
    assert [k.source for k in more.knowledge] == ["llm:other", "llm:dummy", None, "llm:second"]


def test_an_entity_with_an_entry_is_left_out_and_its_neighbour_is_not():
    one = post()
    one.entities[0].expansions = [Expansion(text="kept", source="llm:dummy")]
    backend = Dummy()
    expand("expansions", backend, [one])
    assert [name(q) for q in backend.seen] == ["Orrin"] and one.entities[0].expansions[0].text == "kept"


def test_a_failed_question_marks_its_post_which_keeps_the_rest():
    replies = {"Vale": Failure("the server said 500"), "Orrin": "a man"}
    stage, found = expand("expansions", Dummy(lambda q: replies[name(q)] if q.post.id == "a" else "fine"),
                          [post("a"), post("b")])
    assert found[0].error == "expand: 'Vale': the server said 500" and found[1].error is None
    assert found[0].entities[0].expansions is None and found[0].entities[1].expansions[0].text == "a man"
    assert (stage.tally.failed, stage.tally.answered, stage.tally.asked) == (1, 3, 4)


@pytest.mark.parametrize("reply", ["", " \n\t ", "\x00"])
def test_an_empty_answer_is_a_failure_not_an_empty_expansion(reply):
    _, (found,) = expand("expansions", Dummy(lambda q: reply), [post()])
    assert found.error == "expand: 'Vale': the answer is empty; 'Orrin': the answer is empty"
    assert all(e.expansions is None for e in found.entities)


def test_a_question_that_is_passed_over():
    _, (found,) = expand("knowledge", Dummy(lambda q: None), [post()])
    assert found.error == "expand: no answer came", "a model that says nothing has failed"
    stage, (found,) = expand("knowledge", Silent(lambda q: None), [post()])
    assert found.error is None and found.knowledge is None
    assert stage.tally.unknown == 1, "a ready source knows nothing of it"


def test_a_ready_source_is_named_as_it_is_and_reads_no_prompt():
    backend = Silent(lambda q: "line\nline")
    _, (found,) = expand("knowledge", backend, [post()])
    assert found.knowledge == [Knowledge(text="line line", source="silent")] and backend.seen[0].prompt == ""


def test_posts_that_failed_or_are_skipped_are_left_alone():
    posts = [post("a", error="broken"), post("b", skipped="no image"), post("c")]
    backend = Dummy()
    expand("knowledge", backend, posts)
    assert [q.post.id
            for q in backend.seen] == ["c"] and posts[0].error == "broken" and posts[0].knowledge is None


def test_when_nothing_is_ever_answered_it_stops():
    failing = Dummy(lambda q: Failure("no such host"))
    posts = [post(str(n)) for n in range(HOPELESS)]
    with pytest.raises(GmnerError, match=f"llm:dummy: the first {HOPELESS} questions all failed; the last: "
                                         "no such host"):
        expand("knowledge", failing, posts)
    _, found = expand("knowledge", failing, posts[1:])
    assert all(p.error for p in found), "a few may all fail"
    _, found = expand("knowledge", Dummy(lambda q: "fine" if q.post.id == "last" else Failure("busy")),
                      [*posts, post("last")])
    assert sum(p.error is not None for p in found) == HOPELESS, "the last was answered first"


def test_examples_are_those_of_the_file_or_those_given():
    backend = Dummy()
    for wanted in (0, 1, 3):
        expand("knowledge", backend, [post()], wanted=wanted)
        assert backend.seen[-1].prompt.count("\nAnswer:") == wanted + 1
    stage, _ = expand(
        "knowledge", backend, [post("a"), post("b")], wanted=2, examples=lambda posts:
        [[{"text": f"for {p.id}", "caption": None, "background": None, "answer": f"said to {p.id}"}]
         for p in posts])
    assert ["for a" in q.prompt and "said to a" in q.prompt for q in backend.seen[-2:]] == [True, False]
    assert stage.tally.few_examples == 2


def test_what_was_stored_is_counted_apart():
    stage, _ = expand("knowledge", Dummy(prompt_tokens=5, answer_tokens=5, stored=True), [post()])
    assert "1 questions, 1 answered from the store, 0 failed" in str(stage.tally) and "tokens" not in str(
        stage.tally)


def test_nothing_to_ask_asks_nobody():
    class Refusing(Dummy):
        def answers(self, questions):
            raise AssertionError("asked")

    assert expand("expansions", Refusing(), [Post(id="a", text="x")])[1][0].error is None
    assert expand("expansions", Refusing(), [])[1] == []
    with pytest.raises(UsageError, match="unknown task"):
        Expand("captions", Refusing(), read_prompt("knowledge"))


def test_a_post_that_a_backend_cannot_bear_fails_alone():
    """What a stage raises for one post is that post's; the others have their answers (``stages.compose``)."""
    from gmner_cli.flow.compose import compose

    def reply(question):
        if question.post.id == "bad":
            raise ValueError("odd")
        return "fine"

    stage = Expand("knowledge", Dummy(reply), read_prompt("knowledge"))
    found = list(compose([stage], [post("a"), post("bad"), post("c")]))
    assert [p.error for p in found] == [None, "stage expand: unexpected ValueError: odd", None]
    assert [p.knowledge and p.knowledge[0].text for p in found] == ["fine", None, "fine"]
