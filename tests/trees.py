"""Comparison of trees of arrays."""

from typing import Any

import jax
import numpy as np


def assert_close(actual: Any, expected: Any, rtol: float, atol: float) -> None:
    """Equal trees with close leaves; the message names the leaf."""
    expected = jax.tree.map(np.asarray, expected)
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    leaves, _ = jax.tree.flatten_with_path(actual)
    for (place, a), b in zip(leaves, jax.tree.leaves(expected), strict=True):
        name = jax.tree_util.keystr(place)
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol, atol, err_msg=name)


def rounding(tree: Any) -> float:
    """An absolute tolerance for sums in another order: 1e-13 of the largest entry."""
    arrays = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(tree)]
    sizes = [float(np.abs(a[np.isfinite(a)]).max(initial=0)) for a in arrays]
    return 1e-13 * max(sizes, default=0.0)
