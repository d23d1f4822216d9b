"""Activations where the table of cases cannot look: kinks, saturation, infinities.

Expected numbers are closed forms in numpy and scipy, in long double where digits are counted.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from points import at_zero, far_out
from promises import compiled
from scipy import special

import nnjax as nn
from nnjax.core import Layer
from nnjax.layers.activations import elu, gelu, leaky_relu, relu, sigmoid, silu, softplus, tanh
from nnjax.layers.softmax import log_softmax, softmax

SMOOTH = {
    "elu": elu(),
    "softplus": softplus(),
    "gelu": gelu(),
    "gelu tanh": gelu(approximate=True),
    "silu": silu(),
}
ALL = SMOOTH | {
    "relu": relu(),
    "leaky_relu": leaky_relu(),
    "sigmoid": sigmoid(),
    "tanh": tanh(),
    "softmax": softmax(),
    "log_softmax": log_softmax(),
}


def run(layer: Layer, x: Any, dy: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """y and dx, compiled; dy is ones unless given."""
    y, (_, dx) = compiled(layer, (), x, np.ones_like(x) if dy is None else dy)
    return np.asarray(y), np.asarray(dx)


# --- closed forms ---------------------------------------------------------------------------------


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def gelu_exact(x: np.ndarray) -> np.ndarray:
    return x * special.ndtr(x)


def gelu_exact_slope(x: np.ndarray) -> np.ndarray:
    return special.ndtr(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    return x * logistic(2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))


def gelu_tanh_slope(x: np.ndarray) -> np.ndarray:
    c = np.sqrt(2 / np.pi)
    s = logistic(2 * c * (x + 0.044715 * x**3))
    opposite = logistic(-2 * c * (x + 0.044715 * x**3))
    return s + 2 * x * c * (1 + 3 * 0.044715 * x * x) * s * opposite


CLOSED: dict[str, tuple[Layer, Callable[..., np.ndarray], Callable[..., np.ndarray]]] = {
    "elu": (
        elu(),
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        lambda x: np.where(x > 0, 1, np.exp(np.minimum(x, 0))),
    ),
    "elu alpha 2": (
        elu(2.0),
        lambda x: np.where(x > 0, x, 2 * np.expm1(np.minimum(x, 0))),
        lambda x: np.where(x > 0, 1, 2 * np.exp(np.minimum(x, 0))),
    ),
    "softplus": (softplus(), lambda x: np.log1p(np.exp(-abs(x))) + np.maximum(x, 0), logistic),
    "gelu": (gelu(), gelu_exact, gelu_exact_slope),
    "gelu tanh": (gelu(approximate=True), gelu_tanh, gelu_tanh_slope),
    "silu": (
        silu(),
        lambda x: x * logistic(x),
        lambda x: logistic(x) * (1 + x * logistic(-x)),
    ),
}


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_and_slopes_are_the_closed_forms_far_out_too(name: str, dtype: type) -> None:
    """Relative to each number itself, so that a tail of 1e-8 must have its digits.

    An exponent z rounds by z eps, and exp(z) with it; z is x in most, x^2 / 2 in gelu and
    1.6 (x + 0.04 x^3) in its tanh form. At -0.75 and -1.28 the slopes of gelu and silu cross 0 and
    are only as exact as their terms.
    """
    layer, f, slope = CLOSED[name]
    sizes = np.array([1e-30, 1e-8, 0.1, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0])
    if "gelu" not in name:
        sizes = np.append(sizes, [17.5, 20.0, 37.5, 40.0, 80.0])
    x = np.concatenate([sizes, -sizes]).astype(dtype)
    y, dx = run(layer, x[None])
    wide = x.astype(np.longdouble if name != "gelu" else np.float64)  # ndtr has no long double
    exponent = {"gelu": wide**2 / 2, "gelu tanh": 1.6 * (abs(wide) + 0.045 * abs(wide) ** 3)}
    bound = 16 * np.finfo(dtype).eps * np.maximum(exponent.get(name, abs(wide)), 1)
    assert (abs(y[0] - f(wide)) <= bound * abs(f(wide))).all()
    assert (abs(dx[0] - slope(wide)) <= bound * abs(slope(wide))).all()


def test_elu_keeps_its_digits_near_0() -> None:
    """exp(x) - 1 = x + x^2/2: exp(-1e-12) - 1 computed as written would have 4 digits."""
    y, _ = run(elu(), np.array([[-1e-12]]))
    np.testing.assert_allclose(y, [[-1e-12 + 5e-25]], rtol=1e-15)


def test_elu_of_40_below_0_has_a_slope() -> None:
    """y + alpha, from the output, is 0 there (tensorflow issue 124833)."""
    np.testing.assert_allclose(run(elu(), np.array([[-40.0]]))[1], [[4.248354255291589e-18]])


def test_softplus_200_out() -> None:
    """exp(-200) = 1.38e-87, and in float32 exp(200) is inf where the definition takes it."""
    y, dx = run(softplus(), np.array([[200.0, -200.0]]))
    np.testing.assert_allclose(y, [[200.0, np.exp(-200.0)]], rtol=1e-14)
    np.testing.assert_allclose(dx, [[1.0, np.exp(-200.0)]], rtol=1e-14)
    y, dx = run(softplus(), np.array([[200.0, -200.0]], np.float32))
    np.testing.assert_array_equal(y, [[200.0, 0.0]])
    np.testing.assert_array_equal(dx, [[1.0, 0.0]])


def test_the_two_forms_of_gelu() -> None:
    """At x = 1: Phi(1) = 0.841345 and phi(1) = 0.241971, so f' = 1.083315. The other form:
    u = 0.797885 (1 + 0.044715) = 0.833562, s(2u) = 0.841192, 2u' = 1.595769 * 1.134145 = 1.809833,
    f' = 0.841192 + 1.809833 * 0.841192 * 0.158808 = 1.082964."""
    y, dx = run(gelu(), np.ones((1, 1)))
    np.testing.assert_allclose([y[0, 0], dx[0, 0]], [0.841345, 1.083315], atol=5e-7)
    y, dx = run(gelu(approximate=True), np.ones((1, 1)))
    np.testing.assert_allclose([y[0, 0], dx[0, 0]], [0.841192, 1.082964], atol=1e-6)


def test_the_default_of_gelu_is_the_exact_form() -> None:
    x = np.linspace(-3, 3, 13)[None]
    np.testing.assert_array_equal(run(gelu(), x), run(gelu(approximate=False), x))
    exact, approximate = (run(gelu(form), x)[0] for form in (False, True))
    np.testing.assert_allclose(approximate, exact, rtol=0, atol=5e-4)
    np.testing.assert_allclose(exact, jax.nn.gelu(x, approximate=False), rtol=1e-13)
    np.testing.assert_allclose(approximate, jax.nn.gelu(x, approximate=True), rtol=1e-12)


# --- kinks, infinities, dtypes --------------------------------------------------------------------


def test_relu_at_zero() -> None:
    at_zero(nn.relu(), 0.0)


@pytest.mark.parametrize("slope", [0.0, 0.01, 0.1, -0.5, 1.5])
def test_leaky_relu_at_zero_has_its_slope(slope: float) -> None:
    at_zero(nn.leaky_relu(slope), slope)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_relu_of_the_smallest_numbers(dtype: jnp.dtype) -> None:
    """Subnormal numbers may count as 0 on some processors, so the least normal one is tested, and
    of subnormal ones only that their gradient is 0 or 1 as their output says."""
    tiny = jnp.finfo(dtype).tiny
    x = jnp.array([[tiny, -tiny, tiny / 4, -tiny / 4]], dtype)
    y, mask = nn.relu().forward((), x)
    dx = nn.relu().backward((), mask, jnp.ones_like(x))[1]
    np.testing.assert_array_equal(y[0, :2], np.array([tiny, 0.0], dtype))
    np.testing.assert_array_equal(dx[0, [0, 1, 3]], [1.0, 0.0, 0.0])
    assert dx[0, 2] == 1 or y[0, 2] == 0


def test_relu_of_infinities() -> None:
    y, mask = nn.relu().forward((), jnp.array([[jnp.inf, -jnp.inf]]))
    np.testing.assert_array_equal(y, [[np.inf, 0.0]])
    np.testing.assert_array_equal(nn.relu().backward((), mask, jnp.ones((1, 2)))[1], [[1.0, 0.0]])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize(
    ("layer", "derivative"),
    [
        (nn.sigmoid(), lambda x: 1 / (2 + np.exp(x) + np.exp(-x))),
        (nn.tanh(), lambda x: 4 / (2 + np.exp(2 * x) + np.exp(-2 * x))),
    ],
    ids=["sigmoid", "tanh"],
)
def test_saturated_derivative_keeps_its_digits(
    layer: nn.Layer, derivative: Callable[[np.ndarray], np.ndarray], dtype: jnp.dtype
) -> None:
    far_out(layer, derivative, dtype)


@pytest.mark.parametrize("layer", [nn.sigmoid(), nn.tanh(), nn.softmax()])
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64])
def test_activation_is_finite_far_out(layer: nn.Layer, dtype: jnp.dtype) -> None:
    x = jnp.array([[1e4, -1e4, 0.0]], dtype)
    y, (_, dx) = compiled(layer, (), x, x)
    assert y.dtype == dx.dtype == dtype
    assert jnp.isfinite(y).all()
    assert jnp.isfinite(dx).all()


@pytest.mark.parametrize("slope", [float("nan"), float("inf")])
def test_leaky_relu_needs_a_finite_slope(slope: float) -> None:
    with pytest.raises(ValueError, match=r"leaky_relu.*finite"):
        nn.leaky_relu(slope)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.0, -1.0])
def test_elu_at_zero_has_the_slope_of_the_negative_side(alpha: float) -> None:
    y, dx = run(elu(alpha), np.array([[-0.0, 0.0]]))
    np.testing.assert_array_equal(y, [[0.0, 0.0]])
    np.testing.assert_array_equal(dx, [[alpha, alpha]])
    np.testing.assert_array_equal(dx[0, 1], jax.grad(lambda x: jax.nn.elu(x, alpha))(0.0))


@pytest.mark.parametrize("layer", SMOOTH.values(), ids=SMOOTH)
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64])
def test_limits_far_out_and_at_infinity(layer: Layer, dtype: Any) -> None:
    """y tends to x and 0 (elu: -1), f' to 1 and 0; x^2 and x^3 overflow on the way."""
    large = min(float(jnp.finfo(dtype).max), 1e30)
    x = np.array([[1e4, large, np.inf, -1e4, -large, -np.inf]])
    y, dx = (a.astype(np.float64) for a in run(layer, jnp.asarray(x, dtype)))
    x = np.asarray(jnp.asarray(x, dtype)).astype(np.float64)
    lower = -1.0 if layer is SMOOTH["elu"] else 0.0
    np.testing.assert_array_equal(y, np.where(x > 0, x, lower))
    np.testing.assert_array_equal(dx, [[1, 1, 1, 0, 0, 0]])


@pytest.mark.parametrize("layer", ALL.values(), ids=ALL)
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_half_precision_stays_half_and_is_close(layer: Layer, dtype: Any) -> None:
    """Within 4 units in the last place of the largest entry."""
    x = np.array([[-3.0, -1.0, 0.5, 2.0]])
    dy = np.array([[1.0, -0.5, 0.25, 2.0]])
    half = run(layer, jnp.asarray(x, dtype), jnp.asarray(dy, dtype))
    for a, b in zip(half, run(layer, x, dy), strict=True):
        assert a.dtype == dtype
        error = abs(a.astype(np.float64) - b).max()
        assert error <= 4 * float(jnp.finfo(dtype).eps) * abs(b).max()


# --- wrong options, and PyTorch -------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [float("nan"), float("inf")])
def test_elu_needs_a_finite_alpha(alpha: float) -> None:
    with pytest.raises(ValueError, match=r"elu\(alpha\): expected a finite number"):
        elu(alpha)


@pytest.mark.parametrize("approximate", ["tanh", "none", None, 1])
def test_gelu_needs_true_or_false(approximate: Any) -> None:
    """PyTorch takes "tanh" and "none"; "none" is true in Python, and would be the wrong form."""
    with pytest.raises(ValueError, match=r"gelu\(approximate\): expected True or False"):
        gelu(approximate)


@pytest.mark.parametrize("alpha", [2, np.float32(2), np.float64(2)])
def test_options_may_be_numbers_of_numpy(alpha: Any) -> None:
    for dtype in (np.float32, np.float64):
        assert run(elu(alpha), np.array([[-1.0]], dtype))[0].dtype == dtype


def test_same_as_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the extra 'torch'")
    f = torch.nn.functional
    pairs = {
        "relu": (relu(), f.relu),
        "leaky_relu": (leaky_relu(0.2), lambda x: f.leaky_relu(x, 0.2)),
        "sigmoid": (sigmoid(), torch.sigmoid),
        "tanh": (tanh(), torch.tanh),
        "elu": (elu(1.5), lambda x: f.elu(x, 1.5)),
        "softplus": (softplus(), lambda x: f.softplus(x, threshold=1e6)),
        "gelu": (gelu(), f.gelu),
        "gelu tanh": (gelu(approximate=True), lambda x: f.gelu(x, approximate="tanh")),
        "silu": (silu(), f.silu),
        "softmax": (softmax(), lambda x: f.softmax(x, dim=-1)),
        "log_softmax": (log_softmax(), lambda x: f.log_softmax(x, dim=-1)),
    }
    x = np.append(np.linspace(-6, 6, 12), [0.0, -0.0, 30.0, -30.0]).reshape(4, 4)
    dy = np.random.default_rng(0).normal(size=x.shape)
    for name, (layer, theirs) in pairs.items():
        given = torch.tensor(x, requires_grad=True)
        y = theirs(given)
        y.backward(torch.tensor(dy))
        ours = run(layer, x, dy)
        np.testing.assert_allclose(ours[0], y.detach().numpy(), 1e-11, 1e-15, err_msg=name)
        np.testing.assert_allclose(ours[1], given.grad.numpy(), 1e-10, 1e-14, err_msg=name)


@pytest.mark.parametrize("size", [0.0, 1.0, 80.0, 100.0, 1000.0])
@pytest.mark.parametrize(
    "name", ["relu", "leaky_relu", "elu", "softplus", "sigmoid", "tanh", "gelu", "silu"]
)
def test_second_derivative_is_finite_far_out(name: str, size: float) -> None:
    """A branch that is not taken must not overflow: inf times 0 is NaN."""
    f = nn.differentiable(getattr(nn, name)())

    def slopes(x: jax.Array) -> jax.Array:
        return jax.grad(lambda x: f((), x).sum())(x).sum()

    x = jnp.array([[size, -size]], jnp.float32)
    assert jnp.isfinite(jax.grad(slopes)(x)).all()
