"""Where a rule is judged by default: besides the given inputs, points at which rules go wrong.

Every point is made from the given inputs, so shapes stay and one compiled program serves all. A
point at which the forward pass is not finite is noted and not held against the rule.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from nnjax.verify.evidence import Point
from nnjax.verify.problem import to_float32
from nnjax.verify.report import Row

Transform = Callable[[np.ndarray], np.ndarray]


def _wide(x: np.ndarray) -> np.ndarray:
    """Numbers of very different sizes, up to a few hundred."""
    return x * 2.0 ** np.random.default_rng(2).integers(0, 8, size=x.shape)


def _equal_rows(x: np.ndarray) -> np.ndarray:
    return np.broadcast_to(x[:1], x.shape).copy() if x.ndim else x


TRANSFORMS: dict[str, Transform] = {
    "wide inputs": _wide,
    "zeros": np.zeros_like,
    "ties": np.round,
    "equal rows": _equal_rows,
    "±40": lambda x: np.copysign(40.0, x),
    "±1e4": lambda x: np.copysign(1e4, x),
    "subnormal": lambda x: x * 1e-40,
}
"""Rounded normal numbers are whole numbers with many ties and zeros; 1e-40 is below the normal
numbers of float32."""

SCALES = {"error signal 1e-8": 1e-8, "error signal 1e8": 1e8}

POINTS = (*TRANSFORMS, *SCALES)


def delicate_points(
    inputs: dict[str, Any], over: Sequence[str], options: str = "", scaled: bool = True
) -> list[Point]:
    """The points made from the given inputs; points that share a name belong together.

    Args:
        inputs: the inputs of a problem, by name.
        over: which of them to change: all together, then each alone.
        options: comes before each name.
        scaled: also change the size of the error signal.
    """
    transforms = TRANSFORMS if over else {}  # ids are not changed
    groups = [tuple(over), *((name,) for name in over if len(over) > 1)]

    def named(name: str) -> str:
        return ", ".join(filter(None, (options, name)))

    points = [
        Point(named(name), inputs | _changed(inputs, group, transform), delicate=True)
        for name, transform in transforms.items()
        for group in groups
    ]
    if scaled:
        points += [Point(named(n), inputs, scale, True) for n, scale in SCALES.items()]
    return points


def _changed(inputs: dict[str, Any], group: Sequence[str], transform: Transform) -> dict[str, Any]:
    return {key: to_float32(jax.tree.map(transform, inputs[key])) for key in group}


RANK = ("wrong", "right", "convention", "cannot judge")


def merged(rows: Sequence[Row]) -> list[Row]:
    """One row for each point and oracle: the first wrong one, else the one that says most."""
    best: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        key = row.block, row.options, row.oracle
        old = best.get(key, row)
        error64, error32 = np.fmax((old.error64, old.error32), (row.error64, row.error32))
        chosen = min(old, row, key=lambda r: RANK.index(r.verdict))
        best[key] = chosen._replace(error64=float(error64), error32=float(error32))
    judged = {key[:2] for key, row in best.items() if row.verdict != "cannot judge"}
    # A point that one of several inputs made unusable was judged by the others.
    return [
        row
        for key, row in best.items()
        if row.oracle != "form" or row.verdict == "wrong" or key[:2] not in judged
    ]
