"""The common form of layers, losses and networks: a scalar and its hand-derived gradient.

A layer y = f(params, x) becomes the scalar J = Σ r ⊙ y with a random r, whose gradient is the
layer's backward pass for dy = r. A plain sum of y would not do: the outputs of a softmax or a
normalisation sum to a constant, so some wrong rules would pass.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.contract import described, pair
from nnjax.core import Layer, Loss, Penalty, Shape, value_and_grad
from nnjax.verify.case import Case, LayerCase, LossCase, PenaltyCase


class Problem(NamedTuple):
    """`terms(inputs)` sum to the scalar J; `gradient(inputs)` is the hand-derived dJ/dinputs.

    `gradient(inputs, scale)` is the rule's gradient of scale J, for an error signal scale times as
    large; a loss and a penalty start a backward pass and have no error signal. `inputs` is a
    dictionary of trees ("params", "x" or "scores") of float64 arrays rounded to float32, so that
    both precisions start from the same numbers. `broken()` describes any other violation of the
    contract; empty if there is none. `eps` is the unit roundoff of a rule that computes in a lower
    precision whatever its inputs, `tolerance` a relative error to allow on top.
    """

    terms: Callable[[Any], jax.Array]
    gradient: Callable[..., Any]
    inputs: Any
    broken: Callable[[], str] = lambda: ""
    eps: float = 0.0
    tolerance: float = 0.0


def problem_of(case: Case) -> Problem:
    """The problem of a row of the table."""
    rng = np.random.default_rng(3)
    if isinstance(case, LossCase):
        scores = to_float32(case.scores(rng, case.shape))
        return loss_problem(case.loss, scores, to_float32(case.targets(rng, case.shape)))
    if isinstance(case, PenaltyCase):
        return penalty_problem(case.penalty, to_float32(case.params(rng)))
    params, x, key = drawn(case, rng)
    return layer_problem(case.layer, params, x, key)


def drawn(case: LayerCase, rng: np.random.Generator) -> tuple[Any, np.ndarray, jax.Array | None]:
    """The parameters, the inputs and, for training, the key of a case."""
    x = to_float32(case.inputs(rng, (case.batch, *case.in_shape)))
    key = jax.random.key(1)
    if case.at_init:
        params = to_float32(case.layer.init(key, case.in_shape)[0])
    else:
        like = jax.eval_shape(lambda key: case.layer.init(key, case.in_shape)[0], key)
        params = to_float32(jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), like))
    return params, x, jax.random.key(5) if case.training else None


def layer_problem(
    layer: Layer, params: Any, x: np.ndarray, key: jax.Array | None, promised: Any = None
) -> Problem:
    """J = Σ r ⊙ y for a layer; `promised` is the output shape that `init` returned, if known."""
    inputs, find_x = _with_x(params, x)

    def output(inputs: Any) -> tuple[jax.Array, Any]:
        returned = layer.forward(inputs["params"], find_x(inputs), key)
        return pair(returned, "forward", "(y, residuals)")

    y = jax.eval_shape(lambda inputs: output(inputs)[0], inputs)
    rng = np.random.default_rng(7)
    # Entries of very different sizes, so that a rule that is not linear in dy cannot pass.
    r = to_float32(rng.normal(size=y.shape) * 2.0 ** rng.integers(-5, 6, size=y.shape))

    def terms(inputs: Any) -> jax.Array:
        y = output(inputs)[0]
        return y * jnp.asarray(r, y.dtype)

    def backward(inputs: Any, scale: Any = 1.0) -> tuple[Any, Any]:
        y, residuals = output(inputs)
        dy = jnp.asarray(r, y.dtype) * jnp.asarray(scale, y.dtype)
        returned = layer.backward(inputs["params"], residuals, dy)
        return pair(returned, "backward", "(dparams, dx)")

    def broken() -> str:
        wrong = "" if promised is None else _promised(y, len(x), promised)
        return wrong if wrong or "x" in inputs else _ids(x, jax.eval_shape(backward, inputs)[1])

    def gradient(inputs: Any, scale: Any = 1.0) -> Any:
        return _gradients(*backward(inputs, scale), inputs)

    return Problem(terms, gradient, inputs, broken)


def network_problem(
    network: Layer,
    loss: Loss,
    penalty: Penalty | None,
    params: Any,
    x: np.ndarray,
    targets: Any,
    key: jax.Array | None,
) -> Problem:
    """J = loss(network(x)) + penalty; the parameters' gradient is that of `value_and_grad`."""
    inputs, find_x = _with_x(params, x)

    def run(inputs: Any) -> tuple[jax.Array, Any, Any]:
        scores, residuals = network.forward(inputs["params"], find_x(inputs), key)
        J, loss_residuals = _value(loss, scores, _like(targets, scores))
        return J, residuals, loss_residuals

    def terms(inputs: Any) -> jax.Array:
        J = run(inputs)[0]
        return J if penalty is None else J + penalty.forward(inputs["params"])[0].astype(J.dtype)

    def gradient(inputs: Any, scale: Any = 1.0) -> Any:
        del scale
        x = find_x(inputs)
        scores = jax.eval_shape(lambda: network.forward(inputs["params"], x, key)[0])
        found = value_and_grad(network, loss, penalty)(
            inputs["params"], x, _like(targets, scores), key
        )
        _, residuals, loss_residuals = run(inputs)
        dx = network.backward(inputs["params"], residuals, loss.backward(loss_residuals))[1]
        return _gradients(found[1], dx, inputs)

    def broken() -> str:
        def signal(inputs: Any) -> tuple[jax.Array, Any]:
            scores = network.forward(inputs["params"], find_x(inputs), key)[0]
            return scores, loss.backward(run(inputs)[2])

        wrong = _scalar(jax.eval_shape(terms, inputs))
        return wrong or _dscores(*jax.eval_shape(signal, inputs))

    return Problem(terms, gradient, inputs, broken)


def loss_problem(loss: Loss, scores: np.ndarray, targets: Any) -> Problem:
    """J = loss(scores)."""

    def run(inputs: Any) -> tuple[jax.Array, Any]:
        z = inputs["scores"]
        return _value(loss, z, _like(targets, z))

    def terms(inputs: Any) -> jax.Array:
        return run(inputs)[0]

    inputs = {"scores": scores}
    return Problem(
        terms,
        lambda inputs, scale=1.0: {"scores": loss.backward(run(inputs)[1])},
        inputs,
        lambda: _scalar(jax.eval_shape(terms, inputs)),
    )


def penalty_problem(penalty: Penalty, params: Any) -> Problem:
    """J = penalty(params)."""

    def terms(inputs: Any) -> jax.Array:
        return penalty.forward(inputs["params"])[0]

    def gradient(inputs: Any, scale: Any = 1.0) -> Any:
        del scale
        return {"params": penalty.backward(penalty.forward(inputs["params"])[1])}

    inputs = {"params": params}
    return Problem(terms, gradient, inputs, lambda: _scalar(jax.eval_shape(terms, inputs)))


def to_float32(tree: Any) -> Any:
    """Round floats to float32, in float64 arrays; convert whole numbers to at most 32 bits."""

    def rounded(leaf: Any) -> np.ndarray:
        array = np.asarray(leaf)
        if jnp.issubdtype(array.dtype, jnp.floating):
            return array.astype(np.float32).astype(np.float64)
        return array.astype(np.int32) if array.dtype == np.int64 else array

    return jax.tree.map(rounded, tree)


def cast(tree: Any, dtype: Any) -> Any:
    """Convert arrays of floats to another dtype; leave whole numbers unchanged."""
    return jax.tree.map(
        lambda leaf: leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf, tree
    )


def _with_x(params: Any, x: np.ndarray) -> tuple[Any, Callable[[Any], Any]]:
    """The inputs to differentiate by (ids have no derivative), and a function that returns x."""
    if jnp.issubdtype(x.dtype, jnp.floating):
        return {"params": params, "x": x}, lambda inputs: inputs["x"]
    return {"params": params}, lambda inputs: jnp.asarray(x)


def _gradients(dparams: Any, dx: Any, inputs: Any) -> Any:
    return {"params": dparams} | ({"x": dx} if "x" in inputs else {})


def _promised(y: Any, batch: int, out_shape: Shape) -> str:
    """How the output differs from the shape that init returned; else empty."""
    if y.shape == (batch, *out_shape):
        return ""
    if y.shape[:1] == (batch,):
        return f"init returns the output shape {out_shape}, but forward gives {y.shape[1:]}"
    return (
        f"forward: expected y of shape {(batch, *out_shape)}, the batch axis first and then the "
        f"output shape that init returns, got {y.shape}"
    )


def _value(loss: Loss, scores: Any, targets: Any) -> tuple[jax.Array, Any]:
    return pair(loss.forward(scores, targets), "the loss's forward", "(J, residuals)")


def _dscores(scores: Any, dscores: Any) -> str:
    """How the error signal that starts a network's backward pass differs from its scores."""
    if getattr(dscores, "shape", None) == scores.shape:
        return ""
    return (
        f"the loss's backward: expected dscores as an array of shape {scores.shape}, got "
        f"{described(dscores)}"
    )


def _ids(x: np.ndarray, dx: Any) -> str:
    """Ids have no derivative, but forks add error signals, so dx must be zeros of their shape."""
    if np.shape(dx) == x.shape:
        return ""
    return f"dx of whole-number x: expected zeros of shape {x.shape}, got {dx}"


def _scalar(J: Any) -> str:
    return "" if J.shape == () else f"expected a scalar loss, got an array of shape {J.shape}"


def _like(targets: Any, scores: Any) -> Any:
    """Targets in the precision of the scores; real if the scores are complex."""
    real = jnp.finfo(scores.dtype).dtype
    return jax.tree.map(jnp.asarray, cast(targets, real))
