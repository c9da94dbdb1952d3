"""The scenes world: what its posts promise."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gmner_cli.data.scenes import Knobs, draw
from gmner_cli.data.scenes.knobs import parse
from gmner_cli.data.scenes.world import LABELS, beings, is_held_out
from gmner_cli.data.scenes.world_knowledge import records
from gmner_cli.errors import UsageError
from gmner_cli.pictures.masks import decode
from gmner_cli.records import Post
from tests.conftest import read_jsonl


@pytest.fixture(scope="module")
def posts():
    return [draw(11, "test", number, Knobs())[0] for number in range(150)]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2 ** 31), number=st.integers(0, 10 ** 6),
       split=st.sampled_from(["train", "dev", "test"]))
def test_every_post_is_a_valid_record_with_exact_boxes_and_masks(seed, number, split):
    post, file = draw(seed, split, number, Knobs())
    Post.from_builtins(post.to_builtins()).check(LABELS)
    width, height = Image.open(io.BytesIO(file)).size
    assert (width, height) == post.image_size
    seen = np.zeros((height, width), dtype=int)
    for entity in post.entities:
        for box, mask in zip(entity.boxes, entity.masks, strict=True):
            pixels = decode(mask)
            rows, columns = np.nonzero(pixels)
            assert box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            seen += pixels.astype(int)
        areas = [decode(mask).sum() for mask in entity.masks]
        assert areas == sorted(areas, reverse=True)
    assert seen.max(initial=0) <= 1, "a pixel shows one thing only"


def test_a_post_follows_from_seed_split_and_number_alone(gmner, tmp_path):
    for folder, train in (("small", 3), ("large", 40)):
        done = gmner("prepare", "scenes", "--seed", "4", "--train", str(train), "--dev", "0", "--test", "2",
                     "--jobs", "2", "-o", tmp_path / folder)
        assert done.returncode == 0, done.stderr
    small, large = (read_jsonl((tmp_path / f / "train.jsonl").read_text()) for f in ("small", "large"))
    assert small == large[:3] and len(large) == 40
    assert not (tmp_path / "small" / "dev.jsonl").exists()
    for name in ("train-000001.jpg", "test-000001.jpg"):
        assert (tmp_path / "small/images" / name).read_bytes() == (tmp_path / "large/images" /
                                                                   name).read_bytes()
    assert draw(4, "train", 1, Knobs())[0].text != draw(5, "train", 1, Knobs())[0].text


def test_held_out_names_stand_in_test_posts_only():
    for split, expected in (("train", False), ("dev", False), ("test", True)):
        names = {e.text for n in range(120) for e in draw(2, split, n, Knobs())[0].entities}
        shared = {b.name for b in beings() if b.shared}
        assert any(is_held_out(name) for name in names - shared) == expected, split


def test_the_shares_are_those_of_the_papers(posts):
    more = [draw(12, "train", number, Knobs())[0] for number in range(500)]
    entities = [e for p in more for e in p.entities]
    assert abs(sum(bool(e.boxes) for e in entities) / len(entities) - 0.40) < 0.05
    assert abs(sum(not any(e.boxes for e in p.entities) for p in more) / len(more) - 0.34) < 0.06
    slices = Counter(s for e in entities for s in e.slices)
    assert slices["same-class"] > 60 and slices["shared-name"] > 40 and slices["small"] > 30
    assert any(len(e.boxes) == 2 for e in entities)


def test_a_shared_name_has_either_type_equally_often_in_the_same_sentences():
    types: dict[str, Counter] = {}
    for number in range(700):
        for entity in draw(3, "train", number, Knobs(shared_names=1.0, distractors=0))[0].entities:
            if "shared-name" in entity.slices:
                types.setdefault(entity.text, Counter())[entity.type] += 1
    counts = [c for c in types.values() if sum(c.values()) >= 30]
    assert len(counts) >= 10
    for count in counts:
        assert len(count) == 2 and min(count.values()) / sum(count.values()) > 0.25


def test_no_two_beings_of_a_kind_look_alike_and_the_knowledge_says_how_they_look():
    looks = [b.look for b in beings()]
    assert len(set(looks)) == len(looks)
    told = records(0)
    assert {r["name"] for r in told} == {b.name for b in beings()}
    for record, being in zip(told, beings(), strict=True):
        assert record["held_out"] == being.held_out
        assert len(set(record["right"])) > 1 or being.group not in ("person", "crest")


@pytest.mark.parametrize("settings_, said", [({"visble": 0.2}, "visible"),
                                             ({"visible": 2}, "between 0 and 1"),
                                             ({"knowledge": "none"}, "right, vague or wrong"),
                                             ({"size": 10}, "64"),
                                             ({"visible": 0.9, "unrelated": 0.5}, "cannot be above"),
                                             ({"noise": "much"}, "noise")])
def test_a_wrong_setting_is_refused_with_help(settings_, said):
    with pytest.raises(UsageError) as problem:
        parse(settings_)
    assert said in f"{problem.value}"


def test_knobs_do_what_they_say():
    none = [draw(1, "train", n, Knobs(visible=0.0, unrelated=1.0, shared_names=0.0))[0] for n in range(30)]
    assert not any(e.boxes for p in none for e in p.entities)
    plain, spoilt = (draw(1, "train", 5, Knobs(noise=n, blur=0.0, jpeg=95))[1] for n in (0.0, 40.0))
    assert len(spoilt) > len(plain)
    assert draw(1, "train", 5, Knobs(size=128))[0].image_size == (128, 128)
    vague = [
        e.expansions[0].text
        for n in range(20)
        for e in draw(1, "train", n, Knobs(knowledge="vague"))[0].entities
    ]
    assert max(len(text.split()) for text in vague) <= 5


def test_captions_name_nobody_and_have_no_boxes(gmner, tmp_path):
    done = gmner("prepare", "scenes", "--train", "0", "--dev", "0", "--test", "0", "--captions", "20",
                 "--jobs", "1", "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    records_ = read_jsonl((tmp_path / "captions.jsonl").read_text())
    assert len(records_) == 20
    names = [b.name.lower() for b in beings()]
    for record in records_:
        assert "entities" not in record and record["captions"]
        assert not any(name in " ".join([record["text"], *record["captions"]]).lower() for name in names)


def test_the_sheet_shows_the_posts(gmner, tmp_path):
    done = gmner("prepare", "scenes", "--train", "6", "--dev", "0", "--test", "0", "--sheet", "6", "--jobs",
                 "1", "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "train-sheet.png").size[0] > 5 * 256


@pytest.mark.parametrize("args, said", [(["scenes", "--source", "x"], "--source"),
                                        (["twitter-2017", "--sheet", "3"], "--sheet"),
                                        (["scenes", "--set", "visible"], "KEY=VALUE"),
                                        (["scenes", "--set", "vissible=1"], "visible"),
                                        (["scene"], "scenes")])
def test_options_that_mean_nothing_are_usage_errors(gmner, tmp_path, args, said):
    done = gmner("prepare", *args, "-o", tmp_path / "out")
    assert done.returncode == 2 and said in done.stderr


def test_a_share_of_the_entities_is_left_unexplained():
    entities = [e for n in range(120) for e in draw(8, "train", n, Knobs(unexplained=0.3))[0].entities]
    share = sum(not e.expansions for e in entities) / len(entities)
    assert 0.2 < share < 0.4
    assert all(e.expansions for n in range(20) for e in draw(8, "train", n, Knobs())[0].entities)
