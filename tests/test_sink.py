"""The Sink: every state that a file can be in when --resume, a second run or a full disk finds it."""

from __future__ import annotations

import os
import subprocess

import pytest

from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.flow.sink import Sink, fingerprint
from gmner_cli.records import Post
from gmner_cli.records.jsonl import encode
from tests.conftest import read_jsonl

CONFIG = {"command": "test", "recipe": {"ner": {"batch_size": 4, "settings": {"x": [1, 2]}}}}


def post(name, **more):
    return Post(id=name, text="x", **more)


def run_to(path, names, *, resume=False, config=CONFIG, commit=True, **more):
    sink = Sink(path, resume=resume, config=config)
    sink.begin()
    for name in names:
        if name not in sink.finished:
            sink.write(post(name, **more))
    if commit:
        sink.commit()
    else:
        sink.close()
    return sink


def ids(path):
    return [record["id"] for record in read_jsonl(path.read_text())]


def test_resume_where_nothing_was_is_a_fresh_run(tmp_path):
    sink = run_to(tmp_path / "new" / "out.jsonl", "abc", resume=True)
    assert sink.finished == {} and ids(tmp_path / "new" / "out.jsonl") == ["a", "b", "c"]


def test_resume_of_a_finished_file_adds_what_is_new(tmp_path):
    out = tmp_path / "out.jsonl"
    run_to(out, "ab")
    sink = run_to(out, "abcd", resume=True)
    assert set(sink.finished) == {"a", "b"} and ids(out) == ["a", "b", "c", "d"]


def test_without_resume_everything_is_made_again(tmp_path):
    out = tmp_path / "out.jsonl"
    run_to(out, "abc")
    run_to(out, "a", commit=False)
    assert ids(out) == ["a", "b", "c"]
    assert run_to(out, "xy").finished == {}
    assert ids(out) == ["x", "y"] and not (tmp_path / "out.jsonl.partial").exists()


def test_an_unfinished_fresh_run_is_resumed_and_not_the_older_finished_one(tmp_path):
    out = tmp_path / "out.jsonl"
    run_to(out, "abc")
    run_to(out, "", commit=False)
    sink = run_to(out, "abc", resume=True)
    assert sink.finished == {}


def test_records_that_failed_are_made_again_and_foreign_lines_dropped(tmp_path):
    out, partial = tmp_path / "out.jsonl", tmp_path / "out.jsonl.partial"
    run_to(out, "ab", commit=False)
    with open(partial, "ab") as stream:
        stream.write(
            encode(post("failed", error="no such image")) + b"\n" + b"\xff\xfe\n[1]\n\nnull\n5\n{}\n" +
            b'{"id": 3}\n' + encode(post("a")) + b"\n" + encode(post("skipped", skipped="no such image")) +
            b"\n" + encode(post("c")))
    sink = run_to(out, ["a", "b", "failed", "skipped", "c"], resume=True)
    assert set(sink.finished) == {"a", "b"}
    assert ids(out) == ["b", "a", "failed", "skipped", "c"]


def test_a_record_replaces_the_finished_one_of_its_id(tmp_path):
    out, partial = tmp_path / "out.jsonl", tmp_path / "out.jsonl.partial"
    run_to(out, "abc")
    sink = Sink(out, resume=True, config=CONFIG)
    sink.begin()
    sink.write(Post(id="b", text="another"))
    sink.close()
    assert ids(partial) == ["a", "b", "c", "b"], "killed here, the last one counts"
    sink = Sink(out, resume=True, config=CONFIG)
    assert sink.finished == {
        "a": fingerprint("x", None), "b": fingerprint("another", None), "c": fingerprint("x", None)
    }
    sink.begin()
    assert ids(partial) == ["a", "c", "b"]
    sink.write(post("c", error="it fails now"))
    sink.commit()
    assert ids(out) == ["a", "b", "c"] and read_jsonl(out.read_text())[2]["error"] == "it fails now"
    assert set(Sink(out, resume=True, config=CONFIG).finished) == {"a", "b"}


@pytest.mark.parametrize("before", ["nothing", "a finished file", "an unfinished file"])
@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize("killed", [True, False])
def test_a_run_that_does_not_begin_leaves_all_as_it_was(tmp_path, before, resume, killed):
    out = tmp_path / "out.jsonl"
    if before != "nothing":
        run_to(out, "ab", commit=before == "a finished file")
    files = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    sink = Sink(out, resume=resume, config=CONFIG)
    assert not sink.resumable
    if killed:  # nobody cleans up: the empty file that was locked stays
        sink._file.close()
    else:
        sink.close()
        assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == files
    again = run_to(out, "abc", resume=True)
    assert set(
        again.finished) == (set() if before == "nothing" else {"a", "b"}) and ids(out) == ["a", "b", "c"]


def test_what_is_discarded_is_said_with_its_number(tmp_path):
    out, said = tmp_path / "out.jsonl", []
    run_to(out, "ab", commit=False)
    for config, way in ((CONFIG, "--resume would have gone on with them"), ({}, "--resume could not go on "
                                                                                "with them")):
        sink = Sink(out, config=config)
        sink.begin(said.append)
        assert said.pop(
        ) == f"2 finished posts of a run that was stopped are discarded from {out}.partial; {way}"
        for name in "cd":
            sink.write(post(name))
        sink.close()
    for resume in (True, False):
        sink = Sink(out, resume=resume, config={})
        sink.begin(said.append)
        sink.commit()
    assert not said, "nothing is lost of a finished file before the new one is whole"


@pytest.mark.parametrize("finished", [True, False])
def test_another_configuration_is_refused_by_name_and_nothing_is_touched(tmp_path, finished):
    out = tmp_path / "out.jsonl"
    run_to(out, "ab", commit=finished)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    other = {
        "command": "test", "recipe": {"ner": {"batch_size": 4, "settings": {"x": [1, 3]}}}, "gold": "spans"
    }
    with pytest.raises(GmnerError) as caught:
        Sink(out, resume=True, config=other)
    assert "recipe.ner.settings.x ([1, 2] -> [1, 3])" in str(
        caught.value) and "gold (None -> 'spans')" in str(caught.value)
    assert "batch_size" not in str(caught.value) and caught.value.exit_code == 1
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "manifest", [None, b"", b"{", b"[]", b"{}", b'{"config": 5}', b'{"config": {"command": "te', b"\xff"])
def test_a_file_whose_making_is_not_known_is_refused_and_not_touched(tmp_path, manifest):
    out = tmp_path / "out.jsonl"
    run_to(out, "ab", commit=False)
    note = tmp_path / "out.jsonl.run.json"
    note.unlink()
    if manifest is not None:
        note.write_bytes(manifest)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(GmnerError, match="out.jsonl.run.json") as caught:
        Sink(out, resume=True, config=CONFIG)
    assert "run without --resume" in caught.value.hint
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    assert run_to(out, "ab").finished == {}, "and that is what helps"


def test_two_runs_cannot_write_one_file_but_one_after_the_other_can(tmp_path):
    out = tmp_path / "out.jsonl"
    first = Sink(out, config=CONFIG)
    first.begin()
    first.write(post("a"))
    for resume in (True, False):
        with pytest.raises(GmnerError, match="another run is writing"):
            Sink(out, resume=resume, config=CONFIG)
    first.write(post("b"))
    first.commit()
    assert ids(out) == ["a", "b"]
    assert set(run_to(out, "c", resume=True).finished) == {"a", "b"}


def test_the_lock_stays_through_a_resume(tmp_path):
    out = tmp_path / "out.jsonl"
    run_to(out, "ab", commit=False)
    resumed = Sink(out, resume=True, config=CONFIG)
    resumed.begin()
    with pytest.raises(GmnerError, match="another run is writing"):
        Sink(out, config=CONFIG)
    resumed.commit()
    assert ids(out) == ["a", "b"]


def test_a_link_to_the_file_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "out.jsonl"
    link.symlink_to("real/out.jsonl")
    run_to(link, "ab")
    assert link.is_symlink() and ids(tmp_path / "real" / "out.jsonl") == ["a", "b"]


@pytest.mark.parametrize("resume", [False, True])
def test_a_partial_file_that_is_a_link_or_no_file_is_left_alone(tmp_path, resume):
    """A folder may be somebody else's, and its links lead anywhere."""
    precious, out, partial = tmp_path / "precious", tmp_path / "out.jsonl", tmp_path / "out.jsonl.partial"
    precious.write_text("years of work")
    for name in ("precious", "nowhere"):
        partial.symlink_to(name)
        with pytest.raises(UsageError, match="is in the way"):
            Sink(out, config=CONFIG, resume=resume)
        partial.unlink()
    os.mkfifo(partial)
    with pytest.raises(UsageError, match="is in the way"):
        Sink(out, config=CONFIG, resume=resume)
    assert precious.read_text() == "years of work" and not (tmp_path / "nowhere").exists()


def test_resume_without_a_file_and_a_folder_for_a_file_are_refused(tmp_path):
    with pytest.raises(UsageError, match="--resume needs a file"):
        Sink("-", resume=True)
    with pytest.raises(GmnerError, match="is a directory"):
        Sink(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(GmnerError, match="cannot write"):
        Sink(tmp_path / "file" / "out.jsonl")


def test_a_device_is_written_directly(tmp_path):
    sink = Sink("/dev/full", config=CONFIG)
    with pytest.raises(GmnerError, match="/dev/full: cannot write: No space left on device") as caught:
        sink.write(post("a"))
    assert "--resume" not in caught.value.hint
    run_to("/dev/null", "ab", resume=True)
    assert not os.path.exists("/dev/null.partial") and not os.path.exists("/dev/full.run.json")


def test_a_disk_that_fills_up_keeps_what_was_written_for_resume(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", small], capture_output=True,
                             check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        out = small / "out.jsonl"
        out.write_bytes(b"old\n")
        sink = Sink(out, config=CONFIG)
        sink.begin()
        with pytest.raises(GmnerError, match="No space left on device") as caught:
            for number in range(1000):
                sink.write(post(str(number), caption="c" * 1000))
        assert "--resume" in caught.value.hint and out.read_bytes() == b"old\n"
        sink.close()
        subprocess.run(["mount", "-o", "remount,size=4m", small], check=True)
        resumed = run_to(out, map(str, range(1000)), resume=True, caption="c" * 1000)
        assert 50 < len(resumed.finished) < 130
        assert ids(out) == [str(n) for n in range(1000)]
    finally:
        subprocess.run(["umount", "-l", small], check=True)
