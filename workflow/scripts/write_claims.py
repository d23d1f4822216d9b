"""The ledger in one file: every claim with its verdict, checked against the numbers."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import polars as pl
from judge_claim import ARMS, INCONCLUSIVE, NOT_MEASURED, REFUTED, REPRODUCED, judged
from tables import write_csv, write_text

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

VERDICTS = (REPRODUCED, REFUTED, INCONCLUSIVE, NOT_MEASURED)


def faults(ledger: list[dict[str, Any]], ids: list[str], numbers: dict[str, Any]) -> list[str]:
    """What is wrong with a ledger: a claim without a verdict, or a number from nowhere.

    Args:
        ledger: the entries.
        ids: the claims that it must hold, each once.
        numbers: numbers.json.

    Returns:
        One sentence per fault.

    Example:
        >>> faults([{"id": "K1", "verdict": "", "checks": []}], ["K1", "K2"], {})
        ['K2: has no entry', "K1: '' is no verdict"]
    """
    found = [entry["id"] for entry in ledger]
    lines = [f"{name}: has no entry" for name in ids if name not in found]
    lines += [f"{name}: is no claim, or stands twice" for name in found if found.count(name) > 1]
    for entry in ledger:
        if entry["verdict"] not in VERDICTS:
            lines.append(f"{entry['id']}: {entry['verdict']!r} is no verdict")
        for check in entry["checks"]:
            for arm in filter(None, (check["published"], check["clean"])):
                number = numbers.get(arm["key"], {})
                same = [number.get(name) == arm[name] for name in ("lo", "hi", "n")]
                if number.get("value") != arm["effect"] or not all(same):
                    lines.append(f"{entry['id']}: {arm['key']} is not the number of numbers.json")
    return lines


def rows(ledger: list[dict[str, Any]], smallest: float) -> pl.DataFrame:
    """One row per claim, check and arm that compares accuracies: what the ledger's figure shows."""
    return pl.DataFrame(
        [
            {
                "claim": entry["id"],
                "check": check["what"],
                "arm": name,
                "decides": name == check["decided_by"],
                **{key: check[name][key] for key in ("effect", "lo", "hi", "n", "unit", "verdict")},
                "smallest_effect": smallest,
                "data": entry["data"],
            }
            for entry in ledger
            for check in entry["checks"]
            for name in ARMS
            if check[name] and check[name]["unit"] == "difference of fractions"
        ],
        infer_schema_length=None,
    )


def main(
    claims: dict[str, Any],
    shown: list[str],
    settings: dict[str, Any],
    tables: Path,
    study: str,
    numbers: Path,
    output: Path,
    table: Path,
) -> None:
    """Judge all claims and put them together.

    Args:
        claims: as in the configuration, by id.
        shown: the claims in the ledger's figure.
        settings: the constants of the rules.
        tables: folder of the tables.
        study: "full" or "quick"; quick verdicts are none.
        numbers: numbers.json.
        output: JSON to write.
        table: CSV to write, see `rows`.

    Raises:
        SystemExit: with one line per fault.
    """
    ledger = [judged(name, claim, settings, tables, study) for name, claim in claims.items()]
    wrong = faults(ledger, list(claims), json.loads(numbers.read_text(encoding="utf-8")))
    if wrong:
        raise SystemExit("The ledger is not sound:\n" + "\n".join(f"  {line}" for line in wrong))
    of_figure = [entry for entry in ledger if entry["id"] in shown]
    write_csv(rows(of_figure, settings["smallest_effect"]), table)
    write_text(json.dumps(ledger, indent=2, allow_nan=False) + "\n", output)


if "snakemake" in globals():
    job.report(snakemake.log[0])
    main(
        snakemake.params["claims"],
        snakemake.params["shown"],
        snakemake.params["ledger"],
        Path(snakemake.input.tables[0]).parent,
        snakemake.params["study"],
        Path(snakemake.input.numbers),
        Path(snakemake.output.claims),
        Path(snakemake.output.table),
    )
