"""``gmner expand``: what is refused before anything is read, asked or written, and what an odd shell cannot
break."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from PIL import Image
from typer.testing import CliRunner

from gmner_cli.app import build
from gmner_cli.errors import GmnerError
from gmner_cli.flow.sink import Sink
from gmner_cli.language.expand.plan import Plan
from tests.conftest import ROOT, SMALL_POSTS, read_jsonl, write_jsonl
from tests.language.llm.answering import QUICK

OPENAI = ("--task", "knowledge", "--llm", "openai:m")
SECRETS = ["http://user:SECRETKEY@localhost:1/v1", "http://localhost:1/v1?key=SECRETKEY"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_jsonl(tmp_path / "posts.jsonl", SMALL_POSTS)
    (tmp_path / "none.jsonl").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gmner_cli.language.llm.openai.Patience", lambda: QUICK)
    for name in ("GMNER_LLM", "GMNER_BASE_URL", "GMNER_STORE", "GMNER_OFFLINE", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def expand(folder):
    """``expand(*args, code=2, stdin=None)``: its stderr."""
    def call(*args, code=2, stdin=None):
        done = CliRunner().invoke(build(), ["expand", *args], input=stdin)
        assert done.exit_code == code, done.stderr
        assert "raceback" not in done.stderr
        return done.stderr

    return call


@pytest.mark.parametrize("url", SECRETS)
def test_a_secret_in_an_address_is_neither_written_nor_told(expand, folder, url):
    assert "SECRETKEY" not in expand("none.jsonl", *OPENAI, "--base-url", url, "-o", "out.jsonl")
    assert sorted(path.name for path in folder.iterdir()) == ["none.jsonl", "posts.jsonl"]
    expand("none.jsonl", *OPENAI, "--base-url", "http://localhost:1/v1", "-o", "out.jsonl", code=0)
    assert "SECRETKEY" not in expand("none.jsonl", *OPENAI, "--base-url", url, "-o", "out.jsonl", "--resume")
    (folder / "gmner.yaml").write_text(f"expand:\n  base-url: {url}\n")
    assert "SECRETKEY" not in expand("posts.jsonl", *OPENAI)


def test_a_model_that_is_none_is_noticed_without_posts(expand):
    assert "smollm2" in expand("none.jsonl", "--task", "knowledge", "--llm", "smollm3")


@pytest.mark.parametrize("prompt", ["typo.txt", ".", "/dev/zero"])
def test_a_prompt_that_cannot_be_used_is_named_beside_a_pool_too(expand, folder, prompt):
    write_jsonl(folder / "pool.jsonl",
                [{"id": "p", "text": "Paris", "knowledge": [{"text": "a city", "source": "us"}]}])
    told = expand("posts.jsonl", *OPENAI, "--base-url", "http://localhost:1/v1", "--prompt", prompt, "--pool",
                  "pool.jsonl")
    assert f"{prompt}: " in told


@pytest.mark.parametrize(("option", "value"), [("--temperature", "inf"), ("--temperature", "nan"),
                                               ("--per-minute", "inf"), ("--seed", "9" * 30),
                                               ("--threads", "9" * 12), ("--source", "s\udcff"),
                                               ("--llm", "openai:m\udcff")])
def test_values_that_no_model_takes_are_wrong_usage(expand, option, value):
    assert option in expand("posts.jsonl", *OPENAI, option, value, "-o", "out.jsonl")


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.partial", "./out.jsonl.run.json"])
def test_a_store_is_not_the_file_of_records(expand, name):
    assert "the same file" in expand("posts.jsonl", *OPENAI, "--store", name, "-o", "out.jsonl")


@pytest.mark.parametrize(("content", "words"), [(b"", "is empty"),
                                                (b'{"id": "1", "te\n', "answers:1: Input data was truncated"),
                                                ("\ufeffParis\tO\n".encode("utf-16"), "iconv -f UTF-16")])
def test_a_file_of_answers_that_is_none_is_told_as_what_it_is(expand, folder, content, words):
    (folder / "answers").write_bytes(content)
    assert words in expand("posts.jsonl", "--task", "knowledge", "--llm", "file:answers", code=1)


def test_held_out_posts_of_a_stream_are_refused_unless_their_file_is_named(expand, folder):
    knowledge = [{"text": "a city", "source": "us"}]
    write_jsonl(folder / "pool.jsonl", [{"id": n, "text": f"{t} is nice", "knowledge": knowledge}
                                        for n, t in (("a", "Paris"), ("b", "Rome"))])
    held = [{"id": n, "text": f"{t} is nice", "meta": {"split": "Test"}}
            for n, t in (("t1", "Oslo"), ("b", "Rome"))]
    write_jsonl(folder / "held.jsonl", held)
    write_jsonl(folder / "other.jsonl", [{"id": "o", "text": "Lima"}])
    stdin = (folder / "held.jsonl").read_text()
    asked = (*OPENAI, "--base-url", "http://localhost:1/v1", "--pool", "pool.jsonl", "--examples-fixed", "1")
    for never in ((), ("--never", "other.jsonl")):
        told = expand("-", *asked, *never, stdin=stdin)
        assert "'t1' is of split test" in told and "--never" in told
    assert "cannot be reached" in expand("-", *asked, "--never", "held.jsonl", stdin=stdin, code=1)
    assert "cannot be reached" in expand("held.jsonl", *asked, code=1)


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_with_stderr_closed_records_are_made_and_stdout_is_theirs_alone(folder):
    done = subprocess.run(f"{sys.executable} -m gmner_cli expand posts.jsonl --task knowledge 2>&-",
                          shell=True, cwd=folder, text=True, stdout=subprocess.PIPE,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 0
    assert [post["id"] for post in read_jsonl(done.stdout)] == [post["id"] for post in SMALL_POSTS]


def test_expand_refuses_to_go_on_with_another_tagger_of_ones_own_or_other_pictures(tmp_path):
    """As in predict: the code that tells which posts are alike, and the pictures that it looks at."""
    mine = tmp_path / "mine"
    (mine / "tagger").mkdir(parents=True)
    for name, text in {"helper.py": "WORD = 1", "model.py": "import helper", "tagger/model.safetensors": "",
                       "mine.yaml": "stages: [ner]\nner: {model: 'model.py:Mine'}",
                       "posts.jsonl": '{"text": "x", "image": "a.png"}',
                       "pool.jsonl": '{"id": "p", "text": "y", "knowledge": [{"text": "z"}]}'}.items():
        (mine / name).write_text(text)
    Image.new("RGB", (3, 3)).save(mine / "a.png")

    def sink(place, resume):
        plan = Plan(str(place / "posts.jsonl"), "knowledge", "smollm2", pool=place / "pool.jsonl",
                    images=place, similar_by=place / "tagger", recipe=str(place / "mine.yaml"))
        made = Sink(tmp_path / "out.jsonl", config=plan.identity(), resume=resume)
        made.begin()
        made.close()

    sink(mine, False)
    moved = mine.rename(tmp_path / "moved")
    sink(moved, True)
    (moved / "helper.py").write_text("WORD = 2")
    with pytest.raises(GmnerError, match=r"ner.model \(helper.py has changed\)"):
        sink(moved, True)
    (moved / "helper.py").write_text("WORD = 1")
    Image.new("RGB", (3, 3), "red").save(moved / "a.png")
    with pytest.raises(GmnerError, match="pictures.a.png"):
        sink(moved, True)
