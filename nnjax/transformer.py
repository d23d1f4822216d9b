"""The transformer's block, made of layers and combinators alone."""

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
    """Attention between the positions, then a small network at each; both beside a straight path.

        a = x + dropout(multi_head_attention(layer_norm(x)))
        y = a + dropout(dense_2(gelu(dense_1(layer_norm(a)))))

    There is nothing to derive: the block is `serial` and `residual` of layers, whose backward
    passes run in the opposite order. It is the pre-norm form of GPT-2, in which the error signal
    has a straight path from the last block to the first; the first article normalised after each
    sum instead. A stack of blocks is closed by one more `layer_norm`. gelu is the exact one, the
    library's default; GPT-2 uses the tanh form, 5e-4 away at most. Weights start as `glorot()`,
    biases at zero.

    Args:
        features: channels of input and output.
        heads: heads of the attention; divides `features`.
        hidden: units of the small network; default 4 features.
        causal: position q sees the positions k <= q only, as a model of the next token must.
        dropout_rate: share of the numbers that are dropped at the end of each branch.

    Returns:
        A layer from (batch, time, features) to the same shape. Its params are those of the two
        branches: ((LayerNorm, attention's, ()), (LayerNorm, Dense, (), Dense, ())).

    Raises:
        ValueError: if a number is not positive and whole, heads does not divide features or the
            rate is not in [0, 1); (init, forward) if x does not have `features` channels.

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
