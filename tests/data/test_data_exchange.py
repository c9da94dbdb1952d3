"""Sets of files that ``prepare`` writes: exchanged as a whole, never mixed, and nothing of the user's
replaced."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, conll

from gmner_cli import data
from gmner_cli.data import exchange, output, scenes
from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.files.temporary import open_locked
from gmner_cli.records.jsonl import read_posts, write_atomic


def draw(folder, **more):
    return scenes.write(folder, jobs=1, **{"seed": 1, "train": 2, "test": 1, **more})


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def report(folder):
    return json.loads((folder / "report.json").read_text())


def test_an_older_set_goes_as_a_whole_and_the_users_files_stay(tmp_path):
    draw(tmp_path, train=3, shown=1)
    (tmp_path / "mine.jsonl").write_text("kept")
    (tmp_path / "images" / "mine.jpg").write_text("kept")
    draw(tmp_path, seed=2, train=2, test=0)
    assert names(tmp_path) == [
        "images/mine.jpg", "images/train-000000.jpg", "images/train-000001.jpg", "knowledge.jsonl",
        "mine.jsonl", "report.json", "train.jsonl"
    ]
    assert {post.meta["seed"] for post in read_posts(tmp_path / "train.jsonl")} == {2}
    assert report(tmp_path)["files"] == ["train.jsonl", "knowledge.jsonl", "images/"]


def test_sets_that_share_no_name_stand_side_by_side(tmp_path):
    for name in ("a", "b", "a"):
        (tmp_path / f"{name}.txt").write_text("Ada\tB-PER\n")
        output.write(data.load("conll", tmp_path / f"{name}.txt"), tmp_path / "out")
    assert names(tmp_path / "out") == ["a.jsonl", "b.jsonl", "report.json"]
    assert (report(tmp_path / "out")["files"], report(tmp_path / "out")["earlier"]) == (["a.jsonl"],
                                                                                        [["b.jsonl"]])


def test_train_of_one_run_never_stands_beside_dev_of_another(gmner, tmp_path):
    output.write(data.load("twitter-gmner", gmner.root), tmp_path / "out")
    (tmp_path / "train.txt").write_text("Ada\tB-PER\n")
    output.write(data.load("conll", tmp_path / "train.txt"), tmp_path / "out")
    assert names(tmp_path / "out") == ["report.json", "train.jsonl"]


def test_a_check_that_fails_leaves_the_records_of_before_and_their_owner(cli, gmner, tmp_path):
    assert cli("prepare", "twitter-gmner", "--source", gmner.root, "-o", "out").returncode == 0
    before = (tmp_path / "out" / "train.jsonl").read_bytes()
    gmner.write(dev="IMGID:d1\nrain\nagain\tO\n")
    assert cli("prepare", "twitter-gmner", "--source", gmner.root, "-o", "out", "--check").returncode == 1
    assert (tmp_path / "out" / "train.jsonl").read_bytes() == before and report(
        tmp_path / "out")["files"] == []
    gmner.write(dev=conll(("d1", "rain again")))
    assert cli("prepare", "twitter-gmner", "--source", gmner.root, "-o", "out", "--check").returncode == 0


@pytest.mark.parametrize("name", ["train.jsonl", "report.json", "images/train-000000.jpg", "knowledge.jsonl"])
def test_what_no_run_wrote_is_refused_before_anything_is_drawn(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text('{"mine": 1}')
    with pytest.raises(UsageError, match="gmner prepare wrote it") as refused:
        draw(tmp_path, train=10**6)
    assert name in str(refused.value) and names(tmp_path) == [name]
    draw(tmp_path, overwrite=True)
    assert report(tmp_path)["files"] and "mine" not in (tmp_path / name).read_bytes().decode(errors="replace")
    draw(tmp_path, seed=2)


def test_an_empty_file_and_a_report_of_an_older_version_are_no_hindrance(tmp_path):
    (tmp_path / "train.jsonl").touch()
    draw(tmp_path, shown=1)
    old = report(tmp_path)
    del old["files"], old["earlier"]
    (tmp_path / "report.json").write_text(json.dumps(old))
    draw(tmp_path, seed=2, test=0)
    assert names(tmp_path) == [
        "images/train-000000.jpg", "images/train-000001.jpg", "knowledge.jsonl", "report.json", "train.jsonl"
    ]


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_what_is_read_is_never_replaced(cli, gmner, tmp_path, overwrite):
    (gmner.root / "train.jsonl").write_text("theirs")
    done = cli("prepare", "twitter-gmner", "--source", gmner.root, "-o", gmner.root, *overwrite)
    assert done.returncode == 2 and "train.jsonl: is one of the files that are read" in done.stderr
    assert (gmner.root / "train.jsonl").read_text() == "theirs" and not (gmner.root / "report.json").exists()
    (tmp_path / "tagged.jsonl").write_text("Ada\tB-PER\n")
    (tmp_path / "here").symlink_to(tmp_path)
    done = cli("prepare", "conll", "--source", "tagged.jsonl", "-o", "here", *overwrite)
    assert done.returncode == 2 and (tmp_path / "tagged.jsonl").read_text() == "Ada\tB-PER\n"


def test_beside_its_source_a_set_can_be_made_twice(cli, gmner):
    for _ in range(2):
        done = cli("prepare", "twitter-gmner", "--source", gmner.root, "-o", gmner.root)
        assert done.returncode == 0, done.stderr


def test_a_report_cannot_name_files_elsewhere(tmp_path):
    out = tmp_path / "out"
    draw(out)
    (tmp_path / "victim.jsonl").write_text("kept")
    (out / "notes.txt").write_text("kept")
    bad = {
        **report(out), "files": [
            "../victim.jsonl", "notes.txt",
            str(tmp_path / "victim.jsonl"), "train.jsonl", "knowledge.jsonl", "images/",
            "images/../../victim.jsonl", 3
        ], "earlier": [7, None]
    }
    (out / "report.json").write_text(json.dumps(bad))
    aside = out / ".prepare.x"
    aside.mkdir()
    (aside / "moves.json").write_text(
        json.dumps({"remove": ["../victim.jsonl", "..", ""], "come": ["../victim.jsonl", 1]}))
    with pytest.raises(UsageError, match="test.jsonl"):  # which this report does not own up to
        draw(out)
    (out / "test.jsonl").unlink()
    draw(out)
    assert (tmp_path /
            "victim.jsonl").read_text() == (out / "notes.txt").read_text() == "kept" and not aside.exists()


def test_pictures_may_lie_on_another_disk(tmp_path):
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system")
    import shutil
    import tempfile

    place = Path(tempfile.mkdtemp(dir=other))
    try:
        (tmp_path / "images").symlink_to(place)
        draw(tmp_path)
        draw(tmp_path, seed=2, test=0)
        assert sorted(p.name for p in place.iterdir()) == ["train-000000.jpg", "train-000001.jpg"]
    finally:
        shutil.rmtree(place)


def test_two_runs_at_one_folder_are_refused(tmp_path):
    with exchange.exchange(tmp_path), pytest.raises(GmnerError, match="another run is writing into this "
                                                                      "folder"), exchange.exchange(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_killed_processes_go_and_those_of_living_ones_stay(tmp_path):
    """Who writes a file holds its lock; a killed process holds none."""
    (tmp_path / ".a.json.11.tmp").touch()
    (tmp_path / ".b.json.11.tmp").touch()
    with open_locked(tmp_path / ".a.json.22.tmp"):
        write_atomic(tmp_path / "a.json", "{}")
    assert names(tmp_path) == [".a.json.22.tmp", ".b.json.11.tmp", "a.json"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc for processes")
def test_processes_that_draw_end_with_their_parent(tmp_path):
    """SIGKILL tells nobody: the workers have to notice; what they left is cleared away by the next run."""
    draw(tmp_path / "set")
    before = names(tmp_path / "set")
    parent = subprocess.Popen([
        sys.executable, "-m", "gmner_cli", "prepare", "scenes", "--train", "100000", "--jobs", "2", "-o",
        tmp_path / "set"
    ], env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
    try:
        deadline = time.time() + 60
        while not list((tmp_path / "set").glob(".prepare.*/images/*.jpg")) and time.time() < deadline:
            time.sleep(0.05)
        workers = descendants(parent.pid)
        assert len(workers) >= 2
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline = time.time() + 20
    while (left := [pid for pid in workers if alive(pid)]) and time.time() < deadline:
        time.sleep(0.05)
    assert not left
    assert [name for name in names(tmp_path / "set") if not name.startswith(".prepare.")] == before
    draw(tmp_path / "set", seed=3)
    assert names(tmp_path / "set") == before and not list((tmp_path / "set").glob(".*"))


def stat(pid):
    """State and parent of a process; None when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return None


def alive(pid):
    return stat(pid) is not None and stat(pid)[0] != "Z"


def descendants(pid):
    processes = [int(name.name) for name in Path("/proc").iterdir() if name.name.isdigit()]
    children = [process for process in processes if (told := stat(process)) and int(told[1]) == pid]
    return children + [below for child in children for below in descendants(child)]
