"""Reproducible intervals and tests for the numbers of a report, explicit about what they cover."""

from nnjax.stats.intervals import (
    Interval,
    mean_interval,
    proportion_interval,
    two_level_interval,
    two_level_slope,
)
from nnjax.stats.runs import (
    expected_best,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
)
from nnjax.stats.significance import EXACT_FLIPS, holm, sign_flip_test

__all__ = [
    "EXACT_FLIPS",
    "Interval",
    "expected_best",
    "holm",
    "interquartile_mean",
    "mean_interval",
    "performance_profile",
    "probability_of_improvement",
    "proportion_interval",
    "sign_flip_test",
    "two_level_interval",
    "two_level_slope",
]
