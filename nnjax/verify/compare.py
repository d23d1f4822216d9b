"""The difference of two gradients: its size and its place."""

import math
from typing import Any, NamedTuple

import jax
import numpy as np


class Difference(NamedTuple):
    """The largest relative error between two trees, and the first entry above the tolerance.

    `place` is empty if no entry is above it.
    """

    error: float
    place: str
    found: float
    expected: float


def difference(
    found: Any,
    expected: Any,
    size: float,
    tolerance: float,
    uncertain: Any = None,
    floor: Any = None,
) -> Difference:
    """Compare a gradient with that of an oracle.

    The error is relative to the leaf's largest entry plus a hundredth of the tree's, because a leaf
    whose true gradient is zero (a bias before a normalisation) contains rounding errors only.
    `size` is the size of the terms of J; a tree far below it counts as zero. `uncertain` is the
    absolute error of each entry of `expected`, NaN where it says nothing; default 0. `floor` is the
    absolute error in each leaf that is not counted; default 0.
    """
    leaves = jax.tree.leaves(expected)
    doubts = jax.tree.leaves(uncertain) or [0.0] * len(leaves)
    floors = jax.tree.leaves(floor) or [0.0] * len(leaves)
    overall = max((largest(leaf) for leaf in leaves), default=0.0)
    if overall <= 1e-12 * size:
        overall = size
    worst = Difference(0.0, "", 0.0, 0.0)
    first = None
    named = jax.tree_util.tree_leaves_with_path(found)
    for (path, a), b, doubt, least in zip(named, leaves, doubts, floors, strict=True):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        judged = ~np.isnan(np.broadcast_to(doubt, a.shape))
        if not judged.any():
            continue
        # Equal infinities agree, and so do NaNs (the caller handles an oracle's NaN); any other
        # value that is not finite disagrees.
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        with np.errstate(invalid="ignore", over="ignore"):
            gaps = np.where(same, 0.0, np.maximum(np.abs(a - b) - least, 0.0))
            scale = largest(b) + 0.01 * overall
            scale = min(max(scale, 1e-300), 1e300)
            gaps = np.where(judged, np.where(np.isnan(gaps), math.inf, gaps), 0.0)
            off = np.argwhere(gaps > tolerance * scale + np.where(judged, doubt, 0.0))
            errors = gaps / np.fmax(scale, doubt)
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


def products(tree: Any, v: Any) -> list[np.ndarray]:
    """Entry by entry; 0 where v is left out, whatever the tree holds there."""
    pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(v), strict=True)
    return [np.where(b == 0, 0.0, np.asarray(a, np.float64)) * np.asarray(b) for a, b in pairs]


def total(products: list[np.ndarray]) -> float:
    """The sum of the absolute values."""
    return sum(float(np.nansum(np.abs(p))) for p in products)
