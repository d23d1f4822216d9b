"""Cases of the transformer block."""

from nnjax.transformer import transformer_block
from nnjax.verify.case import LayerCase

LAYERS = [
    LayerCase("transformer_block", "causal", transformer_block(4, 2, hidden=3), (3, 4), batch=2),
    LayerCase(
        "transformer_block",
        "both directions, default width",
        transformer_block(2, 1, causal=False),
        (3, 2),
        batch=2,
    ),
    LayerCase(
        "transformer_block",
        "training with dropout",
        transformer_block(4, 2, hidden=3, dropout_rate=0.5),
        (3, 4),
        batch=2,
        training=True,
    ),
    LayerCase(
        "transformer_block", "one position", transformer_block(2, 2, hidden=3), (1, 2), batch=1
    ),
    LayerCase(
        "transformer_block", "initial", transformer_block(2, 1, hidden=3), (3, 2), at_init=True
    ),
]
