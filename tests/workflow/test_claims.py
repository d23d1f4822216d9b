"""The ledger: every rule on both sides of its bounds, and what makes a ledger unsound."""

from pathlib import Path
from typing import Any

import entries
import judge_claim
import polars as pl
import pytest
import write_claims
import yaml

CONFIG = Path(__file__).parents[2] / "workflow/config/claims.yaml"
SETTINGS = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
LEDGER = {"smallest_effect": 0.003, "significance": 0.05}


# (rule, bound or range, value, lo, hi, p, verdict); the smallest effect is 0.003.
RULES: list[tuple[str, Any, float, float, float, float | None, str]] = [
    ("above", 0.9, 0.95, 0.91, 0.97, None, "reproduced"),
    ("above", 0.9, 0.91, 0.89, 0.93, None, "inconclusive"),
    ("above", 0.9, 0.8, 0.7, 0.89, None, "refuted"),
    ("above", 0.9, 0.95, 0.9, 0.97, None, "inconclusive"),  # lo at the bound is not above it
    ("below", 0.01, 0.0, 0.0, 0.004, None, "reproduced"),
    ("below", 0.01, 0.02, 0.005, 0.04, None, "inconclusive"),
    ("below", 0.01, 0.02, 0.015, 0.04, None, "refuted"),
    ("inside", [0.945, 0.955], 0.95, 0.946, 0.954, None, "reproduced"),
    ("inside", [0.945, 0.955], 0.95, 0.94, 0.954, None, "inconclusive"),
    ("inside", [0.945, 0.955], 0.86, 0.85, 0.87, None, "refuted"),
    ("inside", [0.945, 0.955], 0.97, 0.96, 0.98, None, "refuted"),
    ("more", None, 0.01, 0.005, 0.015, None, "reproduced"),
    ("more", None, 0.01, 0.005, 0.015, 0.2, "inconclusive"),  # the test over speakers disagrees
    ("more", None, 0.01, 0.005, 0.015, 0.01, "reproduced"),
    ("more", None, 0.002, 0.001, 0.004, 0.01, "inconclusive"),  # certain, but too small so far
    ("more", None, 0.002, 0.001, 0.0029, 0.01, "refuted"),  # certainly too small to matter
    ("more", None, 0.004, -0.001, 0.009, None, "inconclusive"),
    ("more", None, -0.01, -0.015, -0.005, None, "refuted"),
    ("more", 0.0005, 0.001, 0.0001, 0.002, None, "reproduced"),  # its own smallest effect
    ("less", None, -0.01, -0.015, -0.005, 0.01, "reproduced"),
    ("less", None, -0.01, -0.015, -0.005, 0.2, "inconclusive"),
    ("less", None, -0.0014, -0.0010, 0.003, None, "refuted"),
    ("less", None, -0.002, -0.005, 0.0005, None, "inconclusive"),
    ("less", None, 0.01, 0.005, 0.015, None, "refuted"),
    ("no_less", None, 0.004, -0.002, 0.01, None, "reproduced"),
    ("no_less", None, -0.001, -0.004, 0.002, None, "inconclusive"),
    ("no_less", None, -0.01, -0.02, -0.004, None, "refuted"),
]


@pytest.mark.parametrize(("rule", "limit", "value", "lo", "hi", "p", "verdict"), RULES)
def test_rule(
    rule: str, limit: Any, value: float, lo: float, hi: float, p: float | None, verdict: str
) -> None:
    check = {"rule": rule} | ({} if limit is None else {"bound": limit, "range": limit})
    assert judge_claim.judge({"value": value, "lo": lo, "hi": hi, "p": p}, check, LEDGER) == verdict


def test_every_rule_of_the_configuration_is_judged_and_tested() -> None:
    rules = set(SETTINGS["ledger"]["rules"])
    assert rules == {row[0] for row in RULES}
    assert {
        check["rule"] for claim in SETTINGS["claims"].values() for check in claim["checks"]
    } <= rules


def test_no_interval_is_not_measured() -> None:
    number = {"value": 0.9, "lo": None, "hi": None}
    assert judge_claim.judge(number, {"rule": "above", "bound": 0.5}, LEDGER) == "not measured"


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [
        (["reproduced", "reproduced"], "reproduced"),
        (["reproduced", "inconclusive"], "inconclusive"),
        (["inconclusive", "refuted"], "refuted"),
        (["not measured", "refuted"], "not measured"),
        (["reproduced", "not measured"], "inconclusive"),
    ],
)
def test_together(verdicts: list[str], verdict: str) -> None:
    assert judge_claim.together(verdicts) == verdict


def number(value: float, lo: float, hi: float, n: int = 10) -> dict[str, Any]:
    return {"value": value, "lo": lo, "hi": hi, "n": n, "unit": "difference of fractions"}


CLAIM = {
    "source": "s",
    "claim": "c",
    "protocol": "p",
    "figure": "fig7",
    "checks": [{"what": "w", "rule": "no_less", "published": "a", "clean": "b"}],
}


def alone_of(claim: dict[str, Any]) -> dict[str, Any]:
    """The claim with its published arm alone."""
    return {**claim, "checks": [{"what": "w", "rule": "no_less", "published": "a"}]}


def test_the_clean_arm_decides_where_there_is_one() -> None:
    numbers = {"a": number(0.01, 0.005, 0.02), "b": number(-0.01, -0.02, -0.005)}
    both = judge_claim.entry("K13", CLAIM, numbers, LEDGER)
    assert both["published"]["verdict"] == "reproduced"
    assert both["clean"]["verdict"] == both["verdict"] == "refuted"
    assert (both["effect"], both["lo"], both["hi"], both["n"]) == (-0.01, -0.02, -0.005, 10)
    # A clean arm that is missing is not replaced by the other one.
    missing = judge_claim.entry("K13", CLAIM, {"a": numbers["a"]}, LEDGER)
    assert missing["clean"] is None
    assert missing["verdict"] == "not measured"
    alone = alone_of(CLAIM)
    assert judge_claim.entry("K13", alone, numbers, LEDGER)["verdict"] == "reproduced"
    beside = {"what": "v", "rule": "no_less", "published": "b", "aside": True}
    aside = judge_claim.entry(
        "K13", {**alone, "checks": [*alone["checks"], beside]}, numbers, LEDGER
    )
    assert [check["verdict"] for check in aside["checks"]] == ["reproduced", "refuted"]
    assert aside["verdict"] == "reproduced"
    nothing = judge_claim.entry("K13", CLAIM, {}, LEDGER)
    assert nothing["verdict"] == "not measured"
    assert nothing["effect"] is None


def test_an_unsound_ledger_is_refused(tmp_path: Path) -> None:
    numbers = {"a": number(0.01, 0.005, 0.02), "b": number(-0.01, -0.02, -0.005)}
    sound = judge_claim.entry("K13", CLAIM, numbers, LEDGER)
    assert write_claims.faults([sound], ["K13"], numbers) == []
    assert write_claims.faults([sound, sound], ["K13"], numbers)
    assert write_claims.faults([sound], ["K13", "K14"], numbers) == ["K14: has no entry"]
    assert write_claims.faults([sound | {"verdict": "plausible"}], ["K13"], numbers)
    changed = {**numbers, "b": number(-0.01, -0.02, -0.004)}
    assert write_claims.faults([sound], ["K13"], changed) == [
        "K13: b is not the number of numbers.json"
    ]
    assert write_claims.faults([sound], ["K13"], {})

    table = pl.DataFrame(
        [{"key": "a", "what": "w", **numbers["a"], "interval": "i", "data": "xor"}]
    )
    table.write_csv(tmp_path / "t.csv")
    (tmp_path / "numbers.json").write_text("{}")
    with pytest.raises(SystemExit, match="K13: a is not the number"):
        write_claims.main(
            {"K13": {**alone_of(CLAIM), "tables": ["t"]}},
            ["K13"],
            LEDGER,
            tmp_path,
            "full",
            tmp_path / "numbers.json",
            tmp_path / "claims.json",
            tmp_path / "ledger.csv",
        )
    assert not (tmp_path / "claims.json").exists()


def test_two_tables_cannot_give_one_number(tmp_path: Path) -> None:
    table = pl.DataFrame([{"key": "k1.x", "what": "w", **number(0.1, 0.0, 0.2), "interval": "i"}])
    for name in ("one", "two"):
        table.write_csv(tmp_path / f"{name}.csv")
    assert entries.collect([tmp_path / "one.csv"])["k1.x"]["hi"] == 0.2
    with pytest.raises(ValueError, match=r"two\.csv gives \['k1\.x'\]"):
        entries.collect([tmp_path / "one.csv", tmp_path / "two.csv"])


def test_the_claims_are_those_of_the_source() -> None:
    assert list(SETTINGS["claims"]) == [f"K{i}" for i in range(1, 18)]
