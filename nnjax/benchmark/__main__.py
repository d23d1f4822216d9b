"""`python -m nnjax.benchmark`: speed and gradients on this machine, in a few minutes.

    python -m nnjax.benchmark [--gpu] [--minutes 4] [-o FILE.json]

Prints a table, and writes JSON. Exit status: 0; 1 if there is no GPU, something failed, or the file
cannot be written; 2 for an unknown option.

float32 is float32: products of reduced precision (TF32) are switched off in JAX and in PyTorch.
bfloat16 is bfloat16 throughout, parameters and optimizer too. On the CPU all cores are used.
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nnjax.benchmark import where
from nnjax.benchmark.clock import MEASURED
from nnjax.benchmark.measure import FULL, Results, Size, measure

RESERVE = 0.9
"""Share of the time that is planned: the last program may take longer than those before it."""


def main(arguments: Sequence[str] | None = None, size: Size = FULL) -> int:
    """Run the command; return the exit status.

    Args:
        arguments: those of the command line.
        size: how much to measure.
    """
    options = _options(arguments)
    output: Path | None = options.output
    start = time.perf_counter()
    if output and (output.is_dir() or not output.parent.is_dir()):
        return _refused(f"-o: expected a file in an existing folder, got {output}")
    # JAX would take most of a GPU's memory for itself, and PyTorch needs some of it.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    try:
        machine = where.machine(options.gpu)
    except where.NoGpuError as error:
        return _refused(str(error))
    started = time.perf_counter() - start  # the libraries load, and the devices
    results = measure(machine, RESERVE * 60 * options.minutes - started, _say, size)
    content = {
        "rows": results.rows,
        "gradients": results.gradients,
        "steps": results.steps,
        "where": where.described(machine)
        | {"minutes": options.minutes, "seconds": round(time.perf_counter() - start, 1)},
    }
    print("\n".join(table(results, content["where"])))
    if output:
        try:
            output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            return _refused(f"-o: {output} cannot be written: {error.strerror}")
    states = [row["state"] for row in (*results.rows, *results.gradients)]
    return int(any(state.startswith("failed") for state in states))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m nnjax.benchmark",
        description="Measure sweeps, training steps and gradients of this library, jax.grad and "
        "PyTorch (where it is installed) on this machine.",
    )
    parser.add_argument("--gpu", action="store_true", help="measure the GPU, and then the CPU")
    parser.add_argument(
        "--minutes",
        type=_minutes,
        default=4.0,
        help="time limit (default: 4); what does not fit is reported as not measured",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="JSON to write")
    return parser.parse_args(arguments)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0 < minutes < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of minutes above 0, got {text!r}")
    return minutes


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _refused(sentence: str) -> int:
    print(f"nnjax.benchmark: {sentence}", file=sys.stderr)
    return 1


def table(results: Results, about: dict[str, Any]) -> list[str]:
    """What was measured, as lines for the terminal.

    Args:
        results: the measurements.
        about: where, as `where.described` returns it.
    """
    devices = ", ".join(f"{name}: {device}" for name, device in about["devices"].items())
    return [
        f"{devices}; {about['cores']} cores; {about['precision']}",
        f"{'':60s} {'ours':>9s} {'peer':>9s} {'unit':8s} {'ratio':>6s} {'spread':>14s} {'n':>3s}",
        *_lines(results.rows, _row),
        "gradients: largest relative difference from jax.grad in float64 on the CPU",
        *_lines(results.gradients, lambda row: f"{row['difference']:9.1e}"),
    ]


def _lines(rows: list[dict[str, Any]], shown: Callable[[dict[str, Any]], str]) -> list[str]:
    keys = ("platform", "dtype", "network", "implementation")
    return [
        f"{row.get('name') or '.'.join(row[key] for key in keys):60s} "
        + (shown(row) if row["state"] == MEASURED else row["state"])
        for row in rows
    ]


def _row(row: dict[str, Any]) -> str:
    spread = f"{row['least']:.3g}-{row['most']:.3g}"
    return (
        f"{row['ours']:9.4g} {row['peer']:9.4g} {row['unit']:8s} {row['ratio']:6.3g} "
        f"{spread:>14s} {row['n']:3d}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
