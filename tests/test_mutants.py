"""Tests of the tests: wrong rules, and which checks find each one.

Every row states exactly the checks that fail, so that a check that has stopped finding what it is
there for is noticed. The last rows are the ones that only a single point or the worked example
finds, because their gradient is right for their own, wrong, forward pass.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import LayerCase, LossCase, case, loss_case
from checks import LAYER_CHECKS, LOSS_CHECKS
from points import at_zero, far_out, logit_of_sure_prediction, worked_example

import nnjax as nn

pytestmark = pytest.mark.usefixtures("quick_compiler")


class Mutant(NamedTuple):
    """A case with a wrong rule in it, and the names of the checks that must fail."""

    name: str
    case: LayerCase | LossCase
    killed_by: set[str]


GRADIENTS = {"gradients_of_jax", "central_differences", "adjoint"}
EXAMPLE = {"worked_example"}
LOSS_GRADIENTS = {"loss_gradients_of_jax", "loss_central_differences"}


def slope_of_sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (2 + np.exp(x) + np.exp(-x))


def points(c: LayerCase | LossCase) -> dict[str, Callable[[], None]]:
    """The checks of single points and of worked numbers that apply to a case."""
    if isinstance(c, LossCase):
        return {
            "softmax_cross_entropy": {"worked_example": lambda: worked_example(loss=c.loss)},
            "sigmoid_cross_entropy": {
                "logit_of_sure_prediction": lambda: logit_of_sure_prediction(c.loss)
            },
        }.get(c.of, {})
    return {
        "dense": {"worked_example": lambda: worked_example(dense=c.layer)},
        "relu": {"at_zero": lambda: at_zero(c.layer, 0.0)},
        "leaky_relu": {"at_zero": lambda: at_zero(c.layer, 0.1)},
        "sigmoid": {
            "worked_example": lambda: worked_example(sigmoid=c.layer),
            "far_out": lambda: far_out(c.layer, slope_of_sigmoid, jnp.float64),
        },
    }.get(c.of, {})


def checks(c: LayerCase | LossCase) -> dict[str, Callable[[], None]]:
    """All checks of a case, ready to run."""
    if isinstance(c, LossCase):
        general = {name: lambda f=f: f(c) for name, f in LOSS_CHECKS.items()}
    else:
        general = {name: lambda f=f: f(c) for name, f in LAYER_CHECKS.items()}
    return general | points(c)


# --- making mutants -------------------------------------------------------------------------------


def layer_mutant(name: str, of: str, killed_by: set[str], **functions: Any) -> Mutant:
    """The case `of` with `forward` or `backward` replaced."""
    c = case(of)
    return Mutant(name, c._replace(layer=c.layer._replace(**functions)), killed_by)


def loss_mutant(name: str, of: str, killed_by: set[str], **functions: Any) -> Mutant:
    c = loss_case(of)
    return Mutant(name, c._replace(loss=c.loss._replace(**functions)), killed_by)


def dense_mutant(
    name: str, killed_by: set[str], change: Callable[[nn.Dense, Any, Any], Any], of: str = "narrow"
) -> Mutant:
    """A dense layer whose gradients are changed: change(grads, params, dy) -> grads."""
    right = case(f"dense-{of}").layer

    def backward(params: Any, residuals: Any, dy: Any) -> Any:
        grads, dx = right.backward(params, residuals, dy)
        return change(grads, params, dy), dx

    return layer_mutant(name, f"dense-{of}", killed_by, backward=backward)


def elementwise(f: Callable[[jax.Array, jax.Array], jax.Array]) -> Callable[..., Any]:
    """A backward pass of an activation from f(residual, dy)."""
    return lambda params, residuals, dy: ((), f(residuals, dy))


def mutate_first_entry(grads: nn.Dense, params: Any, dy: Any) -> nn.Dense:
    return grads._replace(weights=jnp.asarray(grads.weights).at[0, 0].set(0))


def transposed(params: nn.Dense, x: Any, dy: Any) -> Any:
    return nn.Dense(x.T @ dy, dy.sum(0)), dy @ params.weights


def in_place(params: Any, x: Any, key: Any = None) -> Any:
    if isinstance(x, np.ndarray):
        x *= 1.5
    return nn.dense(2).forward(params, x)


def sharp(params: Any, residuals: Any, dy: Any) -> Any:
    """A dense rule that reads values, which no traced array has."""
    return nn.dense(2).backward(params, residuals, dy + 0 * float(dy.sum()))


def swapped_residuals() -> Mutant:
    c = case("serial-square")
    return layer_mutant(
        "serial gives each layer the residuals of another",
        "serial-square",
        GRADIENTS,
        backward=lambda p, residuals, dy: c.layer.backward(p, residuals[::-1], dy),
    )


def bernoulli(p: jax.Array, t: jax.Array) -> jax.Array:
    return -jnp.mean(t * jnp.log(p) + (1 - t) * jnp.log(1 - p))


def clipped_forward(z: Any, t: Any) -> Any:
    return bernoulli(jnp.clip(1 / (1 + jnp.exp(-z)), 1e-7, 1 - 1e-7), t), (z, t)


def piecewise_backward(residuals: Any) -> jax.Array:
    """max(z, 0) - z t + log(1 + exp(-|z|)) differentiated piece by piece."""
    z, t = residuals
    return (jnp.where(z > 0, 1.0, 0.0) - t - jnp.sign(z) / (1 + jnp.exp(jnp.abs(z)))) / z.size


def scaled(factor: float) -> dict[str, Any]:
    """forward and backward of a dense layer times a factor: consistent, and wrong."""
    right = nn.dense(2)

    def forward(params: Any, x: Any, key: Any = None) -> Any:
        y, residuals = right.forward(params, x)
        return factor * y, residuals

    return {
        "forward": forward,
        "backward": lambda p, residuals, dy: right.backward(p, residuals, factor * dy),
    }


MUTANTS = [
    dense_mutant(
        "bias gradient is the mean",
        GRADIENTS | EXAMPLE,
        lambda g, p, dy: g._replace(bias=dy.mean(0)),
    ),
    dense_mutant(
        "bias gradient is lost",
        GRADIENTS | EXAMPLE,
        lambda g, p, dy: g._replace(bias=jnp.zeros_like(g.bias)),
    ),
    dense_mutant(
        "factor 1.001",
        GRADIENTS | EXAMPLE,
        lambda g, p, dy: g._replace(weights=1.001 * g.weights),
    ),
    dense_mutant(
        "relative error 1e-6",  # below the digits of the worked example
        GRADIENTS,
        lambda g, p, dy: g._replace(weights=(1 + 1e-6) * g.weights),
    ),
    dense_mutant("one entry is zero", GRADIENTS | EXAMPLE, mutate_first_entry),
    dense_mutant(
        "weight gradient in float64 for float32 weights",
        {"trees_shapes_dtypes"},
        lambda g, p, dy: g._replace(weights=g.weights.astype(jnp.float64)),
    ),
    dense_mutant(
        "gradients in another tree",
        {"gradients_of_jax", "central_differences", "trees_shapes_dtypes"} | EXAMPLE,
        lambda g, p, dy: tuple(g),
    ),
    Mutant(
        "weight product is transposed",
        LayerCase("dense", "square", nn.dense(3)._replace(backward=transposed), (3,)),
        GRADIENTS | EXAMPLE,
    ),
    layer_mutant(
        "forward writes into its input", "dense-narrow", {"inputs_unchanged"}, forward=in_place
    ),
    layer_mutant(
        "rule needs values while it is traced",
        "dense-narrow",
        GRADIENTS
        | EXAMPLE
        | {"float32_precision", "trees_shapes_dtypes", "promised_shape"}
        | {"transformations"},
        backward=sharp,
    ),
    layer_mutant(
        "sigmoid' = s / (1 - s)",
        "sigmoid-row",
        GRADIENTS | EXAMPLE | {"far_out"},
        backward=elementwise(lambda x, dy: dy * jax.nn.sigmoid(x) / jax.nn.sigmoid(-x)),
    ),
    layer_mutant(
        "sigmoid where sigmoid' belongs",
        "sigmoid-row",
        GRADIENTS | EXAMPLE | {"far_out"},
        backward=elementwise(lambda x, dy: dy * jax.nn.sigmoid(x)),
    ),
    layer_mutant(
        "softmax rule without the subtraction",
        "softmax-row",
        GRADIENTS,
        backward=elementwise(lambda y, dy: dy * y),
    ),
    swapped_residuals(),
    layer_mutant(
        "network promises the input's shape",
        "dense-narrow",
        {"promised_shape"},
        init=lambda key, in_shape: (nn.dense(2).init(key, in_shape)[0], in_shape),
    ),
    loss_mutant(
        "p - t is not divided by the batch",
        "softmax_cross_entropy-one-hot",
        LOSS_GRADIENTS | EXAMPLE | {"loss_is_a_mean"},
        backward=lambda residuals: jax.nn.softmax(residuals[0]) - residuals[1],
    ),
    loss_mutant(
        "loss and gradient are sums over the batch",
        "mean_squared_error-many",
        {"loss_is_a_mean"},
        forward=lambda y, t: (((y - t) ** 2).sum(), (y, t)),
        backward=lambda residuals: 2 * (residuals[0] - residuals[1]),
    ),
    loss_mutant(
        "mean squared error divides by the batch only",  # sklearn issue 8349, the other way round
        "mean_squared_error-many",
        LOSS_GRADIENTS,
        backward=lambda r: 2 * (r[0] - r[1]) / len(r[0]),
    ),
    # Right everywhere but at one point, or for a forward pass that is wrong in the same way.
    layer_mutant(
        "relu mask is x >= 0",
        "relu-row",
        {"at_zero"},
        forward=lambda params, x, key=None: (jnp.where(x <= 0, 0 * x, x), x >= 0),
    ),
    layer_mutant(
        "leaky relu has slope 1 at 0",
        "leaky_relu-slope-0.1",
        {"at_zero"},
        forward=lambda params, x, key=None: (jnp.where(x > 0, x, 0.1 * x), x >= 0),
    ),
    layer_mutant(
        "sigmoid' = s (1 - s), 0 once s has rounded to 1",
        "sigmoid-row",
        {"far_out"},
        backward=elementwise(lambda x, dy: dy * jax.nn.sigmoid(x) * (1 - jax.nn.sigmoid(x))),
    ),
    loss_mutant(
        "probabilities are clipped",
        "sigmoid_cross_entropy-many",
        {"logit_of_sure_prediction"},
        forward=clipped_forward,
        backward=lambda r: (
            jnp.where(jnp.abs(r[0]) > 16.1, 0, jax.nn.sigmoid(r[0]) - r[1]) / r[0].size
        ),
    ),
    loss_mutant(
        "stable formula differentiated piece by piece",
        "sigmoid_cross_entropy-many",
        {"logit_of_sure_prediction"},
        backward=piecewise_backward,
    ),
    layer_mutant("forward and backward twice too large", "dense-narrow", EXAMPLE, **scaled(2.0)),
]


def failing(c: LayerCase | LossCase) -> set[str]:
    """Names of the checks that fail. A rule may also break with an exception of its own."""
    failed = set()
    for name, check in checks(c).items():
        try:
            check()
        except (AssertionError, AttributeError, TypeError):
            failed.add(name)
    return failed


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_found_by(mutant: Mutant) -> None:
    assert failing(mutant.case) == mutant.killed_by


@pytest.mark.parametrize(
    "name",
    ["dense-narrow", "sigmoid-row", "relu-row", "leaky_relu-slope-0.1", "softmax-row"],
)
def test_right_layer_passes(name: str) -> None:
    assert failing(case(name)) == set()


@pytest.mark.parametrize("name", ["softmax_cross_entropy-one-hot", "sigmoid_cross_entropy-many"])
def test_right_loss_passes(name: str) -> None:
    assert failing(loss_case(name)) == set()


def backwards_serial(*layers: nn.Layer) -> nn.Layer:
    """A network that runs its layers from last to first, and differentiates that correctly."""
    right = nn.serial(*reversed(layers))

    def backward(params: Any, residuals: Any, dy: Any) -> Any:
        grads, dx = right.backward(params[::-1], residuals, dy)
        return grads[::-1], dx

    return nn.Layer(right.init, lambda p, x, key=None: right.forward(p[::-1], x), backward)


def test_reversed_order_is_found_by_the_worked_example() -> None:
    """Its gradient is that of JAX; only numbers worked out by hand know the order."""
    params = (nn.Dense(jnp.ones((2, 2)), jnp.ones(2)), (), nn.Dense(jnp.eye(2), jnp.ones(2)))
    network = backwards_serial(nn.dense(2), nn.sigmoid(), nn.dense(2))
    x = jnp.array([[1.0, 2.0]])
    y, residuals = network.forward(params, x)
    grads, _ = network.backward(params, residuals, jnp.ones_like(y))
    expected = jax.grad(lambda params: network.forward(params, x)[0].sum())(params)
    jax.tree.map(np.testing.assert_allclose, grads, expected)
    with pytest.raises(AssertionError):
        worked_example(serial=backwards_serial)
