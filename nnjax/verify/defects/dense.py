"""Mistakes in dense layers."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from nnjax.layers.dense import Dense, dense
from nnjax.verify.case import Defect, LayerCase


def _changed(label: str, change: Callable[[Dense, Any], Any]) -> LayerCase:
    """A dense layer whose parameter gradients are replaced by `change(grads, dy)`."""
    right = dense(2)

    def backward(params: Dense, residuals: Any, dy: Any) -> Any:
        grads, dx = right.backward(params, residuals, dy)
        return change(grads, dy), dx

    return LayerCase("dense", label, right._replace(backward=backward), (3,))


def _transposed(params: Dense, x: Any, dy: Any) -> Any:
    return Dense(x.T @ dy, dy.sum(0)), dy @ params.weights


DEFECTS = [
    Defect(
        "the bias gradient is the mean over the batch, not the sum",
        "where to put the 1/n of the mean is an old question: scikit-learn issues 6780 and 8349",
        _changed("mean for sum", lambda grads, dy: grads._replace(bias=dy.mean(0))),
    ),
    Defect(
        "the bias gradient is lost",
        "the network still trains, only worse: a network from scratch with such a rule stayed at "
        "10 % accuracy (casper-hansen, pull request 1)",
        _changed("bias lost", lambda grads, dy: grads._replace(bias=jnp.zeros_like(grads.bias))),
    ),
    Defect(
        "a factor of 1.000001",
        "passes JAX's check_grads, whose tolerance grows with the size of the array",
        _changed("factor", lambda grads, dy: grads._replace(weights=1.000001 * grads.weights)),
    ),
    Defect(
        "one entry of the weight gradient is zero",
        "a loop that starts at index 1; a check of a few random coordinates misses it",
        _changed(
            "one entry",
            lambda grads, dy: grads._replace(weights=grads.weights.at[0, 0].set(0)),
        ),
    ),
    Defect(
        "gradients in another tree than the parameters",
        "a tuple in place of a named tuple has the same leaves and passes a check of leaves",
        _changed("tree", lambda grads, dy: tuple(grads)),
    ),
    Defect(
        "a gradient in another dtype than its parameter",
        "jax.custom_vjp silently accepts a float32 cotangent for a float64 parameter",
        _changed(
            "dtype",
            lambda grads, dy: grads._replace(weights=grads.weights.astype(jnp.float32)),
        ),
    ),
    Defect(
        "W in place of Wᵀ",
        "square test networks hide the shape error and pass any check of shapes",
        LayerCase("dense", "square", dense(3)._replace(backward=_transposed), (3,)),
    ),
]
