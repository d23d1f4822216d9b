"""The verifier: is a backward pass the derivative of its forward pass?"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.core import Layer, Loss, Penalty, Shape
from nnjax.verify.case import Case, Draw, normal
from nnjax.verify.judge import judge
from nnjax.verify.problem import (
    Problem,
    layer_problem,
    loss_problem,
    network_problem,
    problem_of,
    to_float32,
)
from nnjax.verify.report import Report, Row
from nnjax.verify.targets import kinds_of_targets

UNSUITED_FAR_OUT = {
    "central differences": "the derivative may be smaller than the rounding of the function",
    "complex step": "the derivative may be smaller than the rounding of the function",
}


def verify(
    rule: Layer | Loss,
    in_shape: Shape,
    loss: Loss | None = None,
    *,
    penalty: Penalty | None = None,
    targets: Any = None,
    batch: int = 4,
    inputs: Draw | None = None,
    name: str = "",
    show: bool = True,
) -> Report:
    """Compare the backward pass of a layer, a network or a loss with independent oracles.

        error = max |rule - oracle| / (max |oracle| + 0.01 max over all arrays of |oracle|)

    for each array of the gradient; the largest error counts. The oracles are `jax.grad` of the
    forward pass, central differences and a complex step in every coordinate, and a dot test along
    a random direction, all in float64; the rule runs in float64 and in float32. The error signal of
    a layer is random, with entries of very different sizes: a plain sum of the outputs would hide
    errors in normalisations and softmax. Layers that behave differently in training are verified in
    both modes, and a loss with every kind of targets that it accepts.

    The verdict covers the given inputs only. By default these are standard normal, then numbers of
    up to a few hundred ("wide inputs"), judged by `jax.grad` and the dot test alone. To cover
    kinks, ties and saturation pass `inputs`; for a layer that accepts axes between batch and
    features choose an `in_shape` with such an axis. The cost grows with the square of the number of
    parameters, so verify a small version of a network.

    Args:
        rule: the layer, network or loss.
        in_shape: shape of one example: of the input of a layer, of the scores of a loss.
        loss: the loss of a network; the gradient of `value_and_grad` is then verified, together
            with the error signal at the input.
        penalty: a penalty to add to that loss.
        targets: targets of the loss, (batch, ...). Default: all that the loss accepts of random
            labels, numbers in (0, 1), signs, and labels 0 or 1; for a loss alone also weighted.
        batch: number of examples.
        inputs: draws the inputs (for a loss: the scores), `(rng, shape) -> array`. Whole numbers
            are indices and are not differentiated. Default: normal numbers as above, or
            probabilities for a loss that is not finite on those.
        name: name of the rows; default "layer", "network" or "loss".
        show: print the table.

    Returns:
        A `Report`: `passed`, `wrong` (rows with the first parameter and index that disagree, and
        both values) and all `rows`.

    Raises:
        TypeError: if `rule` is neither a layer nor a loss.
        ValueError: if the shape does not match the layer, if the targets do not match the loss, if
            a size is below 1, or if none of the default targets gives a finite loss.

    Example:
        >>> import nnjax as nn
        >>> wrong = nn.sigmoid()._replace(backward=lambda params, x, dy: ((), dy * x))
        >>> report = nn.verify(wrong, (3,), show=False)
        >>> print(report.passed, report.wrong[0].oracle)
        False jax.grad

    Source: see `nnjax/verify/oracles.py` for each oracle.
    """
    shape = (batch, *in_shape)
    if any(n < 1 for n in shape):
        raise ValueError(f"verify: expected batch and in_shape to be at least 1, got {shape}")
    draws = {"": inputs or normal} | ({} if inputs else {"wide inputs": _wide})
    rows: list[Row] = []
    for draw_name, draw in draws.items():
        x = to_float32(draw(np.random.default_rng(2), shape))
        if isinstance(rule, Loss):
            problems = _loss_problems(rule, x, targets)
        elif isinstance(rule, Layer):
            problems = _layer_problems(rule, tuple(in_shape), x, loss, penalty, targets)
        else:
            raise TypeError(
                f"verify: expected a layer or a loss, got {rule!r}; call the function that makes "
                "the layer, as in nn.relu()"
            )
        called = name or ("loss" if isinstance(rule, Loss) else "network" if loss else "layer")
        for kind, problem in problems.items():
            if not draw_name:
                rows += judge(problem, called, kind)
                continue
            # An overflow of the forward pass on wide inputs is not a mistake of the backward pass.
            left_out = (*UNSUITED_FAR_OUT, "form")
            options = ", ".join(filter(None, (kind, draw_name)))
            found = judge(problem, called, options, UNSUITED_FAR_OUT)
            rows += [row for row in found if row.oracle not in left_out]
    report = Report(tuple(rows))
    if show:
        print(report)
    return report


def verify_case(case: Case) -> Report:
    """Judge one row of the table of cases."""
    return Report(tuple(judge(problem_of(case), case.of, case.label, case.unsuited)))


def _wide(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Normal numbers scaled to very different sizes, up to a few hundred."""
    return rng.normal(size=shape) * 2.0 ** rng.integers(0, 8, size=shape)


def _layer_problems(
    layer: Layer,
    in_shape: Shape,
    x: np.ndarray,
    loss: Loss | None,
    penalty: Penalty | None,
    targets: Any,
) -> dict[str, Problem]:
    """The layer in evaluation, and in training if that differs."""
    # Near the initial parameters, not at them: zero biases and equal scales hide mistakes.
    rng = np.random.default_rng(1)
    with jax.enable_x64(True):
        params, out_shape = layer.init(jax.random.key(0), in_shape)
        params = jax.tree.map(
            lambda leaf: (
                to_float32(np.asarray(leaf) + 0.1 * rng.normal(size=np.shape(leaf)))
                if jnp.issubdtype(jnp.asarray(leaf).dtype, jnp.floating)
                else np.asarray(leaf)
            ),
            params,
        )
        evaluated = layer.forward(params, jnp.asarray(x), None)[0]
        key = _training_key(layer, params, jnp.asarray(x), evaluated)
    keys = {"": None} if key is None else {"evaluation": None, "training": key}
    if loss is None:
        return {m: layer_problem(layer, params, x, k, out_shape) for m, k in keys.items()}
    kinds = kinds_of_targets(loss, np.full(evaluated.shape, 0.5), targets)
    (_, chosen), *_ = kinds.items()
    return {m: network_problem(layer, loss, penalty, params, x, chosen, k) for m, k in keys.items()}


def _training_key(layer: Layer, params: Any, x: jax.Array, evaluated: jax.Array) -> Any:
    """The first of many keys that changes the output; None if none does."""
    forward = jax.jit(lambda key: layer.forward(params, x, key)[0])
    for key in jax.random.split(jax.random.key(5), 50):
        # Compilation may change the rounding; that is not another mode.
        if not np.allclose(forward(key), evaluated, rtol=1e-9, atol=1e-12, equal_nan=True):
            return key
    return None


def _loss_problems(loss: Loss, scores: np.ndarray, targets: Any) -> dict[str, Problem]:
    """The loss with the given targets, or with every kind of targets that it accepts."""
    try:
        kinds = kinds_of_targets(loss, scores, targets)
    except ValueError:
        if targets is not None:
            raise
        # A loss of probabilities is not finite on normal scores.
        scores = to_float32(np.random.default_rng(2).uniform(0.05, 0.95, scores.shape))
        kinds = kinds_of_targets(loss, scores, None)
    return {kind: loss_problem(loss, scores, t) for kind, t in kinds.items()}
