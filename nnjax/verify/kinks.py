"""What a rule takes where a function has no derivative: a slope of one of its sides, or none."""

import math
from typing import Any

import jax
import numpy as np

from nnjax.verify.compare import products, total
from nnjax.verify.evidence import Evidence, Point
from nnjax.verify.report import Row

ROUNDING = 32 * float(np.finfo(np.float64).eps)
"""Relative error of a slope that is not counted."""


def at_kinks(evidence: Evidence, usual: Any, point: Point, block: str) -> list[Row]:
    """What the rule takes where the function has no derivative, if there are such places."""
    differences = evidence.differences
    if differences is None or not any(leaf.any() for leaf in jax.tree.leaves(differences.kink)):
        return []
    least = jax.tree.map(np.minimum, differences.left, differences.right)
    most = jax.tree.map(np.maximum, differences.left, differences.right)
    named = jax.tree_util.tree_leaves_with_path(evidence.rule64)
    margins = jax.tree.map(
        lambda error, low, high, size: (
            error + 1e-4 * (high - low) + ROUNDING * size * abs(point.scale)
        ),
        *(differences.error, least, most, usual),
    )

    def outside(low: Any, high: Any) -> Any:
        return jax.tree.map(
            lambda rule, low, high, kink, margin: (
                kink & ~((low - margin <= rule) & (rule <= high + margin))
            ),
            *(evidence.rule64, low, high, differences.kink, margins),
        )

    wrong = outside(least, most)
    if any(leaf.any() for leaf in jax.tree.leaves(wrong)):
        nearby = evidence.nearby()  # each of several outputs may be on another side
        if nearby:
            wrong = jax.tree.map(np.logical_and, wrong, outside(*nearby))
    taken: dict[str, list[str]] = {}
    mistake = ""
    for (path, rule), left, right, kink, off, margin in zip(
        named,
        *map(
            jax.tree.leaves,
            (differences.left, differences.right, differences.kink, wrong, margins),
        ),
        strict=True,
    ):
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        for index in map(tuple, np.argwhere(kink)):
            at = f"{name}[{', '.join(map(str, index))}]" if index else name
            slope, on_left, on_right = (float(array[index]) for array in (rule, left, right))
            numbers = f"rule {slope:.6g}, slopes {on_left:.6g} and {on_right:.6g} on either side"
            if off[index]:
                mistake = mistake or f"{at}: {numbers} of a kink"
            side = _side(slope, on_left, on_right, float(margin[index]))
            taken.setdefault(side, []).append(f"{at}, {numbers}")
    nan = math.nan
    mistake = mistake or _apart_together(evidence, margins)
    if mistake:
        return [Row(block, point.name, "kinks", nan, nan, "wrong", mistake)]
    detail = "; ".join(
        f"{side} at {len(places)} {'kinks' if len(places) > 1 else 'kink'} ({places[0]})"
        for side, places in taken.items()
    )
    return [Row(block, point.name, "kinks", nan, nan, "convention", detail)]


def _apart_together(evidence: Evidence, margins: Any) -> str:
    """How the slopes taken at several kinks contradict each other; empty if they do not.

    At a tie of max(x) a rule may give the slope to one entry or share it, but not give all of it to
    each: along (1, ..., 1) the slope is 1 on every side.
    """
    kink = evidence.differences.kink if evidence.differences else None
    count = sum(int(leaf.sum()) for leaf in jax.tree.leaves(kink))
    if count < 2:
        return ""
    rng = np.random.default_rng(14)
    directions = {
        "(1, ..., 1)": jax.tree.map(lambda out: out.astype(np.float64), kink),
        "a random direction": jax.tree.map(lambda out: out * rng.normal(size=out.shape), kink),
    }
    for name, v in directions.items():
        taken = sum(float(p.sum()) for p in products(evidence.rule64, v))
        ends = evidence.nearby_along(v)
        margin = total(products(margins, v))
        if ends and not ends[0] - margin <= taken <= ends[1] + margin:
            return (
                f"the slopes taken at {count} kinks do not belong together: along {name} rule "
                f"{taken:.6g}, slopes {ends[0]:.6g} to {ends[1]:.6g}"
            )
    return ""


def _side(slope: float, left: float, right: float, margin: float) -> str:
    sides = {
        "the slope on the left": left,
        "the slope on the right": right,
        "the mean of the slopes": (left + right) / 2,
    }
    taken = next((n for n, s in sides.items() if abs(slope - s) <= margin), "")
    between = min(left, right) <= slope <= max(left, right)
    return taken or ("between the slopes" if between else "a side for each output")
