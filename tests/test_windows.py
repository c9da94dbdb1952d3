"""Posts come out as they are finished: how many a stage gets at a time, what a pipe waits for, and what a
kill costs."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time

import msgspec
import pytest

from gmner_cli.compute.batches import bucket, packed
from gmner_cli.errors import ModelError
from gmner_cli.flow.compose import UNSAID, WINDOW, compose, window_after
from gmner_cli.flow.run_file import run_file
from gmner_cli.model import Example
from gmner_cli.records import Post
from tests.conftest import ROOT, read_jsonl, write_jsonl


class Noting:
    """A stage that remembers how many posts it was given at a time."""

    def __init__(self, name, window=None, bad=lambda post: False, problem=RuntimeError):
        self.name, self.sizes, self.bad, self.problem = name, [], bad, problem
        if window is not None:
            self.window = window

    def __call__(self, posts):
        if any(self.bad(post) for post in posts if not post.set_aside):
            raise self.problem("odd")
        self.sizes.append(len(posts))
        return [msgspec.structs.replace(post, caption=(post.caption or "") + self.name) for post in posts]


def posts_of(count):
    return [Post(id=str(n), text=f"post {n}") for n in range(count)]


def test_windows_grow_with_what_has_come_to_what_the_stage_wants():
    came, sizes = 0, []
    while came < 3 * WINDOW:
        sizes.append(window_after(came, WINDOW))
        assert sizes[-1] <= max(1, came), "no post waits for more than have come"
        came += sizes[-1]
    assert sizes[:4] == [1, 1, 2, 4] and sizes == sorted(sizes) and sizes[-1] == WINDOW
    assert all(window_after(came, most) <= max(1, came / 4)
               for most in (2, 8, 32)
               for came in range(200)), "what is slow loses little"
    assert [window_after(came, 8) for came in (0, 7, 8, 15, 16, 31, 32, 900)] == [1, 1, 2, 2, 4, 4, 8, 8]
    assert all(WINDOW % size == 0 for size in sizes), "so that full windows are full batches"
    assert {window_after(came, 1) for came in range(1000)} == {1}


@pytest.mark.parametrize("most,wanted", [(WINDOW, (WINDOW, 4, 1, UNSAID)), (8, (8, 4, 1, 8)),
                                         (1, (1, 1, 1, 1))])
def test_every_stage_gets_as_many_as_it_wants_and_the_order_stays(most, wanted):
    stages = [Noting("a", 256), Noting("b", 4), Noting("c", 1), Noting("d")]
    made = list(compose(stages, posts_of(1000), most))
    assert [post.id for post in made] == [str(n) for n in range(1000)] and {post.caption
                                                                            for post in made} == {"abcd"}
    assert tuple(max(stage.sizes) for stage in stages) == wanted
    assert [sum(stage.sizes) for stage in stages] == [1000] * 4


def test_what_a_stage_gets_does_not_depend_on_how_fast_posts_come():
    def slowly():
        draw = random.Random(1)
        for post in posts_of(90):
            time.sleep(draw.random() / 200)
            yield post

    runs = []
    for posts in (posts_of(90), slowly()):
        stages = [Noting("a", 64), Noting("b", 8)]
        list(compose(stages, posts))
        runs.append([stage.sizes for stage in stages])
    assert runs[0] == runs[1]


def test_a_record_is_there_before_many_others_have_come():
    asked = []
    made = compose([Noting("a", 256), Noting("b", 8), Noting("c")],
                   (asked.append(post) or post for post in posts_of(600)))
    for given in range(600):
        next(made)
        assert len(asked) <= 2 * given + (1 if given < 4 else
                                          8), "at first one by one, and never many more than as many again"
    made = compose([Noting("a", 256), Noting("b")], (asked.append(post) or post for post in posts_of(600)), 1)
    asked.clear()
    for given in range(1, 600):
        next(made)
        assert len(asked) == given


def test_a_run_that_stops_leaves_what_was_finished_and_goes_on(tmp_path):
    """A slow stage that is stopped at its 60th post, as a kill would."""
    source = write_jsonl(tmp_path / "in.jsonl", [{"id": str(n), "text": "x"} for n in range(100)])
    said = []
    with pytest.raises(KeyboardInterrupt):
        run_file(
            source, tmp_path / "out.jsonl",
            lambda: [Noting("a", 256),
                     Noting("b", bad=lambda p: p.id == "60", problem=KeyboardInterrupt)], config={},
            tell=said.append)
    kept = (tmp_path / "out.jsonl.partial").read_bytes().count(b"\n")
    assert 60 - UNSAID <= kept <= 60 and said == [f"stopped: {kept} finished posts are in "
                                                  f"{tmp_path / 'out.jsonl.partial'}; go on with --resume"]
    outcome = run_file(source, tmp_path / "out.jsonl",
                       lambda: [Noting("a", 256), Noting("b")], config={}, resume=True)
    assert (outcome.resumed, outcome.written) == (kept, 100 - kept)
    assert [r["id"] for r in read_jsonl((tmp_path / "out.jsonl").read_text())] == [str(n) for n in range(100)]


# --- batches of what has come ----------------------------------------------------------------------

@pytest.mark.parametrize("count,size", [(0, 4), (1, 4), (9, 3), (10, 32), (100, 32)])
def test_texts_share_batches_so_that_least_is_computed(count, size):
    draw = random.Random(count)
    lengths = [draw.choice([5, 6, 7, 20, 21, 100]) for _ in range(count)]
    examples = [Example(n, length, None) for n, length in enumerate(lengths)]

    def cost(batches):
        return sum(40 + len(batch) * max(lengths[i] for i in batch) for batch in batches)

    found = packed(examples, size, 40)
    assert sorted(i for batch in found
                  for i in batch) == list(range(count)) and all(len(batch) <= size for batch in found)
    longest = [lengths[i] for batch in found for i in batch]
    assert longest == sorted(longest, reverse=True) and cost(found) <= cost(bucket(examples, size))
    if count < 10:
        ways = itertools.product([False, True], repeat=max(0, count - 1))  # where the sorted ones are parted
        order = sorted(lengths, reverse=True)

        def parted(cuts):
            ends = [0, *(n for n, here in enumerate(cuts, 1) if here), count]
            return [order[a:b] for a, b in itertools.pairwise(ends) if b > a]

        best = min(
            sum(40 + len(part) * part[0] for part in parted(cuts)) for cuts in ways if all(
                len(p) <= size for p in parted(cuts)))
        assert cost(found) == (best if count else 0)


# --- posts that a stage cannot bear, now that the first of them may come alone ---------------------

@pytest.mark.parametrize("bad", [{0}, {0, 1, 2}, {0, 1, 2, 3, 4, 5, 40}, set(range(100))])
@pytest.mark.parametrize("window", [1, 16, 256])
def test_bad_posts_at_the_beginning_fail_alone(bad, window):
    made = list(compose([Noting("a", window, lambda post: int(post.id) in bad)], posts_of(130)))
    assert {int(post.id) for post in made if post.error} == bad and [post.id for post in made
                                                                     ] == [str(n) for n in range(130)]


@pytest.mark.parametrize("count,read", [(2, 2), (9, 9), (1000, WINDOW)])
@pytest.mark.parametrize("window", [1, 256])
def test_a_stage_that_nothing_gets_through_ends_the_run(count, read, window):
    asked = []
    with pytest.raises(RuntimeError, match="odd"):
        list(
            compose([Noting("a", window, lambda post: True)],
                    (asked.append(p) or p for p in posts_of(count))))
    assert len(asked) == read
    (alone,) = compose([Noting("a", window, lambda post: True)], posts_of(1))
    assert "odd" in alone.error


def test_a_stage_that_failed_for_all_leaves_no_output_and_says_of_no_finished_post(tmp_path):
    source, said = write_jsonl(tmp_path / "in.jsonl", [{"text": "x"}] * 9), []
    with pytest.raises(RuntimeError):
        run_file(source, tmp_path / "out.jsonl", lambda: [Noting("a", bad=lambda p: True)], config={},
                 tell=said.append)
    assert not (tmp_path / "out.jsonl").exists() and not said
    with pytest.raises(ModelError):
        run_file(source, tmp_path / "out.jsonl",
                 lambda: [Noting("a", bad=lambda p: True, problem=ModelError)], config={}, tell=said.append)
    assert not (tmp_path / "out.jsonl").exists()


# --- pipes ---------------------------------------------------------------------------------------

PIPED = """
import sys, time
from gmner_cli.model import Example
from gmner_cli.flow.run_file import run_file
class Slow:
    name = "slow"
    def __call__(self, posts):
        for post in posts if {pause} else ():
            time.sleep({pause})
            print("computed", flush=True)
        return posts
run_file(sys.argv[1], sys.argv[2], lambda: [Slow()], config={{}}, window={window})
"""


@pytest.fixture
def piped():
    """``piped(source, target, pause=0, window=None)``: a run in a process of its own, killed at the end of
    the test."""
    running = []

    def call(source, target, pause=0, window=None):
        code = PIPED.format(pause=pause, window=window)
        running.append(
            subprocess.Popen([sys.executable, "-c", code, source, target], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}))
        return running[-1]

    yield call
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


def give(process, *numbers):
    process.stdin.write(b"".join(json.dumps({"id": str(n), "text": "x"}).encode() + b"\n" for n in numbers))
    process.stdin.flush()


def test_a_pipe_that_stays_open_is_answered_and_lags_by_less_than_a_batch(piped):
    process = piped("-", "-")
    for number in range(8):  # one by one: nothing else has come
        give(process, number)
        assert json.loads(process.stdout.readline())["id"] == str(number)
    give(process, *range(8, 300))
    answered = 300 - 300 % WINDOW
    for number in range(8, answered):
        assert json.loads(process.stdout.readline())["id"] == str(number)
    process.stdin.close()
    assert len(process.stdout.readlines()) == 300 - answered and process.wait() == 0


def test_with_a_window_of_one_every_post_is_answered_as_it_comes(piped):
    process = piped("-", "-", window=1)
    for number in range(40):
        give(process, number)
        assert json.loads(process.stdout.readline())["id"] == str(number)


def test_a_slow_run_that_is_killed_leaves_most_of_what_it_had_computed(piped, tmp_path):
    source, partial = write_jsonl(tmp_path / "in.jsonl",
                                  [{"id": str(n), "text": "x"}
                                   for n in range(1000)]), tmp_path / "out.jsonl.partial"
    process = piped(str(source), str(tmp_path / "out.jsonl"), pause=0.005)
    for _ in range(150):
        process.stdout.readline()  # a mark of each post that was computed
    process.send_signal(signal.SIGKILL)
    computed = 150 + len(process.stdout.readlines())
    process.wait()
    kept = partial.read_bytes().count(b"\n")
    assert computed < 1000 and computed * 0.8 - 1 <= kept <= computed
    outcome = run_file(source, tmp_path / "out.jsonl", lambda: [Noting("a")], config={}, resume=True)
    assert (outcome.resumed, outcome.written) == (kept, 1000 - kept)
