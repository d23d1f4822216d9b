"""`python -m nnjax.verify`: every public rule with every option before every oracle.

Prints a table and ends with status 0 if all rules are right (with --defects: all mistakes found),
1 if not, 2 if what was asked for does not exist: a block, a folder, a planted mistake.
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
from nnjax.verify.report import HEADER, Report, Row, line


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify what the command line names; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m nnjax.verify",
        description="Verify the backward pass of every block against independent oracles.",
    )
    parser.add_argument("blocks", nargs="*", help="names such as conv2d; default: all")
    task = parser.add_mutually_exclusive_group()
    task.add_argument(
        "--defects", action="store_true", help="plant known mistakes; each must be found"
    )
    task.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args(arguments)
    blocks: set[str] = set(options.blocks)
    known = {case.of for case in CASES}
    if blocks - known:
        print(
            f"no block is called {', '.join(sorted(blocks - known))}; there are: "
            f"{', '.join(sorted(known))}",
            file=sys.stderr,
        )
        return 2
    if options.defects:
        return _defects([d for d in DEFECTS if not blocks or d.case.of in blocks])
    if options.json and (options.json.is_dir() or not options.json.parent.is_dir()):
        print(f"--json: {options.json} is a folder or in none", file=sys.stderr)
        return 2
    cases = [case for case in CASES if not blocks or case.of in blocks]
    report = verified(cases)
    print(_summary(report, len(cases)))
    if options.json:
        write_json(report, options.json)
    return 0 if report.passed else 1


def verified(cases: Sequence[Case]) -> Report:
    """The report on many cases, printed as it comes."""
    print(HEADER)
    rows: list[Row] = []
    for case in tqdm(cases, desc="verify", disable=None):
        found = verify_case(case).rows
        rows += found
        tqdm.write("\n".join(line(row) for row in found))
    return Report(tuple(rows))


def write_json(report: Report, output: Path) -> None:
    """The rows as JSON, under a temporary name and then renamed."""
    rows = [row.plain() for row in report.rows]
    temporary = output.with_name(f".{output.name}.part")
    temporary.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    temporary.replace(output)


def _summary(report: Report, cases: int) -> str:
    blocks = {row.block for row in report.rows}
    wrong = [f"  {line(row)}" for row in report.wrong]
    count = f"{len(blocks)} block{'s' * (len(blocks) != 1)}, {cases} case{'s' * (cases != 1)}"
    said = f"{count}: {'all right' if report.passed else 'WRONG'}"
    return "\n".join([said, *wrong])


def _defects(defects: Sequence[Defect]) -> int:
    """Every planted mistake beside how it was found; 1 if one was not."""
    if not defects:
        print("no mistakes are planted into these blocks", file=sys.stderr)
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
