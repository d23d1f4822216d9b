"""Write the ledger: every claim of every chapter with its numbers and its verdict."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from workflow.lib import job
from workflow.lib.claims import PROTOCOLS, Claim, entry
from workflow.lib.numbers import collect
from workflow.lib.study import Ledger
from workflow.lib.tables import write_csv, write_text


def judged(path: Path, declared: dict[str, Claim], ledger: Ledger) -> list[dict[str, Any]]:
    """The entries of one chapter's claims.

    Args:
        path: CSV with the chapter's numbers.
        declared: its claims by id.
        ledger: the constants of the rules of verdict.
    """
    numbers = collect([path])
    data = pl.read_csv(path, columns=["data"])["data"][0]
    return [
        entry(name, claim, numbers, ledger) | {"data": data} for name, claim in declared.items()
    ]


def differences(entries: list[dict[str, Any]]) -> pl.DataFrame:
    """What the figure of the ledger shows: the checks that decide by comparing accuracies.

    Returns:
        claim, check, protocol, decides (whether this protocol decides the check), effect, lo, hi,
        n, verdict and data; one row for each check and protocol.
    """
    return pl.DataFrame(
        [
            {
                "claim": each["id"],
                "check": check["what"],
                "protocol": protocol,
                "decides": protocol == check["decided_by"],
                **{key: check[protocol][key] for key in ("effect", "lo", "hi", "n", "verdict")},
                "data": each["data"],
            }
            for each in entries
            for check in each["checks"]
            for protocol in PROTOCOLS
            if not check["aside"]
            and check[protocol]
            and check[protocol]["unit"] == "difference of fractions"
        ],
        infer_schema_length=None,
    )


def by_source(claim: dict[str, Any]) -> tuple[int, int]:
    """Claims in the order of their sources, Kreft first, then by number."""
    letter, number = claim["id"][0], claim["id"][1:]
    place = "KSMH".find(letter)
    return (place if place >= 0 else 4, int(number) if number.isdigit() else 0)


def main(
    declared: dict[str, dict[str, Claim]],
    ledger: Ledger,
    study: str,
    claims: Path,
    table: Path,
) -> None:
    """Judge all claims and write them in one file.

    Args:
        declared: table of a chapter's numbers to the chapter's claims by id.
        ledger: the constants of the rules of verdict.
        study: "full" or "quick"; quick verdicts mean nothing.
        claims: JSON to write.
        table: CSV to write, see `differences`.
    """
    entries = [
        each | {"study": study}
        for path, of_chapter in declared.items()
        for each in judged(Path(path), of_chapter, ledger)
    ]
    entries.sort(key=by_source)
    write_csv(differences(entries), table)
    write_text(json.dumps(entries, indent=2, allow_nan=False) + "\n", claims)


job.run(main, globals().get("snakemake"))
