import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from posts_to_score import BOX, FAR, HALF, encoded, pixels
from pycocotools import mask as coco

from gmner_cli.errors import RecordError
from gmner_cli.pictures.masks import area as mask_area
from gmner_cli.pictures.masks import decode, encode
from gmner_cli.pictures.masks import iou as mask_iou
from gmner_cli.records import Mask
from gmner_cli.scoring.regions import BOTH_NONE, ONE_NONE, agreement, box_iou

sides = st.tuples(st.integers(0, 14), st.integers(0, 14)).map(lambda pair: (min(pair), max(pair) + 1))
whole_boxes = st.tuples(sides, sides).map(lambda sides: (sides[0][0], sides[1][0], sides[0][1], sides[1][1]))
bitmaps = arrays.arrays(np.uint8, (7, 9), elements=st.integers(0, 1))


def test_box_iou_by_hand():
    assert box_iou(BOX, BOX) == 1
    assert box_iou(BOX, HALF) == 0.5
    assert box_iou(BOX, FAR) == 0
    assert box_iou(BOX, (10.0, 0.0, 20.0, 10.0)) == 0, "boxes that only touch"
    assert box_iou((0, 0, 2, 2), (1, 1, 3, 3)) == pytest.approx(1 / 7)


@settings(deadline=None)
@given(whole_boxes, whole_boxes)
def test_box_iou_counts_pixels_of_whole_boxes(a, b):
    first, second = pixels(*a, size=(16, 16)), pixels(*b, size=(16, 16))
    assert box_iou(a, b) == pytest.approx((first & second).sum() / (first | second).sum())


@pytest.mark.parametrize("box", [(-1e308, -1e308, 1e308, 1e308), (0, 0, 1e-200, 1e-200)])
def test_box_iou_at_the_ends_of_the_float_range_is_no_nan(box):
    assert 0 <= box_iou(box, box) <= 1


@settings(max_examples=60, deadline=None)
@given(bitmaps, bitmaps)
def test_mask_iou_is_the_share_of_pixels(a, b):
    union = (a | b).sum()
    expected = (a & b).sum() / union if union else 0
    assert mask_iou(encoded(a), encoded(b)) == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(bitmaps)
def test_mask_area_reads_the_encoding_of_pycocotools(a):
    mask = encoded(a)
    assert mask_area(mask) == a.sum() == coco.area({"size": list(mask.size), "counts": mask.counts.encode()})


@given(st.data())
def test_encode_and_decode_are_inverse(data):
    height, width = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    drawn = np.array(data.draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width)))
    array = drawn.reshape(height, width)
    assert (decode(encode(array)) == array).all()
    theirs = coco.decode({"size": [height, width], "counts": encode(array).counts.encode()})
    assert (theirs.astype(bool) == array).all()


def test_mask_area_of_long_runs():
    """Runs of several characters, and runs shorter than the one two before (a negative difference)."""
    tall = np.zeros((900, 700), dtype=np.uint8)
    tall[3:800, 5:600], tall[850:, 300:] = 1, 1
    assert mask_area(encoded(tall)) == tall.sum()


@pytest.mark.parametrize("counts", ["zzzz", "", "0", "7330", "7330;;", "7330;P", "é", "7 30;", "/"])
def test_broken_counts_are_an_error_and_never_reach_pycocotools(counts):
    """pycocotools asks for memory until it is killed when it is given such a string."""
    good = encoded(pixels(1, 1, 3, 4, size=(6, 5)))
    assert good.counts == "7330;"
    with pytest.raises(RecordError, match="a mask of size 6 x 5"):
        mask_iou(Mask(size=(6, 5), counts=counts), good)


def test_masks_of_two_sizes_are_an_error():
    with pytest.raises(RecordError, match="12 x 16 but the other is 16 x 12"):
        mask_iou(encoded(pixels(0, 0, 2, 2)), encoded(pixels(0, 0, 2, 2, size=(16, 12))))


def test_agreement_takes_the_first_predicted_and_any_gold_region():
    assert agreement([], [], box_iou) == BOTH_NONE
    assert agreement([BOX], [], box_iou) == agreement([], [BOX], box_iou) == ONE_NONE
    assert agreement([HALF], [FAR, BOX], box_iou) == 0.5
    assert agreement([FAR, BOX], [BOX], box_iou) == 0, "a second guess must not count"
    for threshold in itertools.chain([0.001], np.arange(0.1, 1, 0.1)):
        assert BOTH_NONE > threshold > ONE_NONE
