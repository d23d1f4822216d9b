"""What is verified, in one form for layers, losses and networks: a scalar and its gradient by hand.

A layer y = f(params, x) is turned into the scalar J = sum(r * y) with a random cotangent r, whose
gradient is the layer's backward pass started from dy = r. Never a plain sum of y: the outputs of a
softmax or a normalisation sum to a constant, and any rule would pass.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.core import Layer, Loss, Penalty
from nnjax.verify.case import Case, LayerCase, LossCase, PenaltyCase


class Problem(NamedTuple):
    """`terms(inputs)` sum to the scalar J; `gradient(inputs)` is dJ/dinputs by hand.

    `inputs` is a dictionary of trees ("params", "x" or "scores") of numpy arrays in float64 that
    hold float32 numbers, so that every precision starts from the same numbers.
    """

    terms: Callable[[Any], jax.Array]
    gradient: Callable[[Any], Any]
    inputs: Any


def problem_of(case: Case, loss: Loss | None = None, targets: Any = None) -> Problem:
    """The problem of a row of the table; of a network with a loss on top, if one is given."""
    rng = np.random.default_rng(3)
    if isinstance(case, LossCase):
        scores = to_float32(case.scores(rng, case.shape))
        return _of_loss(case.loss, scores, to_float32(case.targets(rng, case.shape)))
    if isinstance(case, PenaltyCase):
        return _of_penalty(case.penalty, to_float32(case.params(rng)))
    params, x, key = drawn(case, rng)
    if loss is not None:
        return _of_network(case.layer, loss, params, x, targets, key)
    return _of_layer(case.layer, params, x, key, rng)


def drawn(case: LayerCase, rng: np.random.Generator) -> tuple[Any, np.ndarray, jax.Array | None]:
    """Parameters, inputs and, for training, the key that a case is judged with."""
    x = to_float32(case.inputs(rng, (case.batch, *case.in_shape)))
    return _params(case, rng), x, jax.random.key(5) if case.training else None


def to_float32(tree: Any) -> Any:
    """Arrays of floats become float64 arrays of float32 numbers; whole numbers stay."""
    return jax.tree.map(
        lambda leaf: (
            np.asarray(leaf).astype(np.float32).astype(np.float64)
            if jnp.issubdtype(np.asarray(leaf).dtype, jnp.floating)
            else np.asarray(leaf)
        ),
        tree,
    )


def cast(tree: Any, dtype: Any) -> Any:
    """Arrays of floats in another dtype; whole numbers stay."""
    return jax.tree.map(
        lambda leaf: leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf, tree
    )


def _params(case: LayerCase, rng: np.random.Generator) -> Any:
    """Random numbers in the form of the layer's parameters, or what `init` gives."""
    key = jax.random.key(1)
    if case.at_init:
        return to_float32(case.layer.init(key, case.in_shape)[0])
    like = jax.eval_shape(lambda key: case.layer.init(key, case.in_shape)[0], key)
    return to_float32(jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), like))


def _with_x(params: Any, x: np.ndarray) -> tuple[Any, Callable[[Any], Any]]:
    """The inputs to differentiate by (ids have no derivative), and a function that finds x."""
    if jnp.issubdtype(x.dtype, jnp.floating):
        return {"params": params, "x": x}, lambda inputs: inputs["x"]
    return {"params": params}, lambda inputs: jnp.asarray(x)


def _gradients(dparams: Any, dx: Any, inputs: Any) -> Any:
    return {"params": dparams} | ({"x": dx} if "x" in inputs else {})


def _of_layer(
    layer: Layer, params: Any, x: np.ndarray, key: Any, rng: np.random.Generator
) -> Problem:
    inputs, find_x = _with_x(params, x)

    def output(inputs: Any) -> tuple[jax.Array, Any]:
        return layer.forward(inputs["params"], find_x(inputs), key)

    y = jax.eval_shape(lambda inputs: output(inputs)[0], inputs)
    r = to_float32(rng.normal(size=y.shape))

    def terms(inputs: Any) -> jax.Array:
        y = output(inputs)[0]
        return y * jnp.asarray(r, y.dtype)

    def gradient(inputs: Any) -> Any:
        y, residuals = output(inputs)
        dy = jnp.asarray(r, y.dtype)
        return _gradients(*layer.backward(inputs["params"], residuals, dy), inputs)

    return Problem(terms, gradient, inputs)


def _of_loss(loss: Loss, scores: np.ndarray, targets: Any) -> Problem:
    def run(inputs: Any) -> tuple[jax.Array, Any]:
        z = inputs["scores"]
        return loss.forward(z, _like(targets, z))

    return Problem(
        terms=lambda inputs: run(inputs)[0],
        gradient=lambda inputs: {"scores": loss.backward(run(inputs)[1])},
        inputs={"scores": scores},
    )


def _of_penalty(penalty: Penalty, params: Any) -> Problem:
    return Problem(
        terms=lambda inputs: penalty.forward(inputs["params"])[0],
        gradient=lambda inputs: {"params": penalty.backward(penalty.forward(inputs["params"])[1])},
        inputs={"params": params},
    )


def _of_network(
    network: Layer, loss: Loss, params: Any, x: np.ndarray, targets: Any, key: Any
) -> Problem:
    inputs, find_x = _with_x(params, x)

    def run(inputs: Any) -> tuple[jax.Array, Any, Any]:
        scores, residuals = network.forward(inputs["params"], find_x(inputs), key)
        J, loss_residuals = loss.forward(scores, _like(targets, scores))
        return J, residuals, loss_residuals

    def gradient(inputs: Any) -> Any:
        _, residuals, loss_residuals = run(inputs)
        found = network.backward(inputs["params"], residuals, loss.backward(loss_residuals))
        return _gradients(*found, inputs)

    return Problem(lambda inputs: run(inputs)[0], gradient, inputs)


def _like(targets: Any, scores: jax.Array) -> Any:
    """Targets in the precision of the scores; real where the scores are complex."""
    real = jnp.finfo(scores.dtype).dtype
    return jax.tree.map(jnp.asarray, cast(targets, real))
