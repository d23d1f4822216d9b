"""The checks a rule must pass, each a function of one row of `cases.py` that raises if it fails.

They stand apart from the suites so that `test_mutants.py` can show which wrong rule each one finds.
The oracles are independent of the rules: `jax.grad` of the plain forward pass, differences of the
forward pass taken in numpy, and numbers worked out by hand.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from cases import LayerCase, LossCase

import nnjax as nn
from nnjax.core import Params

STEP = 1e-5
"""Step of the central differences. Their error is STEP^2 f'''/6 from truncation, about 1e-10, and
eps |f| / STEP from rounding, about 1e-11; hence 1e-9 absolute and 1e-7 relative, which leaves a
factor of 10 and is far below any wrong rule."""


# --- inputs ---------------------------------------------------------------------------------------


def normal_like(tree: Any, seed: int) -> Any:
    """A tree of independent normal numbers with the shapes and dtypes of `tree`."""
    leaves, structure = jax.tree.flatten(tree)
    keys = jax.random.split(jax.random.key(seed), max(len(leaves), 1))
    drawn = [
        jax.random.normal(k, a.shape, a.dtype) for k, a in zip(keys, leaves, strict=False)
    ]
    return jax.tree.unflatten(structure, drawn)


def as_dtype(tree: Any, dtype: Any) -> Any:
    return jax.tree.map(lambda a: jnp.asarray(a, dtype=dtype), tree)


def layer_inputs(case: LayerCase, dtype: Any = jnp.float64) -> tuple[Params, jax.Array, jax.Array]:
    """Parameters, inputs and a random cotangent, the same numbers in every dtype.

    Never a plain sum as the cotangent: the outputs of softmax sum to 1, whose gradient is 0, so
    that any rule would pass. Numbers are drawn in float32 so that float64 holds them exactly.
    """
    params, out_shape = case.layer.init(jax.random.key(1), case.in_shape)
    params = as_dtype(params, jnp.float32)
    if not case.at_init:
        params = normal_like(params, seed=2)
    x = normal_like(jnp.zeros((case.batch, *case.in_shape), jnp.float32), seed=3)
    dy = normal_like(jnp.zeros((case.batch, *out_shape), jnp.float32), seed=4)
    return as_dtype(params, dtype), as_dtype(x, dtype), as_dtype(dy, dtype)


def loss_inputs(case: LossCase, dtype: Any = jnp.float64) -> tuple[jax.Array, jax.Array]:
    """Scores and targets; whole-number targets keep their dtype."""
    rng = np.random.default_rng(5)
    scores = rng.normal(size=case.scores).astype(np.float32)
    if case.of == "categorical_cross_entropy":
        scores = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    classes = case.scores[-1]
    labels = rng.integers(classes, size=case.scores[:-1])
    unit = rng.uniform(size=case.scores).astype(np.float32)
    if classes > 1:
        unit.flat[0], unit.flat[-1] = 0.0, 1.0
    kinds = {
        "one-hot": jnp.asarray(np.eye(classes)[labels], dtype),
        "one-hot-int": jnp.asarray(np.eye(classes)[labels], jnp.int32),
        "distribution": jnp.asarray(unit / unit.sum(-1, keepdims=True), dtype),
        "positive": jnp.asarray(3 * unit, dtype),
        "unit": jnp.asarray(unit, dtype),
    }
    targets = kinds[case.targets] if case.targets in kinds else jnp.asarray(labels, case.targets)
    return jnp.asarray(scores, dtype), targets


def hand(case: LayerCase, params: Params, x: Any, dy: Any) -> tuple[Params, jax.Array]:
    """The rule under test: dparams and dx."""
    return case.layer.backward(params, case.layer.forward(params, x)[1], dy)


def hand_loss(case: LossCase, scores: Any, targets: Any) -> jax.Array:
    return case.loss.backward(case.loss.forward(scores, targets)[1])


# --- comparisons ----------------------------------------------------------------------------------


def assert_close(actual: Any, expected: Any, rtol: float, atol: float) -> None:
    """Equal trees with close leaves; the message names the leaf."""
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    leaves, _ = jax.tree.flatten_with_path(actual)
    for (place, a), b in zip(leaves, jax.tree.leaves(expected), strict=True):
        name = jax.tree_util.keystr(place)
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol, atol, err_msg=name)


def assert_ulps(narrow: Any, wide: Any, ulps: float) -> None:
    """float32 within so many units in the last place of the leaf's largest entry.

    The unit is of the largest entry, not of each: a sum of terms that cancel is only as exact as
    its terms.
    """
    eps = float(jnp.finfo(jnp.float32).eps)
    for a, b in zip(jax.tree.leaves(narrow), jax.tree.leaves(wide), strict=True):
        exact = np.asarray(b, np.float64)
        error = np.abs(np.asarray(a, np.float64) - exact).max(initial=0.0)
        assert error <= ulps * eps * np.abs(exact).max(initial=1e-30)


def differences(f: Callable[[Any], Any], tree: Any) -> Any:
    """Central differences of a scalar function by every coordinate, in numpy without autodiff."""
    leaves, structure = jax.tree.flatten(tree)
    arrays = [np.array(leaf, np.float64) for leaf in leaves]
    slopes = [np.zeros_like(array) for array in arrays]

    def moved(array: np.ndarray, place: tuple[int, ...], to: float) -> float:
        array[place] = to
        return float(f(jax.tree.unflatten(structure, [a.copy() for a in arrays])))

    for array, slope in zip(arrays, slopes, strict=True):
        for place in np.ndindex(array.shape):
            here = array[place]
            above, below = moved(array, place, here + STEP), moved(array, place, here - STEP)
            array[place] = here
            slope[place] = (above - below) / (2 * STEP)
    return jax.tree.unflatten(structure, slopes)


# --- checks of a layer ----------------------------------------------------------------------------


def gradients_of_jax(case: LayerCase) -> None:
    """Every gradient equals `jax.grad` of the plain forward pass, for a random cotangent."""
    params, x, dy = layer_inputs(case)
    expected = jax.grad(lambda p, x: jnp.sum(dy * case.layer.forward(p, x)[0]), (0, 1))(params, x)
    assert_close(hand(case, params, x, dy), expected, 1e-10, 1e-12)


def central_differences(case: LayerCase) -> None:
    """Every gradient equals the differences of the forward pass, over all coordinates."""
    params, x, dy = layer_inputs(case)
    weights = np.asarray(dy)

    def weighted(inputs: tuple[Params, jax.Array]) -> float:
        return (weights * np.asarray(case.layer.forward(*inputs)[0])).sum()

    expected = differences(weighted, (params, x))
    assert_close(hand(case, params, x, dy), expected, 1e-7, 1e-9)


def adjoint(case: LayerCase) -> None:
    """<r, J v> = <J' r, v> for random r and v, with J v from forward-mode differentiation."""
    params, x, r = layer_inputs(case)
    v = (normal_like(params, seed=6), normal_like(x, seed=7))
    _, jv = jax.jvp(lambda p, x: case.layer.forward(p, x)[0], (params, x), v)
    pairs = zip(jax.tree.leaves(hand(case, params, x, r)), jax.tree.leaves(v), strict=True)
    terms = [float(jnp.sum(a * b)) for a, b in pairs]
    left = float(jnp.sum(r * jv))
    assert abs(left - sum(terms)) <= 1e-12 * (1 + sum(map(abs, terms)))


def float32_precision(case: LayerCase) -> None:
    """float32 agrees with float64 to 16 units in the last place: at most 4 products in a row, sums
    of at most 8 terms."""
    narrow, wide = layer_inputs(case, jnp.float32), layer_inputs(case, jnp.float64)
    assert_ulps(case.layer.forward(*narrow[:2])[0], case.layer.forward(*wide[:2])[0], 16)
    assert_ulps(hand(case, *narrow), hand(case, *wide), 16)


def trees_shapes_dtypes(case: LayerCase) -> None:
    """dparams has the tree, shapes and dtypes of params, dx those of x, in both precisions."""
    for dtype in (jnp.float32, jnp.float64):
        params, x, dy = layer_inputs(case, dtype)
        y = case.layer.forward(params, x)[0]
        assert (y.shape, y.dtype) == (dy.shape, dtype)
        dparams, dx = hand(case, params, x, dy)
        assert jax.tree.structure(dparams) == jax.tree.structure(params)
        for a, b in zip(jax.tree.leaves((dparams, dx)), jax.tree.leaves((params, x)), strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)


def promised_shape(case: LayerCase) -> None:
    """`init` promises the shape that `forward` gives, for every number of examples, none too."""
    params, out_shape = case.layer.init(jax.random.key(1), case.in_shape)
    assert isinstance(out_shape, tuple)
    for rows in (0, 1, case.batch):
        x = jnp.zeros((rows, *case.in_shape))
        y, residuals = case.layer.forward(params, x)
        assert y.shape == (rows, *out_shape)
        dparams, dx = case.layer.backward(params, residuals, y)
        assert dx.shape == x.shape
        if not rows:
            assert all((leaf == 0).all() for leaf in jax.tree.leaves(dparams))


def transformations(case: LayerCase) -> None:
    """The rule is the same under `jit`, and `vmap` over stacked parameters equals a loop."""
    params, x, dy = layer_inputs(case)
    plain = (case.layer.forward(params, x)[0], hand(case, params, x, dy))

    def both(params: Params, x: jax.Array, dy: jax.Array) -> Any:
        return case.layer.forward(params, x)[0], hand(case, params, x, dy)

    assert_close(jax.jit(both)(params, x, dy), plain, 1e-13, 1e-14)
    many = [(normal_like(params, seed), x, normal_like(dy, seed)) for seed in (8, 9)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *many)
    looped = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(both(*one) for one in many))
    assert_close(jax.vmap(both)(*stacked), looped, 1e-13, 1e-14)


def inputs_unchanged(case: LayerCase) -> None:
    """numpy arrays, which can be written to, are accepted and left as they were."""
    inputs = jax.tree.map(np.array, layer_inputs(case))
    kept = jax.tree.map(np.copy, inputs)
    hand(case, *inputs)
    jax.tree.map(np.testing.assert_array_equal, inputs, kept)


LAYER_CHECKS: dict[str, Callable[[LayerCase], None]] = {
    check.__name__: check
    for check in (
        gradients_of_jax,
        central_differences,
        adjoint,
        float32_precision,
        trees_shapes_dtypes,
        promised_shape,
        transformations,
        inputs_unchanged,
    )
}


# --- checks of a loss -----------------------------------------------------------------------------


def loss_gradients_of_jax(case: LossCase) -> None:
    """The gradient equals `jax.grad` of the plain forward pass."""
    scores, targets = loss_inputs(case)
    expected = jax.grad(lambda z: case.loss.forward(z, targets)[0])(scores)
    assert_close(hand_loss(case, scores, targets), expected, 1e-10, 1e-12)


def loss_central_differences(case: LossCase) -> None:
    """The gradient equals the differences of the forward pass."""
    scores, targets = loss_inputs(case)
    expected = differences(lambda z: case.loss.forward(z, targets)[0], scores)
    assert_close(hand_loss(case, scores, targets), expected, 1e-7, 1e-9)


def loss_float32_precision(case: LossCase) -> None:
    """float32 agrees with float64 to 16 units in the last place."""
    narrow, wide = loss_inputs(case, jnp.float32), loss_inputs(case, jnp.float64)
    assert_ulps(case.loss.forward(*narrow)[0], case.loss.forward(*wide)[0], 16)
    assert_ulps(hand_loss(case, *narrow), hand_loss(case, *wide), 16)


def loss_shapes_dtypes(case: LossCase) -> None:
    """A scalar in the dtype of the scores, and dscores with their shape and dtype."""
    for dtype in (jnp.float32, jnp.float64):
        scores, targets = loss_inputs(case, dtype)
        J, _ = case.loss.forward(scores, targets)
        dscores = hand_loss(case, scores, targets)
        assert (J.shape, J.dtype) == ((), dtype)
        assert (dscores.shape, dscores.dtype) == (scores.shape, dtype)


def loss_transformations(case: LossCase) -> None:
    """The same under `jit`; `vmap` over stacked scores equals a loop."""
    scores, targets = loss_inputs(case)

    def both(scores: jax.Array) -> tuple[jax.Array, jax.Array]:
        return case.loss.forward(scores, targets)[0], hand_loss(case, scores, targets)

    assert_close(jax.jit(both)(scores), both(scores), 1e-13, 1e-14)
    stacked = jnp.stack([scores, scores**2])
    looped = jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(both, stacked))
    assert_close(jax.vmap(both)(stacked), looped, 1e-13, 1e-14)


def loss_is_a_mean(case: LossCase) -> None:
    """Every example twice: the same loss, half the gradient at each."""
    scores, targets = loss_inputs(case)
    twice = [jnp.concatenate([a, a]) for a in (scores, targets)]
    once = hand_loss(case, scores, targets)
    assert_close(case.loss.forward(*twice)[0], case.loss.forward(scores, targets)[0], 1e-14, 1e-15)
    assert_close(hand_loss(case, *twice), jnp.concatenate([once, once]) / 2, 1e-14, 1e-15)


def loss_inputs_unchanged(case: LossCase) -> None:
    """numpy arrays are accepted and left as they were."""
    inputs = [np.array(a) for a in loss_inputs(case)]
    kept = [a.copy() for a in inputs]
    hand_loss(case, *inputs)
    for a, b in zip(inputs, kept, strict=True):
        np.testing.assert_array_equal(a, b)


LOSS_CHECKS: dict[str, Callable[[LossCase], None]] = {
    check.__name__: check
    for check in (
        loss_gradients_of_jax,
        loss_central_differences,
        loss_float32_precision,
        loss_shapes_dtypes,
        loss_transformations,
        loss_is_a_mean,
        loss_inputs_unchanged,
    )
}


# --- checks of single points and of the forward pass ----------------------------------------------


def at_zero(layer: nn.Layer, slope: float) -> None:
    """The derivative on the negative side is also taken at 0 and -0, and the output there is 0."""
    x = jnp.array([[-1.0, -0.0, 0.0, 1.0]])
    y, residuals = layer.forward((), x)
    np.testing.assert_array_equal(y, [[-slope, 0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(
        layer.backward((), residuals, jnp.ones_like(x))[1], [[slope, slope, slope, 1.0]]
    )


def far_out(layer: nn.Layer, derivative: Callable[[np.ndarray], np.ndarray], dtype: Any) -> None:
    """The derivative keeps its digits where the function has saturated: 8 units in the last place
    per unit of x, since exp(-x) multiplies the rounding of x by x."""
    x = np.array([0.0, 0.5, 1.0, 5.0, 9.5, 17.5, 20.0, 37.5, 40.0])
    x = np.concatenate([x, -x])
    _, residuals = layer.forward((), jnp.asarray(x[None], dtype))
    slope = layer.backward((), residuals, jnp.ones((1, x.size), dtype))[1]
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
            J, residuals = loss.forward(jnp.array([[score]]), jnp.array([[t]]))
            np.testing.assert_allclose(float(J), float(exact_loss[i]), rtol=1e-14)
            slope = loss.backward(residuals)[0, 0]
            np.testing.assert_allclose(float(slope), float(exact_slope[i]), rtol=1e-13)


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
        dW1 = x' da          -0.093852 - 0.125120     = -0.218971   0.077330 + 0.092277    = 0.169607
                             -0.187703 + 0.062560     = -0.125143   0.154660 - 0.046139    = 0.108521
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

    z, residuals = network.forward(params, x)
    J, loss_residuals = loss.forward(z, labels)
    (grads1, _, grads2), dx = network.backward(params, residuals, loss.backward(loss_residuals))

    digits = 6e-7  # six digits are written above
    assert_close(z, [[1.001204, 0.754944], [0.824651, 0.811455]], 0, digits)
    assert_close(J, 0.638673, 0, digits)
    assert_close(grads2.weights, [[-0.016117, 0.016117], [0.008008, -0.008008]], 0, digits)
    assert_close(grads2.bias, [0.032277, -0.032277], 0, digits)
    assert_close(grads1.weights, [[-0.218971, 0.169607], [-0.125143, 0.108521]], 0, digits)
    assert_close(grads1.bias, [0.031268, -0.014947], 0, digits)
    assert_close(dx, [[-0.024851, 0.002776], [0.030967, 0.000625]], 0, digits)
