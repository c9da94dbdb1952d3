"""Errors of the system and of libraries that a user can mend: one sentence, wherever nobody foresaw them."""

from __future__ import annotations

import json
import os
import sys

import pytest
from typer.testing import CliRunner

from gmner_cli.app import build, main
from gmner_cli.errors import GmnerError, foreign, shortened, shown
from gmner_cli.files.plain_yaml import parse
from tests.conftest import read_jsonl, write_jsonl

LONG = "x" * 300
"""Longer than any file system takes for a name."""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_jsonl(
        tmp_path / "p.jsonl",
        [{"id": "a", "text": "Allen", "entities": [{"start": 0, "end": 5, "type": "PER", "boxes": []}]}])
    return tmp_path


@pytest.mark.parametrize("args", [
    f"segment {LONG}", f"segment p.jsonl -o {LONG}", f"segment p.jsonl -o {LONG}/x",
    f"segment p.jsonl -o {'x' * 250}", f"segment p.jsonl --images {LONG}", f"segment p.jsonl --model {LONG}",
    f"predict --texts {LONG}", f"predict --texts p.jsonl --recipe {LONG}",
    f"predict --texts p.jsonl --ner {LONG}", f"predict --texts p.jsonl --set encoder={LONG}",
    f"predict --texts p.jsonl --set ner.weights={LONG}", f"predict --texts p.jsonl --images {LONG}",
    f"view p.jsonl -o {LONG}", f"view p.jsonl -o x.html --gold {LONG}", f"view p.jsonl -o {LONG}/x",
    f"score p.jsonl {LONG}", f"score p.jsonl p.jsonl --cascade spans={LONG}",
    f"prepare conll --source {LONG} -o out", f"prepare {LONG} -o out", f"prepare scenes --train 1 -o {LONG}",
    f"caption p.jsonl --from {LONG}", f"caption p.jsonl --model ./{LONG}", f"pool {LONG} --posts p.jsonl",
    f"expand p.jsonl --task knowledge --llm file:{LONG}", f"expand p.jsonl --task knowledge --llm hf:{LONG}",
    f"expand p.jsonl --task knowledge --llm world:{LONG}", f"train-ner {LONG} --dev p.jsonl -o m",
    f"train-ner p.jsonl --dev p.jsonl -o {LONG}", f"train-ner p.jsonl --dev p.jsonl -o m --init {LONG}",
    f"recipes {LONG}"
])
def test_a_name_that_is_too_long_is_one_sentence_with_the_name(here, args):
    done = CliRunner().invoke(build(), args.split(), env={"GMNER_OFFLINE": "1"})
    assert done.exit_code in (1, 2) and done.stdout == ""
    assert "unexpected" not in done.stderr and "Traceback" not in done.stderr and len(done.stderr) < 1500
    assert "xxx" in done.stderr
    assert os.listdir(here) == ["p.jsonl"]


def test_a_picture_with_such_a_name_fails_alone(here):
    write_jsonl(here / "p.jsonl", [{
        "id": "a", "text": "Allen", "image": LONG,
        "entities": [{"start": 0, "end": 5, "type": "PER", "boxes": [[1, 1, 2, 2]]}]
    }])
    done = CliRunner().invoke(build(), ["segment", "p.jsonl", "-o", "-"])
    assert done.exit_code == 3 and "image cannot be found: File name too long" in read_jsonl(
        done.stdout)[0]["error"]


@pytest.mark.parametrize(
    "problem, words",
    [(OSError(5, "Input/output error", "a.txt"), "a.txt: cannot be read or written: Input/output error"),
     (OSError(24, "Too many open files"), "Too many open files"),
     (OSError(28, "No space left on device"), "hint: free some space"),
     (PermissionError(13, "Permission denied", b"\xff"), "Permission denied"),
     (MemoryError(), "not enough memory"),
     (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
      "not enough memory"),
     (ModuleNotFoundError("No module named 'peft.tuners'", name="peft.tuners"), "pip install peft"),
     (UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"), "is not UTF-8")],
    ids=lambda v: type(v).__name__)
def test_the_one_rule(monkeypatch, capsys, problem, words):
    def fail():
        raise problem

    monkeypatch.setattr("gmner_cli.recipes.names", fail)
    monkeypatch.setattr(sys, "argv", ["gmner", "recipes"])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr().err
    assert left.value.code == 1 and words in said and "unexpected" not in said
    assert "report the traceback" not in said


def test_what_is_a_fault_of_the_tool_stays_one():
    assert [
        foreign(p) for p in (RuntimeError("odd"), KeyError("a"), RecursionError(),
                             ModuleNotFoundError("x", name="gmner_cli.x"))
    ] == [None] * 4


def test_names_that_are_no_utf8(here):
    os.mkdir(os.fsdecode(b"pictures\xff"))
    done = CliRunner().invoke(
        build(), ["segment", "p.jsonl", "-o", "out.jsonl", "--images",
                  os.fsdecode(b"pictures\xff")])
    assert done.exit_code == 0, done.stderr
    assert json.loads((here / "out.jsonl.run.json").read_text())["config"]["images"].endswith("\udcff")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252:strict"])
def test_scores_on_a_stdout_that_is_not_utf8(gmner, here, encoding):
    env = {"PYTHONIOENCODING": encoding}
    posts = write_jsonl(
        here / "p.jsonl",
        [{"id": "a", "text": "Łódź 👍", "entities": [{"start": 0, "end": 4, "type": "MIEJSCE-Ł"}]}])
    done = gmner("score", posts, posts, "--json", env=env)
    assert done.returncode == 0, done.stderr
    assert "MIEJSCE-Ł" in json.loads(done.stdout)["per_type"]["MNER"]
    done = gmner("score", posts, posts, "--table", env=env)
    assert done.returncode == 0 and "MIEJSCE-" in done.stdout


def test_recipes_and_records_on_a_stdout_that_is_not_utf8(gmner, here):
    posts = write_jsonl(here / "p.jsonl", [{"id": "a", "text": "Łódź 👍"}])
    (here / "mine.yaml").write_text("extends: mini\nabout: Łódź\n", encoding="utf-8")
    done = gmner("recipes", here / "mine.yaml", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    assert parse(done.stdout, "stdout")["about"] == "Łódź"
    done = gmner("segment", posts, env={"PYTHONIOENCODING": "ascii"})
    assert read_jsonl(done.stdout)[0]["text"] == "Łódź 👍", "records are UTF-8, whatever the terminal speaks"


def test_help_and_tables_on_ascii(gmner, here):
    (here / "tagged.txt").write_text("Łódź B-[/red]\nsings O\n\nOslo B-[bold]Ł\n", encoding="utf-8")
    for args in (("--help", ), ("expand", "--help"), ("recipes", ), ("prepare", "conll", "--source",
                                                                     "tagged.txt", "-o", "out")):
        done = gmner(*args, env={"PYTHONIOENCODING": "ascii"}, cwd=here)
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert "[/red]" in done.stderr and "[bold]" in done.stderr


@pytest.mark.parametrize("kind", ["[/]", "[/red]", "[bold]x", "[link=x]", "\\[x", "x" * 50_000])
def test_types_with_brackets_stand_in_tables_as_they_are(here, kind):
    (here / "tagged.txt").write_text(f"Allen B-{kind}\nOslo O\n\nx O\n")
    done = CliRunner().invoke(build(), ["prepare", "conll", "--source", "tagged.txt", "-o", "out"])
    assert done.exit_code == 0 and len(done.stderr) < 5000, done.stderr
    assert kind[:20] in done.stderr
    posts = write_jsonl(here / "p.jsonl",
                        [{"id": "a", "text": "Allen", "entities": [{"start": 0, "end": 5, "type": kind}]}])
    done = CliRunner().invoke(build(), ["score", str(posts), str(posts), "--table"])
    assert done.exit_code == 0 and kind[:20] in done.stdout


HUGE = "z" * 300_000


@pytest.mark.parametrize(
    "record", [{"id": HUGE, "text": 5}, {"id": "a", "text": "x", "tokens": [HUGE]},
               {"id": "a", "text": "x", "entities": [{"start": 0, "end": 1, "type": "T", "text": HUGE}]}, {
                   "id": "a", "text": "x", "image": HUGE,
                   "entities": [{"start": 0, "end": 1, "type": "T", "boxes": [[0, 0, 1, 1]]}]
               }, {"id": "a", "text": "x", HUGE: float("1e300"), "entities": HUGE}],
    ids=["id", "token", "text", "image", "key"])
def test_what_is_long_is_quoted_in_short(here, record):
    write_jsonl(here / "p.jsonl", [record])
    for args in (["segment", "p.jsonl"], ["view", "p.jsonl", "-o", "x.html"], ["score", "p.jsonl",
                                                                               "p.jsonl"]):
        done = CliRunner().invoke(build(), args)
        assert len(done.stderr) < 5000, args
        if args[0] == "segment":
            assert done.exit_code == 3 and "failed" in done.stderr and len(
                read_jsonl(done.stdout)[0]["error"]) <= 1000


@pytest.mark.parametrize(
    "args", [["segment", "p.jsonl", "--seed"], ["segment", "p.jsonl", "--device"],
             ["segment", "p.jsonl", "--on-missing-image"], ["predict", "--texts", "p.jsonl", "--set"],
             ["score", "p.jsonl", "p.jsonl", "--label-map"]])
def test_and_so_is_what_was_typed(here, args):
    done = CliRunner().invoke(build(), [*args, "y" * 100_000])
    assert done.exit_code == 2 and len(done.stderr) < 2500


def test_shortened_keeps_both_ends():
    assert shortened("a" * 10, 10) == "a" * 10 and shortened("abcdefghijk", 5) == "ab…jk" and len(
        shortened("x" * 99, 6)) == 6
    assert shown("a\n\x1b[31m\udcff") == "a\\n\\x1b[31m\\udcff" and len(shown("\n" * 500)) == 200
    assert len(str(GmnerError("m" * 5000, where="w" * 5000, hint="h" * 5000))) < 2100


NAME = "a\n\x1b[2J\x1b]0;t\x07.jsonl"
"""Clears a terminal and gives it another title."""


@pytest.mark.parametrize("args", [("score", NAME, "p.jsonl"), ("segment", "p.jsonl", "--images", NAME),
                                  ("predict", NAME), ("predict", "p.jsonl", "--ner", NAME),
                                  ("prepare", "conll", "--source", NAME, "-o", "out"),
                                  ("view", "p.jsonl", "-o", f"{NAME}/x"),
                                  ("segment", "p.jsonl", "-o", f"{NAME}/x/y")])
def test_a_name_does_nothing_to_a_terminal(here, args):
    done = CliRunner().invoke(build(), list(args), env={"GMNER_OFFLINE": "1"})
    assert "\x1b" not in done.stderr and "\x07" not in done.stderr and "a\n" not in done.stderr
    assert "Traceback" not in done.stderr and "unexpected" not in done.stderr


def test_a_working_directory_that_is_gone_is_named(here, monkeypatch):
    (here / "gone").mkdir()
    monkeypatch.chdir(here / "gone")
    (here / "gone").rmdir()
    done = CliRunner().invoke(build(), ["score", "../p.jsonl", "../p.jsonl"])
    assert done.exit_code == 1 and "the working directory is no longer there" in done.stderr
    assert "hint" in done.stderr
