"""What a rule must keep to besides being right, each promise a check of one row of the table.

That the gradient is right is what `nnjax.verify` finds out; these are the promises of the contract:
shapes, dtypes, the same under `jit` and `vmap`, no input changed, nothing infinite far out. All
numbers that the checks of a row compare come from one compiled program. `test_mutants.py` shows
which wrong rule each check finds.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from trees import assert_close, rounding

import nnjax as nn
from nnjax.core import Params
from nnjax.verify import verify_case
from nnjax.verify.case import LayerCase, LossCase
from nnjax.verify.problem import cast, drawn, to_float32
from nnjax.verify.programs import quick_options

EVERY_FLOAT = (jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64)

# --- a row, its inputs and its outputs ------------------------------------------------------------


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


class Outputs(NamedTuple):
    """What a rule gives for two sets of inputs, in a loop and mapped, and for a third."""

    looped: Any
    mapped: Any
    third: Any


@dataclass
class Row:
    """A row of the table: its rule, and three sets of inputs."""

    case: LayerCase | LossCase
    rule: Callable[..., Any]
    inputs: tuple[Any, ...]
    second: tuple[Any, ...]
    third: tuple[Any, ...]

    @functools.cached_property
    def traced(self) -> Callable[..., Any]:
        """The rule, traced once for inputs of the same shapes and dtypes."""
        return jax.jit(self.rule, inline=True)

    @functools.cached_property
    def outputs(self) -> Outputs:
        """All numbers that are compared, computed when a check first asks for them."""

        def program(two: Any, third: Any) -> Outputs:
            looped = jax.lax.map(lambda one: self.traced(*one), two)
            return Outputs(looped, jax.vmap(self.traced)(*two), self.traced(*third))

        two = jax.tree.map(lambda a, b: np.stack([a, b]), self.inputs, self.second)
        run = jax.jit(program, compiler_options=quick_options())
        return jax.device_get(run(two, self.third))

    @property
    def first(self) -> Any:
        """The outputs for `inputs`."""
        return jax.tree.map(lambda leaf: leaf[0], self.outputs.looped)


def layer_inputs(case: LayerCase) -> tuple[Params, Any, Any, Any]:
    """Parameters, x, a random dy, all in float64, and the key of training or None."""
    rng = np.random.default_rng(1)
    params, x, key = drawn(case, rng)
    y = jax.eval_shape(lambda p, x: case.layer.forward(p, x, key)[0], params, x)
    return params, x, to_float32(rng.normal(size=y.shape)), key


def layer_row(case: LayerCase) -> Row:
    """The second inputs are the first in another order, the third are far out in float32."""
    *inputs, key = layer_inputs(case)
    params, x, dy = cast(inputs, jnp.float32)
    if jnp.issubdtype(x.dtype, jnp.floating):
        x = np.float32(1e4) * np.sign(x)
    flipped = jax.tree.map(lambda leaf: np.flip(leaf, 0), inputs)
    rule = functools.partial(by_hand, case.layer, key=key)
    return Row(case, rule, tuple(inputs), tuple(flipped), (params, x, dy))


def loss_row(case: LossCase) -> Row:
    """The second scores are the first in another order, the third have every example twice."""
    rng = np.random.default_rng(5)
    scores = to_float32(case.scores(rng, case.shape))
    targets = to_float32(case.targets(rng, case.shape))
    twice = jax.tree.map(lambda a: np.concatenate([a, a]), (scores, targets))
    rule = functools.partial(loss_by_hand, case.loss)
    return Row(case, rule, (scores, targets), (np.flip(scores, 0), targets), twice)


# --- checks of any rule ---------------------------------------------------------------------------


def verifier(row: Row) -> None:
    """Every oracle that can judge the gradient finds it right, in float64 and float32."""
    report = verify_case(row.case)
    assert report.passed, f"\n{report}"


def mapped(row: Row) -> None:
    """`vmap` over stacked parameters and inputs equals a loop."""
    looped = row.outputs.looped
    assert_close(row.outputs.mapped, looped, 1e-12, rounding(looped))


def uncompiled(row: Row) -> None:
    """Operation by operation, numpy arrays give the same and are left as they were."""
    given = jax.tree.map(np.array, row.inputs)  # can be written to
    found = row.rule(*given)
    jax.tree.map(np.testing.assert_array_equal, given, row.inputs)
    assert_close(found, row.first, 1e-12, rounding(row.first))


# --- checks of a layer ----------------------------------------------------------------------------


def trees_shapes_dtypes(row: Row) -> None:
    """dparams has the tree, shapes and dtypes of params, dx those of x, in every precision."""
    for dtype in EVERY_FLOAT:
        params, x, dy = cast(row.inputs, dtype)
        y, (dparams, dx) = jax.eval_shape(row.traced, params, x, dy)
        assert (y.shape, y.dtype) == (dy.shape, dtype)
        assert jax.tree.structure(dparams) == jax.tree.structure(params)
        # Ids have no derivative; what is returned for them has the dtype of dy.
        like_x = x.astype(dtype)
        leaves = jax.tree.leaves((params, like_x))
        for a, b in zip(jax.tree.leaves((dparams, dx)), leaves, strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)


def promised_shape(row: Row) -> None:
    """`init` promises the shape that `forward` gives, for every number of examples, none too."""
    case, out_shapes = row.case, []
    assert isinstance(case, LayerCase)

    def init(key: jax.Array) -> Params:
        params, out_shape = case.layer.init(key, case.in_shape)
        out_shapes.append(out_shape)
        return params

    params = jax.eval_shape(init, jax.random.key(1))
    (out_shape,) = out_shapes
    assert isinstance(out_shape, tuple)
    for examples in (0, 1, case.batch):
        x = np.zeros((examples, *case.in_shape), row.inputs[1].dtype)
        dy = np.zeros((examples, *out_shape))
        y, (_, dx) = jax.eval_shape(row.traced, params, x, dy)
        assert (y.shape, dx.shape) == (dy.shape, x.shape)


def finite_far_out(row: Row) -> None:
    """Inputs of +-1e4 in float32 give a finite output and finite gradients."""
    for leaf in jax.tree.leaves(row.outputs.third):
        assert np.isfinite(leaf).all()


# --- checks of a loss -----------------------------------------------------------------------------


def scalar_shapes_dtypes(row: Row) -> None:
    """A scalar in the dtype of the scores, and dscores with their shape and dtype."""
    for dtype in EVERY_FLOAT:
        scores, targets = cast(row.inputs, dtype)
        J, dscores = jax.eval_shape(row.traced, scores, targets)
        assert (J.shape, J.dtype) == ((), dtype)
        assert (dscores.shape, dscores.dtype) == (scores.shape, dtype)


def loss_is_a_mean(row: Row) -> None:
    """Every example twice: the same loss, half the gradient at each."""
    J, dscores = row.first
    expected = J, np.concatenate([dscores, dscores]) / 2
    assert_close(row.outputs.third, expected, 1e-13, 1e-15)


# --- all checks of a row --------------------------------------------------------------------------

CHECKS: dict[type, tuple[Callable[[Row], None], ...]] = {
    LayerCase: (verifier, trees_shapes_dtypes, promised_shape, mapped, finite_far_out),
    LossCase: (verifier, scalar_shapes_dtypes, mapped, loss_is_a_mean),
}
"""Without `uncompiled`, which takes as long as all others: every operation is a program."""


def row_of(case: LayerCase | LossCase) -> Row:
    """The row that the checks look at."""
    return layer_row(case) if isinstance(case, LayerCase) else loss_row(case)


def failures(row: Row, *more: Callable[[Row], None]) -> dict[str, Exception]:
    """The checks of a row that fail, and `more`, by name."""
    failed: dict[str, Exception] = {}
    for check in (*CHECKS[type(row.case)], *more):
        try:
            check(row)
        except Exception as error:  # whatever a wrong rule may raise is a finding
            failed[check.__name__] = error
    return failed
