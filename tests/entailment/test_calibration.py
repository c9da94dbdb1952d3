"""Calibration: the fitted sigmoid, the threshold and the error against slow, obvious searches."""

from __future__ import annotations

import math
import random

import pytest

from gmner_cli.entailment import calibration


def drawn(slope, shift, count=2000, seed=1):
    """Log-odds, and labels drawn with the probability sigmoid(slope * odds + shift)."""
    draws = random.Random(seed)
    odds = [draws.gauss(0, 3) for _ in range(count)]
    return odds, [draws.random() < 1 / (1 + math.exp(-(slope * z + shift))) for z in odds]


def entropy(odds, visible, slope, shift):
    """Cross-entropy to Platt's targets."""
    ones = sum(visible)
    high, low = (ones + 1) / (ones + 2), 1 / (len(visible) - ones + 2)
    return sum(math.log1p(math.exp(slope * z + shift)) - (high if y else low) * (slope * z + shift)
               for z, y in zip(odds, visible, strict=True))


@pytest.mark.parametrize(("slope", "shift"), [(0.4, 1.0), (2.0, -1.5), (1.0, 0.0)])
def test_the_sigmoid_that_made_the_labels_is_found(slope, shift):
    odds, visible = drawn(slope, shift)
    a, b = calibration.fit(odds, visible)
    assert a == pytest.approx(slope, rel=0.15) and b == pytest.approx(shift, abs=0.2)
    best = entropy(odds, visible, a, b)
    for da, db in ((0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01)):
        assert entropy(odds, visible, a + da, b + db) > best


def test_odd_labels_give_a_finite_rising_sigmoid():
    assert calibration.fit([1.0, 2.0], [True, True]) == (1.0, 0.0)
    a, b = calibration.fit([-20.0, -10.0, 10.0, 20.0], [False, False, True, True])  # separable
    assert 0 < a < 1 and abs(b) < 1e-6
    a, b = calibration.fit([-1.0, 1.0, -2.0, 2.0], [True, False, True, False])  # upside down
    assert a == calibration.LEAST_SLOPE and math.isfinite(b)
    assert calibration.fit([3.0] * 4, [True, False, False, False])[0] >= calibration.LEAST_SLOPE


@pytest.mark.parametrize("seed", range(20))
def test_no_threshold_is_better_and_none_as_good_is_nearer_a_half(seed):
    draws = random.Random(seed)
    chances = [round(draws.random(), 1) for _ in range(12)]
    visible = [draws.random() < p for p in chances]

    def accuracy(threshold):
        return sum((p > threshold) == y for p, y in zip(chances, visible, strict=True))

    found = calibration.best_threshold(chances, visible)
    candidates = [0.5, *(n / 20 for n in range(1, 20, 2))]
    assert accuracy(found) == max(map(accuracy, candidates))
    assert accuracy(0.5) < accuracy(found) or found == 0.5


def test_a_threshold_may_let_all_or_none_through():
    assert calibration.best_threshold([0.6, 0.9], [False, False]) > 0.9
    assert calibration.best_threshold([0.1, 0.2], [True, True]) < 0.1


def test_the_calibration_error_is_the_gap_between_said_and_seen():
    assert calibration.calibration_error([0.75] * 4, [True, True, True, False]) == pytest.approx(0)
    assert calibration.calibration_error([0.95] * 2 + [0.15] * 2,
                                         [False] * 2 + [False, True]) == pytest.approx(
                                             (2 * 0.95 + abs(2 * 0.15 - 1)) / 4)
    assert calibration.calibration_error([1.0], [True]) == 0


@pytest.mark.parametrize("odds", [-40.0, -12.345, -3.0, -0.1, 0.0, 0.7, 5.0, 11.1, 25.0, 40.0])
def test_a_chance_keeps_its_odds_and_is_never_certain(odds):
    p = calibration.chance(odds)
    assert 0 < p < 1
    assert calibration.log_odds(p) == pytest.approx(max(-27.631, min(27.631, odds)), abs=3e-4)
    assert len(str(calibration.chance(1.3))) <= 6  # nobody reads more digits than there are
