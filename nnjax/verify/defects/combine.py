"""Mistakes in forks, joins, chains and shared parameters."""

import operator
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.combine import Join, parallel, residual, serial
from nnjax.core import Layer, Shape
from nnjax.layers.activations import tanh
from nnjax.layers.dense import dense
from nnjax.share import shared
from nnjax.verify.case import Defect, LayerCase

_BRANCHES = [serial(dense(3), tanh()), serial(), dense(3)]


def _with_zeros(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """One branch is the identity, so its output is 0 where x is."""
    return rng.normal(size=shape) * (rng.uniform(size=shape) > 0.3)


def _joined(label: str, join: Join, signals: Any, add: Any = sum) -> LayerCase:
    """Three branches with the error signals `signals(dy, outputs)`, joined by `add` at the fork."""
    right = parallel(*_BRANCHES, join=join)

    def backward(params: Any, residuals: Any, dy: Any) -> Any:
        each = zip(
            _BRANCHES, params, residuals.branches, signals(dy, residuals.outputs), strict=True
        )
        grads, dxs = zip(*[b.backward(p, r, signal) for b, p, r, signal in each], strict=True)
        return grads, add(dxs)

    wrong = right._replace(backward=backward)
    return LayerCase("parallel", label, wrong, (3,), inputs=_with_zeros)


def _copies(dy: Any, outputs: Any) -> list[Any]:
    return [dy] * 3


def _without_first_offset(dy: Any, outputs: Any) -> list[Any]:
    """The width of the first branch is not counted, as if it needed no gradient."""
    return [dy[..., :3], dy[..., :3], dy[..., 3:6]]


def _last_first(dy: Any, outputs: Any) -> list[Any]:
    return list(reversed(jnp.split(dy, 3, axis=-1)))


def _by_division(dy: Any, outputs: Any) -> list[Any]:
    product = reduce(operator.mul, outputs)
    return [dy * product / y for y in outputs]


def _by_itself(dy: Any, outputs: Any) -> list[Any]:
    return [dy * y for y in outputs]


def _by_its_neighbour(dy: Any, outputs: Any) -> list[Any]:
    """Correct for two branches."""
    return [dy * outputs[1], dy * outputs[0], dy * outputs[1]]


def _one_path(label: str, straight: float, branch: float) -> LayerCase:
    f = serial(dense(4), tanh(), dense(3))

    def backward(params: Any, residuals: Any, dy: Any) -> Any:
        grads, dx = f.backward(params, residuals, dy)
        return grads, straight * dy + branch * dx

    return LayerCase("residual", label, residual(f)._replace(backward=backward), (3,))


def _chain(label: str, order: tuple[int, ...]) -> LayerCase:
    """Layers of equal shape; backward uses the residuals in another order."""
    right = serial(dense(3), dense(3))

    def backward(params: Any, residuals: Any, dy: Any) -> Any:
        return right.backward(params, tuple(residuals[i] for i in order), dy)

    return LayerCase("serial", label, right._replace(backward=backward), (3,))


def _forward_order() -> LayerCase:
    layers: list[Layer] = [dense(3), dense(3)]

    def backward(params: Any, residuals: Any, dy: Any) -> Any:
        grads = []
        for layer, p, r in zip(layers, params, residuals, strict=True):
            layer_grads, dy = layer.backward(p, r, dy)
            grads.append(layer_grads)
        return tuple(grads), dy

    return LayerCase("serial", "order", serial(*layers)._replace(backward=backward), (3,))


def _tied(label: str, total: Any) -> LayerCase:
    """A dense layer used twice, with the gradient `total(first, second)`."""
    right = serial(dense(3), tanh(), dense(3))

    def backward(params: Any, residuals: Any, dy: Any) -> Any:
        filled = (params[0], (), params[0])
        (first, _, second), dx = right.backward(filled, residuals, dy)
        return (jax.tree.map(total, first, second), (), ()), dx

    tied = shared(right, (0, 2))
    return LayerCase("shared", label, tied._replace(backward=backward), (3,))


DEFECTS = [
    Defect(
        "a fork keeps the last error signal instead of adding them",
        "micrograd issue 2; PaddlePaddle issue 11977 (a matrix times itself)",
        _joined("overwritten", "sum", _copies, add=lambda dxs: dxs[-1]),
    ),
    Defect(
        "a fork averages the error signals",
        "a recurring question, as in miniMNIST-c issue 7",
        _joined("mean", "sum", _copies, add=lambda dxs: sum(dxs) / len(dxs)),
    ),
    Defect(
        "concat: a branch gets its neighbour's part",
        "Caffe pull request 2972: the offset did not skip a branch without parameters",
        _joined("offset", "concat", _without_first_offset),
    ),
    Defect(
        "concat: the parts in reverse order",
        "shapes agree if the branches have equal widths, as with the wrong axis of OneFlow issue "
        "8194",
        _joined("opposite order", "concat", _last_first),
    ),
    Defect(
        "multiply: the product divided by the factor",
        "0/0 if a factor is 0: PyTorch issue 773, MXNet issue 17864, tinygrad pull request 17404, "
        "burn issue 5533",
        _joined("division", "multiply", _by_division),
    ),
    Defect(
        "multiply: the error signal is multiplied by the factor itself, not by the others",
        "TensorFlow.NET issue 698: wrong gradient of a product",
        _joined("by itself", "multiply", _by_itself),
    ),
    Defect(
        "multiply: the error signal is multiplied by only one of the other factors",
        "the rule for two factors applied to three; a test with two cannot detect it",
        _joined("by its neighbour", "multiply", _by_its_neighbour),
    ),
    Defect(
        "residual: the identity path is lost",
        "BigDL issue 782: a ResNet without the backward pass of the fork",
        _one_path("straight path lost", 0, 1),
    ),
    Defect(
        "residual: the branch's error signal does not reach the input",
        "tiny-dnn issue 1003 asks whether signals are copied or added",
        _one_path("branch lost", 1, 0),
    ),
    Defect(
        "serial: the residuals of two layers are swapped",
        "trinity issue 519: one list for both the inputs and the outputs of the layers",
        _chain("swapped", (1, 0)),
    ),
    Defect(
        "serial: two layers use the first one's residual",
        "a buffer reused before the backward pass has read it",
        _chain("used again", (0, 0)),
    ),
    Defect(
        "serial: backward runs from the first layer to the last",
        "shapes agree in a network of square layers",
        _forward_order(),
    ),
    Defect(
        "shared: the gradient of the second use replaces that of the first",
        "Transformer Engine issue 3437 (tied weights); MXNet issue 18499 (write instead of add)",
        _tied("replaced", lambda first, second: second),
    ),
    Defect(
        "shared: only the gradient of the first use is kept",
        "torch-autograd issue 165 asks which of the two counts",
        _tied("first alone", lambda first, second: first),
    ),
    Defect(
        "shared: the gradients of the uses are averaged",
        "deepnet issue 59: wrong updates of a shared bias",
        _tied("mean", lambda first, second: (first + second) / 2),
    ),
]
