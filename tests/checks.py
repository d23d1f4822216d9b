"""What a rule must keep to besides being right, each a function of one row of the table.

That the gradient is right is what `nnjax.verify` finds out; these are the promises of the contract:
shapes, dtypes, the same under `jit` and `vmap`, no input changed, nothing infinite far out. They
stand apart from the suites so that `test_mutants.py` can show which wrong rule each one finds.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import nnjax as nn
from nnjax.core import Params
from nnjax.verify import verify_case
from nnjax.verify.case import Case, LayerCase, LossCase
from nnjax.verify.judge import quick_options
from nnjax.verify.problem import cast, drawn, to_float32

EVERY_FLOAT = (jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64)

# --- inputs ---------------------------------------------------------------------------------------


def layer_inputs(case: LayerCase) -> tuple[Params, Any, Any, Any]:
    """Parameters, x, a random dy, all in float64, and the key of training or None."""
    rng = np.random.default_rng(1)
    params, x, key = drawn(case, rng)
    y = jax.eval_shape(lambda p, x: case.layer.forward(p, x, key)[0], params, x)
    return params, x, to_float32(rng.normal(size=y.shape)), key


def loss_inputs(case: LossCase) -> tuple[Any, Any]:
    """Scores and targets in float64; whole-number targets keep their dtype."""
    rng = np.random.default_rng(5)
    return to_float32(case.scores(rng, case.shape)), to_float32(case.targets(rng, case.shape))


def by_hand(layer: nn.Layer, params: Params, x: Any, dy: Any, key: Any = None) -> Any:
    """The layer under test: y, and (dparams, dx)."""
    y, residuals = layer.forward(params, x, key)
    return y, layer.backward(params, residuals, dy)


def loss_by_hand(loss: nn.Loss, scores: Any, targets: Any) -> tuple[jax.Array, jax.Array]:
    """The loss under test: J and dscores."""
    J, residuals = loss.forward(scores, targets)
    return J, loss.backward(residuals)


compiled = jax.jit(by_hand, static_argnums=0, compiler_options=quick_options())
compiled_loss = jax.jit(loss_by_hand, static_argnums=0, compiler_options=quick_options())


def assert_close(actual: Any, expected: Any, rtol: float, atol: float) -> None:
    """Equal trees with close leaves; the message names the leaf."""
    expected = jax.tree.map(np.asarray, expected)
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    leaves, _ = jax.tree.flatten_with_path(actual)
    for (place, a), b in zip(leaves, jax.tree.leaves(expected), strict=True):
        name = jax.tree_util.keystr(place)
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol, atol, err_msg=name)


def rounding(tree: Any) -> float:
    """An absolute tolerance for sums in another order: 1e-13 of the largest entry."""
    return 1e-13 * max(
        (float(np.abs(leaf[np.isfinite(leaf)]).max(initial=0)) for leaf in _arrays(tree)),
        default=0.0,
    )


def _arrays(tree: Any) -> list[np.ndarray]:
    return [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(tree)]


def verifier(case: Case) -> None:
    """Every oracle that can judge the gradient finds it right, in float64 and float32."""
    report = verify_case(case)
    assert report.passed, f"\n{report}"


# --- checks of a layer ----------------------------------------------------------------------------


def trees_shapes_dtypes(case: LayerCase) -> None:
    """dparams has the tree, shapes and dtypes of params, dx those of x, in every precision."""
    *inputs, key = layer_inputs(case)
    for dtype in EVERY_FLOAT:
        params, x, dy = cast(inputs, dtype)
        y, (dparams, dx) = jax.eval_shape(
            functools.partial(by_hand, case.layer, key=key), params, x, dy
        )
        assert (y.shape, y.dtype) == (dy.shape, dtype)
        assert jax.tree.structure(dparams) == jax.tree.structure(params)
        # Ids have no derivative; what is returned for them has the dtype of dy.
        like_x = x.astype(dtype)
        leaves = jax.tree.leaves((params, like_x))
        for a, b in zip(jax.tree.leaves((dparams, dx)), leaves, strict=True):
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
    _, x, _, key = layer_inputs(case)
    for rows in (0, 1, case.batch):
        x, dy = np.zeros((rows, *case.in_shape), x.dtype), np.zeros((rows, *out_shape))
        rule = functools.partial(by_hand, case.layer, key=key)
        y, (_, dx) = jax.eval_shape(rule, params, x, dy)
        assert (y.shape, dx.shape) == (dy.shape, x.shape)


def transformations(case: LayerCase) -> None:
    """The rule is the same compiled, and `vmap` over stacked parameters equals a loop."""
    *inputs, key = layer_inputs(case)
    params, x, dy = inputs
    one = by_hand(case.layer, params, x, dy, key)
    assert_close(compiled(case.layer, *inputs, key), one, 1e-12, rounding(one))
    flipped = jax.tree.map(lambda leaf: np.flip(leaf, 0), inputs)
    other = compiled(case.layer, *flipped, key)
    stacked = jax.tree.map(lambda a, b: np.stack([a, b]), inputs, flipped)
    rule = functools.partial(by_hand, case.layer, key=key)
    mapped = jax.jit(jax.vmap(rule), compiler_options=quick_options())(*stacked)
    looped = jax.tree.map(lambda a, b: np.stack([a, b]), one, other)
    assert_close(mapped, looped, 1e-12, rounding(looped))


def inputs_unchanged(case: LayerCase) -> None:
    """numpy arrays, which can be written to, are accepted and left as they were."""
    *arrays, key = layer_inputs(case)
    inputs = jax.tree.map(np.array, arrays)
    kept = jax.tree.map(np.copy, inputs)
    params, x, dy = inputs
    by_hand(case.layer, params, x, dy, key)
    jax.tree.map(np.testing.assert_array_equal, inputs, kept)


def finite_far_out(case: LayerCase) -> None:
    """Inputs of +-1e4 in float32 give a finite output and finite gradients."""
    *inputs, key = layer_inputs(case)
    params, x, dy = cast(inputs, jnp.float32)
    if jnp.issubdtype(x.dtype, jnp.floating):
        x = np.float32(1e4) * np.sign(x)
    for leaf in jax.tree.leaves(compiled(case.layer, params, x, dy, key)):
        assert np.isfinite(leaf).all()


LAYER_CHECKS: dict[str, Callable[[LayerCase], None]] = {
    check.__name__: check
    for check in (
        verifier,
        trees_shapes_dtypes,
        promised_shape,
        transformations,
        inputs_unchanged,
        finite_far_out,
    )
}


# --- checks of a loss -----------------------------------------------------------------------------


def loss_shapes_dtypes(case: LossCase) -> None:
    """A scalar in the dtype of the scores, and dscores with their shape and dtype."""
    for dtype in EVERY_FLOAT:
        scores, targets = cast(loss_inputs(case), dtype)
        J, dscores = jax.eval_shape(functools.partial(loss_by_hand, case.loss), scores, targets)
        assert (J.shape, J.dtype) == ((), dtype)
        assert (dscores.shape, dscores.dtype) == (scores.shape, dtype)


def loss_transformations(case: LossCase) -> None:
    """The same compiled; `vmap` over stacked scores equals a loop."""
    scores, targets = loss_inputs(case)
    one = loss_by_hand(case.loss, scores, targets)
    other = compiled_loss(case.loss, np.flip(scores, 0), targets)
    assert_close(compiled_loss(case.loss, scores, targets), one, 1e-12, rounding(one))
    rule = jax.vmap(lambda z: loss_by_hand(case.loss, z, targets))
    mapped = jax.jit(rule, compiler_options=quick_options())(np.stack([scores, np.flip(scores, 0)]))
    looped = jax.tree.map(lambda a, b: np.stack([a, b]), one, other)
    assert_close(mapped, looped, 1e-12, rounding(looped))


def loss_is_a_mean(case: LossCase) -> None:
    """Every example twice: the same loss, half the gradient at each."""
    inputs = loss_inputs(case)
    J, dscores = loss_by_hand(case.loss, *inputs)
    twice = jax.tree.map(lambda a: np.concatenate([a, a]), inputs)
    found = loss_by_hand(case.loss, *twice)
    assert_close(found, (J, np.concatenate([dscores, dscores]) / 2), 1e-13, 1e-15)


def loss_inputs_unchanged(case: LossCase) -> None:
    """numpy arrays are accepted and left as they were."""
    inputs = jax.tree.map(np.array, loss_inputs(case))
    kept = jax.tree.map(np.copy, inputs)
    loss_by_hand(case.loss, *inputs)
    jax.tree.map(np.testing.assert_array_equal, inputs, kept)


LOSS_CHECKS: dict[str, Callable[[LossCase], None]] = {
    "verifier": verifier,
    **{
        check.__name__: check
        for check in (
            loss_shapes_dtypes,
            loss_transformations,
            loss_is_a_mean,
            loss_inputs_unchanged,
        )
    },
}
