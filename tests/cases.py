"""The one table of what the library offers: every public layer and loss, with its options.

A public name that is missing here fails `test_public.py`; all suites run over these rows.
"""

from typing import NamedTuple

import nnjax as nn
from nnjax.core import Shape
from nnjax.initializers import Initializer, glorot, he, lecun, normal, uniform_fan_in, zeros


class LayerCase(NamedTuple):
    """A layer on inputs of shape (batch, *in_shape).

    `at_init`: check at the parameters that `init` gives, not at random ones.
    """

    of: str
    label: str
    layer: nn.Layer
    in_shape: Shape
    batch: int = 4
    at_init: bool = False

    def __str__(self) -> str:
        return f"{self.of}-{self.label}"


class LossCase(NamedTuple):
    """A loss on scores of a shape; `targets` names a kind that `checks.loss_inputs` draws."""

    of: str
    label: str
    loss: nn.Loss
    scores: Shape
    targets: str

    def __str__(self) -> str:
        return f"{self.of}-{self.label}"


def _dense() -> list[LayerCase]:
    return [
        LayerCase("dense", "wide", nn.dense(5), (3,)),
        LayerCase("dense", "narrow", nn.dense(2), (3,)),
        LayerCase("dense", "batch-1", nn.dense(2), (3,), batch=1),
        LayerCase("dense", "one-to-one", nn.dense(1), (1,), batch=1),
        LayerCase("dense", "one-input", nn.dense(3), (1,), batch=5),
        LayerCase("dense", "middle-axis", nn.dense(5), (2, 3), batch=3),
        LayerCase("dense", "two-middle-axes", nn.dense(2), (2, 1, 3), batch=2),
        LayerCase(
            "dense", "given-init", nn.dense(2, glorot(), bias=normal(1.0)), (3,), at_init=True
        ),
    ]


def _activations() -> list[LayerCase]:
    layers = {
        "relu": nn.relu(),
        "leaky_relu": nn.leaky_relu(),
        "sigmoid": nn.sigmoid(),
        "tanh": nn.tanh(),
        "softmax": nn.softmax(),
    }
    shapes = {"row": (4, (3,)), "batch-1": (1, (5,)), "middle-axis": (3, (2, 3))}
    slopes = {"slope-0.1": 0.1, "slope-negative": -0.5}
    return [
        *(
            LayerCase(name, shape, layer, in_shape, batch)
            for name, layer in layers.items()
            for shape, (batch, in_shape) in shapes.items()
        ),
        *(
            LayerCase("leaky_relu", label, nn.leaky_relu(slope), (3,))
            for label, slope in slopes.items()
        ),
        LayerCase("softmax", "one-class", nn.softmax(), (1,), batch=1),
    ]


def _networks() -> list[LayerCase]:
    between = {
        "relu": nn.relu(),
        "leaky_relu": nn.leaky_relu(0.1),
        "sigmoid": nn.sigmoid(),
        "tanh": nn.tanh(),
        "softmax": nn.softmax(),
    }
    drawn = {
        "init-normal-glorot-he": (normal(0.5), glorot(), he()),
        "init-lecun-uniform-zeros": (lecun(), uniform_fan_in(), zeros()),
    }
    nested = nn.serial(
        nn.serial(nn.dense(5), nn.serial(nn.tanh())),
        nn.serial(),
        nn.sigmoid(),
        nn.serial(nn.dense(3), nn.leaky_relu(0.1), nn.dense(2), nn.softmax()),
    )
    return [
        *(
            LayerCase("serial", f"dense-{name}-dense", nn.serial(nn.dense(5), f, nn.dense(2)), (3,))
            for name, f in between.items()
        ),
        *(
            LayerCase(
                "serial",
                label,
                nn.serial(nn.dense(5, a), nn.tanh(), nn.dense(3, b), nn.tanh(), nn.dense(2, c)),
                (3,),
                at_init=True,
            )
            for label, (a, b, c) in drawn.items()
        ),
        LayerCase("serial", "empty", nn.serial(), (3,)),
        LayerCase("serial", "square", nn.serial(nn.dense(3), nn.dense(3)), (3,)),
        LayerCase("serial", "nested", nested, (3,)),
        LayerCase("serial", "nested-batch-1-middle-axis", nested, (2, 3), batch=1),
    ]


LAYERS: list[LayerCase] = [*_dense(), *_activations(), *_networks()]

_CLASSES = {
    "labels": ((4, 3), "int32"),
    "labels-batch-1": ((1, 2), "int32"),
    "labels-middle-axis": ((3, 2, 3), "int32"),
    "labels-one-class": ((4, 1), "int32"),
    "one-hot": ((4, 3), "one-hot"),
    "one-hot-int": ((4, 3), "one-hot-int"),
    "soft": ((4, 3), "distribution"),
    "not-normalised": ((4, 3), "positive"),
}

_ELEMENTS = {
    "one-output": ((4, 1), "unit"),
    "batch-1": ((1, 3), "unit"),
    "many": ((4, 3), "unit"),
    "middle-axis": ((3, 2, 3), "unit"),
    "one-hot-int": ((4, 3), "one-hot-int"),
}

LOSSES: list[LossCase] = [
    LossCase(name, label, loss, scores, targets)
    for name, loss, table in [
        ("softmax_cross_entropy", nn.softmax_cross_entropy, _CLASSES),
        ("categorical_cross_entropy", nn.categorical_cross_entropy, _CLASSES),
        ("sigmoid_cross_entropy", nn.sigmoid_cross_entropy, _ELEMENTS),
        ("mean_squared_error", nn.mean_squared_error, _ELEMENTS),
    ]
    for label, (scores, targets) in table.items()
]

INITIALIZERS: dict[str, Initializer] = {
    "glorot": glorot(),
    "he": he(),
    "lecun": lecun(),
    "normal": normal(0.3),
    "uniform_fan_in": uniform_fan_in(),
    "zeros": zeros(),
}


def case(name: str) -> LayerCase:
    """The row of `LAYERS` that prints as `name`."""
    return {str(row): row for row in LAYERS}[name]


def loss_case(name: str) -> LossCase:
    """The row of `LOSSES` that prints as `name`."""
    return {str(row): row for row in LOSSES}[name]
