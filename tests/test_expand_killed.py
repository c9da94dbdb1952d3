"""``expand`` is killed and goes on: no record is lost, and nothing is asked twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from tests.conftest import ROOT, write_jsonl

SLOW = """
import os, time
from gmner_cli.language import llm
from gmner_cli.language.llm.backend import Answer, Backend
from gmner_cli.language.llm.store import Remembering, Store

class Slow(Backend):
    name = "slow"

    def answers(self, questions):
        with open(os.environ["ASKED"], "a") as asked:
            for index, question in enumerate(questions):
                time.sleep(0.001)
                print(question.post.id, file=asked, flush=True)
                yield index, Answer(text="about " + question.post.text, model="slow")

llm.make = lambda name, *, store, **options: Remembering(Slow(), Store(store))
from gmner_cli.app import main
main()
"""


def test_killed_and_resumed_no_record_is_lost_and_nothing_is_asked_twice(tmp_path):
    posts = write_jsonl(tmp_path / "posts.jsonl",
                        [{"id": f"p{n}", "text": f"Zürich {n:04}"} for n in range(700)])
    out, partial, asked = tmp_path / "out.jsonl", tmp_path / "out.jsonl.partial", tmp_path / "asked"
    out.write_text("old\n")

    def start(*args):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "ASKED": str(asked)}
        return subprocess.Popen([
            sys.executable, "-c", SLOW, "expand", posts, "--task", "knowledge", "--llm", "hf:slow", "-o", out,
            "--overwrite", *args
        ], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    killed = start()
    try:
        while not (asked.exists() and asked.read_text().count("\n") > 300):
            assert killed.poll() is None, killed.communicate()
            time.sleep(0.005)
    finally:
        killed.kill()
        killed.communicate()
    assert out.read_text() == "old\n"
    finished = [line for line in partial.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    first = asked.read_text().split("\n")[:-1]
    assert 256 <= len(finished) <= len(first) < 700
    asked.write_text("")

    resumed = start("--resume")
    stdout, stderr = resumed.communicate()
    assert (resumed.returncode, stdout) == (0, b""), stderr
    again = asked.read_text().split()
    assert set(first) | set(again) == {f"p{n}" for n in range(700)}
    assert len(set(first) & set(again)) <= 1, "at most the answer that was under way"
    assert f"{len(finished)} were finished before".encode() in stderr and b"answered from the store" in stderr
    records = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert [(r["id"], r["knowledge"]) for r in records] == [
        (f"p{n}", [{"text": f"about Zürich {n:04}", "source": "llm:slow"}]) for n in range(700)]
    assert out.read_bytes().startswith(b"".join(finished)) and not partial.exists()
