"""Write the ledger: every claim of every chapter with its numbers and its verdict.

Times differ in every run and have a separate file, so the ledger does not differ.
"""

import json
from pathlib import Path
from typing import Any

import polars as pl

from workflow.lib import job
from workflow.lib.claims import PROTOCOLS, Claim, entry, on_clock, without_clocks
from workflow.lib.numbers import Number, collect, is_clock
from workflow.lib.study import Ledger
from workflow.lib.tables import write_csv, write_text


def clocks_of(numbers: dict[str, Number], entries: list[dict[str, Any]]) -> dict[str, Any]:
    """What clocks decide: the numbers, and the claims with a check on one of them."""
    return {
        "numbers": {key: number for key, number in numbers.items() if is_clock(number)},
        "claims": {
            each["id"]: each for each in entries if any(on_clock(check) for check in each["checks"])
        },
    }


def differences(entries: list[dict[str, Any]]) -> pl.DataFrame:
    """What the figure of the ledger shows: of each claim the first check that compares accuracies.

    Returns:
        claim, short (its sentence), check, rule, protocol, decides (whether this protocol decides
        the check), effect, lo, hi, n, verdict (of the claim) and data; one row for each claim and
        protocol.
    """
    return pl.DataFrame(
        [
            {
                "claim": each["id"],
                "short": each["short"],
                "check": check["what"],
                "rule": check["rule"],
                "protocol": protocol,
                "decides": protocol == check["decided_by"],
                **{key: check[protocol][key] for key in ("effect", "lo", "hi", "n")},
                "verdict": each["verdict"],
                "data": each["data"],
            }
            for each in entries
            for check in [check for check in each["checks"] if _compares(check)][:1]
            for protocol in PROTOCOLS
            if check[protocol]
        ],
        infer_schema_length=None,
    )


def _compares(check: dict[str, Any]) -> bool:
    """Whether a check decides, by a difference of accuracies."""
    measured = check[check["decided_by"]]
    return not check["aside"] and measured and measured["unit"] == "difference of fractions"


def by_source(claim: dict[str, Any]) -> tuple[int, int]:
    """Claims in the order of their sources, Kreft first, then by number."""
    letter, number = claim["id"][0], claim["id"][1:]
    place = "KSMH".find(letter)
    return (place if place >= 0 else 4, int(number) if number.isdigit() else 0)


def main(
    declared: dict[str, dict[str, Claim]],
    tables: dict[str, list[Path]],
    numbers: Path,
    clock_files: list[str],
    ledger: Ledger,
    study: str,
    claims: Path,
    clocks: Path,
    table: Path,
) -> None:
    """Judge all claims and write them in one file, and what clocks decide in another.

    Args:
        declared: chapter to its claims by id.
        tables: chapter to the CSV files with its numbers and its clocks.
        numbers: numbers.json, which says where the numbers come from.
        clock_files: the other reports that show clocks.
        ledger: the constants of the rules of verdict.
        study: "full" or "quick"; quick verdicts mean nothing.
        claims: JSON to write.
        clocks: JSON to write.
        table: CSV to write, see `differences`.
    """
    found: dict[str, Number] = {}
    entries: list[dict[str, Any]] = []
    for chapter, of_chapter in declared.items():
        mine = collect(tables[chapter])
        data = pl.read_csv(tables[chapter][0], columns=["data"])["data"][0]
        labels = {"data": data, "study": study}
        entries += [entry(name, c, mine, ledger) | labels for name, c in of_chapter.items()]
        found |= mine
    entries.sort(key=by_source)
    timed = clocks_of(found, entries)
    provenance = json.loads(numbers.read_text(encoding="utf-8"))["provenance"]
    write_csv(differences(entries), table)
    _write([without_clocks(each) for each in entries], claims)
    _write({**timed, "files": clock_files, "provenance": provenance}, clocks)


def _write(content: Any, path: Path) -> None:
    write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", path)


job.run(main, globals().get("snakemake"))
