"""What a server must not get, and what must not be shown: the key, other machines' visits, answers by
detours."""

from __future__ import annotations

import pytest

from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.language.llm.backend import Answer, Failure, Generation
from gmner_cli.language.llm.openai import Server
from tests.language.llm.answering import SECRET, ask, backend

pytestmark = pytest.mark.usefixtures("key")


def test_a_server_here_needs_no_key(serve, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    server = serve(lambda handler, prompt, before: handler.answer("yes"))
    assert ask(backend(server), "?")[0].text == "yes"
    assert "Authorization" not in server.headers[0]


@pytest.mark.parametrize(("status", "body", "message"), [
    (401, {"error": {"message": f"Incorrect API key: {SECRET}"}}, r"refuses to answer \(401\): Incorrect API "
     r"key: \*\*\*"),
    (403, b"x" * 190 + SECRET.encode(), r"refuses to answer \(403\)"),
    (404, {"error": {"message": "no model"}}, "has no model 'some-model'"),
    (429, {"error": {"message": "pay", "code": "insufficient_quota"}
           }, "the quota of the key is used up: pay"),
])
def test_what_holds_for_all_questions_ends_the_run_and_the_key_is_not_told(serve, status, body, message,
                                                                           caplog, capsys):
    caplog.set_level("DEBUG")
    server = serve(lambda h, prompt, before: h.say(status, body))
    made = backend(server, concurrency=2)
    with pytest.raises(GmnerError, match=message) as stopped:
        ask(made, *[str(n) for n in range(50)])
    assert len(server.bodies) <= 4
    told = (f"{stopped.value} {stopped.value.reason} {made!r} {made.identity} {vars(made)} {vars(made._key)} "
            f"{caplog.text} {capsys.readouterr()}")
    assert SECRET[:8] not in told


def test_a_server_that_says_the_key_back_does_not_get_it_into_answers(serve):
    def behave(handler, prompt, before):
        return handler.answer(f"you are {SECRET}") if prompt == "who" else handler.say(
            418, {"error": {"message": f"{SECRET} is a teapot"}})

    made = backend(serve(behave))
    assert ask(made, "who", "what") == [
        Answer(text="you are ***", model="some-model", prompt_tokens=5, answer_tokens=2),
        Failure("the server answered 418: *** is a teapot")
    ]


@pytest.mark.parametrize("word", ["none", "local", "EMPTY"])
def test_a_key_that_is_an_ordinary_word_is_none_and_answers_keep_it(serve, monkeypatch, word):
    monkeypatch.setenv("OPENAI_API_KEY", word)
    server = serve(lambda h, prompt, before: h.answer(f"a {word} band from {word}such"))
    assert ask(backend(server), "x")[0].text == f"a {word} band from {word}such"


def test_a_long_key_is_hidden_in_an_answer_as_a_whole_word_alone(serve, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "no-key-needed")
    server = serve(lambda h, prompt, before: h.answer("no-key-needed, no-key-neededly"))
    assert ask(backend(server), "x")[0].text == "***, no-key-neededly"


@pytest.mark.parametrize("line", [b"HTTP/1.1 200 OK\r\nBad Header ", b"HTTP/1.1 "], ids=["header", "status"])
def test_a_key_in_what_is_no_http_is_not_told(serve, line):
    def behave(handler, prompt, before):
        handler.wfile.write(line + f"Authorization: Bearer {SECRET}\r\n\r\n".encode())
        handler.close_connection = True

    failure = ask(backend(serve(behave)), "x")[0]
    assert "the connection broke" in failure.reason and SECRET[:8] not in failure.reason


def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-first\nsk-second")
    with pytest.raises(UsageError) as refused:
        Server("m", Generation(), base_url="http://localhost:1/v1")
    assert "sk-" not in str(refused.value) and "OPENAI_API_KEY" in str(refused.value)


def test_no_redirect_is_followed(serve):
    other = serve(lambda h, prompt, before: h.answer("stolen"))
    server = serve(lambda h, prompt, before: h.say(307, b"", Location=f"{other.url}/chat/completions"))
    with pytest.raises(GmnerError, match=r"sends its visitors elsewhere \(307\)"):
        ask(backend(server), "x")
    assert other.bodies == []


def test_the_key_is_not_sent_unencrypted_to_other_machines():
    assert Server("m", Generation(), base_url="http://example.org/v1")._key is None
    assert Server("m", Generation(), base_url="https://example.org/v1")._key is not None
    assert Server("m", Generation(), base_url="http://[::1]:8000/v1")._key is not None


@pytest.mark.parametrize("url", [None, "https://example.org/v1", "http://192.168.1.5:8000/v1", "http://localhost.example.org/v1",
                                 "http://0.0.0.0/v1", "http://127.0.0.1.example.org/v1"])
def test_offline_only_a_server_on_this_machine_is_asked(url):
    with pytest.raises(UsageError, match="is not on this machine, and --offline forbids"):
        Server("m", Generation(), base_url=url, offline=True)


@pytest.mark.parametrize("url", [
    "localhost:8000", "ftp://localhost/v1", "http://", "http://localhost:99999/v1", "http://[::1",
    "http://user:secret@localhost/v1", "http://localhost/v1?key=secret", "http://localhost/v1#secret"
])
def test_an_address_that_is_none_or_holds_a_secret_is_refused(url):
    with pytest.raises(UsageError) as refused:
        Server("m", Generation(), base_url=url)
    assert "secret" not in str(refused.value)


def test_offline_works_with_a_server_here_and_past_a_proxy(serve, monkeypatch):
    proxy = serve(lambda h, prompt, before: h.answer("from the proxy"))
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
    server = serve(lambda h, prompt, before: h.answer("from here"))
    assert ask(backend(server, offline=True), "x")[0].text == "from here"
    assert proxy.bodies == []
