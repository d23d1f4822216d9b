"""One claim of the ledger: its numbers in both arms, and the verdict that the rules give."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import polars as pl
from entries import Entries, collect
from tables import write_text

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

REPRODUCED, REFUTED, INCONCLUSIVE = "reproduced", "refuted", "inconclusive"
NOT_MEASURED = "not measured"
ARMS = ("published", "clean")


def judge(number: dict[str, Any], check: dict[str, Any], ledger: dict[str, Any]) -> str:
    """The verdict on one number.

    Args:
        number: value, lo, hi and, if a test was made, p.
        check: the rule, and its bound or range.
        ledger: `smallest_effect` and `significance`.

    Returns:
        reproduced, refuted, inconclusive; not measured without an interval.

    Example:
        >>> ledger = {"smallest_effect": 0.003, "significance": 0.05}
        >>> judge({"value": 0.01, "lo": 0.005, "hi": 0.02}, {"rule": "more"}, ledger)
        'reproduced'
        >>> judge({"value": 0.001, "lo": -0.001, "hi": 0.002}, {"rule": "more"}, ledger)
        'refuted'
    """
    value, lo, hi = number["value"], number["lo"], number["hi"]
    if value is None or lo is None or hi is None:
        return NOT_MEASURED
    if check["rule"] == "less":
        mirrored = {"value": -value, "lo": -hi, "hi": -lo, "p": number.get("p")}
        return judge(mirrored, check | {"rule": "more"}, ledger)
    if check["rule"] == "below":
        mirrored = {"value": -value, "lo": -hi, "hi": -lo}
        return judge(mirrored, {"rule": "above", "bound": -check["bound"]}, ledger)
    if check["rule"] == "inside":
        low, high = check["range"]
        return _decided(low <= lo and hi <= high, hi < low or lo > high)
    if check["rule"] == "above":
        return _decided(lo > check["bound"], hi < check["bound"])
    least = check.get("bound", ledger["smallest_effect"])
    if check["rule"] == "no_less":
        return _decided(lo > -least, hi < -least)
    p = number.get("p")
    significant = p is None or p < ledger["significance"]
    return _decided(lo > 0 and value >= least and significant, hi < least)


def _decided(reproduced: bool, refuted: bool) -> str:
    return REPRODUCED if reproduced else REFUTED if refuted else INCONCLUSIVE


def together(verdicts: list[str]) -> str:
    """The verdict on a claim from those on its checks, the first of which is the main one.

    Example:
        >>> together(["reproduced", "refuted"])
        'refuted'
        >>> together(["not measured", "reproduced"])
        'not measured'
    """
    if verdicts[0] == NOT_MEASURED:
        return NOT_MEASURED
    for verdict in (REFUTED, INCONCLUSIVE, NOT_MEASURED):
        if verdict in verdicts:
            return INCONCLUSIVE if verdict == NOT_MEASURED else verdict
    return REPRODUCED


def entry(
    name: str, claim: dict[str, Any], numbers: Entries, ledger: dict[str, Any]
) -> dict[str, Any]:
    """The claim as it stands in claims.json.

    Args:
        name: the claim's id.
        claim: as in the configuration.
        numbers: key to number. A key that is missing has not been measured.
        ledger: see `judge`.

    Returns:
        What the claim is and how it was tested; `n`, `effect`, `lo`, `hi` of its first check in the
        arm that decides; that check in both arms as `published` and `clean`; all `checks`.
    """
    checks = []
    for check in claim["checks"]:
        arms = {arm: _arm(check, check.get(arm), numbers, ledger) for arm in ARMS}
        decides = "clean" if "clean" in check else "published"
        verdict = (arms[decides] or {"verdict": NOT_MEASURED})["verdict"]
        rule = {name: check[name] for name in ("rule", "bound", "range") if name in check}
        checks.append(
            {
                "what": check["what"],
                **rule,
                **arms,
                "aside": check.get("aside", False),
                "decided_by": decides,
                "verdict": verdict,
            }
        )
    main = checks[0]
    decisive = main[main["decided_by"]] or {}
    return {
        "id": name,
        **{key: claim[key] for key in ("source", "claim", "protocol")},
        **{key: decisive.get(key) for key in ("n", "effect", "lo", "hi", "unit")},
        "published": main["published"],
        "clean": main["clean"],
        "verdict": together([check["verdict"] for check in checks if not check["aside"]]),
        "figure": f"reports/figures/{claim['figure']}.svg",
        "command": f"snakemake --cores 8 results/claims/{name}.json",
        "checks": checks,
    }


def _arm(
    check: dict[str, Any], key: str | None, numbers: Entries, ledger: dict[str, Any]
) -> dict[str, Any] | None:
    if key is None or key not in numbers:
        return None
    number = numbers[key]
    return {
        "key": key,
        "effect": number["value"],
        **{name: number.get(name) for name in ("lo", "hi", "n", "p", "unit", "interval", "what")},
        "verdict": judge(number, check, ledger),
    }


def judged(
    name: str, claim: dict[str, Any], ledger: dict[str, Any], tables: Path, study: str
) -> dict[str, Any]:
    """One claim with its numbers, what they were measured on, and its verdict.

    Args:
        name: the claim's id.
        claim: as in the configuration.
        ledger: the constants of the rules.
        tables: folder of the tables.
        study: "full" or "quick"; a quick verdict is none.
    """
    paths = [tables / f"{table}.csv" for table in claim["tables"]]
    data = pl.read_csv(paths[0], columns=["data"])["data"][0]
    return entry(name, claim, collect(paths), ledger) | {"data": data, "study": study}


def main(
    name: str,
    claim: dict[str, Any],
    ledger: dict[str, Any],
    tables: Path,
    study: str,
    output: Path,
) -> None:
    """Judge one claim: arguments as of `judged`, and the JSON to write."""
    result = judged(name, claim, ledger, tables, study)
    write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", output)


if "snakemake" in globals():
    job.report(snakemake.log[0])
    main(
        snakemake.wildcards["claim"],
        snakemake.params["claim"],
        snakemake.params["ledger"],
        Path(snakemake.input.tables[0]).parent,
        snakemake.params["study"],
        Path(snakemake.output.claim),
    )
