"""Cases of forks, joins and shared parameters."""

from nnjax.combine import Join, parallel, residual, serial
from nnjax.core import Layer
from nnjax.initializers import normal
from nnjax.layers.activations import relu, sigmoid, tanh
from nnjax.layers.dense import dense
from nnjax.share import shared
from nnjax.verify.case import LayerCase


def _branch(n_out: int) -> Layer:
    return serial(dense(n_out), tanh())


def _rectified(n_out: int) -> Layer:
    """A branch with about half of its outputs 0."""
    return serial(dense(n_out), relu())


_JOINS: list[Join] = ["sum", "concat", "multiply"]

_BLOCK = residual(serial(dense(4), tanh(), dense(2)))

LAYERS = [
    LayerCase("residual", "dense branch", residual(_branch(3)), (3,)),
    LayerCase("residual", "batch 1, one feature", residual(_branch(1)), (1,), batch=1),
    LayerCase("residual", "middle axis", residual(_branch(3)), (2, 3), batch=2),
    LayerCase("residual", "of the identity", residual(serial()), (3,)),
    LayerCase("residual", "in a residual", residual(serial(_BLOCK, tanh())), (2,)),
    LayerCase("residual", "in a row", serial(_BLOCK, _BLOCK, dense(3)), (2,)),
    *(
        LayerCase("parallel", f"{join}, {n} branches", parallel(*[_branch(2)] * n, join=join), (3,))
        for join in _JOINS
        for n in (1, 2, 3, 4)
    ),
    LayerCase(
        "parallel",
        "concat, branches of different widths",
        parallel(_branch(1), _branch(4), serial(), join="concat"),
        (2,),
        batch=3,
    ),
    LayerCase(
        "parallel",
        "concat, middle axis",
        parallel(_branch(2), dense(1), join="concat"),
        (2, 3),
        batch=1,
    ),
    LayerCase(
        "parallel",
        "multiply, factors that are 0",
        parallel(*[_rectified(3)] * 2, join="multiply"),
        (3,),
    ),
    LayerCase(
        "parallel",
        "multiply, three factors that are 0",
        parallel(_rectified(4), _rectified(4), _branch(4), join="multiply"),
        (3,),
    ),
    LayerCase(
        "parallel", "multiply, x by itself", parallel(*[serial()] * 3, join="multiply"), (3,)
    ),
    LayerCase(
        "parallel",
        "gated",
        serial(parallel(dense(3), serial(dense(3), sigmoid()), join="multiply"), dense(2)),
        (3,),
    ),
    LayerCase(
        "parallel",
        "in each other",
        parallel(
            residual(_branch(2)),
            serial(parallel(dense(1), _branch(2), join="concat"), dense(2)),
            parallel(serial(), _branch(2), join="multiply"),
        ),
        (2,),
    ),
    LayerCase("shared", "in a row", shared(serial(dense(3), tanh(), dense(3)), (0, 2)), (3,)),
    LayerCase(
        "shared",
        "three places, last one first",
        shared(serial(dense(2), tanh(), dense(2), dense(2)), (3, 0, 2)),
        (2,),
    ),
    LayerCase(
        "shared",
        "in two branches",
        shared(parallel(dense(2), _branch(2), join="multiply"), ((0,), (1, 0))),
        (3,),
    ),
    LayerCase(
        "shared",
        "a whole serial",
        shared(serial(_branch(3), residual(_branch(3)), dense(1)), (0, 1)),
        (3,),
    ),
    LayerCase(
        "shared",
        "twice",
        shared(shared(serial(*[dense(2), tanh()] * 4), (0, 4)), (2, 6)),
        (2,),
        batch=1,
    ),
    LayerCase(
        "shared",
        "at init",
        shared(serial(dense(3, normal(0.01)), tanh(), dense(3, normal(0.01))), (0, 2)),
        (3,),
        at_init=True,
    ),
]
