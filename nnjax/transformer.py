"""The transformer block, made of layers and combinators only."""

from nnjax.calls import recorded
from nnjax.combine import residual, serial
from nnjax.core import Layer
from nnjax.initializers import glorot
from nnjax.layers.activations import gelu
from nnjax.layers.attention import multi_head_attention
from nnjax.layers.dense import dense
from nnjax.layers.dropout import dropout
from nnjax.layers.norm import layer_norm


@recorded
def transformer_block(
    features: int,
    heads: int,
    hidden: int | None = None,
    causal: bool = True,
    dropout_rate: float = 0.0,
) -> Layer:
    """Attention between positions, then a small network at each position, both as residuals.

        a = x + dropout(multi_head_attention(layer_norm(x)))
        y = a + dropout(dense_2(gelu(dense_1(layer_norm(a)))))

    There is nothing to derive: the block is a `serial` of `residual` layers, whose backward passes
    run in reverse order. It is the pre-norm form of GPT-2, in which the error signal has a direct
    path from the last block to the first; the original article normalised after each sum. End a
    stack of blocks with one more `layer_norm`. The gelu is exact, the library's default; GPT-2 uses
    the tanh form, which differs by at most 5e-4. Weights start as `glorot()`, biases at zero.

    Args:
        features: channels of input and output.
        heads: heads of the attention; divides `features`.
        hidden: units of the small network; default 4 * features.
        causal: whether position q sees only the positions k ≤ q, as next-token models need.
        dropout_rate: fraction of numbers dropped at the end of each branch.

    Returns:
        A layer from (batch, time, features) to the same shape. Its params are those of the two
        branches: ((LayerNorm, attention's, ()), (LayerNorm, Dense, (), Dense, ())).

    Raises:
        ValueError: if a number is not a positive whole number, heads does not divide features, or
            the rate is not in [0, 1); (init, forward) if x does not have `features` channels.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> block = nn.transformer_block(6, heads=2)
        >>> params, out_shape = block.init(jax.random.key(0), (5, 6))
        >>> out_shape, params[1][1].weights.shape
        ((5, 6), (6, 24))
        >>> block.forward(params, jnp.ones((3, 5, 6)))[0].shape
        (3, 5, 6)

    Source: Vaswani et al., Attention is all you need, NeurIPS 2017; before instead of after: Xiong
    et al., On layer normalization in the transformer architecture, ICML 2020; Radford et al.,
    Language models are unsupervised multitask learners (GPT-2), 2019.
    """
    mix = multi_head_attention(features, heads, causal)
    hidden = 4 * features if hidden is None else hidden
    think = (dense(hidden, glorot()), gelu(), dense(features, glorot()))
    return serial(
        residual(serial(layer_norm(), mix, dropout(dropout_rate))),
        residual(serial(layer_norm(), *think, dropout(dropout_rate))),
    )
