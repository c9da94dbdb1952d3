"""A small share of ``bench_kills`` with a fixed seed: every command killed at some of its writes, and run
again."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import kills
from tests.bench.bench_kills import Fault, Scenario, _finished, _sound
from tests.conftest import ROOT


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_killed_at_a_write_and_run_again_every_command_gives_what_an_unbroken_run_gives():
    # In a process of its own, because it forks, and this one may have threads.
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.bench_kills", "--most", "3", "--torn", "1", "--seed", "12"],
        cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = [line for line in done.stdout.splitlines() if " kills, 0 faults, " in line]
    assert len(ran) == 10 and not any(": 0 kills" in line for line in ran), done.stdout


SET = Scenario("set", [], [], ["set"], together=True)
FILE = Scenario("file", [], [], ["out.jsonl"])
OLD = {"set/train.jsonl": b"{}\n", "set/images/a.jpg": b"1", "in": b"x"}
NEW = {"set/train.jsonl": b"[]\n", "set/images/a.jpg": b"2", "in": b"x"}


@pytest.mark.parametrize(
    "left", [OLD, NEW, {**OLD, "set/.part": b""}, {"in": b"x"}, {"set/images/a.jpg": b"1", "in": b"x"}])
def test_what_a_kill_may_leave(left):
    _sound(SET, left, OLD, NEW)


@pytest.mark.parametrize("left", [{**OLD, "set/images/a.jpg": b"2"}, {**NEW, "set/images/a.jpg": b"1"},
                                  {**OLD, "set/train.jsonl": b"{"}, {**OLD, "in": b"y"}])
def test_what_a_kill_may_not_leave(left):
    with pytest.raises(Fault):
        _sound(SET, left, OLD, NEW)


def test_a_file_of_its_own_must_be_there_old_or_new():
    old, new = {"out.jsonl": b"{}\n"}, {"out.jsonl": b"[]\n"}
    _sound(FILE, old, old, new)
    for left in ({}, {"out.jsonl": b"{}"}):
        with pytest.raises(Fault):
            _sound(FILE, left, old, new)
    for left in (old, {**new, "out.jsonl.tmp": b""}, {}):
        with pytest.raises(Fault):
            _finished(FILE, left, new)


def test_a_run_is_killed_before_its_nth_write_or_in_the_middle_of_one(tmp_path):
    def write():
        for number in range(3):
            with open(f"{number}.txt", "wb") as stream:
                stream.write(b"whole")

    folder = tmp_path / "work"
    folder.mkdir()
    whole = kills.run(write, folder)
    assert (whole.code, whole.killed) == (0, False) and whole.steps >= 6
    for path in folder.iterdir():
        path.unlink()
    assert kills.run(write, folder, step=1).killed and [p.read_bytes() for p in folder.iterdir()] == [b""]
    assert kills.run(write, folder, room=3).killed and (folder / "0.txt").read_bytes() == b"who"
