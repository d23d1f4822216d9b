"""Central differences: slopes, the error that they estimate themselves, and kinks.

Source: Richardson, Phil. Trans. Roy. Soc. A 210, 1911 (extrapolation to the step 0).
"""

from typing import Any, NamedTuple

import jax
import numpy as np

from nnjax.verify.compare import largest
from nnjax.verify.oracles import RATIO, STEP

LOST = 1e-3
"""Relative error beyond which too few digits are left to judge by, or to be useful."""


CLEAR = 1e-5
"""Relative error of differences that leaves no doubt."""


class Differences(NamedTuple):
    """Trees like the inputs, NaN in the coordinates that were left out.

    `error` estimates the absolute error of `gradient`; `left` and `right` are the slopes on either
    side, `kink` is where they differ, `torn` is where the function jumps.
    """

    gradient: Any
    error: Any
    left: Any
    right: Any
    kink: Any
    torn: Any

    def times(self, scale: float) -> "Differences":
        """The differences of scale J."""
        gradient, error, left, right = (
            jax.tree.map(lambda leaf: leaf * scale, tree) for tree in self[:4]
        )
        return Differences(gradient, error, left, right, self.kink, self.torn)


def extrapolated(gaps: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The slopes at the step 0 and their errors; see `slopes`."""
    central = (gaps[:, 0::2] - gaps[:, 1::2]) / (steps[:, 0::2] - steps[:, 1::2])
    near, far = ((RATIO**2 * central[:, :-1] - central[:, 1:]) / (RATIO**2 - 1)).T
    return near, 4 * np.abs(near - far) + 0.01 * np.abs(near - central[:, 0])


def slopes(
    gaps: np.ndarray,
    steps: np.ndarray,
    changed: np.ndarray,
    inputs: Any,
    chosen: np.ndarray,
    size: float,
    eps: float,
) -> Differences:
    """Extrapolate central differences to the step 0.

        D(h) = (J(z + h) - J(z - h)) / 2h    = J′ + h² J‴ / 6 + ...
        R(h) = (q² D(h) - D(q h)) / (q² - 1) = J′ - q² h⁴ J⁽⁵⁾ / 120 + ...

    R(h) - R(q h) is q⁴ - 1 times the error of R(h) while the series converges; where J″ jumps it is
    0.7 times the error, so four times as much is taken for the error. A hundredth of
    R(h) - D(h) is more than that, and large where the series does not converge. Rounding adds a few
    units in the last place of the terms, and what a change of every input in its last place makes
    (rounding inside the function does as much), divided by h.

    In a smooth function the slopes on both sides differ by an amount proportional to the step; at a
    kink, by the same amount for every step; at a jump or a pole, by less for a longer step.

    Args:
        gaps: (coordinates, 6), J(z + s) - J(z) for the steps s = h, -h, q h, -q h, q² h, -q² h.
        steps: (coordinates, 6), the steps as they were rounded.
        changed: (coordinates, 6), sum of the absolute values of the terms of J that change.
        inputs: the tree of inputs.
        chosen: the coordinates.
        size: sum of the absolute values of the terms of J.
        eps: unit roundoff of the forward pass.
    """
    leaves, tree = jax.tree.flatten(inputs)
    flat = np.concatenate([np.ravel(leaf) for leaf in leaves])
    with np.errstate(all="ignore"):  # a step may leave the domain of the function
        near, error = extrapolated(gaps, steps)
        right, left = gaps[:, 0::2] / steps[:, 0::2], gaps[:, 1::2] / steps[:, 1::2]
        # At a jump the slope on one side is that of the jump.
        gentle = np.abs(flat[chosen]) * np.fmin(np.abs(left[:, 0]), np.abs(right[:, 0]))
        gentle = gentle[np.isfinite(gentle)]
        amplified = flat.size * gentle.mean() if gentle.size else 0.0
        # Terms that a step does not change bring no error.
        rounding = 4 * eps * changed.max(axis=1) * (1 + amplified / max(size, 1e-300)) / STEP
        jump = right - left
        size_of_jump = np.abs(jump)
        least = 100 * rounding + 1e-6 * np.abs(right[:, 0])
        steady = (np.abs(jump - jump[:, :1]) <= 0.25 * size_of_jump[:, :1]).all(axis=1)
        kink = steady & (size_of_jump[:, 0] > least)
        torn = (size_of_jump[:, 0] > least) & (_steady(gaps[:, 0::2]) | _steady(gaps[:, 1::2]))
        # Not proportional to the step: a kink too small to be sure of, a jump, a pole, or noise.
        bent = size_of_jump[:, 1] < 0.5 * (1 + RATIO) * size_of_jump[:, 0]
        error = np.where(bent & ~kink, error + size_of_jump[:, 0], error) + rounding
    sizes = [np.size(leaf) for leaf in leaves]

    def shaped(values: np.ndarray, missing: Any) -> Any:
        full = np.full(flat.size, missing)
        full[chosen] = values
        parts = np.split(full, np.cumsum(sizes)[:-1])
        return tree.unflatten([p.reshape(np.shape(x)) for p, x in zip(parts, leaves, strict=True)])

    kinks = shaped(kink, False)
    return Differences(
        gradient=shaped(near, np.nan),
        error=jax.tree.map(_at_least_usual, shaped(error, np.nan), kinks),
        left=shaped(left[:, 0], np.nan),
        right=shaped(right[:, 0], np.nan),
        kink=kinks,
        torn=shaped(torn & ~kink, False),
    )


def _steady(gaps: np.ndarray) -> np.ndarray:
    """Whether the function changes by the same amount for every step."""
    return np.all(np.abs(gaps - gaps[:, :1]) <= 0.05 * np.abs(gaps[:, :1]), axis=1)


def _at_least_usual(error: np.ndarray, kink: np.ndarray) -> np.ndarray:
    """Errors no smaller than most of the array: an error may look small by chance, for example
    where rounding is amplified inside the function."""
    usual = error[~kink & np.isfinite(error)]
    return np.maximum(error, np.median(usual)) if usual.size else error


def uncertain(differences: Differences, size: float) -> Any:
    """The error in each entry; NaN at kinks, and where no digits are left."""
    overall = _overall(differences, size)

    def doubt(slope: Any, error: Any, kink: Any) -> Any:
        taken = ~np.isnan(slope)
        if not taken.any():
            return error * np.nan
        # The step presumes slopes of ordinary size.
        scale = max(largest(slope) + 0.01 * overall, STEP)
        clear = error <= CLEAR * scale
        # Where most entries are clear, the others are next to a kink; where many have no digits,
        # the step is too long for all of them.
        judged = clear if np.mean(clear[taken]) >= 0.5 else error <= LOST * scale
        if np.mean((~kink & ~(error <= LOST * scale))[taken]) > 0.25:
            judged = False
        return np.where(kink | ~taken | ~np.asarray(judged), np.nan, error)

    return jax.tree.map(doubt, differences.gradient, differences.error, differences.kink)


def _overall(differences: Differences, size: float) -> float:
    """The largest slope; the size of J where the gradient is zero but for rounding.

    softmax(100, 0, 0) is 1 in float64 whatever becomes of its last 3e-44: autodiff says 0 there,
    the small terms alone say 1e-43, and both are right.
    """
    largest_slope = max(map(largest, jax.tree.leaves(differences.gradient)), default=0.0)
    return size if largest_slope <= 1e-12 * size else largest_slope


def contradicted(differences: Differences, by_jax: Any, size: float) -> Any:
    """Where automatic differentiation is not the derivative: at kinks and jumps, and where it
    contradicts differences that have digits, as it does for |z| in a smooth function at z = 0."""
    overall = _overall(differences, size)

    def apart(slope: Any, doubt: Any, none: Any, other: Any) -> Any:
        with np.errstate(invalid="ignore"):
            gap = np.abs(np.asarray(other, np.float64) - slope)
        return none | ~np.isnan(doubt) & ~(gap <= 10 * doubt + 1e-6 * overall)

    doubts = uncertain(differences, size)
    nowhere = jax.tree.map(np.logical_or, differences.kink, differences.torn)
    return jax.tree.map(apart, differences.gradient, doubts, nowhere, by_jax)
