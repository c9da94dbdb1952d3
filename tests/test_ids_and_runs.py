"""Ids that are numbers, and masks whose runs are: both read as their written form, everywhere."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from gmner_cli.errors import RecordError
from gmner_cli.language.published.captions import read_captions
from gmner_cli.language.ready.answers import _read_answers
from gmner_cli.pictures.masks import decode
from gmner_cli.records import Mask, Post, rle
from gmner_cli.records.jsonl import read_lines
from tests.conftest import read_jsonl, write_jsonl

ENTITY = {"start": 0, "end": 5, "type": "PER", "boxes": [[0, 0, 2, 2]]}
RUNS = {"size": [4, 3], "counts": [0, 2, 2, 2, 6]}


# --- ids

def test_whole_numbers_are_read_as_the_same_text(tmp_path):
    file = tmp_path / "posts.jsonl"
    file.write_text("".join(f'{{"id": {i}, "text": "x"}}\n' for i in ("7", '"7"', "9007199254740993", "-3",
                                                                      "12345678901234567890123")))
    lines = list(read_lines(file))
    assert [line.id
            for line in lines
            if line.post] == ["7", "9007199254740993", "-3", "12345678901234567890123"]
    assert "duplicate id '7', first seen in line 1" in str(lines[1].error)


@pytest.mark.parametrize(("value", "said"), [("7.0", "7.0"), ("true", "true"), ("[7]", "an array"),
                                             ("1e3", "1000.0")])
def test_what_is_neither_text_nor_whole_is_refused_with_the_way_out(tmp_path, value, said):
    file = tmp_path / "posts.jsonl"
    file.write_text(f'{{"id": {value}, "text": "x"}}\n')
    (line,) = read_lines(file)
    assert "at id" in line.error.message and said in line.error.message
    assert 'as in {"id": "7"}' in line.error.hint


def test_score_joins_numbers_with_their_text(gmner, tmp_path):
    pred = write_jsonl(tmp_path / "pred.jsonl", [{"id": 7, "text": "Allen swims", "entities": [ENTITY]}])
    gold = write_jsonl(tmp_path / "gold.jsonl", [{"id": "7", "text": "Allen swims", "entities": [ENTITY]}])
    for first, second in ((pred, gold), (gold, pred)):
        done = gmner("score", first, second, "--json")
        report = json.loads(done.stdout)
        assert (done.returncode, report["missing"], report["rows"]["GMNER"]["f1"]) == (0, 0,
                                                                                       100.0), done.stderr


def test_answers_and_captions_of_numbered_posts_are_found(tmp_path):
    answers = write_jsonl(tmp_path / "answers.jsonl",
                          [{"id": 7, "text": "a"}, {"id": 7, "start": 0, "end": 5, "text": "b"}])
    assert _read_answers(answers) == {("7", None, None): "a", ("7", 0, 5): "b"}
    captions = write_jsonl(tmp_path / "captions.jsonl", [{"id": 7, "caption": "a dog"}])
    assert [caption.key for caption in read_captions(captions, "caption").captions] == ["7"]


# --- run lengths

@settings(max_examples=80, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_numbers_become_what_pycocotools_writes(height, width, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, height * width), max_size=12)))
    runs = [b - a for a, b in zip([0, *cuts], [*cuts, height * width], strict=True)]
    mask = Mask.from_builtins({"size": [height, width], "counts": runs})
    theirs = coco.frPyObjects({"size": [height, width], "counts": runs}, height, width)
    assert mask.counts == theirs["counts"].decode() and rle.read(mask.counts) == runs
    np.testing.assert_array_equal(decode(mask), coco.decode(theirs).astype(bool))


@pytest.mark.parametrize(
    "counts", [[0, 2, 2, 2, 5], [0, 2, 2, 2, 7], [12.0], [True, 11], [-1, 13], ["12"], [], [10 ** 30]])
def test_runs_that_do_not_fill_the_mask_are_refused(counts):
    record = {
        "id": "p", "text": "Allen", "entities": [{**ENTITY, "masks": [{"size": [4, 3], "counts": counts}]}]
    }
    with pytest.raises(RecordError, match=r"no run-length encoding at entities\[0\]\.masks\[0\]"):
        Post.from_builtins(record)


def test_a_size_that_would_exhaust_memory_is_refused():
    with pytest.raises(RecordError, match="not possible"):
        Mask.from_builtins({"size": [10**6, 10**6], "counts": [10**12]})


def test_score_reads_numbers_and_the_standard_form_is_written(gmner, tmp_path):
    from gmner_cli.records.jsonl import encode

    record = {"id": "7", "text": "Allen swims", "entities": [{**ENTITY, "masks": [RUNS]}]}
    post = Post.from_builtins(record)
    (written,) = read_jsonl(encode(post).decode())
    standard = written["entities"][0]["masks"][0]
    assert isinstance(standard["counts"], str) and decode(post.entities[0].masks[0]).sum() == 4
    pred = write_jsonl(tmp_path / "pred.jsonl", [record])
    gold = write_jsonl(tmp_path / "gold.jsonl", [written])
    done = gmner("score", pred, gold, "--json")
    assert json.loads(done.stdout)["rows"]["SMNER"]["f1"] == 100.0, done.stderr
