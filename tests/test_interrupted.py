"""Runs that are killed, interrupted, cut off or started twice: the old file or a resumable one, never
less."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from gmner_cli.records import Post
from gmner_cli.records.jsonl import encode
from tests.conftest import ROOT, write_jsonl

COUNT = 1000
FED = 600
"""Posts that a pipe gives before it waits; a window more than is looked for, because that many may wait for
others."""


@pytest.fixture(scope="module")
def posts(tmp_path_factory):
    """Texts of one length, so that posts of every window share batches of one shape; UTF-8 of 2 to 4 bytes in
    all."""
    records = [{"id": f"ö{n}", "text": f"Allen {n:05} swims in Zürich 👩‍👧 and 東京 with NASA"}
               for n in range(COUNT)]
    return write_jsonl(tmp_path_factory.mktemp("posts") / "posts.jsonl", records)


@pytest.fixture
def start(tiny_tagger, posts):
    """``start(*args)``: the running command; killed at the end of the test if it still runs.

    With ``fed=N`` it reads stdin, gets the first N posts there and waits for more,
    so that it cannot end before it is interrupted, however slow the machine.
    """
    running = []

    def call(*args, fed=None, **options):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "passive"}
        process = subprocess.Popen([
            sys.executable, "-m", "gmner_cli", "predict", "--texts", posts if fed is None else "-",
            "--images", posts.parent, "--ner", tiny_tagger, "--offline", "--device", "cpu", "--threads", "1",
            *args
        ], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   stdin=None if fed is None else subprocess.PIPE, **options)
        running.append(process)
        if fed is not None:
            process.stdin.write(b"".join(posts.read_bytes().splitlines(keepends=True)[:fed]))
            process.stdin.flush()
        return process

    yield call
    for process in running:
        process.kill()
        process.communicate()


def wait_for_lines(process, partial, least):
    """Until the file has so many lines; fails when the process ends before."""
    while True:
        lines = partial.read_bytes().count(b"\n") if partial.exists() else 0
        if lines >= least:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def assert_same(records, others):
    """Equal but for the last digit of a score, which may change with the size of the batch it was computed
    in."""
    for group in (records, others):
        for record in group:
            record["scores"] = [entity.pop("score") for entity in record["entities"]]
    scores = [[s for record in group for s in record.pop("scores")] for group in (records, others)]
    assert records == others
    assert scores[0] == pytest.approx(scores[1], abs=2e-4)


def test_killed_interrupted_and_resumed_it_gives_what_an_unbroken_run_gives(start, tmp_path):
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    partial = tmp_path / "out.jsonl.partial"
    unbroken = start("-o", whole)
    assert unbroken.communicate()[1].count(b"Traceback") == 0 and unbroken.returncode == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["whole.jsonl", "whole.jsonl.run.json"]

    old = whole.read_bytes()
    out.write_bytes(old)
    (tmp_path / "out.jsonl.run.json").write_bytes((tmp_path / "whole.jsonl.run.json").read_bytes())
    killed = start("-o", out, fed=FED)
    wait_for_lines(killed, partial, 100)
    second = start("-o", out)
    assert second.wait() == 1
    message = second.stderr.read().decode()
    assert "another run is writing this file" in message and "Traceback" not in message
    killed.kill()
    killed.wait()
    assert out.read_bytes() == old

    # A kill may tear the last line anywhere, also inside a character.
    lines = partial.read_bytes().splitlines(keepends=True)
    assert 100 <= len(lines) < COUNT
    first = json.loads(lines[0])
    lines[0] = encode(Post.from_builtins({**first, "seen": "not made again"})) + b"\n"
    torn = lines[49][:lines[49].index("東".encode()) + 2]
    partial.write_bytes(b"".join(lines[:49]) + torn)

    resumed = start("-o", out, "--resume", fed=FED)
    # The run waits for more input: a signal in the middle of foreign code can be lost.
    wait_for_lines(resumed, partial, 512)
    resumed.send_signal(signal.SIGINT)
    stdout, stderr = resumed.communicate()
    assert (resumed.returncode, stdout) == (130, b"")
    assert b"Traceback" not in stderr and b"go on with --resume" in stderr
    assert out.read_bytes() == old

    finished = start("-o", out, "--resume")
    stdout, stderr = finished.communicate()
    assert (finished.returncode, stdout) == (0, b""), stderr
    made = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert made[0].pop("seen") == "not made again"
    assert_same(sorted(made, key=lambda r: r["id"]),
                sorted(map(json.loads,
                           whole.read_bytes().splitlines()), key=lambda r: r["id"]))
    assert [record["id"] for record in made] == [f"ö{n}" for n in range(COUNT)], "in the order of the input"
    assert not partial.exists()
    assert json.loads((tmp_path / "out.jsonl.run.json").read_text())["finished"] is True


SWALLOWED = """
import os, signal
from gmner_cli import app
from gmner_cli.commands import predict
from gmner_cli.records import Post
from gmner_cli.flow.sink import Sink

def command() -> None:
    "Stand-in for a command within which a library swallows an interrupt."
    sink = Sink(os.environ["TARGET"])
    sink.begin()
    sink.write(Post(id="1", text="a"))
    try:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(10_000_000):
            pass
    except KeyboardInterrupt:
        pass
    sink.write(Post(id="2", text="b"))
    sink.commit()

predict.command = command
app.main()
"""


def test_an_interrupt_that_foreign_code_swallows_still_ends_the_run(tmp_path):
    out = tmp_path / "out.jsonl"
    done = subprocess.run([sys.executable, "-c", SWALLOWED, "predict"], capture_output=True, text=True,
                          timeout=120, env={**os.environ, "TARGET": str(out)}, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (130, False), done.stderr
    assert not out.exists() and (tmp_path / "out.jsonl.partial").read_bytes().count(b"\n") == 1


def test_a_reader_that_goes_away_ends_the_run_quietly(start):
    process = start()
    first = process.stdout.readline()
    process.stdout.close()
    stderr = process.stderr.read().decode()
    assert process.wait() == 141
    assert json.loads(first)["id"] == "ö0"
    assert "Traceback" not in stderr and "Exception" not in stderr and "stopped" not in stderr


def test_a_full_disk_behind_stdout_is_one_message(gmner, tiny_tagger, tmp_path, start):
    with open("/dev/full", "wb") as full:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-m", "gmner_cli", "predict", "--texts", "-", "--ner", tiny_tagger, "--offline"],
            input=b'{"text": "Allen swims"}', stdout=full, stderr=subprocess.PIPE, env=environment,
            check=False)
    message = done.stderr.decode()
    assert done.returncode == 1
    assert "stdout: cannot write: No space left on device" in message
    assert "Traceback" not in message and "Exception" not in message and "--resume" not in message


def test_segment_is_killed_and_goes_on(tmp_path):
    Image.effect_mandelbrot((40, 32), (-2, -1, 1, 1), 20).convert("RGB").save(tmp_path / "a.png")
    posts = write_jsonl(tmp_path / "posts.jsonl", [{
        "id": str(n), "text": "Allen", "image": "a.png",
        "entities": [{"start": 0, "end": 5, "type": "PER", "boxes": [[1 + n % 9, 2, 20 + n % 15, 30]]}]
    } for n in range(280)])

    def segment(out, *more):
        return subprocess.Popen(
            [sys.executable, "-m", "gmner_cli", "segment", posts, "--images", tmp_path, "-o", out, *more],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    unbroken = segment(whole)
    assert unbroken.communicate() and unbroken.returncode == 0
    killed = segment(out)
    wait_for_lines(killed, tmp_path / "out.jsonl.partial", 1)
    killed.kill()
    killed.communicate()
    assert not out.exists()
    resumed = segment(out, "--resume")
    stderr = resumed.communicate()[1].decode()
    assert resumed.returncode == 0 and "were finished before" in stderr, stderr
    assert out.read_bytes() == whole.read_bytes()
