"""What is trained on: assessed posts with pictures that open, or a word about those that are left out."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.conftest import write_jsonl
from tests.training.point import post


@pytest.fixture
def pictured(training):
    """Four posts and three to choose by; one picture is broken, one is missing, one post has none."""
    for name in ("t0", "t1", "d0"):
        Image.new("RGB", (4, 4)).save(training.folder / f"{name}.png")
    (training.folder / "t2.png").write_text("no picture")
    write_jsonl(training.folder / "train.jsonl",
                [post(f"t{n}", image=f"t{n}.png") for n in range(3)] + [post("t3")])
    write_jsonl(
        training.folder / "dev.jsonl",
        [post("d0", image="d0.png"), post("d1", image="d1.png"),
         post("d2")])
    return training


def test_bad_pictures_are_all_named_before_anything_is_trained(pictured):
    done = pictured(model="Seer")
    assert done.code == 1 and not done.epochs
    assert "2 of 7 posts" in done.err and "post t2" in done.err and "post d1" in done.err
    assert "--on-missing-image" in done.err
    assert not (pictured.folder / "out.partial").exists()


def test_bad_pictures_can_be_skipped(pictured):
    done = pictured("--on-missing-image", "skip", model="Seer")
    assert done.code == 0, done.err
    assert "1 of 4 training posts are left out" in done.err and "1 of 3 dev posts are left out" in done.err
    assert pictured.run()["epochs"][0]["posts"] == 2
    assert pictured.run()["usable"] == {"train": [3, 2], "dev": [2, 1]}


def test_posts_with_bad_pictures_can_be_trained_on_as_text(pictured):
    done = pictured("--on-missing-image", "text-only", model="Seer")
    assert done.code == 0, done.err
    row = pictured.run()["epochs"][0]
    assert (row["posts"], row["seen"]) == (3, 1)


def test_a_picture_that_became_readable_is_another_training(pictured):
    pictured.kill_after(1)
    pictured("--on-missing-image", "skip", model="Seer")
    Image.new("RGB", (4, 4)).save(pictured.folder / "t2.png")
    done = pictured("--on-missing-image", "skip", "--resume", model="Seer")
    assert done.code == 1 and "another --images (pictures.train: not what they were)" in done.err


def test_a_model_that_reads_text_opens_no_picture(pictured):
    assert pictured().code == 0


def test_pictures_are_looked_for_beside_the_training_file(pictured, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    done = pictured("--on-missing-image", "text-only", model="Seer")
    assert pictured.run()["epochs"][0]["seen"] == 1, done.err
    assert pictured.run()["images"] == str(pictured.folder)


def test_an_unknown_way_with_pictures_is_a_usage_error(pictured):
    done = pictured("--on-missing-image", "blink", model="Seer")
    assert done.code == 2 and "text-only" in done.err


def test_posts_that_were_not_assessed_are_left_out_with_a_count(training):
    bare = {"id": "bare", "text": "Ada runs"}
    write_jsonl(training.folder / "dev.jsonl",
                [post("a"), bare, {**bare, "id": "b2", "entities": None},
                 post("b", entities=[])])
    done = training()
    assert done.code == 0
    assert "2 posts have no" in done.err and training.run()["epochs"][0]["posts"] == 2
    write_jsonl(training.folder / "train.jsonl", [bare])
    done = training()
    assert done.code == 1 and "holds no posts with" in done.err and "train.jsonl" in done.err


def test_a_post_that_failed_before_is_refused_by_its_line(training):
    write_jsonl(training.folder / "train.jsonl", [post("a"), post("b", error="stage ner: broke")])
    done = training()
    assert done.code == 1 and "train.jsonl:2" in done.err and "broke" in done.err


def test_marks_of_an_earlier_run_on_pictures_do_not_hide_posts(pictured):
    write_jsonl(pictured.folder / "dev.jsonl",
                [post("d0", image="d0.png", skipped="then"),
                 post("d1", skipped="then")])
    done = pictured("--on-missing-image", "skip", model="Seer")
    assert done.code == 0 and pictured.run()["epochs"][0]["posts"] == 2
