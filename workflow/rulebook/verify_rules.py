"""The verifier's run over all rules, the planted defects and the sources' errata, as one file."""

import json
from pathlib import Path
from typing import Any

from errata import ERRATA, unbounded_cross_entropy
from tqdm import tqdm

from nnjax.verify import verify_case
from nnjax.verify.cases import CASES
from nnjax.verify.defects import DEFECTS
from nnjax.verify.judge import TOLERANCE, ULPS
from nnjax.verify.report import Report
from workflow.lib import job
from workflow.lib.tables import write_text


def _worst(report: Report) -> dict[str, Any]:
    """The first wrong row, or the row with the largest error."""
    judged = [row for row in report.rows if row.verdict == "right"]
    return (report.wrong[0] if report.wrong else max(judged, key=lambda row: row.error64)).plain()


def main(quick: bool, result: Path) -> None:
    """Verify everything; a wrong rule is written down, not raised: the page shows it.

    Args:
        quick: only the first case and the first defect of each block.
        result: JSON to write.
    """
    cases, defects = CASES, DEFECTS
    if quick:
        cases = list({case.of: case for case in reversed(CASES)}.values())
        defects = list({defect.case.of: defect for defect in reversed(DEFECTS)}.values())
    reports = [verify_case(case) for case in tqdm(cases, desc="rules")]
    found = [(defect, verify_case(defect.case)) for defect in tqdm(defects, desc="defects")]
    verification = {
        "quick": quick,
        "tolerance": TOLERANCE,
        "ulps": ULPS,
        "passed": all(report.passed for report in reports),
        "rows": [row.plain() for report in reports for row in report.rows],
        "defects": [
            {
                "block": defect.case.of,
                "name": defect.name,
                "seen": defect.seen,
                "found_by": [row.oracle for row in report.wrong],
                "detail": report.wrong[0].detail if report.wrong else "",
            }
            for defect, report in found
        ],
        "errata": [
            {
                "name": erratum.name,
                "source": erratum.source,
                "printed": erratum.printed,
                "meant": erratum.meant,
                "remark": erratum.remark,
                "printed_row": _worst(erratum.printed_report()),
                "meant_row": _worst(erratum.meant_report()),
            }
            for erratum in ERRATA
        ],
        "cross_entropy": unbounded_cross_entropy(),
    }
    write_text(json.dumps(verification, indent=1) + "\n", result)


job.run(main, globals().get("snakemake"))
