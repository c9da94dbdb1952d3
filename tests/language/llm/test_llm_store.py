"""Answers that are kept: nothing is asked twice, nothing is lost when a run is killed, and damage is told."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from gmner_cli.errors import GmnerError
from gmner_cli.language.llm.backend import Answer, Backend, Failure
from gmner_cli.language.llm.store import APPLICATION, Remembering, Store, key
from tests.conftest import ROOT
from tests.language.llm.tiny_llm import questions


class Echo(Backend):
    """Says prompts back, and notes them; fails at those with a question mark."""

    name = "echo"

    def __init__(self, identity: str = "echo 1"):
        self.asked: list[str] = []
        self._identity = identity

    @property
    def identity(self) -> str:
        return self._identity

    def answers(self, questions):
        for index, question in reversed(list(enumerate(questions))):
            self.asked.append(question.prompt)
            yield index, Failure("no") if "?" in question.prompt else Answer(text=question.prompt.upper(),
                                                                             model="echo", prompt_tokens=1)


def ask(backend: Backend, *prompts: str) -> list:
    answers = dict(backend.answers(questions(*prompts)))
    return [answers[n] for n in range(len(prompts))]


def test_nothing_is_asked_twice_in_a_call_or_a_later_run(tmp_path):
    path = tmp_path / "new" / "answers.sqlite"
    first = Remembering(echo := Echo(), Store(path))
    made = ask(first, "a", "b", "a")
    assert [a.text for a in made] == ["A", "B", "A"] and [a.stored for a in made] == [False, False, True]
    assert sorted(echo.asked) == ["a", "b"]
    later = Remembering(echo := Echo(), Store(path))
    made = ask(later, "b", "c", "a")
    assert [a.text for a in made] == ["B", "C", "A"] and [a.stored for a in made] == [True, False, True]
    assert echo.asked == ["c"] and made[0].prompt_tokens == 1
    assert (later.name, later.identity) == ("echo", "echo 1")


def test_a_store_without_answers_is_no_file(tmp_path):
    store = Store(tmp_path / "answers.sqlite")
    assert ask(Remembering(Echo(), store), "a?") == [Failure("no")]
    assert list(tmp_path.iterdir()) == []


def test_failures_are_asked_again(tmp_path):
    store = Store(tmp_path / "answers.sqlite")
    for _ in range(2):
        made = ask(Remembering(echo := Echo(), store), "a?", "a?", "b")
        assert made[:2] == [Failure("no")] * 2 and made[2].text == "B"
        assert "a?" in echo.asked and echo.asked.count("a?") == 1


def test_another_model_or_other_settings_get_answers_of_their_own(tmp_path):
    store = Store(tmp_path / "answers.sqlite")
    ask(Remembering(Echo("one"), store), "a")
    ask(Remembering(echo := Echo("two"), store), "a")
    assert echo.asked == ["a"]
    assert key("a", "bc") != key("ab", "c")


def test_more_answers_than_one_statement_takes():
    store = Store()
    prompts = [str(n) for n in range(1203)]
    ask(Remembering(Echo(), store), *prompts)
    made = ask(Remembering(echo := Echo(), store), *prompts)
    assert [a.text for a in made] == prompts and echo.asked == []


WRITER = '''
import itertools, sys
from pathlib import Path
from gmner_cli.language.llm.backend import Answer
from gmner_cli.language.llm.store import Store
store = Store(Path(sys.argv[1]))
for n in itertools.count():
    store.put(f"{sys.argv[2]}{n}", Answer(text=str(n), model="m"))
    print(n, flush=True)
'''


def writer(path, name: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], stdout=subprocess.PIPE,
                            text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_every_answer_that_was_put_survives_a_kill_with_two_writers(tmp_path):
    path = tmp_path / "answers.sqlite"
    writers = {name: writer(path, name) for name in ("a", "b")}
    for process in writers.values():
        for _ in range(20):
            process.stdout.readline()
    last = {}
    for name, process in writers.items():
        process.send_signal(signal.SIGKILL)
        last[name] = int(process.communicate()[0].split("\n")[-2:][0] or 19)
    for name, number in last.items():
        assert number >= 19
        keys = [f"{name}{n}" for n in range(number + 1)]
        assert {k: a.text for k, a in Store(path).get_many(keys).items()} == {k: k[1:] for k in keys}


def test_a_file_that_is_no_store_is_named_and_left_alone(tmp_path):
    text = tmp_path / "posts.jsonl"
    text.write_text('{"id": "a"}\n' * 200)
    with pytest.raises(GmnerError, match="posts.jsonl: is damaged, or not a store of answers"):
        Store(text)
    assert text.read_text() == '{"id": "a"}\n' * 200
    other = tmp_path / "history.db"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE answers (url)")
    with pytest.raises(GmnerError, match="history.db: is the database of another program"):
        Store(other)
    with pytest.raises(GmnerError, match="cannot be used"):
        Store(text / "below.sqlite").put("k", Answer(text="x", model="m"))


def test_damage_in_the_middle_is_told_with_the_name_of_the_file(tmp_path):
    path = tmp_path / "answers.sqlite"
    store = Store(path)
    for n in range(300):
        store.put(key("m", str(n)), Answer(text="x" * 200, model="m"))
    del store
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    with pytest.raises(GmnerError, match="answers.sqlite: is damaged"):
        Store(path).get_many([key("m", str(n)) for n in range(300)])


def test_a_store_of_another_layout_is_told_to_be_one(tmp_path):
    path = tmp_path / "answers.sqlite"
    with sqlite3.connect(path) as raw:
        raw.execute(f"PRAGMA application_id = {APPLICATION}")
        raw.execute("CREATE TABLE answers (name TEXT, said TEXT)")
    with pytest.raises(GmnerError, match="another version of gmner"):
        Store(path)


@pytest.mark.parametrize("answer", ["{", 7])
def test_an_answer_that_cannot_be_read_is_damage_too(tmp_path, answer):
    path = tmp_path / "answers.sqlite"
    Store(path).put("k", Answer(text="x", model="m"))
    with sqlite3.connect(path) as database:
        database.execute("UPDATE answers SET answer = ?", (answer,))
    with pytest.raises(GmnerError, match="answers.sqlite: is damaged"):
        Store(path).get_many(["k"])
