"""The verifier: is a backward pass the derivative of its forward pass?"""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.contract import LAYER, LOSS, ContractError, check_functions
from nnjax.core import Layer, Loss, Penalty, Shape
from nnjax.verify.case import Case, Draw, normal
from nnjax.verify.checks import check_arguments
from nnjax.verify.evidence import Point
from nnjax.verify.form import drawn_params, output
from nnjax.verify.judge import judge, judge_points
from nnjax.verify.points import delicate_points
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


def verify(
    rule: Layer | Loss,
    in_shape: Shape,
    loss: Loss | None = None,
    *,
    penalty: Penalty | None = None,
    targets: Any = None,
    batch: int = 4,
    inputs: Draw | None = None,
    unsuited: Mapping[str, str] | None = None,
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

    The verdict covers the inputs that it was judged at: standard normal numbers, and points at
    which rules go wrong (see `nnjax/verify/points.py`): wide inputs, zeros, ties, equal rows,
    saturation, subnormal numbers, tiny and huge error signals, a batch of 1, axes of size 1. At a
    kink the report says which slope the rule takes. Pass `inputs` to judge at your own inputs
    alone; for a layer that accepts axes between batch and features choose an `in_shape` with such
    an axis. An oracle estimates its own error, and abstains where it has no digits.

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
            are indices and are not differentiated. Default: the points above, or probabilities
            for a loss that is not finite on those.
        unsuited: oracles that cannot judge this rule, with the reason, such as
            {"central differences": "the layer rounds"}; "kinks" if the mean of the slopes at a kink
            is the right one.
        name: name of the rows; default "layer", "network" or "loss".
        show: print the table.

    Returns:
        A `Report`: `passed`, `wrong` (rows with the first parameter and index that disagree, and
        both values) and all `rows`. A rule that breaks the contract of a layer or a loss has one
        wrong row "form", whose detail says how.

    Raises:
        TypeError: if `rule` is neither a layer nor a loss, or `loss` and `penalty` are none.
        ValueError: if the shape is none or does not match the layer, if the targets do not match
            the loss, if a size is below 1, or if none of the default targets gives a finite loss.

    Example:
        >>> import nnjax as nn
        >>> wrong = nn.sigmoid()._replace(backward=lambda params, x, dy: ((), dy * x))
        >>> report = nn.verify(wrong, (3,), show=False)
        >>> print(report.passed, report.wrong[0].oracle)
        False jax.grad

    Source: see `nnjax/verify/oracles.py` for each oracle.
    """
    check_arguments(rule, in_shape, loss, penalty, batch, inputs)
    shape = (batch, *in_shape)
    called = name or ("loss" if isinstance(rule, Loss) else "network" if loss else "layer")
    x = to_float32((inputs or normal)(np.random.default_rng(2), shape))
    if np.shape(x) != shape:
        raise ValueError(f"verify(inputs): expected an array of shape {shape}, got {np.shape(x)}")
    excused = dict(unsuited or {})
    rows: list[Row] = []
    problems: dict[str, Problem] = {}
    try:
        if isinstance(rule, Loss):
            check_functions(rule, LOSS)
            problems = _loss_problems(rule, x, targets)
        else:
            check_functions(rule, LAYER)
            problems = _layer_problems(rule, tuple(in_shape), x, loss, penalty, targets)
    except ContractError as error:
        rows.append(Row(called, "", "form", math.nan, math.nan, "wrong", str(error)))
    for kind, problem in problems.items():
        points = [Point(kind, problem.inputs)]
        if inputs is None:
            over = [key for key in ("x", "scores") if key in problem.inputs]
            scaled = isinstance(rule, Layer) and loss is None
            points += delicate_points(problem.inputs, over, kind, scaled)
        rows += judge_points(problem, points, called, excused)
    formed = all(row.oracle != "form" for row in rows if row.options in problems)
    if problems and inputs is None and formed:
        rows += _one_example(rule, tuple(in_shape), x, loss, penalty, targets, called, excused)
    report = Report(tuple(rows))
    if show:
        print(report)
    return report


def verify_case(case: Case) -> Report:
    """Judge one row of the table of cases."""
    return Report(tuple(judge(problem_of(case), case.of, case.label, case.unsuited)))


def _one_example(
    rule: Layer | Loss,
    in_shape: Shape,
    x: np.ndarray,
    loss: Loss | None,
    penalty: Penalty | None,
    targets: Any,
    block: str,
    unsuited: dict[str, str],
) -> list[Row]:
    """Judge at one example, and at arrays whose axes all have size 1, if the rule accepts them."""
    first = jax.tree.map(lambda t: t[:1], targets, is_leaf=lambda node: type(node) is list)
    smaller = {"one example": (in_shape, x[:1]), "axes of size 1": ((1,) * len(in_shape), x[:1])}
    if isinstance(rule, Loss) or loss is not None or set(in_shape) <= {1}:
        smaller.pop("axes of size 1")
    rows: list[Row] = []
    for where, (shape, few) in smaller.items():
        few = few[(slice(None), *map(slice, shape))]
        try:
            if isinstance(rule, Loss):
                problems = _loss_problems(rule, few, first)
            else:
                problems = _layer_problems(rule, shape, few, loss, penalty, first)
            for kind, problem in problems.items():
                point = Point(", ".join(filter(None, (kind, where))), problem.inputs, delicate=True)
                rows += judge_points(problem, [point], block, unsuited)
        except (TypeError, ValueError) as error:
            reason = f"not tried: {(str(error).splitlines() or [''])[0]}"
            rows.append(Row(block, where, "form", math.nan, math.nan, "cannot judge", reason))
    return rows


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
        params, out_shape = drawn_params(layer, in_shape)
        params = jax.tree.map(
            lambda leaf: to_float32(np.asarray(leaf) + 0.1 * rng.normal(size=np.shape(leaf))),
            params,
        )
        evaluated = output(layer, params, jnp.asarray(x), None)
        key = _training_key(layer, params, jnp.asarray(x), evaluated)
    keys = {"": None} if key is None else {"evaluation": None, "training": key}
    if loss is None:
        return {m: layer_problem(layer, params, x, k, out_shape) for m, k in keys.items()}
    kinds = kinds_of_targets(loss, np.full(evaluated.shape, 0.5), targets)
    (_, chosen), *_ = kinds.items()
    return {m: network_problem(layer, loss, penalty, params, x, chosen, k) for m, k in keys.items()}


def _training_key(layer: Layer, params: Any, x: jax.Array, evaluated: jax.Array) -> Any:
    """The first of many keys that changes the output; None if none does."""
    forward = jax.jit(lambda key: output(layer, params, x, key))
    trained = jax.eval_shape(forward, jax.random.key(5))
    if trained.shape != evaluated.shape:
        raise ContractError(
            f"forward: expected y of shape {evaluated.shape}, as in evaluation, got "
            f"{trained.shape} with a key"
        )
    for key in jax.random.split(jax.random.key(5), 50):
        # Compilation may change the rounding; that is not another mode.
        if not np.allclose(forward(key), evaluated, rtol=1e-9, atol=1e-12, equal_nan=True):
            return key
    return None


def _loss_problems(loss: Loss, scores: np.ndarray, targets: Any) -> dict[str, Problem]:
    """The loss with the given targets, or with every kind of targets that it accepts."""
    try:
        kinds = kinds_of_targets(loss, scores, targets)
    except ContractError:
        raise
    except ValueError:
        if targets is not None:
            raise
        kinds = {}
    if not kinds:
        # A loss of probabilities is not finite on normal scores.
        scores = to_float32(np.random.default_rng(2).uniform(0.05, 0.95, scores.shape))
        kinds = kinds_of_targets(loss, scores, None)
    return {kind: loss_problem(loss, scores, t) for kind, t in kinds.items()}
