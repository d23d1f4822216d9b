"""`python -m nnjax.verify`: check every public rule, with every option, against every oracle.

`python -m nnjax.verify package.module:name --shape 28,28,1` checks a rule of your own. Prints a
table. Exit status: 0 if all rules are right (with --defects: if all planted mistakes are found), 1
if not, 2 for an unknown block or name, a block without planted mistakes or a missing folder.
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
from nnjax.verify.named import verify_named
from nnjax.verify.report import HEADER, Report, Row, Table


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify the blocks named on the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m nnjax.verify",
        description="Verify the backward pass of every block against independent oracles.",
    )
    parser.add_argument(
        "blocks",
        nargs="*",
        help="names such as conv2d (default: all), or package.module:name for a layer, a loss or "
        "any JAX function",
    )
    parser.add_argument(
        "--shape",
        action="append",
        default=[],
        metavar="N,N,...",
        help="with package.module:name: the shape of one example of a layer or a loss; of a "
        "function, once for each argument (5:int for whole numbers)",
    )
    parser.add_argument("--batch", type=int, help="with a layer or a loss: number of examples")
    task = parser.add_mutually_exclusive_group()
    task.add_argument(
        "--defects", action="store_true", help="plant known mistakes and check that each is found"
    )
    task.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args(arguments)
    if options.json and (options.json.is_dir() or not options.json.parent.is_dir()):
        print(f"--json: expected a file in an existing folder, got {options.json}", file=sys.stderr)
        return 2
    named = [block for block in options.blocks if ":" in block]
    if named or options.shape or options.batch is not None:
        return _named(options)
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
    cases = [case for case in CASES if not blocks or case.of in blocks]
    report = verified(cases)
    print(_summary(report, len(cases)))
    if options.json:
        write_json(report, options.json)
    return 0 if report.passed else 1


def _named(options: argparse.Namespace) -> int:
    """Verify one object that is not of the table."""
    if len(options.blocks) != 1 or ":" not in options.blocks[0] or options.defects:
        print("--shape, --batch: expected one name such as package.module:relu", file=sys.stderr)
        return 2
    sys.path.insert(0, str(Path.cwd()))
    try:
        report = verify_named(options.blocks[0], options.shape, options.batch)
    except (TypeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(report)
    print(_summary(report, len({row.options for row in report.rows}), "point"))
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


def _summary(report: Report, cases: int, of: str = "case") -> str:
    blocks = {row.block for row in report.rows}
    wrong = [f"  {row.block} {row.options}, {row.oracle}: {row.detail}" for row in report.wrong]
    count = f"{len(blocks)} block{'s' * (len(blocks) != 1)}, {cases} {of}{'s' * (cases != 1)}"
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
