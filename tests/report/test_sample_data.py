"""The sample data is valid, says the truth about its pictures, and can be drawn again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gmner_cli.pictures.images import open_image
from gmner_cli.pictures.masks import decode, iou
from gmner_cli.records.jsonl import read_posts

SAMPLE = Path(__file__).parents[2] / "sample_data"
TYPES = ("PER", "LOC", "ORG", "OTHER")


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    subprocess.run([sys.executable, str(SAMPLE / "make_sample.py"), str(folder)], check=True, timeout=120,
                   env={**os.environ, "PYTHONPATH": str(SAMPLE.parent)})
    return folder


@pytest.fixture(scope="module")
def gold():
    return list(read_posts(SAMPLE / "gold.jsonl", labels=TYPES))


@pytest.mark.parametrize(("name", "fewest"), [("posts", 24), ("gold", 24)])
def test_every_record_is_valid(name, fewest):
    assert len(list(read_posts(SAMPLE / f"{name}.jsonl", labels=TYPES))) >= fewest


def test_records_are_reproduced(again, gold):
    assert (again / "posts.jsonl").read_bytes() == (SAMPLE / "posts.jsonl").read_bytes()
    for old, new in zip(gold, read_posts(again / "gold.jsonl"), strict=True):
        assert [(e.span, e.type, e.expansions) for e in old.entities] == [(e.span, e.type, e.expansions)
                                                                          for e in new.entities]
        for e, f in zip(old.entities, new.entities, strict=True):
            assert len(e.boxes) == len(f.boxes)
            for a, b in zip(e.masks, f.masks, strict=True):  # releases of Pillow may draw an edge differently
                assert iou(a, b) > 0.95


def test_pictures_are_reproduced(again):
    names = sorted(path.name for path in (SAMPLE / "images").iterdir())
    assert names == sorted(path.name for path in (again / "images").iterdir())
    for name in names:
        old, new = (np.asarray(open_image(root / "images", name), dtype=float) for root in (SAMPLE, again))
        # Codecs and the lettering's rasteriser may differ between builds of Pillow; the picture may not.
        assert old.shape == new.shape and np.abs(old - new).mean() < 3, name


def test_posts_are_the_minimum_of_gold(gold):
    posts = list(read_posts(SAMPLE / "posts.jsonl"))
    assert [(p.id, p.text, p.image) for p in posts] == [(p.id, p.text, p.image) for p in gold]
    assert all(p.entities is None and p.image_size is None for p in posts)


def test_boxes_are_the_extents_of_the_masks(gold):
    for post in gold:
        for entity in post.entities:
            assert entity.boxes is not None and bool(entity.boxes) == bool(entity.masks), post.id
            for box, mask in zip(entity.boxes, entity.masks or [], strict=True):
                assert mask.size == (post.image_size[1], post.image_size[0])
                seen = decode(mask)
                rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
                assert box == (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1), (post.id, entity.text)


def test_image_size_is_what_a_person_sees(gold):
    for post in gold:
        if post.image:
            assert open_image(SAMPLE / "images", post.image).size == post.image_size


def test_the_promised_traps_are_there(gold):
    entities = [entity for post in gold for entity in post.entities]
    assert any(len(e.boxes) == 2 for e in entities)
    assert any(not post.entities for post in gold) and any(post.image is None for post in gold)
    assert any(len({e.text for e in post.entities}) < len(post.entities) for post in gold)
    assert any("\N{ZERO WIDTH JOINER}" in post.text[:e.start] for post in gold for e in post.entities)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) / (p.image_size[0] * p.image_size[1])
             for p in gold for e in p.entities for b in e.boxes]
    assert min(areas) < 1 / 50
    heads = {p.name: p.read_bytes() for p in (SAMPLE / "images").iterdir()}
    assert any(name.endswith(".jpg") and data.startswith(b"\x89PNG") for name, data in heads.items())
    assert any(b"Exif" in data[:64] for data in heads.values())


def test_the_folder_stays_small():
    assert sum(p.stat().st_size
               for p in SAMPLE.rglob("*")
               if p.is_file() and "out" not in p.parts) < 1_500_000
