"""How often GrabCut cuts: the longer cut first, and where it is believed no other. The masks are those of
both cuts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from gmner_cli.segmentation import grabcut
from tests.segmentation.conftest import noise, painted

DRAWN = [(20, 15), (140, 20), (130, 105), (30, 100)]


def believing(monkeypatch, clear, image, box):
    """The mask where the longer cut is believed from this share on."""
    with monkeypatch.context() as patch:
        patch.setattr(grabcut, "CLEAR", clear)
        return grabcut.segment_box(image, box)


@pytest.mark.parametrize(
    "image",
    [painted(DRAWN)[0], noise(90, 70), painted(DRAWN)[0].resize((40, 30))], ids=["drawn", "noise", "small"])
@pytest.mark.parametrize("box", [(15.5, 10, 145, 110), (5, 5, 38, 28), (0, 0, 33, 29.5)])
def test_the_mask_is_one_of_the_two_cuts_and_a_clear_one_costs_one(monkeypatch, image, box):
    first, second = (believing(monkeypatch, clear, image, box) for clear in (2.0, -1.0))  # never, always
    cuts, cut = [], cv2.grabCut
    monkeypatch.setattr(cv2, "grabCut", lambda *asked: (cuts.append(asked[5]), cut(*asked))[1])
    mask = grabcut.segment_box(image, box)
    assert cuts[0] == grabcut.SECOND[1]
    assert cuts[1:] in ([], [grabcut.FIRST[1]])
    assert np.array_equal(mask, first if cuts[1:] else second)


def test_a_drawing_is_cut_once_and_noise_twice(monkeypatch):
    made, cut = [], cv2.grabCut
    monkeypatch.setattr(cv2, "grabCut", lambda *asked: (made.append(asked[5]), cut(*asked))[1])
    grabcut.segment_box(painted(DRAWN)[0], (15, 10, 145, 110))
    assert made == [grabcut.SECOND[1]]
    made.clear()
    grabcut.segment_box(noise(160, 120), (15, 10, 145, 110))
    assert made == [grabcut.SECOND[1], grabcut.FIRST[1]]
