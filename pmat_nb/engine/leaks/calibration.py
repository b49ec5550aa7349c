"""The constants of the verdicts, in one place, and what each of them comes from.

A confidence is a logistic function of a score. The weights were set by hand on the
tuning half of ``tests/leaks/corpus`` until nine in ten of its rows said to be 0.9 sure
were right; docs/leaks.md has the calibration of both halves. What decides by itself (a
bound by type, a process that did not grow by as much) outweighs all the rest together.
"""

from __future__ import annotations

from math import exp, sqrt

__all__ = ["LIMITS", "SERIES", "SITE", "confidence", "sigmoid", "surest"]

# Bounds of the course of a series (``series``).
LIMITS: dict[str, float] = {
    # Points below which no course is told: two batches of three.
    "fewest": 6,
    # A rate that falls below this share from the first half to the second decelerates.
    "decelerates": 0.6,
    # What must be exceeded to be more than jitter: 4 of its median distances, about 2.7
    # standard deviations.
    "over_jitter": 4.0,
    # A fall that undoes this share of the rise before it is a return.
    "falls": 0.5,
    # Growth in steps: this share of the iterations adds nothing.
    "flat_steps": 0.6,
    # The same of a container's length, of which the first half still has warm-up.
    "length_slows": 0.8,
    # What a few dozen cases can show at best.
    "surest": 0.99,
    # Of what has grown to n entries in n iterations this share of n is the doubt that a bound
    # comes later: bounds are of all sizes, and each doubling leaves half as many. 0.9 after
    # 20, 0.95 after 40, 0.98 after 100.
    "bound_ahead": 2.0,
    # A verdict less sure than this is none.
    "undecided": 0.6,
    # Growth that only a counter saw is never surer than this.
    "native_sure": 0.97,
    # Bytes per iteration of it below which nothing is decided: pools of C code settle for
    # long. In steps that takes larger ones.
    "native_least": 4096.0,
    "native_least_steps": 16384.0,
    # Of what only the resident size shows: how sure at most, and the least bytes per iteration.
    "resident_sure": 0.8,
    "resident_least": 65536.0,
    # A leak of which no object was met that lives on must be as sure as this by all else.
    "unmet": 0.75,
    # Of what the traced sites explain, the share that their count may be wrong by.
    "native_slack": 0.15,
    # What stays under a name of the user's is theirs, whatever its course.
    "kept": 0.8,
    # Flat for this many times the iterations in which it grew.
    "settled": 1.5,
}

# Of a series alone: (intercept, weight of the doublings of its points beyond the fewest).
SERIES: dict[str, tuple[float, float]] = {
    "constant": (0.4, 1.0),
    "stepping": (0.0, 0.7),
    "bounded": (1.0, 1.0),
    "saw-tooth": (1.0, 0.8),
    "none": (0.8, 0.8),
}

# Of a site: the weight of each piece of evidence for unbounded growth (``evidence``).
SITE: dict[str, float] = {
    "intercept": -1.0,
    "windows_agree": 1.2,
    "windows_begin": 1.5,
    "windows_decline": -1.5,
    "window_missing": -1.5,
    "blocks_constant": -2.0,
    "block_grows": 1.5,
    "lengths_constant": 3.0,
    "lengths_decelerate": -7.0,
    "lengths_stop": -6.0,
    "cohort_alive": 1.0,
    "cohort_dies": -5.0,
    "bound_known": -14.0,
    "total_agrees": 0.8,
    "total_disagrees": -2.0,
    "total_too_small": -9.0,
}


def surest(iterations: int, entries: int | None = None) -> float:
    """How sure growth without a bound can be after so many iterations.

    ``entries`` is the length of what grew, where that is known: many of them an iteration
    have met most bounds by number, though none by time.
    """
    seen = sqrt(iterations * (iterations if entries is None else entries))
    return max(0.5, min(LIMITS["surest"], 1 - LIMITS["bound_ahead"] / max(seen, 1.0)))


def confidence(weights: tuple[float, float], strength: float) -> float:
    """The logistic map of one score."""
    return sigmoid(weights[0] + weights[1] * strength)


def sigmoid(score: float) -> float:
    """0..1, without overflow."""
    return 1 / (1 + exp(-max(-40.0, min(40.0, score))))
