"""Reading and writing JSON Lines: every kind of broken line and file, and files that are whole or old."""

from __future__ import annotations

import json
import os
import subprocess
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmner_cli.errors import GmnerError, RecordError
from gmner_cli.records import Post
from gmner_cli.records.jsonl import encode, failed_post, read_lines, read_posts, write_atomic, write_posts

GOOD = b'{"id": "good", "text": "x"}'

BAD_LINES = {
    "malformed": (b'{"id": "a", "text": ', "malformed JSON"),
    "two on a line": (GOOD + b" " + GOOD, "malformed JSON"),
    "an array": (b"[1, 2]", "a line must hold one JSON object"),
    "a string": (b'"text"', "a line must hold one JSON object"),
    "null": (b"null", "a line must hold one JSON object"),
    "NaN": (b'{"id": "a", "text": "x", "entities": [{"start": 0, "end": 1, "type": "X", "boxes": [[0, 0, '
            b'NaN, 1]]}]}', "malformed JSON"),
    "a number out of range": (b'{"text": "x", "n": 1e999}', "malformed JSON"),
    "escaped lone surrogate": (b'{"id": "a", "text": "x\\ud800y"}', "malformed JSON"),
    "raw lone surrogate": (b'{"id": "a", "text": "\xed\xa0\x80"}', "is not valid utf-8"),
    "latin-1": (b'{"id": "a", "text": "caf\xe9"}', "is not valid utf-8"),
    "utf-16": ('{"text": "x"}'.encode("utf-16"), "UTF-16"),
    "deep nesting": (b'{"text": "x", "n": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "nested too deeply"),
    "a raw newline's half": (b'{"id": "a", "text": "x', "malformed JSON"),
    "zero bytes": (b"\x00\x00\x00", "malformed JSON"),
}


@pytest.mark.parametrize("line, words", BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_is_located_kept_whole_and_does_not_stop_the_others(tmp_path, line, words):
    file = tmp_path / "posts.jsonl"
    file.write_bytes(GOOD + b"\n\n" + line + b"\n" + GOOD.replace(b"good", b"last") + b"\n")
    first, bad, last = read_lines(file)
    assert (first.post.id, first.number, last.post.id, last.number) == ("good", 1, "last", 4)
    assert bad.post is None and bad.number == 3
    assert str(bad.error).startswith(f"{file}:3: ") and words in str(bad.error)
    out = failed_post(bad)
    written = json.loads(encode(out.check()))
    assert written["error"] == bad.error.reason and written["id"] == "line-3"
    assert written["unreadable"] == line.decode("utf-8", "backslashreplace")


@pytest.mark.parametrize("head", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_byte_order_marks_and_windows_line_ends_are_read(tmp_path, head, end):
    file = tmp_path / "posts.jsonl"
    file.write_bytes(head + GOOD + end + b"  \t" + end + head + GOOD.replace(b"good", b"b") + end + head +
                     end)
    assert [(line.number, line.post.id, line.post.text) for line in read_lines(file)] == [(1, "good", "x"),
                                                                                          (3, "b", "x")]


def test_line_ends_inside_texts_do_not_end_a_line(tmp_path):
    texts = ["a\u2028b", "a\u2029b", "a\x85b", "a\x0bb", "a\rb", "a\nb", "a\x00b"]
    file = tmp_path / "posts.jsonl"
    file.write_text(
        "".join(
            json.dumps({"id": str(n), "text": t}, ensure_ascii=False) + "\n" for n, t in enumerate(texts)),
        encoding="utf-8", newline="")
    assert [post.text for post in read_posts(file)] == texts
    assert write_posts(tmp_path / "again.jsonl", read_posts(file)) == len(texts)
    assert [post.text for post in read_posts(tmp_path / "again.jsonl")] == texts


def test_a_line_of_five_megabytes(tmp_path):
    file = tmp_path / "posts.jsonl"
    long = "wörd " * 1_000_000
    write_posts(file, [Post(id="a", text=long), Post(id="b", text="x")])
    assert [len(post.text) for post in read_posts(file)] == [len(long), 1]
    file.write_bytes(file.read_bytes().replace(b'"b"', b'"a"').rstrip()[:-1])
    line = list(read_lines(file))[1]
    assert len(str(line.error)) < 500
    file.write_bytes(b'{"text": "' + long.encode())
    line, = read_lines(file)
    assert failed_post(line).extra["unreadable"] == '{"text": "' + long, "nothing of the line is lost"
    assert len(str(line.error)) < 500


def test_nesting_that_can_be_read_can_be_written(tmp_path):
    for depth in (100, 400, 800):
        line = b'{"id":"a","text":"x","n":' + b"[" * depth + b"]" * depth + b"}"
        (tmp_path / "deep.jsonl").write_bytes(line)
        read, = read_lines(tmp_path / "deep.jsonl")
        assert encode(read.post or failed_post(read))


def test_ids_are_unique_whatever_comes_in(tmp_path):
    file = tmp_path / "posts.jsonl"
    file.write_bytes(b"\n".join([
        b'{"id": "line-2", "text": "explicit"}', b'{"text": "made"}', b"{", b'{"id": "line-3", "text": '
        b'"late"}', b'{"id": "line-2", "text": "again"}', b'{"id": "line-2#5", "text": "x"}',
        b'{"id": "line-2", "text": '
        b'"again"}', b'{"id": 7.5, "text": "x"}', b'{"id": null, "text": "x"}', b'{"id": "", "text": "x"}',
        b'{"id": ["a"], "text": "x"}'
    ]))
    lines = list(read_lines(file))
    assert [line.number for line in lines] == list(range(1, 12))
    assert len({line.id for line in lines}) == 11
    assert all(line.post is None or line.post.id == line.id for line in lines)
    assert [line.number for line in lines if line.error] == [3, 4, 5, 6, 7, 8, 10, 11]
    assert "duplicate id 'line-2', first seen in line 1" in str(lines[4].error)
    assert lines[1].post.text == "made", "a made id that is taken is no fault of the line"


def test_ids_with_line_ends_and_terminal_codes_stay_one_printable_line(tmp_path):
    file = tmp_path / "posts.jsonl"
    file.write_text(json.dumps({"id": "a\nb\x1b[2J", "text": 5}) + "\n")
    line, = read_lines(file)
    assert line.id == "a\nb\x1b[2J", "the id itself is not changed"
    assert "\n" not in line.error.reason and "\x1b" not in str(line.error)
    assert "expected str, got int at text" in failed_post(line).error


def test_types_outside_the_declared_ones_are_located(tmp_path):
    file = tmp_path / "posts.jsonl"
    file.write_text('{"id": "a", "text": "xy", "entities": [{"start": 0, "end": 1, "type": "PER"}]}\n'
                    '{"id": "b", "text": "xy", "entities": [{"start": 0, "end": 1, "type": "PRE"}]}\n')
    good, bad = read_lines(file, labels=["PER", "LOC"])
    assert good.post.id == "a"
    assert str(bad.error).startswith(f"{file}:2 (id b): entities[0].type 'PRE' is not one of LOC, PER")
    assert "did you mean 'PER'" in bad.error.hint
    with pytest.raises(RecordError, match="'PRE' is not one of"):
        list(read_posts(file, labels=["PER", "LOC"]))
    assert len(list(read_posts(file))) == 2


def test_files_that_cannot_be_read_are_said_so(tmp_path):
    for source, words in ((tmp_path / "none.jsonl", "no such file"), (tmp_path, "is a directory"),
                          ("a\0b", "cannot be read"), (tmp_path / ("n" * 300), "cannot be read")):
        with pytest.raises(GmnerError, match=words):
            list(read_lines(source))


def test_a_file_without_permission_is_said_so(tmp_path):
    file = tmp_path / "secret.jsonl"
    file.write_bytes(GOOD)
    file.chmod(0)
    root = os.geteuid() == 0  # who may read everything, so the test becomes nobody for a moment
    try:
        if root:
            os.seteuid(65534)
        with pytest.raises(GmnerError, match="cannot be read: Permission denied"):
            list(read_lines(file))
    finally:
        if root:
            os.seteuid(0)


def test_a_fifo_is_read_as_it_comes(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(GOOD + b"\n"))
    writer.start()
    assert [line.post.id for line in read_lines(fifo)] == ["good"]
    writer.join()


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_no_bytes_whatever_stop_the_reader(tmp_path_factory, chunks):
    file = tmp_path_factory.getbasetemp() / "any.jsonl"
    file.write_bytes(b"\n".join(chunks))
    lines = list(read_lines(file))
    held = [c for c in b"\n".join(chunks).split(b"\n") if c.removeprefix(b"\xef\xbb\xbf").strip()]
    # Python's bytes and str disagree on a few white-space characters, hence "at most".
    assert len(lines) <= len(held)
    assert len({line.id for line in lines}) == len(lines)
    for line in lines:
        encode((line.post or failed_post(line)).check())


def test_a_failure_while_writing_leaves_the_old_file_and_no_other(tmp_path):
    file = tmp_path / "out.jsonl"
    file.write_bytes(b"old\n")

    def posts():
        yield Post(id="a", text="x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_posts(file, posts())
    with pytest.raises(RecordError):
        write_posts(file, [Post(id="a", text="x", extra={"n": float("nan")})])
    assert file.read_bytes() == b"old\n"
    assert os.listdir(tmp_path) == ["out.jsonl"]


def test_a_full_disk_is_said_and_leaves_the_old_file(tmp_path):
    with pytest.raises(GmnerError, match="No space left on device"):
        write_posts("/dev/full", [Post(id="a", text="x")])
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], capture_output=True,
                             check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        file = small / "out.jsonl"
        write_atomic(file, "old\n")
        with pytest.raises(GmnerError, match="No space left on device") as caught:
            write_posts(file, (Post(id=str(n), text="x" * 1000) for n in range(1000)))
        assert "free some space" in caught.value.hint
        assert file.read_text() == "old\n" and os.listdir(small) == ["out.jsonl"]
    finally:
        subprocess.run(["umount", small], check=True)
