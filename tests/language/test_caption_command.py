"""``gmner caption``: what comes out for what comes in, from a model and from files; killed, it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from tests.conftest import ROOT, read_jsonl, write_jsonl
from tests.language.captioners import save_blip

CPU = ("--device", "cpu", "--threads", "1", "--offline")


@pytest.fixture(scope="module")
def blip(tmp_path_factory):
    return save_blip(tmp_path_factory.mktemp("blip"))


@pytest.fixture
def posts(tmp_path):
    """A good picture, a missing and a broken one, none, a caption that is there."""
    Image.new("RGB", (60, 40), "red").save(tmp_path / "a.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    return write_jsonl(
        tmp_path / "posts.jsonl",
        [{"id": "1", "text": "Ada sings", "image": "a.png", "mood": "glad"
          }, {"id": "2", "text": "x", "image": "gone.png"}, {"id": "3", "text": "x", "image": "broken.jpg"},
         {"id": "4", "text": "x"}, {"id": "5", "text": "x", "image": "gone.png", "caption": "mine"
                                    }, {"id": "6", "text": "y", "image": "a.png"}])


def test_posts_keep_their_order_and_bad_pictures_fail_alone(gmner, posts, blip):
    done = gmner("caption", posts, "--model", blip, *CPU, "--batch-size", "2", "--precision", "float32")
    assert done.returncode == 3 and "2 records failed" in done.stderr and "Traceback" not in done.stderr
    came, made = read_jsonl(posts.read_text()), read_jsonl(done.stdout)
    assert made[0]["caption"] == made[5]["caption"] != ""
    assert "no such image" in made[1].pop("error") and "broken" in made[2].pop("error")
    for index in (0, 5):
        del made[index]["caption"], made[index]["image_size"]
    assert made == came, "nothing else changed; a picture that is not needed is not asked for"


def test_text_only_goes_on_without_the_picture(gmner, posts, blip, tmp_path):
    done = gmner("caption", posts, "--model", blip, *CPU, "--on-missing-image", "text-only", "--limit", "3",
                 "-o", tmp_path / "o")
    made = read_jsonl((tmp_path / "o").read_text())
    assert done.returncode == 0, done.stderr
    assert ["caption" in r for r in made] == [True, False, False] and all(r["image_problem"]
                                                                          for r in made[1:])


def test_files_are_imported_without_pictures_and_accounted_for(gmner, posts, tmp_path):
    first, second, out = tmp_path / "rows.txt", tmp_path / "blocks.txt", tmp_path / "out.jsonl"
    first.write_text("a.png :a red field\n9.png :nobody's\n2.png :\n")
    second.write_text("imgid:3###Torn\nin two.\nimgid:5###other\n")
    done = gmner("caption", posts, "--from", first, "--from", second, "-o", out)
    assert done.returncode == 0, done.stderr
    assert [r.get("caption") for r in read_jsonl(out.read_text())
            ] == ["a red field", None, "Torn\nin two.", None, "mine", "a red field"]
    for said in ("rows.txt: 2 captions", "rows.txt:3: no caption for 2.png", "3 posts of this run got their "
                                                                             "caption, 1 had one and keep it",
                 "2 posts of this run have no caption in the files: 2, 4", "1 captions belong to no post of "
                                                                           "this run: 9.png"):
        assert said in done.stderr
    second.write_text("imgid:3###Another\n")
    refused = gmner("caption", posts, "--from", first, "--from", second, "-o", out, "--resume")
    assert refused.returncode in (1, 2) and "from" in refused.stderr and "Traceback" not in refused.stderr


def test_resumed_the_account_claims_nothing_of_posts_that_were_finished_before(gmner, tmp_path):
    posts = write_jsonl(tmp_path / "posts.jsonl", [{"id": "1", "text": "x"}, {"id": "2", "text": "x"}])
    captions, out = tmp_path / "rows.txt", tmp_path / "out.jsonl"
    captions.write_text("1.jpg :a\n2.jpg :b\n")
    assert gmner("caption", posts, "--from", captions, "--limit", "1", "-o", out).returncode == 0
    done = gmner("caption", posts, "--from", captions, "-o", out, "--resume")
    assert done.returncode == 0, done.stderr
    assert [r["caption"] for r in read_jsonl(out.read_text())] == ["a", "b"]
    assert "1 were finished before" in done.stderr and "1 posts of this run got their caption" in done.stderr
    assert "1 captions belong to no post of this run: 1.jpg" in done.stderr
    assert "that was read" not in done.stderr


@pytest.mark.parametrize(("args", "code", "said"), [
    ((), 2, "--model Salesforce/blip-image-captioning-base"), (("--detailed",), 2, "have no default model"),
    (("--model", "org/eyes"), 1, "--offline forbids to download it"), (("--from", "none.txt"), 1, "none.txt"),
    (("--from", "none.txt", "--model", "x"), 2, "--model")])
def test_what_cannot_run_is_told_before_out_is_touched(gmner, posts, tmp_path, args, code, said):
    out = tmp_path / "out.jsonl"
    out.write_text("old\n")
    done = gmner("caption", posts, *CPU, *args, "-o", out, "--overwrite",
                 env={"HF_HOME": str(tmp_path / "hub")})
    assert (done.returncode, out.read_text()) == (code, "old\n"), done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr


def test_killed_it_goes_on_where_it_was(gmner, blip, tmp_path):
    for n, colour in enumerate(("red", "green", "blue")):
        Image.new("RGB", (32, 32), colour).save(tmp_path / f"{n}.png")
    posts = write_jsonl(tmp_path / "posts.jsonl",
                        [{"id": str(n), "text": "x", "image": f"{n % 3}.png"} for n in range(300)])
    out, partial = tmp_path / "out.jsonl", tmp_path / "out.jsonl.partial"
    options = [
        "--images", tmp_path, "--model", blip, *CPU, "--batch-size", "64", "--max-new-tokens", "3", "-o", out
    ]
    # It gets one window and one more post from stdin, and waits there to be killed.
    process = subprocess.Popen([sys.executable, "-m", "gmner_cli", "caption", "-", *options],
                               stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        process.stdin.write(b"".join(posts.read_bytes().splitlines(keepends=True)[:257]))
        process.stdin.flush()
        while not partial.exists() or partial.read_bytes().count(b"\n") < 256:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    lines = partial.read_bytes().splitlines(keepends=True)
    partial.write_bytes(lines[0].replace(b'"text":"x"', b'"text":"x","seen":1') + b"".join(lines[1:200]) +
                        lines[200][:20])
    done = gmner("caption", posts, *options, "--resume")
    assert done.returncode == 0, done.stderr
    assert "100 posts in" in done.stderr and "200 were finished before" in done.stderr
    made = read_jsonl(out.read_text())
    assert [r["id"] for r in made] == [str(n) for n in range(300)] and made[0].pop("seen") == 1
    assert [r["caption"] for r in made] == [r["caption"] for r in made[:3]] * 100
