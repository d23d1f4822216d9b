"""The verifier: is a backward pass the derivative of its forward pass?"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.core import Layer, Loss, Shape
from nnjax.verify.case import Case, Draw, LayerCase, LossCase, normal
from nnjax.verify.judge import judge
from nnjax.verify.problem import cast, problem_of, to_float32
from nnjax.verify.report import Report, Row


def verify(
    rule: Layer | Loss,
    in_shape: Shape,
    loss: Loss | None = None,
    *,
    targets: Any = None,
    batch: int = 4,
    inputs: Draw = normal,
    name: str = "",
    show: bool = True,
) -> Report:
    """Compare the backward pass of a layer, a network or a loss with independent oracles.

        error = max |rule - oracle| / max |oracle|    per array of the gradient, the worst counts

    In float64 the rule is compared with `jax.grad` of the plain forward, with central differences
    and a complex step over all coordinates, and by a dot test along a random direction; in float32
    with the same oracles. A layer gets a random cotangent, never a plain sum, which would hide
    errors in normalisations and softmax. Layers that behave differently in training are verified in
    both modes. The cost grows with the square of the number of parameters: verify a small version
    of a network.

    Args:
        rule: the layer, network or loss.
        in_shape: shape of one example: of the input of a layer, of the scores of a loss.
        loss: put on top of the network; then the whole of `value_and_grad` is verified, and the
            error signal at the input too.
        targets: targets of the loss, (batch, ...); default: whichever the loss takes of random
            labels, numbers in (0, 1), signs and labels 0 or 1.
        batch: number of examples.
        inputs: draws the inputs, `(rng, shape) -> array`; default standard normal. Whole numbers
            are indices, by which nothing is differentiated.
        name: what the rows are called; default "layer", "network" or "loss".
        show: print the table.

    Returns:
        A `Report`: `passed`, `wrong` (rows with the first parameter and index that disagree and
        both values) and all `rows`.

    Raises:
        TypeError: if `rule` is neither a layer nor a loss.
        ValueError: if the input's shape does not fit the layer, or the targets the loss, or if none
            of the default targets gives a finite loss.

    Example:
        >>> import nnjax as nn
        >>> wrong = nn.sigmoid()._replace(backward=lambda params, x, dy: ((), dy * x))
        >>> report = nn.verify(wrong, (3,), show=False)
        >>> print(report.passed, report.wrong[0].detail)
        False x[0, 0]: rule -0.574084882, jax.grad -0.0286222192 (float64)

    Source: the oracles' own, see `nnjax/verify/oracles.py`.
    """
    if isinstance(rule, Loss):
        shape = (batch, *in_shape)
        drawn = _targets(rule, shape) if targets is None else targets
        case = LossCase(name or "loss", "", rule, shape, lambda rng, shape: drawn)
        report = Report(tuple(judge(problem_of(case), case.of, case.label)))
    elif isinstance(rule, Layer):
        report = Report(tuple(_of_layer(rule, in_shape, loss, targets, batch, inputs, name)))
    else:
        raise TypeError(
            f"verify: expected a layer or a loss, got {rule!r}; layers are made by a call, as in "
            "nn.relu()"
        )
    if show:
        print(report)
    return report


def verify_case(case: Case) -> Report:
    """The report on one row of the table of cases."""
    return Report(tuple(judge(problem_of(case), case.of, case.label, case.unsuited)))


def _of_layer(
    layer: Layer,
    in_shape: Shape,
    loss: Loss | None,
    targets: Any,
    batch: int,
    inputs: Draw,
    name: str,
) -> list[Row]:
    # Around what init gives, but not at it: zero biases and equal scales hide mistakes.
    with jax.enable_x64(True):
        params, _ = layer.init(jax.random.key(0), tuple(in_shape))
    rng = np.random.default_rng(1)
    moved = jax.tree.map(
        lambda leaf: (
            to_float32(np.asarray(leaf) + 0.1 * rng.normal(size=leaf.shape))
            if jnp.issubdtype(leaf.dtype, jnp.floating)
            else np.asarray(leaf)
        ),
        params,
    )
    fixed = layer._replace(init=lambda key, in_shape: (moved, None))  # type: ignore[return-value]
    case = LayerCase(
        name or ("layer" if loss is None else "network"),
        "evaluation",
        fixed,
        tuple(in_shape),
        batch,
        inputs,
        at_init=True,
    )
    x = to_float32(inputs(np.random.default_rng(2), (batch, *in_shape)))
    with jax.enable_x64(True):
        evaluated = layer.forward(moved, jnp.asarray(x), None)
        trained = layer.forward(moved, jnp.asarray(x), jax.random.key(5))
    if loss is not None and targets is None:
        targets = _targets(loss, evaluated[0].shape)
    cases = [case]
    if not _same(evaluated, trained):
        cases.append(case._replace(label="training", training=True))
    else:
        cases = [case._replace(label="")]
    return [
        row for c in cases for row in judge(problem_of(c, loss, targets), c.of, c.label, c.unsuited)
    ]


def _same(a: Any, b: Any) -> bool:
    """Equal to the last bit: then training and evaluation are one and the same."""
    leaves = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=False)
    return jax.tree.structure(a) == jax.tree.structure(b) and all(
        np.array_equal(x, y, equal_nan=True) for x, y in leaves
    )


def _targets(loss: Loss, scores: Shape) -> np.ndarray:
    """The first kind of targets that gives a finite loss."""
    rng = np.random.default_rng(4)
    labels = rng.integers(scores[-1], size=scores[:-1]).astype(np.int32)
    numbers = to_float32(rng.uniform(size=scores))
    middling = jnp.full(scores, 0.5)
    for targets in (labels, numbers, np.sign(numbers - 0.5), labels % 2):
        try:
            J, _ = loss.forward(middling, jax.tree.map(jnp.asarray, cast(targets, jnp.float32)))
        except (ValueError, TypeError):
            continue
        if jnp.isfinite(J):
            return targets
    raise ValueError(f"verify: give targets for this loss on scores of shape {scores}")
