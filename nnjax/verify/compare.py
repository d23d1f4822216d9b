"""How far two gradients are apart, and where."""

import math
from typing import Any, NamedTuple

import jax
import numpy as np


class Difference(NamedTuple):
    """The worst relative error between two trees and the first place that is off."""

    error: float
    place: str
    found: float
    expected: float


def difference(found: Any, expected: Any, size: float, tolerance: float) -> Difference:
    """Compare a gradient with what an oracle says.

    The error is relative to the leaf's largest entry, plus a hundredth of the tree's: a leaf whose
    true gradient is zero (a bias before a normalisation) holds only rounding. `size` is the size of
    the terms that the gradient is a derivative of; a tree far below it counts as zero.
    """
    leaves = jax.tree.leaves(expected)
    overall = max((largest(leaf) for leaf in leaves), default=0.0)
    if overall <= 1e-12 * size:
        overall = size
    worst = Difference(0.0, "", 0.0, 0.0)
    first = None
    named = jax.tree_util.tree_leaves_with_path(found)
    for (path, a), b in zip(named, leaves, strict=True):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        if not a.size:
            continue
        # The same infinity is agreement, and so is NaN (an oracle's has been dealt with before);
        # anything else that is not finite is none.
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        with np.errstate(invalid="ignore", over="ignore"):
            gaps = np.where(same, 0.0, np.abs(a - b))
        scale = largest(b) + 0.01 * overall
        errors = np.where(np.isnan(gaps), math.inf, gaps) / max(scale, 1e-300)
        off = np.argwhere(errors > tolerance)
        if len(off) and first is None:
            place = tuple(int(i) for i in off[0])
            index = f"[{', '.join(map(str, place))}]" if place else ""
            name = jax.tree_util.keystr(path, simple=True, separator=".")
            first = Difference(0.0, f"{name}{index}", float(a[place]), float(b[place]))
        worst = worst._replace(error=max(worst.error, float(errors.max())))
    return first._replace(error=worst.error) if first else worst


def largest(leaf: Any) -> float:
    """The largest finite entry."""
    return float(np.abs(leaf, where=np.isfinite(leaf), out=np.zeros(np.shape(leaf))).max(initial=0))
