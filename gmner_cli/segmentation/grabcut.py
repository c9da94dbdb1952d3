"""Segmentation without weights: GrabCut (Rother, Kolmogorov and Blake 2004) started from a shape and judged
with it.

OpenCV's GrabCut alone, started from a box, does worse than the box: it knows
colours and edges, but not that things are rather in the middle of their boxes.
Here it starts from the shape that things tend to have in a box, cuts once, and
every pixel is then judged by three voices: the cut, the likelihood ratio of the
two colour models that the cut has learned, and the shape. More cutting makes
photographs worse and drawings better, so a second, longer cut from a smaller core
is believed only where its colours tell nearly every pixel apart. Constants were chosen
on the even numbered pictures of coco128 (tests/bench/bench_segment.py).

Images are RGB Pillow pictures, masks bool [height, width] of the whole picture,
coordinates pixels with x before y. The same input gives the same mask.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from gmner_cli.records import Box
from gmner_cli.segmentation.mask_prompts import Point

SIDE = 128
"""Pixels of the longer side that it works at; colours and coarse shape need no more."""
MOST_ENLARGED = 4.0
CONTEXT = 0.25
"""Of the box's width and height, around it: where the background's colours are learned."""

ROUND, START_ROUND, SURE_ROUND = 3.0, 2.5, 2.0
"""Exponents of the superellipses: the shape a thing has in its box, what the cut starts from, and its sure
core."""
FIRST, SECOND = (0.6, 1), (0.2, 3)
"""Radius of the sure core, 1 at the middle of a box's sides, and how often GrabCut cuts."""
CLEAR = 0.8
"""Share of the box's pixels that the colours must be sure of for the second cut to be believed."""
EDGE, SOFTNESS = 0.95, 0.15
"""Radius at which the shape is indifferent, and how fast it becomes sure on both sides."""
COLOUR_LIMIT, SHAPE_LIMIT = 4.0, 3.0
"""The loudest that the colours and the shape may get; the cut says 1 or -1."""
LENIENCE = 0.4
"""Because a missed pixel costs more IoU than one too many."""
SPECK = 0.1
"""Pieces below this share of the largest are dropped."""
FALLBACK = 0.2
"""Masks below this share of the box are taken for failures, and replaced by the shape."""

HEAT_SURE, HEAT_LIKELY, HEAT_NONE = 0.9, 0.5, 0.001
"""Shares of a heat map's highest value: surely the thing, likely, surely not."""
HEAT_VOICE, HEAT_CUTS = 4.0, 2
"""How loud the map is as the shape, from nothing to its highest; and how often GrabCut cuts."""
REACHES = (0.1, 0.16, 0.25)
"""How far a point's heat goes, as shares of the picture's shorter side (one standard deviation): the first,
unless the colours are clear with a farther one."""


class _Cut(NamedTuple):
    """A part of a picture at working size: uint8 [h, w, 3], and the place it came from."""

    pixels: np.ndarray
    left: int
    top: int
    right: int
    bottom: int

    def full(self, mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """A mask of the part, bool [h, w], as one of the whole picture of ``size`` (width, height)."""
        whole = np.zeros((size[1], size[0]), dtype=bool)
        scaled = cv2.resize(mask.astype(np.float32), (self.right - self.left, self.bottom - self.top))
        whole[self.top:self.bottom, self.left:self.right] = scaled > 0.5
        return whole


def segment_box(image: Image.Image, box: Box) -> np.ndarray:
    """The thing that a box is around; within the box. All False when no part of the box is in the picture.

    A box that is too small to hold the middle of any pixel gets the one pixel it is in.
    """
    width, height = image.size
    columns, rows = _covered(box[0], box[2], width), _covered(box[1], box[3], height)
    if not columns or not rows:
        return np.zeros((height, width), dtype=bool)
    x1, y1, x2, y2 = columns.start, rows.start, columns.stop, rows.stop
    cut = _cut_out(image, x1, y1, x2, y2)
    across, down = (_radii(n, a, b, first, last)
                    for n, a, b, first, last in ((cut.pixels.shape[1], x1, x2, cut.left, cut.right),
                                                 (cut.pixels.shape[0], y1, y2, cut.top, cut.bottom)))
    inside = (across <= 1)[None] & (down <= 1)[:, None]
    radius = _superellipse(across, down, ROUND)
    core = _superellipse(across, down, SURE_ROUND)

    def look(sure: float, cuts: int) -> tuple[np.ndarray, float]:
        hints = np.full(inside.shape, cv2.GC_BGD, np.uint8)
        hints[inside] = cv2.GC_PR_BGD
        hints[inside & (_superellipse(across, down, START_ROUND) <= 1)] = cv2.GC_PR_FGD
        hints[inside & (core <= sure)] = cv2.GC_FGD
        judged, clear = _judge(cut.pixels, hints, (EDGE - radius) / SOFTNESS, cuts)
        return judged, clear[inside].mean()

    # The longer cut first: where it is believed, the other is not needed.
    judged, clarity = look(*SECOND)
    if clarity < CLEAR:
        judged, _ = look(*FIRST)
    mask = _tidy(judged & inside) & inside
    if mask.sum() < FALLBACK * inside.sum():
        mask = inside & (radius <= 1)
    whole = cut.full(mask, image.size)
    covered = np.zeros_like(whole)
    covered[y1:y2, x1:x2] = whole[y1:y2, x1:x2]
    if not covered.any():
        covered[y1:y2, x1:x2] = True
    return covered


def segment_heat(image: Image.Image, heat: np.ndarray) -> np.ndarray:
    """What grows from the hottest places of a map, float [h, w] of any resolution over the whole picture (GEM
    eq. 11).

    All False when the map is nowhere above 0.
    """
    return _grow(image, heat)[0]


def segment_points(image: Image.Image, points: Sequence[Point]) -> np.ndarray:
    """What grows from the points with label 1 and not into those with 0. All False without one of label 1
    inside."""
    width, height = image.size
    scale = min(1.0, SIDE / max(width, height))
    y, x = np.mgrid[:max(1, round(height * scale)), :max(1, round(width * scale))] + 0.5
    grown = []
    for share in REACHES:
        reach = max(1.0, share * min(width, height) * scale)
        warmth = [np.zeros(x.shape), np.zeros(x.shape)]
        for px, py, label in points:
            near = np.exp(-((x - px * scale) ** 2 + (y - py * scale) ** 2) / (2 * reach**2))
            warmth[label] = np.maximum(warmth[label], near)
        grown.append(_grow(image, warmth[1] - warmth[0]))
    clearest, clarity = max(grown, key=lambda found: found[1])
    return clearest if clarity >= CLEAR else grown[0][0]


def _grow(image: Image.Image, heat: np.ndarray) -> tuple[np.ndarray, float]:
    """``segment_heat``, and the share of pixels that the colours are sure of: the lower of inside and
    outside."""
    cut = _cut_out(image, 0, 0, *image.size)
    height, width = cut.pixels.shape[:2]
    heat = cv2.resize(np.asarray(heat, np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    if not heat.max() > 0:
        return np.zeros((image.height, image.width), dtype=bool), 0.0
    heat = heat / heat.max()
    hints = np.full((height, width), cv2.GC_PR_BGD, np.uint8)
    hints[heat >= HEAT_LIKELY] = cv2.GC_PR_FGD
    hints[heat >= HEAT_SURE] = cv2.GC_FGD
    hints[heat < HEAT_NONE] = cv2.GC_BGD
    judged, clear = _judge(cut.pixels, hints, (heat - HEAT_LIKELY) * HEAT_VOICE, HEAT_CUTS)
    mask = _touching(_tidy(judged | (hints == cv2.GC_FGD)), hints == cv2.GC_FGD)
    clarity = min((clear[part].mean() for part in (mask, ~mask) if part.any()), default=0.0)
    return cut.full(mask, image.size), float(clarity)


def _covered(low: float, high: float, size: int) -> range:
    """The pixels of one axis whose middles are between ``low`` and ``high``; of a part of a pixel, that
    pixel."""
    low, high = max(low, 0.0), min(high, float(size))
    if not low < high:
        return range(0)
    first = min(math.floor(low + 0.5), size - 1)
    last = math.ceil(high - 0.5)
    return range(first, last) if first < last else range(math.floor(low), math.floor(low) + 1)


def _cut_out(image: Image.Image, x1: int, y1: int, x2: int, y2: int) -> _Cut:
    """The box with its context, scaled to the working size."""
    across, down = max(2, math.ceil(CONTEXT * (x2 - x1))), max(2, math.ceil(CONTEXT * (y2 - y1)))
    place = (max(0, x1 - across), max(0, y1 - down), min(image.width,
                                                         x2 + across), min(image.height, y2 + down))
    part = np.asarray(image.crop(place))
    scale = min(MOST_ENLARGED, SIDE / max(part.shape[:2]))
    size = tuple(max(1, round(n * scale)) for n in (part.shape[1], part.shape[0]))
    return _Cut(cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC),
                *place)


def _radii(count: int, low: int, high: int, first: int, last: int) -> np.ndarray:
    """Of ``count`` working pixels over ``first``..``last`` of one axis, the distance from the middle of
    ``low``..``high`` in halves of its length: 1 at both ends."""
    centres = first + (np.arange(count) + 0.5) * (last - first) / count
    return np.abs(centres - (low + high) / 2) / ((high - low) / 2)


def _superellipse(across: np.ndarray, down: np.ndarray, exponent: float) -> np.ndarray:
    """Radius of every pixel, float [h, w], from its radii along the axes, [w] and [h]."""
    return (across[None] ** exponent + down[:, None] ** exponent) ** (1 / exponent)


def _judge(pixels: np.ndarray, hints: np.ndarray, shape: np.ndarray,
           cuts: int) -> tuple[np.ndarray, np.ndarray]:
    """Two bool [h, w]: where the cut, the colours and the shape together speak for the foreground, and where
    the colours alone are sure, of either side.

    ``hints``: OpenCV's GC_* of every pixel; ``shape``: the shape's voice, positive for the foreground.
    """
    foreground = (hints == cv2.GC_FGD) | (hints == cv2.GC_PR_FGD)
    voices = np.clip(shape, -SHAPE_LIMIT, SHAPE_LIMIT)
    if not foreground.any() or foreground.all():  # nothing to tell from each other
        return voices > 0, np.zeros(shape.shape, dtype=bool)
    labels, behind, front = hints.copy(), np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # of this thread; the colour models start from k-means
    cv2.grabCut(pixels, labels, (0, 0, 0, 0), behind, front, cuts, cv2.GC_INIT_WITH_MASK)
    cut = np.where((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), 1.0, -1.0)
    colours = pixels.reshape(-1, 3).astype(np.float64)
    ratio = (_log_likelihood(colours, front) - _log_likelihood(colours, behind)).reshape(cut.shape)
    voices = voices + cut + np.clip(ratio, -COLOUR_LIMIT, COLOUR_LIMIT) + LENIENCE
    return cv2.GaussianBlur(voices, (0, 0), max(0.3, max(cut.shape) / 100)) > 0, np.abs(ratio) > COLOUR_LIMIT


def _log_likelihood(colours: np.ndarray, model: np.ndarray) -> np.ndarray:
    """Of colours [N, 3] under OpenCV's mixture of 5 Gaussians: weights, means and covariances in a row of
    65."""
    weights, means, covariances = model[0, :5], model[0, 5:20].reshape(5, 3), model[0, 20:].reshape(5, 3, 3)
    used = weights > 0
    # one grey level of noise, which also keeps flat colours regular
    covariances = covariances[used] + np.eye(3)
    away = colours[None] - means[used, None]  # [K, N, 3]
    squares = np.einsum("kni,kni->kn", away @ np.linalg.inv(covariances), away)
    logs = np.log(weights[used]) - 0.5 * np.log(np.linalg.det(covariances))
    return np.logaddexp.reduce(logs[:, None] - 0.5 * squares, axis=0)


def _tidy(mask: np.ndarray) -> np.ndarray:
    """Without specks, and with its holes filled."""
    count, pieces, facts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count > 2:
        areas = facts[:, cv2.CC_STAT_AREA]
        keep = areas >= SPECK * areas[1:].max()
        keep[0] = False
        mask = keep[pieces]
    _, gaps = cv2.connectedComponents(np.pad(~mask, 1, constant_values=True).astype(np.uint8), connectivity=4)
    return mask | ((gaps != gaps[0, 0])[1:-1, 1:-1])


def _touching(mask: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """The pieces of a mask that a seed lies in."""
    _, pieces = cv2.connectedComponents(mask.astype(np.uint8))
    return mask & np.isin(pieces, pieces[seeds & mask])
