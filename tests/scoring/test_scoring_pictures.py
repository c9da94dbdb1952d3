"""Boxes of two files are only compared without a word where they can be of one picture."""

from __future__ import annotations

import json

import pytest
from posts_to_score import BOX, entity, post, save

from gmner_cli.commands.score import Match, command
from gmner_cli.scoring.cascade import cascade
from gmner_cli.scoring.published_count import score_by_text
from gmner_cli.scoring.task_scores import score

SMALL, LARGE = (480, 320), (960, 640)
INSIDE = (500.0, 300.0, 900.0, 600.0)


def pair(predicted_size, gold_size, predicted=BOX, gold=BOX, **more):
    return ([
        post("a", entity(boxes=predicted and [predicted]), image="a.jpg", image_size=predicted_size, **more)
    ], [post("a", entity(boxes=gold and [gold]), image="a.jpg", image_size=gold_size)])


@pytest.mark.parametrize("count", [score, score_by_text])
@pytest.mark.parametrize(("predicted_size", "gold_size", "said"), [
    (SMALL, LARGE, "same shape"),
    (LARGE, SMALL, "same shape"),
    ((512, 342), (1024, 683), "same shape"),
    ((640, 960), LARGE, "other way round"),
    ((320, 480), LARGE, "other way round"),
    ((900, 640), LARGE, "another image_size"),
])
def test_pictures_of_two_sizes_are_counted_and_one_is_named(count, predicted_size, gold_size, said):
    predicted, gold = pair(predicted_size, gold_size)
    (warning,) = count(predicted, gold)["warnings"]
    assert said in warning and warning.startswith("1 post(s)")
    (width, height), (gold_width, gold_height) = predicted_size, gold_size
    assert f"a: {width}x{height} in PRED, {gold_width}x{gold_height} in GOLD" in warning


@pytest.mark.parametrize("count", [score, score_by_text])
@pytest.mark.parametrize(("predicted", "gold", "said"), [
    (pair(None, SMALL, predicted=INSIDE), "PRED", "boxes in PRED that reach far beyond"),
    (pair(SMALL, None, gold=INSIDE), "GOLD", "boxes in GOLD that reach far beyond"),
    (pair(SMALL, SMALL, predicted=INSIDE), "PRED", "boxes in PRED that reach far beyond"),
    (pair(None, SMALL, predicted=(-200.0, 0.0, 9.0, 9.0)), "PRED", "boxes in PRED that reach far beyond"),
    (pair(None, SMALL, predicted=(0.1, 0.2, 0.5, 1.0)), "PRED", "boxes in PRED that seem to be shares"),
])
def test_boxes_that_cannot_be_in_the_picture_give_it_away(count, predicted, gold, said):
    (ours, theirs), side = predicted, gold
    (warning,) = count(ours, theirs)["warnings"]
    assert said in warning and "first: a: [" in warning and side in warning


@pytest.mark.parametrize("count", [score, score_by_text])
@pytest.mark.parametrize(
    "posts",
    [
        pair(LARGE, LARGE),
        pair(None, LARGE),
        pair(LARGE, None),
        pair(None, None, predicted=INSIDE),
        pair(LARGE, LARGE, gold=INSIDE),
        pair(SMALL, LARGE, predicted=None, gold=None),  # nothing is compared in pixels
        pair(SMALL, LARGE, predicted=BOX, gold=BOX, error="failed"),
        pair(None, SMALL, predicted=(470.0, 300.0, 500.0, 330.0)),  # beyond by what annotators do
        pair(None, SMALL, predicted=(0.0, 0.0, 1.0, 1.0)),
    ])
def test_what_can_be_one_picture_is_not_warned_of(count, posts):
    assert not any("image_size" in w or "beyond" in w or "shares" in w for w in count(*posts)["warnings"])


def test_every_post_is_counted_and_every_run_of_a_cascade_looked_at():
    ours, theirs = zip(*(pair(SMALL, LARGE) for _ in range(3)), strict=True)
    ours, theirs = ([post(f"p{n}", *p[0].entities, image_size=p[0].image_size)
                     for n, p in enumerate(side)]
                    for side in (ours, theirs))
    (warning,) = score(ours, theirs)["warnings"]
    assert warning.startswith("3 post(s)") and "first: p0" in warning
    right = [post(p.id, *p.entities, image_size=LARGE) for p in ours]
    report = cascade(right, {"spans": ours}, lambda: theirs)
    (warning,) = report["warnings"]
    assert warning.startswith("--cascade spans: 3 post(s)")


@pytest.mark.parametrize("match", list(Match))
def test_the_command_warns_on_stderr_and_goes_on(tmp_path, capsys, match):
    predicted, gold = pair(SMALL, LARGE)
    command(save(tmp_path / "p.jsonl", *predicted), save(tmp_path / "g.jsonl", *gold), match=match,
            small=0.02)
    said = capsys.readouterr()
    assert "gmner score: warning: 1 post(s) have another image_size" in said.err
    assert json.loads(said.out)["rows"]["GMNER"]["correct"] == 1
