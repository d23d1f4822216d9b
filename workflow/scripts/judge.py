"""Judge one claim: its numbers under both protocols, and the verdict that the rules give."""

import json
from pathlib import Path

import polars as pl

from workflow.lib import claims, job
from workflow.lib.claims import Claim
from workflow.lib.numbers import collect
from workflow.lib.study import Ledger
from workflow.lib.tables import write_text


def main(
    claim: str, declared: Claim, ledger: Ledger, study: str, numbers: list[Path], verdict: Path
) -> None:
    """Judge the claim and write its entry.

    Args:
        claim: its id.
        declared: the claim.
        ledger: the constants of the rules of verdict.
        study: "full" or "quick"; quick verdicts mean nothing.
        numbers: CSV files with the numbers that its checks name.
        verdict: JSON to write.
    """
    data = pl.read_csv(numbers[0], columns=["data"])["data"][0]
    found = claims.entry(claim, declared, collect(numbers), ledger)
    found |= {"data": data, "study": study}
    write_text(json.dumps(found, indent=2, allow_nan=False) + "\n", verdict)


job.run(main, globals().get("snakemake"))
