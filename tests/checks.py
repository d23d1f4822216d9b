"""The checks a rule must pass, each a function of one row of `cases.py` that raises if it fails.

They stand apart from the suites so that `test_mutants.py` can show which wrong rule each one finds.
The oracles are independent of the rules: `jax.grad` of the plain forward pass, differences of the
forward pass taken in numpy, and numbers worked out by hand.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

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

ULPS = 32
"""float32 against float64, in units in the last place of a leaf's largest entry. A sum of a
few rounded products loses 2 or 3; behind a softmax, whose rule subtracts nearly equal numbers, a
tenth of their size is left and the loss is tenfold."""


# --- inputs ---------------------------------------------------------------------------------------


def normal_like(tree: Any, seed: int) -> Any:
    """A tree of independent normal numbers with the shapes and dtypes of `tree`.

    Rounded to float32, so that both precisions get the same numbers.
    """
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda leaf: rng.normal(size=leaf.shape).astype(np.float32).astype(leaf.dtype), tree
    )


@functools.cache
def layer_inputs(case: LayerCase, dtype: Any = jnp.float64) -> tuple[Params, jax.Array, jax.Array]:
    """Parameters, inputs and a random cotangent, the same numbers in every dtype.

    Never a plain sum as the cotangent: the outputs of softmax sum to 1, whose gradient is 0, so
    that any rule would pass.
    """
    in_key = jax.random.key(1)
    params = jax.eval_shape(lambda key: case.layer.init(key, case.in_shape)[0], in_key)
    if case.at_init:
        params = case.layer.init(in_key, case.in_shape)[0]
    else:
        params = normal_like(params, seed=2)
    x = normal_like(jax.ShapeDtypeStruct((case.batch, *case.in_shape), np.float32), seed=3)
    y = jax.eval_shape(lambda p, x: case.layer.forward(p, x)[0], params, x.astype(np.float64))
    dy = normal_like(y, seed=4)
    rounded = jax.tree.map(lambda a: np.asarray(a).astype(np.float32), (params, x, dy))
    return jax.tree.map(lambda a: jnp.asarray(a.astype(dtype)), rounded)


@functools.cache
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
        "one-hot": np.eye(classes, dtype=np.float32)[labels],
        "one-hot-int": np.eye(classes, dtype=np.int32)[labels],
        "distribution": unit / unit.sum(-1, keepdims=True),
        "positive": 3 * unit,
        "unit": unit,
    }
    targets = kinds.get(case.targets, labels.astype(np.int32))
    if targets.dtype == np.float32:
        targets = targets.astype(dtype)
    elif case.targets not in kinds:
        targets = targets.astype(case.targets)
    return jnp.asarray(scores.astype(dtype)), jnp.asarray(targets)


def by_hand(layer: nn.Layer, params: Params, x: Any, dy: Any) -> tuple[jax.Array, Any]:
    """The layer under test: y, and (dparams, dx)."""
    y, residuals = layer.forward(params, x)
    return y, layer.backward(params, residuals, dy)


def loss_by_hand(loss: nn.Loss, scores: Any, targets: Any) -> tuple[jax.Array, jax.Array]:
    """The loss under test: J and dscores."""
    J, residuals = loss.forward(scores, targets)
    return J, loss.backward(residuals)


class Evidence(NamedTuple):
    """All that the checks compare, of one layer or loss, from one compiled program.

    Compiling is what costs time here, so it is done once for all checks.
    """

    hand: Any
    oracle: Any
    mapped: Any
    extra: Any


@functools.partial(jax.jit, static_argnums=0)
def compiled(layer: nn.Layer, params: Params, x: Any, dy: Any) -> tuple[jax.Array, Any]:
    """`by_hand`, compiled."""
    return by_hand(layer, params, x, dy)


@functools.partial(jax.jit, static_argnums=0)
def evidence(layer: nn.Layer, params: Params, x: Any, dy: Any, v: Any) -> Evidence:
    """`extra` is J v by forward-mode differentiation."""

    def forward(params: Params, x: jax.Array) -> jax.Array:
        return layer.forward(params, x)[0]

    return Evidence(
        hand=by_hand(layer, params, x, dy),
        oracle=jax.grad(lambda p, x: jnp.sum(dy * forward(p, x)), (0, 1))(params, x),
        mapped=jax.vmap(functools.partial(by_hand, layer))(*_twice((params, x, dy))),
        extra=jax.jvp(forward, (params, x), v)[1],
    )


@functools.partial(jax.jit, static_argnums=0)
def loss_evidence(loss: nn.Loss, scores: Any, targets: Any) -> Evidence:
    """`extra` is the loss and its gradient with every example twice."""
    return Evidence(
        hand=loss_by_hand(loss, scores, targets),
        oracle=jax.grad(lambda z: loss.forward(z, targets)[0])(scores),
        mapped=jax.vmap(lambda z: loss_by_hand(loss, z, targets))(_twice(scores)),
        extra=loss_by_hand(loss, *(jnp.concatenate([a, a]) for a in (scores, targets))),
    )


compiled_loss = jax.jit(loss_by_hand, static_argnums=0)


def _twice(tree: Any) -> Any:
    """A stack of the tree and the tree with each leaf reversed along its first axis."""
    return jax.tree.map(lambda leaf: jnp.stack([leaf, leaf[::-1]]), tree)


def layer_evidence(case: LayerCase) -> Evidence:
    params, x, dy = layer_inputs(case)
    return evidence(case.layer, params, x, dy, tangents(params, x))


def tangents(params: Params, x: jax.Array) -> Any:
    return normal_like(params, seed=6), normal_like(x, seed=7)


# --- comparisons ----------------------------------------------------------------------------------


def assert_close(actual: Any, expected: Any, rtol: float, atol: float) -> None:
    """Equal trees with close leaves; the message names the leaf."""
    expected = jax.tree.map(np.asarray, expected)
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

    def moved(array: np.ndarray, place: tuple[int, ...], to: Any) -> float:
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
    found = layer_evidence(case)
    assert_close(found.hand[1], found.oracle, 1e-10, 1e-12)


def central_differences(case: LayerCase) -> None:
    """Every gradient equals the differences of the forward pass, over all coordinates."""
    params, x, dy = layer_inputs(case)
    v, weights = tangents(params, x), np.asarray(dy)

    def weighted(inputs: tuple[Params, jax.Array]) -> float:
        y, _ = evidence(case.layer, *inputs, dy, v).hand
        return (weights * np.asarray(y)).sum()

    assert_close(layer_evidence(case).hand[1], differences(weighted, (params, x)), 1e-7, 1e-9)


def adjoint(case: LayerCase) -> None:
    """<r, J v> = <J' r, v> for random r and v, with J v from forward-mode differentiation."""
    params, x, r = layer_inputs(case)
    found = layer_evidence(case)
    pairs = zip(jax.tree.leaves(found.hand[1]), jax.tree.leaves(tangents(params, x)), strict=True)
    terms = [(np.asarray(a) * np.asarray(b)).sum() for a, b in pairs]
    left = (np.asarray(r) * np.asarray(found.extra)).sum()
    assert abs(left - sum(terms)) <= 1e-12 * (1 + sum(map(abs, terms)))


def float32_precision(case: LayerCase) -> None:
    """float32 agrees with float64, which the other checks prove, to `ULPS`."""
    narrow = compiled(case.layer, *layer_inputs(case, jnp.float32))
    assert_ulps(narrow, layer_evidence(case).hand, ULPS)


def trees_shapes_dtypes(case: LayerCase) -> None:
    """dparams has the tree, shapes and dtypes of params, dx those of x, in both precisions."""
    for dtype in (jnp.float32, jnp.float64):
        params, x, dy = layer_inputs(case, dtype)
        y, (dparams, dx) = jax.eval_shape(functools.partial(by_hand, case.layer), params, x, dy)
        assert (y.shape, y.dtype) == (dy.shape, dtype)
        assert jax.tree.structure(dparams) == jax.tree.structure(params)
        for a, b in zip(jax.tree.leaves((dparams, dx)), jax.tree.leaves((params, x)), strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)


def promised_shape(case: LayerCase) -> None:
    """`init` promises the shape that `forward` gives, for every number of examples, none too."""
    out_shapes = []

    def init(key: jax.Array) -> Params:
        params, out_shape = case.layer.init(key, case.in_shape)
        out_shapes.append(out_shape)
        return params

    params = jax.eval_shape(init, jax.random.key(1))
    (out_shape,) = out_shapes
    assert isinstance(out_shape, tuple)
    for rows in (0, 1, case.batch):
        x, dy = np.zeros((rows, *case.in_shape)), np.zeros((rows, *out_shape))
        y, (_, dx) = jax.eval_shape(functools.partial(by_hand, case.layer), params, x, dy)
        assert (y.shape, dx.shape) == (dy.shape, x.shape)


def transformations(case: LayerCase) -> None:
    """The rule is the same compiled, and `vmap` over stacked parameters equals a loop."""
    inputs, found = layer_inputs(case), layer_evidence(case)
    one = by_hand(case.layer, *inputs)
    other = by_hand(case.layer, *jax.tree.map(lambda leaf: jnp.asarray(np.flip(leaf, 0)), inputs))
    assert_close(found.hand, one, 1e-13, 1e-14)
    looped = jax.tree.map(lambda a, b: np.stack([a, b]), one, other)
    assert_close(found.mapped, looped, 1e-13, 1e-14)


def inputs_unchanged(case: LayerCase) -> None:
    """numpy arrays, which can be written to, are accepted and left as they were."""
    inputs = jax.tree.map(np.array, layer_inputs(case))
    kept = jax.tree.map(np.copy, inputs)
    by_hand(case.layer, *inputs)
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
    found = loss_evidence(case.loss, *loss_inputs(case))
    assert_close(found.hand[1], found.oracle, 1e-10, 1e-12)


def loss_central_differences(case: LossCase) -> None:
    """The gradient equals the differences of the forward pass."""
    scores, targets = loss_inputs(case)
    slopes = differences(lambda z: loss_evidence(case.loss, z, targets).hand[0], scores)
    assert_close(loss_evidence(case.loss, scores, targets).hand[1], slopes, 1e-7, 1e-9)


def loss_float32_precision(case: LossCase) -> None:
    """float32 agrees with float64, which the other checks prove, to `ULPS`."""
    narrow = compiled_loss(case.loss, *loss_inputs(case, jnp.float32))
    assert_ulps(narrow, loss_evidence(case.loss, *loss_inputs(case)).hand, ULPS)


def loss_shapes_dtypes(case: LossCase) -> None:
    """A scalar in the dtype of the scores, and dscores with their shape and dtype."""
    for dtype in (jnp.float32, jnp.float64):
        scores, targets = loss_inputs(case, dtype)
        J, dscores = jax.eval_shape(functools.partial(loss_by_hand, case.loss), scores, targets)
        assert (J.shape, J.dtype) == ((), dtype)
        assert (dscores.shape, dscores.dtype) == (scores.shape, dtype)


def loss_transformations(case: LossCase) -> None:
    """The same compiled; `vmap` over stacked scores equals a loop."""
    scores, targets = loss_inputs(case)
    found = loss_evidence(case.loss, scores, targets)
    one = loss_by_hand(case.loss, scores, targets)
    other = loss_by_hand(case.loss, jnp.asarray(np.flip(scores, 0)), targets)
    assert_close(found.hand, one, 1e-13, 1e-14)
    looped = jax.tree.map(lambda a, b: np.stack([a, b]), one, other)
    assert_close(found.mapped, looped, 1e-13, 1e-14)


def loss_is_a_mean(case: LossCase) -> None:
    """Every example twice: the same loss, half the gradient at each."""
    found = loss_evidence(case.loss, *loss_inputs(case))
    J, dscores = found.hand
    assert_close(found.extra, (J, np.concatenate([dscores, dscores]) / 2), 1e-14, 1e-15)


def loss_inputs_unchanged(case: LossCase) -> None:
    """numpy arrays are accepted and left as they were."""
    inputs = [np.array(a) for a in loss_inputs(case)]
    kept = [a.copy() for a in inputs]
    loss_by_hand(case.loss, *inputs)
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
