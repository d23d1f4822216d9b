"""The verifier's result: a row for each rule and oracle, printed as a table."""

import math
from typing import Any, NamedTuple

import numpy as np


class Row(NamedTuple):
    """One rule with its options, judged by one oracle.

    `error64` and `error32` are the largest relative errors in float64 and float32 (NaN if unknown);
    `verdict` is "right", "wrong" or "cannot judge"; `detail` is the first disagreement, or the
    reason why the oracle cannot judge.
    """

    block: str
    options: str
    oracle: str
    error64: float
    error32: float
    verdict: str
    detail: str = ""

    def plain(self) -> dict[str, Any]:
        """The row for JSON: an unknown error is null, an infinite one "inf"."""
        return {
            key: (None if math.isnan(value) else "inf")
            if isinstance(value, float) and not math.isfinite(value)
            else value
            for key, value in self._asdict().items()
        }


class Report(NamedTuple):
    """All rows of a verification; prints as a table.

    Example:
        >>> import nnjax as nn
        >>> report = nn.verify(nn.tanh(), (3,), show=False)
        >>> report.passed, report.rows[0].oracle
        (True, 'jax.grad')
    """

    rows: tuple[Row, ...]

    @property
    def passed(self) -> bool:
        """Whether no row is wrong. A rule that no oracle can judge has a wrong row "form"."""
        return not self.wrong

    @property
    def wrong(self) -> tuple[Row, ...]:
        """The rows whose verdict is "wrong"."""
        return tuple(row for row in self.rows if row.verdict == "wrong")

    def __str__(self) -> str:
        return "\n".join([HEADER, *(line(row) for row in self.rows)])


def _number(error: float) -> str:
    return "-" if np.isnan(error) else f"{error:.0e}"


def line(row: Row) -> str:
    """One row as a line of the table."""
    text = (
        f"{row.block:18s} {row.options:34s} {row.oracle:20s} "
        f"{_number(row.error64):>7s} {_number(row.error32):>7s}  {row.verdict}"
    )
    return f"{text}: {row.detail}" if row.detail else text


HEADER = f"{'block':18s} {'options':34s} {'oracle':20s} {'float64':>7s} {'float32':>7s}  verdict"
