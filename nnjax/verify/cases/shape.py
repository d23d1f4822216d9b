"""Cases of the layers that only change the shape."""

from nnjax.layers.shape import flatten, reshape
from nnjax.verify.case import LayerCase

LAYERS = [
    LayerCase("flatten", "map", flatten(), (2, 3, 2), batch=3),
    LayerCase("flatten", "flat already", flatten(), (3,)),
    LayerCase("flatten", "one number each", flatten(), ()),
    LayerCase("flatten", "axis of size 1", flatten(), (2, 1, 3), batch=1),
    LayerCase("reshape", "split", reshape((2, 3)), (6,)),
    LayerCase("reshape", "other axes", reshape((3, 4)), (2, 6), batch=2),
    LayerCase("reshape", "-1", reshape((-1, 2)), (3, 4), batch=2),
    LayerCase("reshape", "-1 is 1", reshape((3, -1)), (3,), batch=1),
    LayerCase("reshape", "to one number", reshape(()), (1, 1)),
]
