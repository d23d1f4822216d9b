"""The verifier's result: a row for each rule, point and oracle, printed as a table."""

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

COLUMNS = ("jax.grad", "central differences", "complex step", "dot test")
LAST = ("cannot judge", "right", "convention", "wrong")  # the last that occurs is the verdict


class Row(NamedTuple):
    """One rule with its options, judged by one oracle.

    `error64` and `error32` are the largest relative errors in float64 and float32 (NaN if unknown);
    `verdict` is "right", "wrong", "convention" (at a kink, where either slope is a derivative) or
    "cannot judge"; `detail` is the first disagreement, what the rule takes at the kinks, or the
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
        >>> report.check()
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

    def check(self) -> None:
        """Do nothing if the rule is right: one line of a test suite.

        Raises:
            AssertionError: if any row is wrong; the message is the table.
        """
        __tracebackhide__ = True  # pytest then shows the line of the test
        if not self.passed:
            raise AssertionError(f"the rule is wrong\n{self}")

    def __str__(self) -> str:
        return "\n".join([HEADER, *Table().lines(self.rows)])


class Table:
    """The lines of a table; a reason that was printed once in a block is not printed again."""

    def __init__(self) -> None:
        self.printed: set[tuple[str, str]] = set()

    def lines(self, rows: Iterable[Row]) -> Iterator[str]:
        """One line for each rule and point, then what there is to say of it."""
        for (block, options), point in itertools.groupby(
            rows, lambda row: (row.block, row.options)
        ):
            by_oracle = {row.oracle: row for row in point}
            errors = [_number(by_oracle[o].error64) if o in by_oracle else "-" for o in COLUMNS]
            # The first oracle that gives an error has the most digits; a wrong one precedes all.
            known = [row for row in by_oracle.values() if row.error32 >= 0]
            low = min(known, key=lambda row: row.verdict != "wrong").error32 if known else None
            verdict = max((row.verdict for row in by_oracle.values()), key=LAST.index)
            cells = "".join(f"{cell:>10s}" for cell in (*errors, _number(low)))
            others = "".join(
                f", {row.oracle} {_number(row.error64)}"
                for row in by_oracle.values()
                if row.oracle not in (*COLUMNS, "form", "kinks")
            )
            yield f"{block:21s} {options:34s}{cells}  {verdict}{others}"
            # The first oracle that disagrees says where; the columns show what the others found.
            wrong = [row for row in by_oracle.values() if row.verdict == "wrong"]
            for row in (r for r in by_oracle.values() if r not in wrong[1:]):
                once = row.verdict == "cannot judge" or row.oracle == "form"
                if row.detail and not (once and (block, row.detail) in self.printed):
                    yield f"    {_about(row)}"
                    self.printed.add((block, row.detail))


def _number(error: float | None) -> str:
    return "-" if error is None or math.isnan(error) else f"{error:.0e}"


def _about(row: Row) -> str:
    if row.oracle == "form":
        return f"{row.verdict}: {row.detail}"
    if row.verdict == "convention":
        return f"convention: {row.detail}"
    if row.verdict == "wrong":
        return f"wrong: {row.detail}"
    return f"{row.verdict}, {row.oracle}: {row.detail}"


HEADER = f"{'':21s} {'largest relative error of the rule':34s}" + "".join(
    f"{name:>10s}" for name in ("jax.grad", "differ.", "complex", "dot test", "float32")
)
