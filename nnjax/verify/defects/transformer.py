"""Mistakes in the transformer block."""

from typing import Any

from nnjax.combine import residual, serial
from nnjax.layers.activations import gelu
from nnjax.layers.attention import multi_head_attention
from nnjax.layers.dense import dense
from nnjax.layers.dropout import dropout
from nnjax.layers.norm import layer_norm
from nnjax.transformer import transformer_block
from nnjax.verify.case import Defect, LayerCase

_MIX = residual(serial(layer_norm(), multi_head_attention(4, 2, causal=True), dropout(0.0)))
_THINK = serial(layer_norm(), dense(3), gelu(), dense(4), dropout(0.0))


def _second_path_lost(params: Any, residuals: Any, dy: Any) -> Any:
    """The small network's dx alone reaches the attention; dy itself does not."""
    grads, da = _THINK.backward(params[1], residuals[1], dy)
    first, dx = _MIX.backward(params[0], residuals[0], da)
    return (first, grads), dx


DEFECTS = [
    Defect(
        "the identity path of the second sum is lost",
        "paiml/entrenar issue 313: the first sum was right; error signals vanished within five of "
        "24 blocks",
        LayerCase(
            "transformer_block",
            "second path lost",
            transformer_block(4, 2, hidden=3)._replace(backward=_second_path_lost),
            (3, 4),
            batch=2,
        ),
    ),
]
