"""What is found across posts, splits, data sets and pictures."""

from __future__ import annotations

import pytest
from conftest import Folder, conll
from PIL import Image

from gmner_cli.data import Options, load, siblings
from gmner_cli.errors import GmnerError

FIX = Options(fix=True)


def test_duplicate_ids_are_dropped_or_renamed_by_fix(gmner):
    gmner.write(
        train=conll(("t1", "Ada/B-PER"), ("t1", "Ada/B-PER"), ("t1", "Kim/B-PER"), ("t1", "Bo/B-PER")))
    with pytest.raises(GmnerError, match="stands twice with the same text"):
        load("twitter-gmner", gmner.root)
    splits = load("twitter-gmner", gmner.root, options=FIX)
    assert [(p.id, p.text, p.image) for p in splits["train"]] == [
        ("t1", "Ada", "t1.jpg"), ("t1#2", "Kim", "t1.jpg"), ("t1#3", "Bo", "t1.jpg")]
    assert splits.report.counts()["duplicate_id"] == 3


def test_posts_in_two_splits_are_found_by_id_and_by_text(gmner):
    gmner.write(train=conll(("t1", "Ada/B-PER"), ("t2", "RAIN again")), dev=conll(("t1", "other words")),
                test=conll(("s1", "rain again")))
    (gmner.root / "xml" / "d1.xml").rename(gmner.root / "xml" / "t1.xml")
    gmner.xml("t1", [])
    report = load("twitter-gmner", gmner.root).report
    assert [(f.kind, f.where) for f in report.findings] == [("id_in_two_splits", "t1"),
                                                            ("text_in_two_splits", "s1")]


def mner(root, **splits):
    root.mkdir(parents=True)
    for name in ("train", "valid", "test"):
        (root / f"{name}.txt").write_text(splits.get(name, conll((f"{name}0", "nothing"))))
    return root


def test_leaks_are_counted_by_id_and_by_text(gmner, tmp_path):
    gmner.write(train=conll(("t1", "Ada/B-PER sings"), ("t2", "sun")), dev=conll(("d1", "rain again")))
    other = mner(tmp_path / "twitter-2015", train=conll(("t2", "sun")),
                 test=conll(("t1", "x y"), ("q", "ada sings"), ("d1", "rain again"), ("r", "z")))
    splits = load("twitter-gmner", gmner.root, against={"twitter-2015": other})
    assert splits.leaks == {
        "twitter-2015": {
            "test": {"posts": 4}, "train": {"id": 1, "text": 1, "either": 2},
            "dev": {"id": 1, "text": 1, "either": 1}
        }
    }
    assert [f.message for f in splits.report.of("leak")] == [
        "of twitter-2015 test stands in train, by id", "of twitter-2015 test stands in train, by text",
        "of twitter-2015 test stands in dev, by id and text"]


def test_siblings_are_found_beside_the_source(tmp_path):
    folder = Folder(tmp_path / "twitter-gmner-v1").root
    Folder(tmp_path / "twitter-gmner-v2")
    seventeen = mner(tmp_path / "twitter-2017", test=conll(("t1", "a")))
    assert siblings("twitter-gmner", folder) == {"twitter-2017": seventeen}
    assert siblings("twitter-2017", seventeen) == {"twitter-gmner": tmp_path / "twitter-gmner-v2"}
    assert load("twitter-gmner", folder, beside=True).leaks["twitter-2017"]["train"]["id"] == 1
    (seventeen / "test.txt").unlink()
    report = load("twitter-gmner", folder, beside=True).report
    assert report.counts() == {"unread_neighbour": 1} and not report.problems()


@pytest.fixture
def photos(tmp_path, gmner):
    root = tmp_path / "photos"
    root.mkdir()
    for name in ("t1", "d1", "s1"):
        Image.new("RGB", (100, 80)).save(root / f"{name}.jpg")
    gmner.xml("t1", [("Ada Brook", (10, 20, 50, 40))])
    return root


def test_true_sizes_are_recorded(gmner, photos):
    splits = load("twitter-gmner", gmner.root, images=photos)
    assert splits.report.counts() == {}
    assert [splits[s][0].image_size for s in ("train", "dev", "test")] == [(100, 80)] * 3


@pytest.mark.parametrize(("content", "kind"), [(None, "missing_image"), (b"", "broken_image"),
                                               (b"GIF89a", "broken_image")])
def test_missing_and_broken_pictures(gmner, photos, content, kind):
    (photos / "t1.jpg").unlink() if content is None else (photos / "t1.jpg").write_bytes(content)
    plain = load("twitter-gmner", gmner.root, images=photos)
    assert [f.where for f in plain.report.problems()] == ["t1"] == [f.where for f in plain.report.of(kind)]
    assert plain["train"][0].image == "t1.jpg"
    fixed = load("twitter-gmner", gmner.root, images=photos, options=FIX)
    assert fixed["train"][0].image is None and not fixed.report.problems()
    assert fixed["dev"][0].image == "d1.jpg"


@pytest.mark.parametrize(("size", "box", "recorded"), [
    ((200, 160), (20.0, 40.0, 100.0, 80.0), (200, 160)),  # same shape: boxes scale
    ((80, 100), (10.0, 20.0, 50.0, 40.0), (100, 80)),     # turned: nobody can tell which way
])
def test_pictures_of_another_size(gmner, photos, size, box, recorded):
    Image.new("RGB", size).save(photos / "t1.jpg")
    plain = load("twitter-gmner", gmner.root, images=photos)
    assert len(plain.report.problems()) == len(plain.report.of("size_differs")) == 1
    assert plain["train"][0].entities[0].boxes == [(10.0, 20.0, 50.0, 40.0)]
    post = load("twitter-gmner", gmner.root, images=photos, options=FIX)["train"][0]
    assert post.entities[0].boxes == [box] and post.image_size == recorded
