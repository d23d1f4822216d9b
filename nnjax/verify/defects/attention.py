"""Mistakes in attention."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from nnjax.core import Layer
from nnjax.layers.attention import attention, multi_head_attention
from nnjax.layers.dense import dense
from nnjax.verify.case import Defect, LayerCase
from nnjax.verify.cases.attention import padded


def _softmax_rule(a: Any, da: Any) -> Any:
    return a * (da - (a * da).sum(-1, keepdims=True))


def _as_saved(a: Any, q: Any, k: Any) -> Any:
    return a


def _by_hand(
    right: Layer,
    heads: int = 1,
    *,
    weights: Callable[[Any, Any, Any], Any] = _as_saved,
    rule: Callable[[Any, Any], Any] = _softmax_rule,
    scale: Callable[[int], float] = lambda d: 1 / math.sqrt(d),
    of_output: Callable[[Any, Any], Any] = lambda dy, shape: dy.reshape(shape),
    order: tuple[int, int, int] = (0, 1, 2),
) -> Layer:
    """Attention with an explicit backward pass, one part of which is replaced."""

    def backward(params: Any, residuals: Any, dy: Any) -> Any:
        x, a, _ = residuals
        n, time, features = dy.shape
        parts = x[..., : 3 * features].reshape(n, time, 3, heads, -1)
        q, k, v = (parts[:, :, i] for i in range(3))
        a, g = weights(a, q, k), of_output(dy, q.shape)
        ds = rule(a, jnp.einsum("nqhd,nkhd->nhqk", g, v)) * scale(q.shape[-1])
        found = [
            jnp.einsum("nhqk,nkhd->nqhd", ds, k),
            jnp.einsum("nhqk,nqhd->nkhd", ds, q),
            jnp.einsum("nhqk,nqhd->nkhd", a, g),
        ]
        pieces = [found[i].reshape(dy.shape) for i in order]
        rest = jnp.zeros((n, time, x.shape[-1] - 3 * features), dy.dtype)
        return (), jnp.concatenate([*pieces, rest], axis=-1)

    return right._replace(backward=backward)


def _scores(q: Any, k: Any) -> Any:
    return jnp.einsum("nqhd,nkhd->nhqk", q, k) / math.sqrt(q.shape[-1])


def _only_causal(a: Any, q: Any, k: Any) -> Any:
    """The weights recomputed with the causal mask only."""
    seen = jnp.tril(jnp.ones(a.shape[-2:], bool))[None, None]
    return jax.nn.softmax(jnp.where(seen, _scores(q, k), -jnp.inf))


def _masked_afterwards(a: Any, q: Any, k: Any) -> Any:
    """The softmax over all keys, then the mask."""
    return jnp.tril(jax.nn.softmax(_scores(q, k)))


def _not_masked(a: Any, q: Any, k: Any) -> Any:
    return jax.nn.softmax(_scores(q, k))


def _zero_over_zero(a: Any, q: Any, k: Any) -> Any:
    """The weights recomputed by a softmax that divides by the sum even if it is 0."""
    return jnp.where(a.sum(-1, keepdims=True) == 0, jnp.nan, a)


def _causal(label: str, weights: Callable[[Any, Any, Any], Any]) -> LayerCase:
    return LayerCase(
        "attention", label, _by_hand(attention(causal=True), weights=weights), (4, 6), batch=2
    )


def _interleaved() -> LayerCase:
    """The fused error signals ordered by head, then by query, key and value."""
    features, heads = 4, 2
    right = multi_head_attention(features, heads)
    project, mix, merge = dense(3 * features), attention(heads), dense(features)

    def backward(params: Any, residuals: Any, dy: Any) -> Any:
        last, dy = merge.backward(params[2], residuals[2], dy)
        _, dy = mix.backward((), residuals[1], dy)
        blocks = dy.reshape(*dy.shape[:-1], 3, heads, features // heads)
        first, dx = project.backward(
            params[0], residuals[0], blocks.swapaxes(-2, -3).reshape(dy.shape)
        )
        return (first, (), last), dx

    return LayerCase(
        "multi_head_attention", "interleaved", right._replace(backward=backward), (3, 2), batch=2
    )


DEFECTS = [
    Defect(
        "queries and keys without 1 / √d",
        "the factor of the forward pass is a constant and easily forgotten",
        LayerCase(
            "attention", "scale lost", _by_hand(attention(), scale=lambda d: 1.0), (3, 6), batch=2
        ),
    ),
    Defect(
        "d in place of √d",
        "duoan/TorchCode, issue 17: passed all of its checks; heads of one channel hide it",
        LayerCase(
            "attention", "d for its root", _by_hand(attention(), scale=lambda d: 1 / d), (3, 6)
        ),
    ),
    Defect(
        "the softmax rule without the sum over the row",
        "HomericIntelligence/Odyssey, issue 2134: the product of gradient and weights is missing",
        LayerCase(
            "attention",
            "row sum lost",
            _by_hand(attention(), rule=lambda a, da: a * da),
            (3, 6),
            batch=2,
        ),
    ),
    Defect(
        "only the diagonal of the softmax Jacobian",
        "deeplearning4j/libnd4j, issue 440; Apiquet/DeepLearningFrameworkFromScratchCpp, issue 1",
        LayerCase(
            "attention",
            "diagonal",
            _by_hand(attention(), rule=lambda a, da: a * (1 - a) * da),
            (3, 6),
            batch=2,
        ),
    ),
    Defect(
        "gradients of queries and keys exchanged",
        "ooples/AiDotNet.Tensors, issue 49: swapped; in self-attention the shapes agree",
        LayerCase(
            "attention", "exchanged", _by_hand(attention(), order=(1, 0, 2)), (3, 6), batch=2
        ),
    ),
    Defect(
        "heads merged without exchanging the axes of heads and positions",
        "jsbaan/transformer-from-scratch, pull request 6: its training test passed for years; here "
        "in the backward pass",
        LayerCase(
            "attention",
            "heads mixed",
            _by_hand(
                attention(2),
                2,
                of_output=lambda dy, shape: jnp.moveaxis(
                    dy.reshape(shape[0], shape[2], shape[1], shape[3]), 1, 2
                ),
            ),
            (3, 12),
            batch=2,
        ),
    ),
    Defect(
        "the causal mask is missing in the backward pass",
        "weights recomputed in the backward pass need every mask: XPU-Forces/mojo_opset, pull "
        "request 386",
        _causal("mask lost", _not_masked),
    ),
    Defect(
        "the causal mask after the softmax, not before",
        "proposed in PyTorch, issue 103749, to avoid NaN: the rows no longer sum to 1",
        _causal("masked afterwards", _masked_afterwards),
    ),
    Defect(
        "the causal mask is applied, the padding mask is lost",
        "XPU-Forces/mojo_opset, pull request 386: gradients included the padding",
        LayerCase(
            "attention",
            "padding lost",
            _by_hand(attention(causal=True, masked=True), weights=_only_causal),
            (4, 7),
            batch=2,
            inputs=padded(4, 2),
        ),
    ),
    Defect(
        "NaN from a query without keys",
        "PyTorch, issue 41508: one such row makes the gradients of the whole batch NaN",
        LayerCase(
            "attention",
            "empty row",
            _by_hand(attention(masked=True), weights=_zero_over_zero),
            (3, 7),
            batch=2,
            inputs=padded(0, 2),
        ),
    ),
    Defect(
        "the fused error signals are ordered by head, not by query, key and value",
        "GPT-2 and GPT-NeoX order their fused matrices differently; the shapes agree, and with one "
        "head so do the numbers",
        _interleaved(),
    ),
]
