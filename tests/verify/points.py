"""Checks of single points, where a rule right elsewhere may fail, and of numbers worked by hand.

Expected numbers are closed forms in numpy, or written down; the worked example is the only check
that also proves the forward pass.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from promises import compiled, compiled_loss

import nnjax as nn
from nnjax.core import Params


def at_zero(layer: nn.Layer, slope: float) -> None:
    """The derivative on the negative side is also taken at 0 and -0, and the output there is 0."""
    x = jnp.array([[-1.0, -0.0, 0.0, 1.0]])
    y, (_, dx) = compiled(layer, (), x, np.ones((1, 4)))
    np.testing.assert_array_equal(y, [[-slope, 0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(dx, [[slope, slope, slope, 1.0]])


def far_out(layer: nn.Layer, derivative: Callable[[np.ndarray], np.ndarray], dtype: Any) -> None:
    """The derivative keeps its digits where the function has saturated: 8 units in the last place
    per unit of x, since exp(-x) multiplies the rounding of x by x."""
    x = np.array([0.0, 0.5, 1.0, 5.0, 9.5, 17.5, 20.0, 37.5, 40.0])
    x = np.concatenate([x, -x])
    row = x[None].astype(dtype)
    _, (_, slope) = compiled(layer, (), row, np.ones_like(row))
    exact = derivative(x.astype(np.longdouble))
    bound = 8 * float(jnp.finfo(dtype).eps) * np.maximum(np.abs(x), 1)
    assert (np.abs(np.asarray(slope[0], np.longdouble) - exact) <= bound * exact).all()


def logit_of_sure_prediction(loss: nn.Loss) -> None:
    """Binary cross-entropy at z = 0, +-20, +-100 equals the closed forms, hits and misses alike.

    -log s(z) = log(1 + exp(-z)), slope s(z) - t; with t = 1 and z = -20 a probability clipped at
    1e-7 would give a loss of 16.1 and a slope of -0.02.
    """
    z = np.array([0.0, 20.0, -20.0, 100.0, -100.0])
    for t in (0.0, 1.0):
        toward = z if t else -z  # a large number is a hit
        exact_loss = np.log1p(np.exp(-toward, dtype=np.longdouble))
        exact_slope = (1 - 2 * t) / (1 + np.exp(toward, dtype=np.longdouble))
        for i, score in enumerate(z):
            J, slope = compiled_loss(loss, np.array([[score]]), np.array([[t]]))
            np.testing.assert_allclose(float(J), float(exact_loss[i]), rtol=1e-14)
            np.testing.assert_allclose(float(slope[0, 0]), float(exact_slope[i]), rtol=1e-13)


def worked_example(
    dense: nn.Layer | None = None,
    sigmoid: nn.Layer | None = None,
    loss: nn.Loss = nn.softmax_cross_entropy,
    serial: Callable[..., nn.Layer] = nn.serial,
) -> None:
    """A 2-2-2 network worked out by hand; the only check that also proves the forward pass.

    Two examples, x = (1, 2) of class 0 and x = (-1, 0.5) of class 1, and

        W1 = [[0.1, -0.2], [0.3, 0.4]]    b1 = (0.1, -0.1)
        W2 = [[1, -1], [0.5, 2]]          b2 = (0, 0.2)

    Forward, one line per example:
        a = x W1 + b1    (0.1 + 0.6 + 0.1, -0.2 + 0.8 - 0.1)       = (0.8,  0.5)
                         (-0.1 + 0.15 + 0.1, 0.2 + 0.2 - 0.1)      = (0.15, 0.3)
        h = s(a)         (1/(1 + 0.449329), 1/(1 + 0.606531))      = (0.689974, 0.622459)
                         (1/(1 + 0.860708), 1/(1 + 0.740818))      = (0.537430, 0.574443)
        z = h W2 + b2    (0.689974 + 0.311230, -0.689974 + 1.244919 + 0.2) = (1.001204, 0.754944)
                         (0.537430 + 0.287221, -0.537430 + 1.148885 + 0.2) = (0.824651, 0.811455)
        p = softmax(z)   2.721557 / (2.721557 + 2.127493)          = (0.561256, 0.438744)
                         2.281085 / (2.281085 + 2.251181)          = (0.503299, 0.496701)
        J = -(log 0.561256 + log 0.496701) / 2 = (0.577578 + 0.699767) / 2 = 0.638673

    Backward, with t the one-hot targets and the 1/2 of the mean in dz:
        dz = (p - t) / 2     (-0.219372, 0.219372), (0.251649, -0.251649)
        dW2 = h' dz          0.689974 * -0.219372 + 0.537430 * 0.251649 = -0.016117
                             0.622459 * -0.219372 + 0.574443 * 0.251649 =  0.008008
                             and the second column with the other sign
        db2 = sum of dz      (0.032277, -0.032277)
        dh = dz W2'          (-0.219372 - 0.219372, -0.109686 + 0.438744) = (-0.438744, 0.329058)
                             ( 0.251649 + 0.251649,  0.125825 - 0.503299) = (0.503299, -0.377474)
        da = dh h (1 - h)    h (1 - h) = (0.213910, 0.235004), (0.248599, 0.244458)
                             (-0.093852, 0.077330), (0.125120, -0.092277)
        dW1 = x' da          -0.093852 - 0.125120 = -0.218971   0.077330 + 0.092277 = 0.169607
                             -0.187703 + 0.062560 = -0.125143   0.154660 - 0.046139 = 0.108521
        db1 = sum of da      (0.031268, -0.014947)
        dx = da W1'          (-0.009385 - 0.015466, -0.028156 + 0.030932) = (-0.024851, 0.002776)
                             ( 0.012512 + 0.018455,  0.037536 - 0.036911) = (0.030967, 0.000625)
    """
    dense = nn.dense(2) if dense is None else dense
    sigmoid = nn.sigmoid() if sigmoid is None else sigmoid
    network = serial(dense, sigmoid, dense)
    first = nn.Dense(jnp.array([[0.1, -0.2], [0.3, 0.4]]), jnp.array([0.1, -0.1]))
    second = nn.Dense(jnp.array([[1.0, -1.0], [0.5, 2.0]]), jnp.array([0.0, 0.2]))
    params = (first, (), second)
    x, labels = jnp.array([[1.0, 2.0], [-1.0, 0.5]]), jnp.array([0, 1])

    @jax.jit
    def run(params: Params, x: jax.Array) -> Any:
        z, residuals = network.forward(params, x)
        J, loss_residuals = loss.forward(z, labels)
        return z, J, network.backward(params, residuals, loss.backward(loss_residuals))

    z, J, ((grads1, _, grads2), dx) = run(params, x)

    def equals(actual: jax.Array, written: list[Any] | float) -> None:
        np.testing.assert_allclose(actual, written, rtol=0, atol=1e-6)  # six decimals are written

    equals(z, [[1.001204, 0.754944], [0.824651, 0.811455]])
    equals(J, 0.638673)
    equals(grads2.weights, [[-0.016117, 0.016117], [0.008008, -0.008008]])
    equals(grads2.bias, [0.032277, -0.032277])
    equals(grads1.weights, [[-0.218971, 0.169607], [-0.125143, 0.108521]])
    equals(grads1.bias, [0.031268, -0.014947])
    equals(dx, [[-0.024851, 0.002776], [0.030967, 0.000625]])
