"""Tests of the tests: the verifier finds every planted defect; the other checks find the rest.

`nnjax/verify/defects` is the log of mistakes that change a gradient. The mutants below break
another promise, or are right everywhere but at one point, or have the right gradient of a wrong
forward pass; every row states exactly the checks that fail, so that a check that has stopped
finding what it is there for is noticed.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from points import at_zero, far_out, logit_of_sure_prediction, worked_example
from promises import failures, row_of, uncompiled

import nnjax as nn
from nnjax.verify import verify_case
from nnjax.verify.case import Defect, LayerCase, LossCase
from nnjax.verify.cases import CASES, find
from nnjax.verify.defects import DEFECTS


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: f"{defect.case.of}: {defect.name}")
def test_verifier_finds(defect: Defect) -> None:
    wrong = verify_case(defect.case).wrong
    assert wrong
    assert wrong[0].detail, "the first disagreement is named"


def test_defect_log_is_documented() -> None:
    assert len(DEFECTS) >= 25
    assert [d.name for d in DEFECTS if not (d.name and d.seen)] == []
    names = Counter(f"{d.case.of}: {d.name}" for d in DEFECTS)
    assert max(names.values()) == 1
    # Every rule has one.
    assert {d.case.of for d in DEFECTS} == {case.of for case in CASES}


class Mutant(NamedTuple):
    """A case with a wrong rule in it, and the names of the checks that must fail."""

    name: str
    case: LayerCase | LossCase
    killed_by: set[str]


EXAMPLE = {"worked_example"}


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


# --- making mutants -------------------------------------------------------------------------------


def mutant(name: str, of: str, killed_by: set[str], **functions: Any) -> Mutant:
    """The case `of` with `forward` or `backward` replaced."""
    c = rule(of)
    if isinstance(c, LossCase):
        return Mutant(name, c._replace(loss=c.loss._replace(**functions)), killed_by)
    return Mutant(name, c._replace(layer=c.layer._replace(**functions)), killed_by)


def rule(of: str) -> LayerCase | LossCase:
    found = find(of)
    assert isinstance(found, LayerCase | LossCase)
    return found


def in_place(params: Any, x: Any, key: Any = None) -> Any:
    if isinstance(x, np.ndarray):
        x *= 1.5
    return nn.dense(2).forward(params, x)


def sharp(params: Any, residuals: Any, dy: Any) -> Any:
    """A dense rule that reads values, which no traced array has."""
    return nn.dense(2).backward(params, residuals, dy + 0 * float(dy.sum()))


def bernoulli(p: jax.Array, t: jax.Array) -> jax.Array:
    return -jnp.mean(t * jnp.log(p) + (1 - t) * jnp.log(1 - p))


def clipped_forward(z: Any, t: Any) -> Any:
    return bernoulli(jnp.clip(1 / (1 + jnp.exp(-z)), 1e-7, 1 - 1e-7), t), (z, t)


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
    mutant("forward writes into its input", "dense-narrow", {"uncompiled"}, forward=in_place),
    mutant(
        "rule needs values while it is traced",
        "dense-narrow",
        EXAMPLE
        | {"verifier", "trees_shapes_dtypes", "promised_shape", "mapped", "finite_far_out"}
        | {"uncompiled"},
        backward=sharp,
    ),
    mutant(
        "network promises the input's shape",
        "dense-narrow",
        {"promised_shape"},
        init=lambda key, in_shape: (nn.dense(2).init(key, in_shape)[0], in_shape),
    ),
    mutant(
        "loss and gradient are sums over the batch",
        "mean_squared_error-many",
        {"loss_is_a_mean"},
        forward=lambda y, t: (((y - t) ** 2).sum(), (y, t)),
        backward=lambda residuals: 2 * (residuals[0] - residuals[1]),
    ),
    mutant(
        "relu mask is x >= 0",
        "relu-row",
        {"at_zero"},
        forward=lambda params, x, key=None: (jnp.where(x <= 0, 0 * x, x), x >= 0),
    ),
    mutant(
        "leaky relu has slope 1 at 0",
        "leaky_relu-slope 0.1",
        {"at_zero"},
        forward=lambda params, x, key=None: (jnp.where(x > 0, x, 0.1 * x), x >= 0),
    ),
    mutant(
        "sigmoid' = s (1 - s), 0 once s has rounded to 1",
        "sigmoid-row",
        {"far_out"},
        backward=lambda params, t, dy: (
            (),
            dy * (1 / (1 + t) * (1 - 1 / (1 + t))).astype(dy.dtype),
        ),
    ),
    mutant(
        "probabilities are clipped",
        "sigmoid_cross_entropy-many",
        {"logit_of_sure_prediction"},
        forward=clipped_forward,
        backward=lambda r: (
            jnp.where(jnp.abs(r[0]) > 16.1, 0, jax.nn.sigmoid(r[0]) - r[1]) / r[0].size
        ),
    ),
    mutant("forward and backward twice too large", "dense-narrow", EXAMPLE, **scaled(2.0)),
]


def failing(c: LayerCase | LossCase) -> set[str]:
    """Names of the checks that fail, those of single points too."""
    failed = set(failures(row_of(c), uncompiled))
    for name, check in points(c).items():
        try:
            check()
        except (AssertionError, TypeError):
            failed.add(name)
    return failed


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_found_by(mutant: Mutant) -> None:
    assert failing(mutant.case) == mutant.killed_by


@pytest.mark.parametrize(
    "name",
    [
        "dense-narrow",
        "sigmoid-row",
        "relu-row",
        "leaky_relu-slope 0.1",
        "softmax_cross_entropy-one-hot",
        "sigmoid_cross_entropy-many",
    ],
)
def test_right_rule_passes(name: str) -> None:
    assert failing(rule(name)) == set()


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
