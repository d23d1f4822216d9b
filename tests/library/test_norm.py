"""Normalisations: closed forms in NumPy, and variances that are zero, tiny or far from the mean."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nnjax as nn
from nnjax.layers.batch_norm import BatchNorm, batch_norm
from nnjax.layers.norm import GroupNorm, LayerNorm, RMSNorm, group_norm, layer_norm, rms_norm

TRAINING = jax.random.key(0)


def both(layer: nn.Layer, params: Any, x: Any, dy: Any, key: Any = None) -> tuple[Any, Any, Any]:
    """Output, gradients of the parameters and of the input."""
    return _both(layer, params, jnp.asarray(x), jnp.asarray(dy), key)


@functools.partial(jax.jit, static_argnums=0)
def _both(layer: nn.Layer, params: Any, x: Any, dy: Any, key: Any) -> tuple[Any, Any, Any]:
    y, residuals = layer.forward(params, x, key)
    return y, *layer.backward(params, residuals, dy)


@functools.partial(jax.jit, static_argnums=0)
def output(network: nn.Layer, params: Any, x: Any, key: Any = None) -> jax.Array:
    return network.forward(params, x, key)[0]


def fresh(layer: nn.Layer, *shape: int) -> Any:
    return layer.init(jax.random.key(0), shape)[0]


# --- numbers worked by hand -----------------------------------------------------------------------

# x = -3, 1, 5, 5: mean 2, deviations -5, -1, 3, 3 with squares 25, 1, 9, 9, variance 11, and with
# eps = 5 the root is 4: xhat = -1.25, -0.25, 0.75, 0.75. With scale 2, shift 1: y = 2 xhat + 1.
# dy = 1, 0, 0, 2: g = 2, 0, 0, 4 with mean 1.5; g xhat = -2.5, 0, 0, 3 with mean 0.125; so
# dx = (g - 1.5 - 0.125 xhat) / 4, that is 0.65625, -1.46875, -1.59375, 2.40625 over 4.
COLUMN = np.array([-3.0, 1.0, 5.0, 5.0])
Y = np.array([-1.5, 0.5, 2.5, 2.5])
DY = np.array([1.0, 0.0, 0.0, 2.0])
DX = np.array([0.65625, -1.46875, -1.59375, 2.40625]) / 4


def test_batch_norm_by_hand() -> None:
    params = BatchNorm(*(jnp.array([v]) for v in (2.0, 1.0, 100.0, 100.0)))
    y, grads, dx = both(batch_norm(5.0), params, COLUMN[:, None], DY[:, None], TRAINING)
    np.testing.assert_allclose(y[:, 0], Y, rtol=1e-14)
    np.testing.assert_allclose(dx[:, 0], DX, rtol=1e-14)
    np.testing.assert_allclose(grads, [[0.25], [3.0], [0.0], [0.0]], rtol=1e-14)


def test_batch_norm_in_evaluation_by_hand() -> None:
    """Population of mean 2 and variance 11: the output is the same, but dx = 2 dy / 4.

    dmean = -2/4 * 3 = -1.5, dvariance = -1/2 * 2 / 16 * 0.25 = -1/64.
    """
    params = BatchNorm(*(jnp.array([v]) for v in (2.0, 1.0, 2.0, 11.0)))
    y, grads, dx = both(batch_norm(5.0), params, COLUMN[:, None], DY[:, None])
    np.testing.assert_allclose(y[:, 0], Y, rtol=1e-14)
    np.testing.assert_allclose(dx[:, 0], DY / 2, rtol=1e-14)
    np.testing.assert_allclose(grads, [[0.25], [3.0], [-1.5], [-1 / 64]], rtol=1e-14)


def test_layer_norm_by_hand() -> None:
    params = LayerNorm(jnp.full(4, 2.0), jnp.ones(4))
    y, grads, dx = both(layer_norm(5.0), params, COLUMN[None], DY[None])
    np.testing.assert_allclose(y[0], Y, rtol=1e-14)
    np.testing.assert_allclose(dx[0], DX, rtol=1e-14)
    np.testing.assert_allclose(grads.scale, [-1.25, 0.0, 0.0, 1.5], rtol=1e-14)
    np.testing.assert_array_equal(grads.shift, DY)


def test_group_norm_by_hand() -> None:
    """Two groups of two channels at two places, each holding the same four numbers."""
    x = COLUMN.reshape(1, 2, 2)
    params = GroupNorm(jnp.full(4, 2.0), jnp.ones(4))
    y, grads, dx = both(
        group_norm(2, 5.0),
        params,
        np.concatenate([x, x], -1),
        np.concatenate([DY.reshape(1, 2, 2)] * 2, -1),
    )
    np.testing.assert_allclose(y, np.concatenate([Y.reshape(1, 2, 2)] * 2, -1), rtol=1e-14)
    np.testing.assert_allclose(dx, np.concatenate([DX.reshape(1, 2, 2)] * 2, -1), rtol=1e-14)
    np.testing.assert_allclose(grads.scale, [-1.25, 1.5, -1.25, 1.5], rtol=1e-14)
    np.testing.assert_array_equal(grads.shift, [1.0, 2.0, 1.0, 2.0])


def test_rms_norm_by_hand() -> None:
    """x = 1, 7: mean square 25, root of 25 + 11 is 6; xhat = 1/6, 7/6; g = 2, 0; mean of g xhat is
    1/6; dx = (2 - 1/36, -7/36) / 6."""
    params = RMSNorm(jnp.full(2, 2.0))
    y, grads, dx = both(rms_norm(11.0), params, [[1.0, 7.0]], [[1.0, 0.0]])
    np.testing.assert_allclose(y, [[1 / 3, 7 / 3]], rtol=1e-14)
    np.testing.assert_allclose(dx, [[71 / 216, -7 / 216]], rtol=1e-14)
    np.testing.assert_allclose(grads.scale, [1 / 6, 0.0], rtol=1e-14)


# --- which numbers are normalised together --------------------------------------------------------

IMAGE = np.random.default_rng(0).normal(2.0, 3.0, (5, 4, 3, 6))


def normalised(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    deviation = np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    return (x - x.mean(axes, keepdims=True)) / deviation


@pytest.mark.parametrize(
    ("layer", "expected", "key"),
    [
        (batch_norm(), normalised(IMAGE, (0, 1, 2)), TRAINING),
        (layer_norm(), normalised(IMAGE, (3,)), None),
        (group_norm(1), normalised(IMAGE, (1, 2, 3)), None),
        (group_norm(6), normalised(IMAGE, (1, 2)), None),
        (
            group_norm(2),
            np.concatenate([normalised(half, (1, 2, 3)) for half in np.split(IMAGE, 2, -1)], -1),
            None,
        ),
    ],
    ids=["batch", "layer", "one group", "instance", "two groups"],
)
def test_of_images(layer: nn.Layer, expected: np.ndarray, key: Any) -> None:
    y = output(layer, fresh(layer, 4, 3, 6), jnp.asarray(IMAGE), key)
    np.testing.assert_allclose(y, expected, rtol=1e-11, atol=1e-13)


# --- variance -------------------------------------------------------------------------------------

LAYERS = [
    pytest.param(batch_norm(), TRAINING, id="batch_norm"),
    pytest.param(layer_norm(), None, id="layer_norm"),
    pytest.param(group_norm(1), None, id="group_norm"),
]


@pytest.mark.parametrize(("layer", "key"), LAYERS)
def test_mean_far_above_deviation(layer: nn.Layer, key: Any) -> None:
    """Mean 1e4 and deviation 1 in float32, where E[x^2] - E[x]^2 has no digit left: half of the
    numbers are 1 above the mean, half 1 below."""
    x = np.float32(1e4) + np.where(np.indices((64, 64)).sum(0) % 2, -1, 1).astype(np.float32)
    params = jax.tree.map(lambda p: p.astype(jnp.float32), fresh(layer, 64))
    one_pass = np.mean(x * x, axis=0) - np.mean(x, axis=0) ** 2
    assert not np.allclose(one_pass, 1, rtol=0.1)
    y, _, dx = both(layer, params, x, x - np.float32(1e4), key)
    np.testing.assert_allclose(y, (x - 1e4) / math.sqrt(1 + 1e-5), rtol=1e-6)
    # dy is along xhat, which is taken out but for eps: dx = xhat eps / (1 + eps).
    np.testing.assert_allclose(dx, 0, atol=2e-5)
    assert y.dtype == dx.dtype == jnp.float32


@pytest.mark.parametrize(("layer", "key"), LAYERS)
def test_no_variance(layer: nn.Layer, key: Any) -> None:
    """Equal numbers give the shift, and a gradient that is finite: r (g - mean of g)."""
    params = fresh(layer, 4)._replace(shift=jnp.full(4, 0.5))
    dy = np.random.default_rng(0).normal(size=(4, 4))
    y, grads, dx = both(layer, params, np.full((4, 4), 3.0), dy, key)
    axis = 0 if key is not None else 1
    np.testing.assert_array_equal(y, np.full((4, 4), 0.5))
    np.testing.assert_allclose(dx, (dy - dy.mean(axis, keepdims=True)) / math.sqrt(1e-5))
    np.testing.assert_array_equal(grads.scale, np.zeros(4))


@pytest.mark.parametrize(
    ("layer", "shape", "key"),
    [
        (batch_norm(), (1, 3), TRAINING),
        (layer_norm(), (3, 1), None),
        (group_norm(3), (2, 3), None),
        (group_norm(3), (2, 1, 1, 3), None),
    ],
)
def test_one_number_alone(layer: nn.Layer, shape: tuple[int, ...], key: Any) -> None:
    """It is its own mean: the output does not depend on it, and its gradient is exactly 0."""
    params = fresh(layer, *shape[1:])._replace(shift=jnp.full(shape[-1], 0.5))
    x = np.random.default_rng(0).normal(size=shape)
    y, _, dx = both(layer, params, x, np.ones(shape), key)
    np.testing.assert_array_equal(y, np.full(shape, 0.5))
    np.testing.assert_array_equal(dx, np.zeros(shape))


def test_rms_norm_of_nothing() -> None:
    y, grads, dx = both(rms_norm(), fresh(rms_norm(), 2), np.zeros((1, 2)), [[1.0, -2.0]])
    np.testing.assert_array_equal(y, np.zeros((1, 2)))
    np.testing.assert_allclose(dx, [[1e3, -2e3]])
    np.testing.assert_array_equal(grads.scale, np.zeros(2))


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
@pytest.mark.parametrize(("layer", "key"), [*LAYERS, pytest.param(rms_norm(), None, id="rms_norm")])
def test_half_precision(layer: nn.Layer, key: Any, dtype: Any) -> None:
    """Squares of deviations of 400 overflow float16; dtypes stay."""
    params = jax.tree.map(lambda p: p.astype(dtype), fresh(layer, 8))
    x = jnp.asarray(400 * np.random.default_rng(0).normal(size=(8, 8)), dtype)
    y, grads, dx = both(layer, params, x, jnp.ones_like(x) * jnp.arange(8, dtype=dtype)[None], key)
    wide = jax.tree.map(lambda p: p.astype(jnp.float64), params)
    expected = output(layer, wide, x.astype(jnp.float64), key)
    np.testing.assert_allclose(
        y.astype(jnp.float64), expected, atol=4 * float(jnp.finfo(dtype).eps)
    )
    assert {a.dtype for a in jax.tree.leaves((y, grads, dx))} == {jnp.dtype(dtype)}
    assert all(jnp.isfinite(a).all() for a in jax.tree.leaves((grads, dx)))


# --- messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [batch_norm, layer_norm, rms_norm, lambda eps: group_norm(1, eps)])
@pytest.mark.parametrize("eps", [0.0, -1.0, math.inf, math.nan])
def test_eps_must_be_positive(make: Any, eps: float) -> None:
    with pytest.raises(ValueError, match=r"norm\(eps\): expected a positive finite number"):
        make(eps=eps)


@pytest.mark.parametrize("groups", [0, -1, 1.5, True, "2"])
def test_groups_must_be_a_positive_whole_number(groups: Any) -> None:
    with pytest.raises(ValueError, match="positive whole number, got"):
        group_norm(groups)


def test_groups_must_divide_the_channels() -> None:
    with pytest.raises(ValueError, match=r"group_norm\(4\) cannot divide 6 channels"):
        fresh(group_norm(4), 6)


@pytest.mark.parametrize("layer", [batch_norm(), layer_norm(), group_norm(1), rms_norm()])
def test_wrong_shapes_are_named(layer: nn.Layer) -> None:
    with pytest.raises(ValueError, match=r"scale of shape \(3,\) .*got \(2, 4\)"):
        layer.forward(fresh(layer, 3), jnp.ones((2, 4)))
    with pytest.raises(ValueError, match=r"needs an input with a feature axis, got shape \(\)"):
        layer.init(jax.random.key(0), ())


# --- another implementation -----------------------------------------------------------------------


def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the extra 'torch'")
    rng = np.random.default_rng(2)
    scale, shift = rng.normal(size=(2, 6))
    dy = rng.normal(size=IMAGE.shape)
    functional = torch.nn.functional
    theirs = {
        "batch": lambda x, w, b: functional.batch_norm(x, None, None, w, b, training=True),
        "group": lambda x, w, b: functional.group_norm(x, 3, w, b),
        "layer": lambda x, w, b: functional.layer_norm(x.movedim(1, -1), (6,), w, b).movedim(-1, 1),
    }
    ours = {
        "batch": (batch_norm(), BatchNorm(scale, shift, shift, shift)),
        "group": (group_norm(3), GroupNorm(scale, shift)),
        "layer": (layer_norm(), LayerNorm(scale, shift)),
    }
    for name, (layer, params) in ours.items():
        x, w, b = (torch.tensor(a, requires_grad=True) for a in (IMAGE, scale, shift))
        y = theirs[name](x.movedim(-1, 1), w, b).movedim(1, -1)
        y.backward(torch.tensor(dy))
        params = jax.tree.map(jnp.asarray, params)
        found_y, grads, dx = both(layer, params, IMAGE, dy, TRAINING)
        np.testing.assert_allclose(found_y, y.detach().numpy(), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(dx, x.grad.numpy(), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(grads.scale, w.grad.numpy(), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(grads.shift, b.grad.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "layer", [nn.batch_norm(), nn.layer_norm(), nn.rms_norm(), nn.group_norm(1)]
)
def test_whole_numbers_are_refused_with_their_dtype(layer: nn.Layer) -> None:
    params, _ = layer.init(jax.random.key(0), (3,))
    with pytest.raises(ValueError, match="takes floats, got int32"):
        layer.forward(params, jnp.ones((2, 3), jnp.int32))
