"""Central differences: slopes, the error that they estimate themselves, and kinks.

Source: Richardson, Phil. Trans. Roy. Soc. A 210, 1911 (extrapolation to the step 0).
"""

from typing import Any, NamedTuple

import jax
import numpy as np

from nnjax.verify.compare import largest
from nnjax.verify.oracles import STEP, coordinates

LOST = 1e-3
"""Relative error beyond which too few digits are left to judge by, or to be useful."""


class Differences(NamedTuple):
    """Trees like the inputs, NaN in the coordinates that were left out.

    `error` estimates the absolute error of `gradient`; `left` and `right` are the slopes on either
    side, and `kink` is where they differ.
    """

    gradient: Any
    error: Any
    left: Any
    right: Any
    kink: Any

    def times(self, scale: float) -> "Differences":
        """The differences of scale J."""
        slopes = (jax.tree.map(lambda leaf: leaf * scale, tree) for tree in self[:4])
        return Differences(*slopes, self.kink)


def slopes(gaps: np.ndarray, steps: np.ndarray, inputs: Any, size: float, eps: float) -> Differences:
    """Extrapolate central differences to the step 0.

        D(h) = (J(z + h) - J(z - h)) / 2h = J′ + h² J‴ / 6 + ...
        R(h) = (4 D(h) - D(2h)) / 3       = J′ - h⁴ J⁽⁵⁾ / 30 + ...

    R(h) - R(2h) is 15 times the error of R(h) while the series converges. A hundredth of
    R(h) - D(h) is more than that, and large where the series does not converge. Rounding adds a few
    units in the last place of the terms, divided by h.

    At a kink, the slopes on both sides differ by the same amount for every step; in a smooth
    function they differ by an amount proportional to the step.

    Args:
        gaps: (coordinates, 6), J(z + s) - J(z) for the steps s = h, -h, 2h, -2h, 4h, -4h.
        steps: (coordinates, 6), the steps as they were rounded.
        inputs: the tree of inputs.
        size: sum of the absolute values of the terms of J.
        eps: unit roundoff of the forward pass.
    """
    rounding = 4 * eps * size / STEP
    with np.errstate(all="ignore"):  # a step may leave the domain of the function
        right, left = gaps[:, 0::2] / steps[:, 0::2], gaps[:, 1::2] / steps[:, 1::2]
        central = (gaps[:, 0::2] - gaps[:, 1::2]) / (steps[:, 0::2] - steps[:, 1::2])
        near, far = ((4 * central[:, :-1] - central[:, 1:]) / 3).T
        error = np.abs(near - far) + 0.01 * np.abs(near - central[:, 0]) + rounding
        jump = right - left
        steady = (np.abs(jump - jump[:, :1]) <= 0.25 * np.abs(jump[:, :1])).all(axis=1)
        least = 100 * rounding + 1e-6 * np.abs(right[:, 0])
        kink = steady & (np.abs(jump[:, 0]) > least)
    leaves, tree = jax.tree.flatten(inputs)
    sizes = [np.size(leaf) for leaf in leaves]

    def shaped(values: np.ndarray, missing: Any) -> Any:
        full = np.full(sum(sizes), missing)
        full[coordinates(full.size)] = values
        parts = np.split(full, np.cumsum(sizes)[:-1])
        return tree.unflatten([p.reshape(np.shape(x)) for p, x in zip(parts, leaves, strict=True)])

    numbers = (near, error, left[:, 0], right[:, 0])
    return Differences(*(shaped(n, np.nan) for n in numbers), shaped(kink, False))


def uncertain(differences: Differences, size: float) -> Any:
    """The error in each entry; NaN at kinks, and where no digits are left."""
    overall = max(map(largest, jax.tree.leaves(differences.gradient)), default=0.0)
    if overall <= 1e-12 * size:  # a gradient of zero
        overall = size

    def doubt(slope: Any, error: Any, kink: Any) -> Any:
        limit = LOST * (largest(slope) + 0.01 * overall)
        return np.where(kink | np.isnan(slope) | ~(error <= limit), np.nan, error)

    return jax.tree.map(doubt, differences.gradient, differences.error, differences.kink)


def contradicted(differences: Differences, by_jax: Any, size: float) -> Any:
    """Where automatic differentiation is not the derivative: at kinks, and where it contradicts
    differences that have digits, as it does for |z| inside a smooth function at z = 0."""
    overall = max(map(largest, jax.tree.leaves(differences.gradient)), default=0.0)

    def apart(slope: Any, doubt: Any, kink: Any, other: Any) -> Any:
        with np.errstate(invalid="ignore"):
            gap = np.abs(np.asarray(other, np.float64) - slope)
        return kink | ~np.isnan(doubt) & ~(gap <= 10 * doubt + 1e-6 * overall)

    doubts = uncertain(differences, size)
    return jax.tree.map(apart, differences.gradient, doubts, differences.kink, by_jax)
