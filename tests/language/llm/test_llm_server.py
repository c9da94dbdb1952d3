"""A real server on this machine that misbehaves in every way: each question gets an answer or a failure of
its own."""

from __future__ import annotations

import random
import socket
import threading
import time
import zlib
from email.utils import formatdate

import pytest

from gmner_cli.errors import GmnerError
from gmner_cli.language.llm.backend import Answer, Failure, Generation
from gmner_cli.language.llm.openai import Patience, Server
from gmner_cli.language.llm.pace import Pace
from tests.language.llm.answering import QUICK, SECRET, ask, backend
from tests.language.llm.tiny_llm import questions

pytestmark = pytest.mark.usefixtures("key")


def test_a_question_goes_out_as_asked_and_its_answer_comes_back(serve):
    server = serve(lambda handler, prompt, before: handler.answer(" a dog\nText: the next example"))
    assert ask(backend(server), "What is Allen?") == [
        Answer(text="a dog", model="some-model", prompt_tokens=5, answer_tokens=2)
    ]
    assert server.bodies == [{
        "path": "/v1/chat/completions", "model": "some-model", "max_tokens": 96, "temperature": 0.0,
        "stop": ["\n"], "messages": [{"role": "user", "content": "What is Allen?"}]
    }]
    assert server.headers[0]["Authorization"] == f"Bearer {SECRET}"
    ask(backend(server, Generation(temperature=0.5, seed=3, stop=tuple("abcdef"))), "x")
    assert server.bodies[1]["seed"] == 3 and server.bodies[1]["stop"] == list("abcd")


def half(handler):
    """A reply that ends in the middle of what it announced."""
    handler.send_response(200)
    handler.send_header("Content-Length", "500")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"message": {"cont')
    handler.close_connection = True


def closed(handler):
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


TROUBLE = {
    "garbage": (lambda h: h.say(200, b"<html>\xff welcome"), "no chat completion"),
    "truncated": (lambda h: h.say(200, b'{"choices": [{"message": {"content": "a d'), "no chat completion"),
    "half": (half, "the connection broke"),
    "closed": (closed, "the connection broke"),
    "missing": (lambda h: h.say(200, {"choices": [{"text": "a dog"}]}), "no chat completion"),
    "no choice": (lambda h: h.say(200, {"choices": []}), "holds no choice"),
    "a list": (lambda h: h.say(200, [1, 2]), "no chat completion"),
    "deep": (lambda h: h.say(200, b"[" * 100000), "no chat completion"),
    "empty": (lambda h: h.answer(" \n "), "the answer is empty"),
    "null": (lambda h: h.answer(None), "the answer is empty"),
    "a number": (lambda h: h.answer(7), "no chat completion"),
    "500": (lambda h: h.say(500, {"error": {"message": "out of\nmemory"}}), "the server answered 500: out of "
            "memory"),
    "503": (lambda h: h.say(503, b""), "the server answered 503: without a word"),
    "a date beyond all": (lambda h: h.say(429, {"error": "slowly"}, Retry_After="Wed, 99999999999999999999 "
                                          "Oct 2015 07:28:00 GMT"), "the server answered 429: slowly"),
    "a zone beyond all": (lambda h: h.say(429, {"error": "slowly"}, Retry_After="Wed, 21 Oct 2015 07:28:00 "
                                          "+99999999999999999999"), "the server answered 429: slowly"),
    "429": (lambda h: h.say(429, {"error": "slowly"}, Retry_After="0.01"), "the server answered 429: slowly"),
    "408": (lambda h: h.say(408, {"detail": "late"}, Retry_After="gibberish"),
            "the server answered 408: late"),
}


@pytest.mark.parametrize("kind", TROUBLE)
def test_trouble_that_passes_is_got_over_and_what_stays_fails_that_question_alone(serve, kind):
    trouble, reason = TROUBLE[kind]

    def behave(handler, prompt, before):
        if prompt == "never" or (prompt == "later" and before < 2):
            trouble(handler)
        else:
            handler.answer(prompt.upper())

    server = serve(behave)
    found = ask(backend(server), "fine", "never", "later", "good")
    assert [a.text for a in (found[0], found[2], found[3])] == ["FINE", "LATER", "GOOD"]
    assert isinstance(found[1], Failure) and reason in found[1].reason and "asked 4 times" in found[1].reason
    assert "\n" not in found[1].reason
    asked = [body["messages"][0]["content"] for body in server.bodies]
    assert {p: asked.count(p) for p in asked} == {"fine": 1, "good": 1, "later": 3, "never": 4}


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
NOTHING = zlib.compressobj(wbits=31)
DRIPS = {
    "nothing": None,
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-Wait: a\r\n"),
    "body": (HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
    # Blocks that decompress to nothing: who reads the decoded body does not see them pass.
    "compressed": (HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\na\r\n" +
                   NOTHING.compress(b"") + b"\r\n", b"5\r\n\x00\x00\x00\xff\xff\r\n"),
}
"""What a server says at once, and then again and again."""


@pytest.mark.parametrize("drip", DRIPS)
def test_a_server_that_hangs_is_given_up(serve, drip):
    over = threading.Event()

    def behave(handler, prompt, before):
        if prompt != "hang":
            return handler.answer("yes")
        if DRIPS[drip]:
            first, again = DRIPS[drip]
            handler.wfile.write(first)
            while not over.wait(0.05):
                handler.wfile.write(again)
        over.wait(30)
        return None

    made = backend(serve(behave), patience=Patience(timeout=2.0, tries=2, first=0.001, longest=0.001))
    try:
        found = ask(made, "hang", "fine")
    finally:
        over.set()
    assert "came within 2 seconds (asked 2 times)" in found[0].reason and found[1].text == "yes"


def test_an_answer_cut_at_its_longest_is_marked_and_counts_that_are_none_are_not_taken(serve):
    server = serve(lambda h, prompt, before: h.say(
        200, {
            "choices": [{"message": {"content": "a very long"}, "finish_reason": "length"}],
            "usage": {"prompt_tokens": "many", "completion_tokens": -1}
        }))
    assert ask(backend(server), "x") == [Answer(text="a very long", model="some-model", cut=True)]


def test_a_model_that_does_not_take_a_parameter_is_asked_without_it(serve, capsys):
    def behave(handler, prompt, before):
        for name in ("max_tokens", "temperature", "stop"):
            if name in server.bodies[-1]:
                return handler.say(
                    400, {"error": {"message": f"no {name}", "param": name, "code": "unsupported_parameter"}})
        return handler.answer("a dog\nmore")

    server = serve(behave)
    made = backend(server, concurrency=1)
    assert [a.text for a in ask(made, "x", "y")] == ["a dog", "a dog"]
    assert len(server.bodies) == 5 and server.bodies[-1]["max_completion_tokens"] == 96
    assert capsys.readouterr().err.count("does not take") == 3


@pytest.mark.parametrize(("code", "param"), [("context_length", "messages"),
                                             ("unsupported_parameter", ["stop"]), ("unsupported_value", {})])
def test_a_question_that_the_server_cannot_take_fails_at_once(serve, code, param):
    server = serve(lambda h, prompt, before: h.say(
        400, {"error": {"message": "too long", "param": param, "code": code}}))
    assert ask(backend(server), "x") == [Failure("the server answered 400: too long")]
    assert len(server.bodies) == 1


def test_after_an_empty_answer_the_server_is_not_told_to_stop(serve):
    server = serve(lambda h, prompt, before: h.answer(""
                                                      if "stop" in server.bodies[-1] else "\n\na dog\nmore"))
    assert ask(backend(server), "x")[0].text == "a dog"
    assert ["stop" in body for body in server.bodies] == [True, False]


def test_the_pause_that_a_server_asks_for_is_kept_by_all(serve):
    said, came = [], []

    def behave(handler, prompt, before):
        if not said:
            said.append(time.monotonic())
            return handler.say(429, {"error": "wait"}, Retry_After="1")
        came.append(time.monotonic())
        return handler.answer("yes")

    made = backend(serve(behave), concurrency=1)
    assert [a.text for a in ask(made, "busy", "next", "last")] == ["yes"] * 3
    assert len(came) == 3 and min(came) - said[0] >= 1.0


@pytest.mark.parametrize("wanted", ["100000", formatdate(time.time() + 100000, usegmt=True)],
                         ids=["seconds", "date"])
def test_a_pause_of_a_day_ends_the_run(serve, wanted):
    server = serve(lambda h, prompt, before: h.say(429, {"error": "tomorrow"}, Retry_After=wanted))
    with pytest.raises(GmnerError, match=r"asks to be left alone for (99|100)\d\d\d seconds"):
        ask(backend(server), "x")
    assert len(server.bodies) == 1


def test_a_server_that_is_not_there_ends_the_run(serve):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Server("m", Generation(), base_url=f"http://127.0.0.1:{port}/v1", patience=QUICK)
    with pytest.raises(GmnerError, match="cannot be reached"):
        ask(made, "x", "y")


def test_as_many_questions_are_open_as_wanted_and_answers_come_as_they_are_there(serve):
    both = threading.Barrier(3, timeout=20)

    def behave(handler, prompt, before):
        both.wait()
        handler.answer("yes")

    server = serve(behave)
    assert len(ask(backend(server, concurrency=3), *"abcdef")) == 6
    assert server.most_open == 3

    first = threading.Event()
    server = serve(lambda h, prompt, before: (prompt == "slow" and first.wait(20), h.answer("yes")))
    stream = backend(server, concurrency=2).answers(questions("slow", "quick"))
    assert next(stream)[0] == 1
    first.set()
    assert next(stream)[0] == 0 and list(stream) == []


def test_no_more_is_asked_when_nobody_listens_any_longer(serve):
    server = serve(lambda h, prompt, before: h.answer("yes"))
    stream = backend(server, concurrency=1,
                     per_minute=60 / 0.2).answers(questions(*[str(n) for n in range(100)]))
    next(stream)
    stream.close()
    seen = len(server.bodies)
    time.sleep(0.5)
    assert len(server.bodies) <= seen + 1


class Clock:
    """A clock that only waiting moves, and the event by which ``Pace`` waits."""

    def __init__(self):
        self.now, self.stopped = 100.0, False

    def __call__(self):
        return self.now

    def is_set(self):
        return self.stopped

    def wait(self, seconds):
        self.now += seconds


def test_requests_begin_evenly_and_not_in_a_pause():
    clock = Clock()
    pace = Pace(30, clock=clock)
    begun = []
    for hold in (0, 0, 7, 0):
        pace.hold(hold)
        assert pace.begin(clock)
        begun.append(clock.now)
    assert begun == [100, 102, 109, 111]
    clock.stopped = True
    assert not pace.begin(clock)
    free = Clock()
    assert all(Pace(clock=free).begin(free) for _ in range(5)) and free.now == 100


def test_pauses_between_tries_grow_and_are_drawn(serve, monkeypatch):
    drawn = []
    monkeypatch.setattr(random, "uniform", lambda low, high: drawn.append((low, high)) or 0.0)
    server = serve(lambda h, prompt, before: h.say(500, b""))
    ask(backend(server, patience=Patience(timeout=5.0, tries=6, first=1.0, longest=6.0)), "x")
    assert drawn == [(0, 1.0), (0, 2.0), (0, 4.0), (0, 6.0), (0, 6.0)]
