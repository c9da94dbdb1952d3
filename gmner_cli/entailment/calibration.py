"""From log-odds to probabilities that mean what they say, and to a decision (pure functions, float64)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

LEAST_SLOPE = 0.01
"""A model that tells nothing is not turned upside down."""

_EDGE = 1e-12


def chance(odds: float, slope: float = 1.0, shift: float = 0.0) -> float:
    """Probability of calibrated log-odds, in [1e-12, 1 - 1e-12], with as many digits as keep the odds to
    about 1e-4."""
    p = min(max(0.5 * (1 + math.tanh(0.5 * (slope * odds + shift))), _EDGE), 1 - _EDGE)
    return round(p, 4 + int(-math.log10(min(p, 1 - p))))


def log_odds(p: float) -> float:
    """Inverse of ``chance`` with slope 1 and shift 0."""
    p = min(max(p, _EDGE), 1 - _EDGE)
    return math.log(p) - math.log1p(-p)


def fit(odds: Sequence[float], visible: Sequence[bool]) -> tuple[float, float]:
    """Slope and shift of the sigmoid that fits best (Platt 1999, with his targets, so separable data have an
    answer).

    Newton's method from (1, 0) with halved steps; the slope is at least LEAST_SLOPE.
    (1, 0) when all labels are equal: they say nothing of the odds.
    """
    z, y = np.asarray(odds, np.float64), np.asarray(visible, bool)
    ones, zeros = int(y.sum()), int((~y).sum())
    if not ones or not zeros:
        return 1.0, 0.0
    target = np.where(y, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    design = np.stack([z, np.ones_like(z)], 1)
    slope, shift = _newton(design, target, np.array([1.0, 0.0]), np.zeros_like(z))
    if slope < LEAST_SLOPE:
        slope, shift = LEAST_SLOPE, _newton(design[:, 1:], target, np.array([0.0]), LEAST_SLOPE * z)[0]
    return float(slope), float(shift)


def _newton(design: np.ndarray, target: np.ndarray, weights: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Minimum of the cross-entropy of sigmoid(design @ weights + offset) to ``target``; design [N, k],
    weights [k]."""

    def cost(w: np.ndarray) -> float:
        score = design @ w + offset
        return float(np.sum(np.logaddexp(0, score) - target * score))

    for _ in range(100):
        p = 0.5 * (1 + np.tanh(0.5 * (design @ weights + offset)))
        slope = design.T @ (p - target)
        bend = (design * (p * (1 - p))[:, None]).T @ design + 1e-9 * np.eye(len(weights))
        step, before, share = np.linalg.solve(bend, slope), cost(weights), 1.0
        while cost(weights - share * step) > before and share > 1e-6:
            share /= 2
        weights = weights - share * step
        if np.abs(share * step).max() < 1e-9:
            break
    return weights


def best_threshold(chances: Sequence[float], visible: Sequence[bool]) -> float:
    """The threshold of the highest accuracy of "visible when above it"; among equals the one nearest 0.5.

    Looked at are 0.5 and the middles between neighbouring chances, 0 and 1.
    """
    p, y = np.asarray(chances, np.float64), np.asarray(visible, bool)
    edges = np.unique(np.concatenate([[0.0], p, [1.0]]))
    candidates = np.unique(np.concatenate([[0.5], (edges[1:] + edges[:-1]) / 2]))
    order = np.argsort(p, kind="stable")
    # Right are the visible ones above the threshold and the others at or below it.
    below = np.searchsorted(p[order], candidates, side="right")
    seen = np.concatenate([[0], np.cumsum(y[order])])
    right = (seen[-1] - seen[below]) + (below - seen[below])
    best = candidates[right == right.max()]
    return float(best[np.argmin(np.abs(best - 0.5))])


def calibration_error(chances: Sequence[float], visible: Sequence[bool], bins: int = 10) -> float:
    """Expected calibration error in [0, 1]: mean |share visible - mean chance| over equal bins, weighted by
    their size."""
    p, y = np.asarray(chances, np.float64), np.asarray(visible, np.float64)
    bin_of = np.minimum((p * bins).astype(int), bins - 1)
    return float(sum(abs(np.sum(y[bin_of == b] - p[bin_of == b])) for b in range(bins)) / len(p))
