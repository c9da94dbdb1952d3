"""Replies of status 200 that hold no plain answer: errors inside, answers in parts, half characters,
refusals, tools."""

from __future__ import annotations

import pytest

from gmner_cli.errors import GmnerError
from gmner_cli.language.llm.backend import Answer, Failure
from tests.language.llm.answering import SECRET, ask, backend

pytestmark = pytest.mark.usefixtures("key")


def choice(**given):
    return {"choices": [{"finish_reason": "stop", **given}]}


PASSING = {
    "a code": ({"error": {"code": 429, "message": "slow down"}}, "200, with error 429 inside: slow down"),
    "a code as text": ({"error": {"code": "503", "message": "loading"}}, "error 503 inside: loading"),
    "a code outside": ({"error": "overloaded", "code": 529}, "error 529 inside: overloaded"),
    "a kind": ({"error": {"type": "rate_limit_error",
                          "message": "slow down"}}, "error 429 inside: slow down"),
    "a text": ({"error": "the GPU fell off"}, "with an error inside: the GPU fell off"),
    "behind a proxy": ({
        "error": {"code": 502, "message": "Provider returned error", "metadata": {"raw": "cuda died"}}
    }, "Provider returned error: cuda died"),
    "beside choices": ({"error": {"message": "broke"}, "choices": []}, "with an error inside: broke"),
    "of a choice": (choice(error={"code": 502, "message": "upstream died"},
                           message={"content": "a d"}), "error 502 inside: upstream died"),
    "of a choice alone": (choice(error={"code": 500, "message": "died"}), "error 500 inside: died"),
    "detail": ({"detail": "model is loading"}, "with an error inside: model is loading"),
    "details": ({"detail": [{"loc": ["body"], "msg": "odd"}]}, '"msg": "odd"'),
    "message": ({"object": "error", "message": "no workers", "code": 500,
                 "choices": None}, "error 500 inside: no workers"),
    "broken off": (choice(finish_reason="error", message={"content": "a d"}), "broke off the answer"),
    "a long one": ({"error": "x" * 300_000}, "…"),
}


@pytest.mark.parametrize("kind", PASSING)
def test_an_error_inside_that_may_pass_is_asked_again_and_told(serve, kind):
    reply, reason = PASSING[kind]
    server = serve(lambda h, prompt, before: h.answer("a dog")
                   if prompt == "later" and before else h.say(200, reply))
    found = ask(backend(server), "never", "later")
    assert reason in found[0].reason and "(asked 4 times)" in found[0].reason and len(found[0].reason) < 400
    assert found[1].text == "a dog"


@pytest.mark.parametrize(("error", "reason"), [
    ({"code": 400, "message": "too long"}, "the server answered 200, with error 400 inside: too long"),
    ({"type": "invalid_request_error", "message": "odd"}, "the server answered 200, with error 400 inside: "
                                                          "odd"),
    ({"code": "418", "message": f"{SECRET} is a teapot"}, "the server answered 200, with error 418 inside: "
                                                          "*** is a teapot")])
def test_an_error_inside_that_stays_fails_that_question_at_once(serve, error, reason):
    server = serve(lambda h, prompt, before: h.say(200, {"error": error}))
    assert ask(backend(server), "x") == [Failure(reason)]
    assert len(server.bodies) == 1


@pytest.mark.parametrize(("reply", "reason"), [
    ({"error": {"code": 401, "message": "no key"}}, r"refuses to answer \(200, with error 401 inside\): no "
                                                    r"key"),
    ({"error": {"type": "authentication_error", "message": "no key"}}, "refuses to answer"),
    ({"error": {"code": 404, "message": "gone"}}, "has no model 'some-model'"),
    ({"error": {"code": "insufficient_quota", "message": "pay"}}, "quota of the key is used up: pay"),
    ({"error": {"code": 402, "message": "add credits"}}, "quota of the key is used up: add credits")])
def test_an_error_inside_that_holds_for_all_questions_ends_the_run(serve, reply, reason):
    server = serve(lambda h, prompt, before: h.say(200, reply))
    with pytest.raises(GmnerError, match=reason):
        ask(backend(server, concurrency=1), *"abcdefgh")
    assert len(server.bodies) == 1


def test_the_pause_of_an_error_inside_is_kept(serve):
    server = serve(lambda h, prompt, before: h.say(200, {"error": {"code": 429, "message": "tomorrow"}},
                                                   Retry_After="100000"))
    with pytest.raises(GmnerError, match="asks to be left alone for 100000 seconds"):
        ask(backend(server), "x")


def test_a_parameter_that_an_error_inside_does_not_want_is_left_out(serve):
    server = serve(lambda h, prompt, before: h.say(
        200, {"error": {"message": "no", "param": "temperature", "code": "unsupported_value"}})
                   if "temperature" in server.bodies[-1] else h.answer("a dog"))
    assert ask(backend(server), "x")[0].text == "a dog"


PARTS = {
    "text": [{"type": "text", "text": "a "}, {"type": "text", "text": "dog"}],
    "output": [{"type": "output_text", "text": "a dog"}],
    "no type": [{"text": "a dog"}],
    "strings": ["a ", "dog"],
    "one": {"type": "text", "text": "a dog"},
    "value": [{"type": "text", "text": {"value": "a dog"}}],
    "nested": [{"type": "message", "content": [{"type": "output_text", "text": "a dog"}]}],
    "thoughts": [{"type": "reasoning", "text": "Hm."}, {"text": "Hm.", "thought": True},
                 {"type": "text", "text": "a dog"}],
    "others": [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "a dog"}, None],
}


@pytest.mark.parametrize("kind", PARTS)
def test_an_answer_in_parts_is_put_together(serve, kind):
    assert ask(backend(serve(lambda h, prompt, before: h.answer(PARTS[kind]))), "x")[0].text == "a dog"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [(choice(message={"content": None, "refusal": "I\ncannot"}), "the model refuses: I cannot"),
     (choice(message={"content": [{"type": "refusal", "refusal": "no"}]}), "the model refuses: no"),
     (choice(message={"content": None, "tool_calls": [{"id": "1"}]},
             finish_reason="tool_calls"), "calls a tool instead of answering"),
     (choice(message={"content": "a d"},
             finish_reason="content_filter"), "content filter withheld the answer"),
     (choice(message={"content": None}, finish_reason="SAFETY"), "content filter withheld the answer"),
     (choice(message={"content": "x" * 100_000}), "has 100000 characters, which are no 96 tokens")])
def test_what_is_no_answer_and_stays_so_is_told_and_not_asked_again(serve, reply, reason):
    server = serve(lambda h, prompt, before: h.say(200, reply))
    (found,) = ask(backend(server), "x")
    assert isinstance(found, Failure) and reason in found.reason and len(server.bodies) == 1


@pytest.mark.parametrize(("body", "text"), [
    (b'a dog \\ud83d', "a dog"),
    (b'a \\ud83d\\ude00 dog', "a 😀 dog"),
    (b'a \\ud83d dog', "a \ufffd dog"),
])
def test_half_of_a_pair_is_no_reason_to_lose_the_answer(serve, body, text):
    server = serve(lambda h, prompt, before: h.say(
        200, b'{"error": null, "choices": [{"message": '
        b'{"content": "%s"}, "finish_reason": "length"}]}' % body))
    assert ask(backend(server), "x") == [Answer(text=text, model="some-model", cut=True)]


@pytest.mark.parametrize(("finish", "cut"), [("length", True), ("MAX_TOKENS", True), ("model_length", True),
                                             (None, True), ("stop", False), ("eos", False)])
def test_how_servers_say_that_an_answer_was_cut(serve, finish, cut):
    server = serve(lambda h, prompt, before: h.say(
        200,
        {**choice(finish_reason=finish, message={"content": prompt}), "usage": {"completion_tokens": 96}}))
    assert [a.cut for a in ask(backend(server), "a dog", "a dog\nmore")
            ] == [cut, False], "what comes after a stop string is not missed"
