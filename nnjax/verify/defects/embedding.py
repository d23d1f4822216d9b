"""Mistakes in embeddings."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from nnjax.layers.embedding import Embedding, PositionEmbedding, embedding, position_embedding
from nnjax.verify.case import Defect, LayerCase
from nnjax.verify.cases.embedding import ids


def _embedding(label: str, rule: Callable[[Any, Any, Any], Any]) -> LayerCase:
    """An embedding with dtable = rule(zeros, ids, dy)."""
    right = embedding(5, 3)

    def backward(params: Embedding, residuals: Any, dy: Any) -> Any:
        _, dx = right.backward(params, residuals, dy)
        return Embedding(rule(jnp.zeros_like(params.table), residuals, dy)), dx

    wrong = right._replace(backward=backward)
    return LayerCase("embedding", label, wrong, (4,), batch=2, inputs=ids(5))


def _position(label: str, rule: Callable[[Any, Any], Any]) -> LayerCase:
    """A position embedding of length 5 at time 3 with dtable = rule(zeros, dy)."""
    right = position_embedding(5)

    def backward(params: PositionEmbedding, residuals: Any, dy: Any) -> Any:
        _, dx = right.backward(params, residuals, dy)
        return PositionEmbedding(rule(jnp.zeros_like(params.table), dy)), dx

    return LayerCase("position_embedding", label, right._replace(backward=backward), (3, 2))


DEFECTS = [
    Defect(
        "an id that occurs twice gets only the error signal of its last position",
        "PyTorch issue 1528; dW[ids] += dy in NumPy, the obvious first version, does the same",
        _embedding("overwritten", lambda zeros, x, dy: zeros.at[x].set(dy)),
    ),
    Defect(
        "an id that occurs twice gets the mean of its error signals",
        "PyTorch's option scale_grad_by_freq mistaken for the rule",
        _embedding(
            "mean",
            lambda zeros, x, dy: zeros.at[x].add(dy) / jnp.maximum(zeros.at[x].add(1.0), 1.0),
        ),
    ),
    Defect(
        "all error signals go to row 0",
        "eshkol pull request 392: the ids were not saved",
        _embedding("row 0", lambda zeros, x, dy: zeros.at[0].set(dy.sum((0, 1)))),
    ),
    Defect(
        "the row of id 0 gets no gradient",
        "id 0 treated as padding, which it is only on request (PyTorch's padding_idx)",
        _embedding("padding", lambda zeros, x, dy: zeros.at[x].add(dy).at[0].set(0.0)),
    ),
    Defect(
        "ids and error signals in different orders",
        "sequences (time, batch) in forward and (batch, time) in backward, both flattened",
        _embedding("order", lambda zeros, x, dy: zeros.at[x.T.reshape(-1)].add(dy.reshape(-1, 3))),
    ),
    Defect(
        "positions: the table gets no gradient",
        "TrenTorch pull request 240: the table was added outside of the graph",
        _position("lost", lambda zeros, dy: zeros),
    ),
    Defect(
        "positions: only the gradient of the first example",
        "forward broadcasts the table over the batch, so backward must sum its gradient",
        _position("first", lambda zeros, dy: zeros.at[:3].set(dy[0])),
    ),
    Defect(
        "positions: averaged over the batch",
        "a second 1/n, although the loss already has one",
        _position("mean", lambda zeros, dy: zeros.at[:3].set(dy.mean(0))),
    ),
    Defect(
        "positions: a shorter sequence is aligned with the end of the table",
        "sequences padded at the front in one function and at the end in another",
        _position("end", lambda zeros, dy: zeros.at[-3:].set(dy.sum(0))),
    ),
]
