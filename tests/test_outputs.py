"""What a command may write: none of what it reads, whatever its path, and nothing over a file that gmner did
not make."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from PIL import Image
from typer.testing import CliRunner

from gmner_cli.app import build
from gmner_cli.errors import UsageError
from gmner_cli.flow import outputs
from gmner_cli.flow.sink import Sink
from gmner_cli.records import Post
from tests.conftest import ROOT, read_jsonl, write_jsonl

ENTITY = {"start": 0, "end": 5, "type": "PER", "boxes": [[1, 1, 6, 6]]}


def gmner(*args):
    """The command in this process; its exit code and what it said."""
    done = CliRunner().invoke(build(), [str(arg) for arg in args])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder to work in, with posts, a picture, and a file for every option that reads one."""
    monkeypatch.chdir(tmp_path)
    Image.effect_mandelbrot((16, 12), (-2, -1, 1, 1), 20).convert("RGB").save("a.png")
    for name in ("posts.jsonl", "gold.jsonl", "never.jsonl"):
        write_jsonl(tmp_path / name,
                    [{"id": str(n), "text": "Allen swims", "image": "a.png", "entities": [ENTITY]}
                     for n in range(5)])
    write_jsonl(tmp_path / "pool.jsonl", [{"id": "p", "text": "NASA", "knowledge": [{"text": "an agency"}]}])
    write_jsonl(tmp_path / "captions.jsonl", [{"id": "0", "caption": "a picture"}])
    write_jsonl(tmp_path / "answers.jsonl", [{"id": str(n), "text": "said"} for n in range(5)])
    (tmp_path / "mine.yaml").write_text("extends: mini\nname: mine\nabout: x\nstages: [ner]\n")
    return tmp_path


def state(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


COMMANDS = {
    "predict": ("predict", "posts.jsonl"),
    "predict by name": ("predict", "--texts", "posts.jsonl", "--overwrite"),
    "segment": ("segment", "posts.jsonl", "--overwrite"),
    "expand": ("expand", "posts.jsonl", "--task", "expansions", "--overwrite"),
    "caption": ("caption", "posts.jsonl", "--from", "captions.jsonl"),
    "view": ("view", "posts.jsonl", "--gold", "gold.jsonl"),
}


@pytest.mark.parametrize("name",
                         ["posts.jsonl", "./posts.jsonl", "soft", "hard", "folder/posts.jsonl", "chain"])
@pytest.mark.parametrize("command", COMMANDS)
def test_out_may_not_be_the_input_under_any_name(files, command, name):
    os.symlink("posts.jsonl", "soft")
    os.symlink("soft", "chain")
    os.link("posts.jsonl", "hard")
    os.symlink(".", "folder")
    before = state(files)
    code, said = gmner(*COMMANDS[command], "-o", name)
    assert code == 2 and f"{name}: is also what is read: posts.jsonl" in said and "-o" in said
    assert state(files) == before and os.path.islink("soft")


@pytest.mark.parametrize(
    "args,read",
    [
        (("segment", "out.jsonl.partial", "-o", "out.jsonl"), "out.jsonl.partial"),
        (("segment", "out.jsonl.run.json", "-o", "out.jsonl", "--resume"), "out.jsonl.run.json"),
        (("segment", "out.jsonl.before", "-o", "out.jsonl", "--limit", 2), "out.jsonl.before"),
        (("segment", "posts.jsonl", "-o", "sub/out.jsonl"),
         "posts.jsonl"),  # sub/out.jsonl.partial leads there
        (("expand", "out.jsonl.answers.sqlite", "--task", "expansions", "-o", "out.jsonl"),
         "out.jsonl.answers.sqlite"),
        (("expand", "posts.jsonl", "--task", "expansions", "--store", "posts.jsonl", "-o", "new.jsonl"),
         "posts.jsonl"),
        (("expand", "posts.jsonl", "--task", "knowledge", "--llm", "file:answers.jsonl", "-o",
          "answers.jsonl"), "answers.jsonl"),
        (("caption", "posts.jsonl", "--from", "captions.jsonl", "-o", "captions.jsonl"), "captions.jsonl"),
        (("predict", "posts.jsonl", "--recipe", "mine.yaml", "-o", "mine.yaml"), "mine.yaml"),
        (("view", "posts.jsonl", "--gold", "gold.jsonl", "-o", "gold.jsonl"), "gold.jsonl"),
        (("view", "posts.jsonl", "--gold", "gold.jsonl", "-o", "gold.jsonl", "--overwrite"), "gold.jsonl"),
    ])
def test_nor_what_stands_beside_out_nor_any_other_file_that_is_read(files, args, read):
    os.mkdir("sub")
    os.symlink("../posts.jsonl", "sub/out.jsonl.partial")
    for name in ("out.jsonl.partial", "out.jsonl.run.json", "out.jsonl.before", "out.jsonl.answers.sqlite"):
        shutil.copy("posts.jsonl", name)
    before = state(files)
    code, said = gmner(*args)
    assert code == 2 and f"is also what is read: {read}" in said
    assert state(files) == before and sorted(os.listdir("sub")) == ["out.jsonl.partial"]


def test_examples_and_posts_that_never_are_examples_are_read_too(files):
    pool = ("expand", "posts.jsonl", "--task", "knowledge", "--pool", "pool.jsonl", "--never", "never.jsonl",
            "--llm", "hf:none")
    with pytest.raises(UsageError, match="is also what is read"):
        outputs.check_records("pool.jsonl", ["posts.jsonl", "pool.jsonl", None], overwrite=True)
    from gmner_cli.language.expand.plan import Plan

    write_jsonl(files / "dev.jsonl", [])
    plan = Plan("posts.jsonl", pool[3], "hf:none", pool=files / "pool.jsonl", never=[files / "never.jsonl"],
                prompt=files / "answers.jsonl")
    assert {"pool.jsonl", "never.jsonl", "dev.jsonl", "answers.jsonl"} <= {path.name for path in plan.files()}


def test_published_pools_and_the_files_of_a_model_are_read_as_folders(files):
    os.mkdir("pool")
    for name in ("pool/train.txt", "pool/train_GPT.txt"):
        (files / name).write_text("x\n")
    code, said = gmner("pool", "pool", "--posts", "posts.jsonl", "-o", "pool/train.txt", "--overwrite")
    assert code == 2 and "is also what is read: " in said and (files / "pool/train.txt").read_text() == "x\n"
    os.mkdir("model")
    write_jsonl(files / "model" / "config.json", [{"own": 1}])
    with pytest.raises(UsageError):
        outputs.check_records("model/config.json", [files / "model"], overwrite=True)
    outputs.check_records("model/found.jsonl", [files / "model"])


@pytest.mark.parametrize("how", ["< posts.jsonl -o posts.jsonl", ">> posts.jsonl"])
def test_what_the_shell_opens_is_the_same_file_too(files, how):
    before = state(files)
    source = "-" if how.startswith("<") else "posts.jsonl"
    done = subprocess.run([
        "sh", "-c", f'"$0" -m gmner_cli score {source} gold.jsonl >> posts.jsonl'
        if ">>" in how else f'"$0" -m gmner_cli view - {how}', sys.executable
    ], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 2 and "is also what is read" in done.stderr and state(files) == before


# --- files that gmner did not write ---------------------------------------------------------------

EXPAND = ("expand", "posts.jsonl", "--task", "expansions", "-o", "out.jsonl")


def made(*more):
    code, said = gmner(*EXPAND, *more)
    assert code == 0, said
    return said


def refused(*more, args=EXPAND):
    before = state(outputs.Path("."))
    code, said = gmner(*args, *more)
    assert code == 2 and "--overwrite" in said, said
    assert state(outputs.Path(".")) == before
    return said


@pytest.mark.parametrize("args", [
    EXPAND, ("segment", "posts.jsonl", "-o", "out.jsonl"), ("predict", "posts.jsonl", "-o", "out.jsonl"),
    ("caption", "posts.jsonl", "--from", "captions.jsonl", "-o", "out.jsonl"),
    ("view", "posts.jsonl", "-o", "out.jsonl")
])
def test_a_file_of_ones_own_is_not_replaced_without_a_word(files, args):
    (files / "out.jsonl").write_text("my own work\n")
    assert "my own" not in refused(args=args)
    refused("--limit", 2, args=args)
    if args[0] != "predict":  # the others need no model
        code, said = gmner(*args, "--overwrite")
        assert code == 0 and "my own" not in (files / "out.jsonl").read_text(), said
        assert gmner(*args)[0] == 0, "and from then on it is gmner's"


def test_a_rerun_replaces_what_gmner_wrote_and_an_empty_file(files):
    (files / "out.jsonl").touch()
    made()
    first = (files / "out.jsonl").read_bytes()
    made()
    assert (files / "out.jsonl").read_bytes() == first and len(read_jsonl(first.decode())) == 5
    made("--resume")
    os.utime("out.jsonl")
    made("--limit", 5)
    assert sorted(p for p in os.listdir() if p.startswith("out")) == ["out.jsonl", "out.jsonl.run.json"]


def test_what_was_changed_by_hand_is_kept(files):
    made()
    mine = (files / "out.jsonl").read_text().replace('"PER"', '"LOC"')  # of the same size
    (files / "out.jsonl").write_text(mine)
    assert "changed since" in refused()
    made("--overwrite")
    write_jsonl(files / "out.jsonl", [{"id": "mine", "text": "under the old name"}])
    refused()


def test_a_killed_rerun_over_ones_own_output_can_be_run_again(files):
    made()
    old = (files / "out.jsonl").read_bytes()
    for resume in (False, True):
        sink = Sink("out.jsonl", config={"command": "expand"})
        sink.begin()
        sink.write(Post(id="0", text="x"))
        sink.close()
        assert (files / "out.jsonl").read_bytes() == old
        if resume:
            continue
        made()
    made()
    assert not (files / "out.jsonl.partial").exists()


def test_a_run_that_is_killed_between_its_last_two_steps_leaves_a_file_that_is_gmners(files, monkeypatch):
    made()
    sink = Sink("out.jsonl", config={"command": "other"})
    sink.begin()
    sink.write(Post(id="new", text="x"))

    def kill(*args, **more):
        raise KeyboardInterrupt

    real = outputs.write_manifest
    monkeypatch.setattr(outputs, "write_manifest", lambda path, content: kill()
                        if content.get("finished") else real(path, content))
    with pytest.raises(KeyboardInterrupt):
        sink.commit()
    monkeypatch.undo()
    os.chdir(files)
    assert [r["id"] for r in read_jsonl((files / "out.jsonl").read_text())] == ["new"]
    sink.close()
    made()


def test_a_manifest_from_before_they_told_of_the_content_still_counts(files):
    made()
    manifest = json.loads((files / "out.jsonl.run.json").read_text())
    del manifest["written"]
    (files / "out.jsonl.run.json").write_text(json.dumps(manifest))
    made()


def test_devices_and_fifos_are_written_as_ever(files):
    for name in ("/dev/null", "/dev/stdout"):
        outputs.check_records(name, ["posts.jsonl", "/dev/null"])
    os.mkfifo("pipe")
    outputs.check_records("pipe", ["posts.jsonl", "pipe"])
    outputs.check_records("none/at/all.jsonl", ["not there", "-", None])


def test_a_page_is_known_by_its_own_first_lines_and_a_link_to_it_stays(files):
    for _ in range(2):
        assert gmner("view", "posts.jsonl", "-o", "page.html")[0] == 0
    os.symlink("page.html", "link.html")
    assert gmner("view", "posts.jsonl", "-o", "link.html")[0] == 0 and os.path.islink("link.html")
    (files / "page.html").write_text("<!DOCTYPE html><title>mine</title>")
    refused(args=("view", "posts.jsonl", "-o", "page.html"))


# --- --limit --------------------------------------------------------------------------------------

def test_limit_keeps_a_longer_output_and_says_so(files):
    made()
    whole = (files / "out.jsonl").read_bytes()
    said = made("--limit", 2)
    assert "the 5 posts that" in said and "out.jsonl.before" in said
    assert (files / "out.jsonl.before").read_bytes() == whole and len(
        read_jsonl((files / "out.jsonl").read_text())) == 2
    assert "stays as it is" in made("--limit", 1), "the longer one is the dearer"
    assert (files / "out.jsonl.before").read_bytes() == whole
    assert ".before" not in made() and ".before" not in made("--limit", 5)
    made("--limit", 3)
    assert gmner("expand", "posts.jsonl", "--task", "expansions", "-o",
                 "out.jsonl.before")[0] == 0, "it is still gmner's"


def test_limit_does_not_keep_it_over_a_file_of_ones_own(files):
    made()
    (files / "out.jsonl.before").write_text("mine\n")
    assert "out.jsonl.before" in refused("--limit", 2)
    made("--limit", 2, "--overwrite")
    assert len((files / "out.jsonl.before").read_text().splitlines()) == 5


def test_a_limited_run_that_stops_has_replaced_and_moved_nothing(files):
    made()
    before = state(files)
    sink = Sink("out.jsonl", config={}, keep_longer=True)
    sink.begin()
    sink.write(Post(id="0", text="x"))
    sink.close()
    assert (files /
            "out.jsonl").read_bytes() == before["out.jsonl"] and not (files / "out.jsonl.before").exists()


# --- what a kill leaves ---------------------------------------------------------------------------

def test_the_next_run_clears_away_what_a_killed_one_left(files):
    left = [".out.jsonl.run.json.4194302.tmp", ".out.jsonl.partial.4194303.tmp", ".page.html.1.tmp"]
    others = [".out.jsonl.mine.tmp", ".another.jsonl.17.tmp", "out.jsonl.17.tmp"]
    for name in left + others:
        (files / name).write_text("half")
    made()
    assert gmner("view", "posts.jsonl", "-o", "page.html")[0] == 0
    assert not [name for name in left if os.path.exists(name)] and all(map(os.path.exists, others))
    (files / "out.jsonl.partial").touch()  # the lock of a run that was killed before it began
    sink = Sink("out.jsonl", config={})
    sink.close()
    assert not (files / "out.jsonl.partial").exists()


def test_what_another_run_is_writing_stays(files):
    from gmner_cli.files.temporary import open_locked

    with open_locked(files / ".out.jsonl.run.json.1.tmp"):
        made()
        assert (files / ".out.jsonl.run.json.1.tmp").exists()
    made()
    assert not (files / ".out.jsonl.run.json.1.tmp").exists()


def test_posts_of_predict_are_named_once(gmner, tmp_path):
    """By position or by --texts; not by both, and not by neither."""
    posts = write_jsonl(tmp_path / "posts.jsonl", [{"text": "Allen swims"}])
    for args, said in (((posts, "--texts", posts), "given twice"), ((), "nothing to read")):
        done = gmner("predict", *args, "--offline")
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert said in done.stderr
