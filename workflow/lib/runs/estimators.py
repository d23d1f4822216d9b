"""Estimators: what can be estimated from the runs of one cell or of two, with its interval."""

from typing import NamedTuple

import numpy as np

from nnjax import stats
from workflow.lib import estimates
from workflow.lib.runs import counts
from workflow.lib.runs.found import Found


class Estimate(NamedTuple):
    """A value with its interval, its unit, what the interval covers, and the p value of a test."""

    interval: stats.Interval
    unit: str
    covers: str
    p: float | None = None


def accuracy(a: Found) -> Estimate:
    """Test accuracy, over speakers and seeds."""
    interval = stats.two_level_interval(*a.counts(), counts.rng())
    return Estimate(interval, "fraction", estimates.SPEAKERS_AND_SEEDS)


def same_speakers_accuracy(a: Found) -> Estimate:
    """Test accuracy on these speakers, to compare with a printed one: over seeds alone."""
    correct, rows = a.counts()
    interval = stats.mean_interval(correct.sum(axis=1) / rows.sum())
    return Estimate(interval, "fraction", estimates.SEEDS_T)


def loss(a: Found) -> Estimate:
    """Cross-entropy on the test rows, over seeds."""
    interval = stats.mean_interval(a.histories()["test_loss"].to_numpy())
    return Estimate(interval, "nats", estimates.SEEDS_T)


def difference(a: Found, b: Found) -> Estimate:
    """Accuracy of a minus that of b, paired by speakers and by the seeds that both have.

    The p value is that of a sign-flip test over speakers.
    """
    (of_a, rows), (of_b, _) = a.counts(), b.counts()
    seeds = min(len(of_a), len(of_b))
    of_a, of_b = of_a[:seeds], of_b[:seeds]
    interval = counts.difference((of_a, rows), (of_b, rows))
    p = stats.sign_flip_test((of_a - of_b).mean(axis=0), counts.rng())
    return Estimate(interval, "difference of fractions", estimates.SPEAKERS_AND_SEEDS, p)


def probability_of_improvement(a: Found, b: Found) -> Estimate:
    """Probability that a is more accurate than b from the same seed."""
    of_a, of_b = (cell.counts()[0].sum(axis=1) for cell in (a, b))
    interval = stats.probability_of_improvement(of_a, of_b, counts.rng())
    return Estimate(interval, "fraction", estimates.SEEDS_BOOTSTRAP)


def slope(a: Found, over: str, doublings: bool) -> Estimate:
    """Least-squares slope of the accuracy over a setting, per unit or per doubling."""
    cells = a.by(over)
    x = np.array(list(cells), dtype=float)
    found = [cell.counts() for cell in cells.values()]
    correct, rows = np.stack([correct for correct, _ in found]), found[0][1]
    interval = stats.two_level_slope(correct, rows, np.log2(x) if doublings else x, counts.rng())
    return Estimate(interval, "difference of fractions", estimates.SPEAKERS_AND_SEEDS)


def diverged(a: Found) -> Estimate:
    """How many runs ended without finite losses, or guessing."""
    histories = a.histories()
    lost, unknown = float(counts.diverged(histories).sum()), float("nan")
    count = stats.Interval(lost, unknown, unknown, len(histories))
    return Estimate(count, "runs", estimates.NO_INTERVAL)
