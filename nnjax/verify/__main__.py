"""`python -m nnjax.verify`: check every public rule, with every option, against every oracle.

Prints a table. Exit status: 0 if all rules are right (with --defects: if all planted mistakes are
found), 1 if not, 2 for an unknown block, a block without planted mistakes or a missing folder.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from nnjax.verify import verify_case
from nnjax.verify.case import Case, Defect
from nnjax.verify.cases import CASES
from nnjax.verify.defects import DEFECTS
from nnjax.verify.report import HEADER, Report, Row, Table


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify the blocks named on the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m nnjax.verify",
        description="Verify the backward pass of every block against independent oracles.",
    )
    parser.add_argument("blocks", nargs="*", help="names such as conv2d; default: all")
    task = parser.add_mutually_exclusive_group()
    task.add_argument(
        "--defects", action="store_true", help="plant known mistakes and check that each is found"
    )
    task.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args(arguments)
    blocks: set[str] = set(options.blocks)
    known = {case.of for case in CASES}
    if blocks - known:
        print(
            f"unknown block: {', '.join(sorted(blocks - known))}; expected one of: "
            f"{', '.join(sorted(known))}",
            file=sys.stderr,
        )
        return 2
    if options.defects:
        return _defects([d for d in DEFECTS if not blocks or d.case.of in blocks])
    if options.json and (options.json.is_dir() or not options.json.parent.is_dir()):
        print(f"--json: expected a file in an existing folder, got {options.json}", file=sys.stderr)
        return 2
    cases = [case for case in CASES if not blocks or case.of in blocks]
    report = verified(cases)
    print(_summary(report, len(cases)))
    if options.json:
        write_json(report, options.json)
    return 0 if report.passed else 1


def verified(cases: Sequence[Case]) -> Report:
    """Judge many cases and print each row as soon as it is known."""
    print(HEADER)
    rows: list[Row] = []
    table = Table()
    for case in tqdm(cases, desc="verify", disable=None):
        found = verify_case(case).rows
        rows += found
        tqdm.write("\n".join(table.lines(found)))
    return Report(tuple(rows))


def write_json(report: Report, output: Path) -> None:
    """Write the rows as JSON, atomically."""
    rows = [row.plain() for row in report.rows]
    temporary = output.with_name(f".{output.name}.part")
    temporary.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    temporary.replace(output)


def _summary(report: Report, cases: int) -> str:
    blocks = {row.block for row in report.rows}
    wrong = [f"  {row.block} {row.options}, {row.oracle}: {row.detail}" for row in report.wrong]
    count = f"{len(blocks)} block{'s' * (len(blocks) != 1)}, {cases} case{'s' * (cases != 1)}"
    verdict = f"{count}: {'all right' if report.passed else 'WRONG'}"
    return "\n".join([verdict, *wrong])


def _defects(defects: Sequence[Defect]) -> int:
    """Print how each planted mistake is found; returns 1 if any is missed."""
    if not defects:
        print("these blocks have no planted mistakes", file=sys.stderr)
        return 2
    missed = 0
    for defect in tqdm(defects, desc="verify", disable=None):
        wrong = verify_case(defect.case).wrong
        missed += not wrong
        how = f"{', '.join(row.oracle for row in wrong)}: {wrong[0].detail}" if wrong else "MISSED"
        what = f"{defect.case.of:18s} {defect.name}"
        tqdm.write(f"{what}\n    seen: {defect.seen}\n    found by {how}")
    print(f"{len(defects)} planted mistakes: {len(defects) - missed} found, {missed} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
