"""Power: what would decide a check that its interval leaves open.

The ends of an interval lie e - a and e + b from the estimate e. Both distances shrink like 1/√n,
with n the number of everything that the interval covers: k times the data give e - a/√k and
e + b/√k. With the present data, an estimate farther from the bound would also decide.
"""

from typing import TypedDict

import numpy as np

from workflow.lib.numbers import Number
from workflow.lib.study import Ledger
from workflow.lib.verdicts import INCONCLUSIVE, Check, judge

SIGNED = ("difference of fractions", "correlation", None)
"""Units of quantities that may be negative."""
MOST = 10_000
"""Times the data; an estimate that takes more lies on its bound."""


class Needed(TypedDict):
    """What would decide: `times` the data if the estimate stays, or an estimate `below` or `above`.

    `verdict` is what `times` the data would give. None: nothing of this kind decides.
    """

    times: float | None
    verdict: str | None
    below: float | None
    above: float | None


def needed(number: Number, check: Check, ledger: Ledger) -> Needed | None:
    """What would decide a check that its interval leaves open.

    None if the check is decided or not measured, or if only the test of the number is against it. A
    test is taken to become significant with the interval.

    Args:
        number: value, lo and hi.
        check: the rule and its bound.
        ledger: the constants of the rules.

    Example:
        >>> ledger = Ledger(smallest_effect=0.003, significance=0.05)
        >>> check = Check(what="better", rule="more", published="k")
        >>> found = needed({"value": 0.004, "lo": -0.004, "hi": 0.012}, check, ledger)
        >>> print(found["verdict"], round(found["times"], 1))
        reproduced 4.0
        >>> print(round(found["below"], 4), round(found["above"], 4))
        -0.005 0.008
    """
    if judge(number, check, ledger) != INCONCLUSIVE:
        return None
    estimate, lo, hi = (float(number[name]) for name in ("value", "lo", "hi"))

    def verdict(value: float, factor: float = 1.0) -> str:
        ends = {"lo": value - factor * (estimate - lo)}
        ends |= {"hi": value + factor * (hi - estimate)}
        return judge({"value": value, **ends, "p": None}, check, ledger)

    if verdict(estimate) != INCONCLUSIVE:
        return None
    # The ends move with the root of the data, so steps of a thousandth of it are fine enough.
    factors = 1 / np.sqrt(np.geomspace(1, MOST, 4001))
    enough = next((f for f in factors if verdict(estimate, f) != INCONCLUSIVE), None)
    least = ledger.smallest_effect if check.bound is None else check.bound
    bounds = check.range or [least, -least]
    far = max(abs(estimate - bound) for bound in bounds) + 2 * (hi - lo)
    steps = np.linspace(0, far, 10_001)

    def farther(sign: int) -> float | None:
        decides = [float(v) for v in estimate + sign * steps if verdict(v) != INCONCLUSIVE][:1]
        return next((v for v in decides if v >= 0 or number.get("unit") in SIGNED), None)

    return {
        "times": None if enough is None else float(1 / enough**2),
        "verdict": None if enough is None else verdict(estimate, enough),
        "below": farther(-1),
        "above": farther(1),
    }
