"""Answers that were as long as allowed: their whole sentences are kept and marked, they are not stored, and
are asked for again."""

from __future__ import annotations

import sqlite3

import pytest
from typer.testing import CliRunner

from gmner_cli.app import build
from gmner_cli.language.expand.whole import whole_part
from tests.conftest import read_jsonl, write_jsonl
from tests.language.llm.conftest import key, serve  # noqa: F401

POSTS = [{"id": "a", "text": "Allen in London", "entities": [{"start": 0, "end": 5, "type": "PER"}]}]


@pytest.mark.parametrize(("said", "whole"),
                         [("He is a man. She is", "He is a man."),
                          ("He met Dr. Smith and J. R. Tolkien. Then", "He met Dr. Smith and J. R. Tolkien."),
                          ("Named entities: 1. Allen (a man) 2. Lon", ""),
                          ("Entities:\n1. Allen\n2. Lon", "Entities:\n1. Allen"), ("Entities:\n1. Al", ""),
                          ('He said "stop." And', 'He said "stop."'), ("这是狗。那是", "这是狗。"),
                          ('{"explanation": "He is. Sh', ""), ("It is 3.5 m. The U.S. te", ""),
                          ("a very long", ""), ("What? I", "What?"), ("He is. a", "")])
def test_the_whole_part_of_what_was_cut(said, whole):
    assert whole_part(said) == whole


@pytest.fixture
def expand(tmp_path, monkeypatch, serve, key):  # noqa: F811
    """``expand(said, *args)``: the records, from a server that cuts what it says at --max-tokens words; and
    what it was asked."""
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "posts.jsonl", POSTS)

    def behave(handler, prompt, before):
        words = server.said.split()
        room = server.bodies[-1]["max_tokens"]
        handler.answer(" ".join(words[:room]), finish_reason="length" if len(words) > room else "stop")

    server = serve(behave)

    def call(said, *args, posts="posts.jsonl", code=0):
        server.said = said
        before = len(server.bodies)
        done = CliRunner().invoke(
            build(),
            ["expand", posts, "--llm", "openai:m", "--base-url", server.url, "-o", "out.jsonl", *args])
        assert done.exit_code == code, done.stderr
        return read_jsonl((tmp_path / "out.jsonl").read_text())[0], len(server.bodies) - before, done.stderr

    return call


SAID = "Allen is a sailor. He lives in London."


def test_a_cut_answer_is_cut_back_marked_not_stored_and_asked_for_again(expand, tmp_path):
    short = ("--task", "knowledge", "--max-tokens", "6")
    record, asked, told = expand(SAID, *short)
    assert record["knowledge"] == [{"text": "Allen is a sailor.", "source": "llm:m", "cut": True}]
    assert asked == 1 and "1 cut at their longest (--max-tokens raises it)" in told
    assert expand(SAID, *short)[1] == 1, "it is in no store"
    record, asked, _ = expand(SAID, "--task", "knowledge")
    assert record["knowledge"] == [{"text": SAID, "source": "llm:m"}] and asked == 1
    assert expand(SAID, "--task", "knowledge")[1] == 0
    with sqlite3.connect(tmp_path / "out.jsonl.answers.sqlite") as database:
        assert [SAID in answer.decode()
                for (answer, ) in database.execute("SELECT answer FROM answers")] == [True]


def test_a_marked_entry_is_made_again_where_a_whole_one_stays(expand, tmp_path):
    expand(SAID, "--task", "knowledge", "--max-tokens", "6")
    (tmp_path / "out.jsonl").rename(tmp_path / "cut.jsonl")
    record, asked, _ = expand(SAID, "--task", "knowledge", posts="cut.jsonl")
    assert record["knowledge"] == [{"text": SAID, "source": "llm:m"}] and asked == 1
    (tmp_path / "out.jsonl").rename(tmp_path / "whole.jsonl")
    assert expand("other", "--task", "knowledge", posts="whole.jsonl")[1] == 0


def test_a_cut_answer_without_a_whole_sentence_fails_with_what_to_do(expand):
    record, _, _ = expand("a sailor from London who", "--task", "expansions", "--max-tokens", "4", code=3)
    assert "expansions" not in record["entities"][0] and "cut before its first whole sentence" in record[
        "error"] and "--max-tokens" in record["error"]


def test_a_thought_never_reaches_the_record(expand):
    record, _, _ = expand("[THINK]I wonder.[/THINK] a sailor", "--task", "expansions")
    assert record["entities"][0]["expansions"] == [{"text": "a sailor", "source": "llm:m", "of": "gold"}]
    record, _, _ = expand("<|channel|>analysis<|message|>I wonder who", "--task", "expansions",
                          "--max-tokens", "2", code=3)
    assert "expansions" not in record["entities"][0] and "--max-tokens raises them" in record["error"]
