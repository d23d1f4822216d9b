"""One claim of the ledger: its numbers in both arms, and the verdict that the rules give."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
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


def entry(claim: dict[str, Any], numbers: Entries, ledger: dict[str, Any]) -> dict[str, Any]:
    """The claim as it stands in claims.json.

    Args:
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
        **{name: claim[name] for name in ("id", "source", "claim", "protocol")},
        **{name: decisive.get(name) for name in ("n", "effect", "lo", "hi", "unit")},
        "published": main["published"],
        "clean": main["clean"],
        "verdict": together([check["verdict"] for check in checks if not check["aside"]]),
        "figure": f"reports/figures/{claim['figure']}.svg",
        "command": f"snakemake --cores 8 results/claims/{claim['id']}.json",
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


def main(
    claim: dict[str, Any],
    ledger: dict[str, Any],
    tables: list[Path],
    data: str,
    study: str,
    output: Path,
) -> None:
    """Judge one claim.

    Args:
        claim: as in the configuration.
        ledger: the constants of the rules.
        tables: the tables that hold its numbers.
        data: what it was measured on, "isolet" or "stand-in".
        study: "full" or "quick"; a quick verdict is none.
        output: JSON to write.
    """
    judged = entry(claim, collect(tables), ledger) | {"data": data, "study": study}
    write_text(json.dumps(judged, indent=2, allow_nan=False) + "\n", output)


if "snakemake" in globals():
    job.report(snakemake.log[0])
    main(
        snakemake.params["claim"],
        snakemake.params["ledger"],
        [Path(table) for table in snakemake.input.tables],
        json.loads(Path(snakemake.input.record).read_text(encoding="utf-8"))["data"],
        snakemake.params["study"],
        Path(snakemake.output.claim),
    )
