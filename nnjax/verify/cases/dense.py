"""Cases of the dense layer."""

from nnjax.initializers import glorot, normal
from nnjax.layers.dense import dense
from nnjax.verify.case import LayerCase

LAYERS = [
    LayerCase("dense", "wide", dense(5), (3,)),
    LayerCase("dense", "narrow", dense(2), (3,)),
    LayerCase("dense", "batch 1", dense(2), (3,), batch=1),
    LayerCase("dense", "one to one", dense(1), (1,), batch=1),
    LayerCase("dense", "one input", dense(3), (1,), batch=5),
    LayerCase("dense", "middle axis", dense(5), (2, 3), batch=3),
    LayerCase("dense", "two middle axes", dense(2), (2, 1, 3), batch=2),
    LayerCase("dense", "given init", dense(2, glorot(), bias=normal(1.0)), (3,), at_init=True),
]
