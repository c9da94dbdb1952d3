"""Every example of every --help: it parses as it is written, and those that need no large model run as they
are written."""

from __future__ import annotations

import importlib
import io
import json
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import typer

from gmner_cli import app
from gmner_cli.data import scenes
from gmner_cli.flow.sink import Sink
from gmner_cli.records import Post
from tests.conftest import ROOT

SAMPLE = ROOT / "sample_data"
RUN = {"caption", "pool", "expand", "score", "view", "recipes", "schema"}
"""The others compute for minutes or, as --model and most --llm, need models that are not here: they are only
parsed."""
READ = {"twitter-gmner", "twitter-2017", "conll"}
"""Data sets of which the folder below has a small one."""


def _examples() -> list[tuple[str, str]]:
    """(command whose help it is, line)."""
    helps = {
        name: importlib.import_module(f"gmner_cli.commands.{name.replace('-', '_')}").command.__doc__
        for name in app.COMMANDS
    }
    helps["gmner"] = app.__doc_of_app__
    return [(name, line.strip()) for name, text in helps.items() for line in text.splitlines()
            if line.strip().startswith(("gmner ", "echo "))]


EXAMPLES = _examples()


class Part:
    """One command of a pipeline: words, and the files that < and > name."""

    def __init__(self, words: list[str]):
        self.words, self.comes, self.goes = [], None, None
        rest = iter(words)
        for word in rest:
            if word == "<":
                self.comes = next(rest)
            elif word == ">":
                self.goes = next(rest)
            else:
                self.words.append(word)

    @property
    def light(self) -> bool:
        if self.words[0] != "gmner":
            return self.words[0] == "echo"
        if self.words[1] == "prepare":
            return self.words[2] in READ
        needs_model = "--model" in self.words or ("--llm" in self.words and "world" not in self.words) \
            or (self.words[1] == "caption" and "--from" not in self.words)
        return self.words[1] in RUN and not needs_model


def parts(line: str) -> list[Part]:
    lexer, pipeline = shlex.shlex(line, posix=True, punctuation_chars="|<>"), [[]]
    lexer.whitespace_split = True
    for word in lexer:
        if word == "|":
            pipeline.append([])
        else:
            pipeline[-1].append(word)
    return [Part(words) for words in pipeline]


def test_there_are_examples_of_every_command():
    assert {name for name, _ in EXAMPLES} == {*app.COMMANDS, "gmner"}
    assert sum(all(part.light for part in parts(line)) for _, line in EXAMPLES) >= 15


@pytest.mark.parametrize(("name", "line"), EXAMPLES)
def test_every_example_is_understood(name, line):
    commands = typer.main.get_command(app.build()).commands
    for part in parts(line):
        if part.words[0] == "gmner":
            commands[part.words[1]].make_context(part.words[1], part.words[2:])


def _as_gmner_writes(path: Path, records: bytes) -> None:
    """With the manifest that lets a later command replace the file."""
    sink = Sink(path, config={"command": "predict"})
    sink.begin()
    for line in records.splitlines():
        sink.write(Post.from_builtins(json.loads(line)))
    sink.commit()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the examples name, from the sample data and a few invented files."""
    place = tmp_path_factory.mktemp("examples")
    shutil.copytree(SAMPLE, place / "sample_data", ignore=shutil.ignore_patterns("out"))
    shutil.copytree(SAMPLE / "images", place / "photos")
    (place / "twitter-2017").mkdir()
    (place / "gmner").mkdir()
    gold = (SAMPLE / "gold.jsonl").read_bytes()
    for name in ("found", "gold", "spans", "boxes", "train", "dev", "test", "pool", "captioned", "posts",
                 "twitter-2017/test", "gmner/dev", "gmner/test"):
        _as_gmner_writes(place / f"{name}.jsonl", gold)
    records = [json.loads(line) for line in gold.splitlines()]
    captions = "".join(f"{record['image']} :a picture\n" for record in records if record.get("image"))
    for name in ("BLIP2_15.txt", "owltraincaption_1.txt"):
        (place / name).write_text(captions)
    (place / "annotated-2015").mkdir()
    (place / "annotated-2015" / "p.txt").write_text("".join(f"{n}\nA person.\n" for n in (1, 2)))
    (place / "annotated-2015" / "p_GPT.txt").write_text("1\n['Ada', 'PER']\n2\nNone\n")
    tagged = "IMGID:{}\nAda\tB-PER\nsings\tO\n\n"
    for where, splits in (("twitter-gmner-v2/txt", ("train", "dev", "test")), ("twitter-2017",
                                                                               ("train", "valid", "test"))):
        (place / "data" / where).mkdir(parents=True)
        for number, split in enumerate(splits):
            (place / "data" / where / f"{split}.txt").write_text(
                tagged.format(f"{where[-3:]}{number}").replace("Ada", f"Ada{where[-1]}{number}"))
    (place / "data" / "twitter-gmner-v2" / "xml").mkdir()
    (place / "data" / "twitter-gmner-v2" / "xml" / "txt0.xml").write_text(
        "<annotation><filename>txt0.jpg</filename><size><width>9</width><height>9</height></size></annotation>")
    (place / "tagged.txt").write_text(tagged.format(1))
    scenes.write(place / "scenes", test=2, jobs=1)
    return place


@pytest.mark.parametrize(
    ("name", "line"), [(n, e) for n, e in EXAMPLES if all(p.light for p in parts(e) if p.words[0] != "jq")])
def test_an_example_runs_as_it_is_written(folder, tmp_path, monkeypatch, name, line):
    monkeypatch.chdir(folder)
    given = b""
    for part in parts(line):
        if part.words[0] == "jq":
            assert json.loads(given)["rows"]["GMNER"]["f1"]
            continue
        code, given, said = run(part, (folder / part.comes).read_bytes() if part.comes else given,
                                monkeypatch)
        assert code == 0, f"{line}: {said}"
        if part.goes:
            # in the folder it would be a file that gmner did not write
            (tmp_path / part.goes).write_bytes(given)
        elif "-o" in part.words:
            assert (folder / part.words[part.words.index("-o") + 1]).exists()


def test_the_first_example_of_view_shows_its_pictures(folder):
    page = (folder / "gold.html").read_text()
    assert page.count("data:image/") >= 20 and "picture not shown" not in page


def run(part: Part, given: bytes, monkeypatch) -> tuple[int, bytes, str]:
    """Exit code, stdout and stderr of a command in this process."""
    streams = {
        name: io.TextIOWrapper(io.BytesIO(given if name == "stdin" else b""), encoding="utf-8")
        for name in ("stdin", "stdout", "stderr")
    }
    with monkeypatch.context() as patch:
        for name, stream in streams.items():
            patch.setattr(sys, name, stream)
        patch.setattr(sys, "argv", part.words)
        with pytest.raises(SystemExit) as left:
            app.main()
        for name in ("stdout", "stderr"):
            streams[name].flush()
    return left.value.code or 0, streams["stdout"].buffer.getvalue(), streams["stderr"].buffer.getvalue(
    ).decode()
