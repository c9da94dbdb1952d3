"""GrabCut: better than the shapes it starts from, the same every time, and never outside the picture."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gmner_cli.pictures.masks import decode
from gmner_cli.segmentation.grabcut import segment_box, segment_heat, segment_points
from gmner_cli.segmentation.grabcut_stage import GrabCut
from gmner_cli.segmentation.mask_prompts import Prompt, bounding_box, prompts_of
from tests.bench import bench_segment as bench
from tests.segmentation.conftest import noise, painted

STAR = [(80 + r * math.cos(n * math.pi / 5), 60 + r * math.sin(n * math.pi / 5))
        for n in range(10)
        for r in [50 if n % 2 else 24]]
SHAPES = {
    "star": STAR, "arrow": [(15, 60), (80, 15), (145, 60), (105, 60), (105, 105), (55, 105), (55, 60)],
    "roof": [(10, 110), (80, 15), (150, 110), (80, 75)], "slanted bar": [(20, 90), (35, 105), (135, 30),
                                                                         (120, 15)], "wedge": [(15, 15),
                                                                                               (140, 60),
                                                                                               (15, 105)]
}


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_thing_of_another_colour_is_found_better_than_by_its_box_or_the_ellipse_in_it(shape):
    image, gold = painted(SHAPES[shape])
    thing = bench.Thing(0, image, gold, bounding_box(gold))
    found = iou(segment_box(image, thing.box), gold)
    assert found > 0.85
    assert found > iou(bench.box_itself(thing), gold) + 0.15 and found > iou(bench.ellipse(thing),
                                                                             gold) + 0.15


def test_on_photographs_it_beats_the_box_and_the_ellipse(shared):
    if not (shared / "data" / "coco128").is_dir():
        pytest.skip("coco128 is not there")
    unseen = (t for t in bench.things(shared / "data" / "coco128") if t.number % 2)
    some = [thing for thing, _ in zip(unseen, range(60), strict=False)]
    ours, box, ellipse = (np.mean([iou(way(t), t.gold)
                                   for t in some])
                          for way in (bench.ours, bench.box_itself, bench.ellipse))
    assert len(some) == 60
    assert ours > max(box, ellipse) + 0.02


def test_threads_and_repetition_change_nothing():
    image, gold = painted(STAR)
    boxes = [(10 + n, 5, 150, 110 - n) for n in range(8)]
    alone = [segment_box(image, box) for box in boxes]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda box: segment_box(image, box), boxes[::-1]))[::-1]
    assert all((a == b).all() for a, b in zip(alone, together, strict=True))


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.floats(-60, 160, allow_nan=False) for _ in range(4)]),
       st.sampled_from([(40, 30), (1, 1), (1, 90), (70, 2)]))
def test_any_box_gives_a_mask_within_the_picture_and_the_box(box, size):
    mask = segment_box(noise(*size), box)
    assert mask.shape == size[::-1] and mask.dtype == bool
    x1, y1, x2, y2 = max(0, box[0]), max(0, box[1]), min(size[0], box[2]), min(size[1], box[3])
    assert mask.any() == (x1 < x2 and y1 < y2)
    if mask.any():
        found = bounding_box(mask)
        # Whole pixels, each of which the box at least touches.
        assert found[0] >= math.floor(x1) and found[1] >= math.floor(y1)
        assert found[2] <= math.ceil(x2) and found[3] <= math.ceil(y2)


@pytest.mark.parametrize("box", [(5, 5, 5, 5), (9, 5, 3, 20), (-20, -20, 0, 0), (40, 30, 60, 60),
                                 (math.inf, 0, math.inf, 9)])
def test_a_box_with_nothing_of_the_picture_in_it_gives_an_empty_mask(box):
    assert not segment_box(noise(40, 30), box).any()
    masks = GrabCut().segment(noise(40, 30), [Prompt(box=box), Prompt(box=(1, 1, 9, 9))])
    assert [bool(decode(mask).any()) for mask in masks] == [False, True]


@pytest.mark.parametrize("box, pixel", [((7.2, 3.1, 7.3, 3.2), (7, 3)), ((0, 0, 0.01, 0.01), (0, 0)),
                                        ((39.9, 29.9, 80, 80), (39, 29))])
def test_a_box_smaller_than_a_pixel_gets_the_pixel_it_is_in(box, pixel):
    assert np.argwhere(segment_box(noise(40, 30), box)).tolist() == [[pixel[1], pixel[0]]]


def test_a_picture_of_one_colour_gives_a_shape_inside_the_box():
    mask = segment_box(Image.new("RGB", (60, 40), "white"), (10, 10, 50, 30))
    assert not mask[:10].any() and not mask[30:].any() and not mask[:, :10].any() and not mask[:, 50:].any()
    assert mask[10:30, 10:50].mean() > 0.5


def test_a_point_grows_to_the_thing_around_it_and_not_into_what_a_second_point_denies():
    image, gold = painted([(50, 30), (110, 30), (110, 90), (50, 90)])
    assert iou(segment_points(image, [(80, 60, 1)]), gold) > 0.7
    whole, split = segment_points(image, [(100, 60, 1)]), segment_points(image, [(100, 60, 1), (60, 60, 0)])
    assert whole[60, 100] and whole[60, 60] and split[60, 100] and not split[60, 60]
    assert not segment_points(image, []).any() and not segment_points(image, [(5, 5, 0)]).any()


def test_a_heat_map_seeds_what_it_is_hottest_over():
    image, gold = painted([(50, 30), (110, 30), (110, 90), (50, 90)])
    heat = np.zeros((6, 8), np.float32)
    heat[2:4, 3:5] = 1.0
    assert iou(segment_heat(image, heat), gold) > 0.7
    assert not segment_heat(image, np.zeros((3, 3))).any()
    mask, = GrabCut().segment(image, [Prompt(heat=heat)])
    assert (decode(mask) == segment_heat(image, heat)).all()


def test_the_highest_point_of_a_heat_map_is_the_middle_of_its_cell():
    heat = np.zeros((4, 10))
    heat[3, 0] = 2.0
    assert Prompt(heat=heat).pointed(200, 100) == Prompt(points=((10.0, 87.5, 1),))


@pytest.mark.parametrize("points",
                         [5, [5], [[1]], [["a", 1]], [[1, 2, 3]], [[1, float("inf")]], {"x": 1}, [[True, 1]]])
def test_malformed_points_are_an_error_that_names_the_entity(points):
    from gmner_cli.errors import RecordError
    from gmner_cli.records import Entity, Post

    post = Post(id="p", text="Rome", image="a.png",
                entities=[Entity(start=0, end=4, type="LOC", extra={"points": points})])
    with pytest.raises(RecordError, match=r"post p, entities\[0\]\.points"):
        prompts_of(post)
