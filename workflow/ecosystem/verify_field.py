"""The verifier's run over one package: for each function and point what it says."""

import json
import re
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from nnjax.verify.function import verify_function
from nnjax.verify.report import LAST, Row
from workflow.ecosystem.case import FieldCase
from workflow.ecosystem.cases import LEFT_OUT, PACKAGES
from workflow.lib import job
from workflow.lib.tables import write_text

NOT_A_NUMBER = re.compile(r"(rule|<Jᵀr, v>) nan")
REFUSED = re.compile("NotImplementedError|Reverse-mode|not supported|float0")
"""How JAX says that it has no derivative of a function."""


def cell(rows: list[Row]) -> dict[str, Any]:
    """What the rows of one point say together.

    Args:
        rows: one for each oracle.

    Returns:
        `verdict` ("right", "wrong", "nan", "convention", "no derivative" or "cannot judge"), the
        largest `error` in float64 and in float32 (None if unknown), and the `detail`: the first
        disagreement with its `oracle`, the slope taken at a kink, or the reason.

    Example:
        >>> row = Row("f", "", "jax.grad", 1e-16, 1e-8, "right")
        >>> cell([row])["verdict"], cell([row])["error"]
        ('right', 1e-16)
    """
    verdict = max((row.verdict for row in rows), key=LAST.index)
    last = [row for row in rows if row.verdict == verdict]
    first = next((row for row in last if NOT_A_NUMBER.search(row.detail)), last[0])
    if first.oracle == "form" and REFUSED.search(first.detail):
        verdict = "no derivative"
    elif verdict == "wrong" and NOT_A_NUMBER.search(first.detail):
        verdict = "nan"
    return {
        "verdict": verdict,
        "error": _largest(row.error64 for row in rows),
        "error32": _largest(row.error32 for row in rows),
        "oracle": first.oracle,
        "detail": first.detail,
    }


def _largest(errors: Any) -> float | str | None:
    known = [error for error in errors if not np.isnan(error)]
    largest = max(known, default=None)
    return largest if largest is None or np.isfinite(largest) else "inf"


def verified(case: FieldCase) -> dict[str, Any]:
    """One line of the table: the function, and a cell for each point.

    Args:
        case: the function.

    Returns:
        The line.
    """
    report = verify_function(case.f, *case.args, unsuited=case.unsuited, name=str(case), show=False)
    points: dict[str, Any] = {}
    for point, rows in groupby(report.rows, lambda row: row.options):
        points[point or "ordinary"] = cell([*rows])
    jax.clear_caches()
    return {
        "package": case.package,
        "name": case.name,
        "label": case.label,
        "case": str(case),
        "points": points,
    }


def versions(package: str) -> dict[str, str | None]:
    """The version of the distribution that a package comes with; None if it is not installed.

    Example:
        >>> [*versions("jax.nn")]
        ['jax']
    """
    name = package.split(".")[0]
    try:
        return {name: version(name)}
    except PackageNotFoundError:
        return {name: None}


def main(package: str, result: Path) -> None:
    """Verify the functions of a package; what is wrong is written down, not raised.

    Args:
        package: a key of `PACKAGES`.
        result: JSON to write.
    """
    cases = PACKAGES[package]
    found = {
        "package": package,
        "versions": versions(package),
        "left_out": LEFT_OUT[package],
        "functions": [verified(case) for case in tqdm(cases, desc=package)],
    }
    write_text(json.dumps(found, indent=1) + "\n", result)


job.run(main, globals().get("snakemake"))
