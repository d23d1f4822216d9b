"""Verdicts: every rule on both sides of its bounds, and what decides a claim."""

from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest

from workflow.lib import power
from workflow.lib.claims import Claim, entry, without_clocks
from workflow.lib.numbers import collect
from workflow.lib.settings import SettingsError, checked
from workflow.lib.study import Ledger
from workflow.lib.verdicts import RULES, Check, judge, together

LEDGER = Ledger(smallest_effect=0.003, significance=0.05)

# (rule, bound or range, value, lo, hi, p, verdict); the smallest effect is 0.003.
CASES: list[tuple[str, Any, float, float, float, float | None, str]] = [
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


@pytest.mark.parametrize(("rule", "limit", "value", "lo", "hi", "p", "verdict"), CASES)
def test_rule(
    rule: str, limit: Any, value: float, lo: float, hi: float, p: float | None, verdict: str
) -> None:
    limits = {} if limit is None else {"range" if rule == "inside" else "bound": limit}
    check = checked(Check, {"what": "w", "rule": rule, "published": "k", **limits}, "")
    assert judge({"value": value, "lo": lo, "hi": hi, "p": p}, check, LEDGER) == verdict


@pytest.mark.parametrize(
    ("rule", "limit", "number", "times", "verdict", "below", "above"),
    [
        # Half the width, four times the data; at this width the ends pass the bound.
        ("above", 0.9, (0.91, 0.89, 0.93), 4, "reproduced", 0.88, 0.92),
        ("less", None, (0.001, -0.005, 0.007), 2.25, "refuted", -0.006, 0.003),
        ("inside", [-1.0, 1.0], (0.5, -0.4, 1.4), 3.24, "reproduced", 0.1, 1.9),
        ("no_less", None, (-0.003, -0.004, -0.002), None, None, -0.004, -0.002),  # on the bound
    ],
)
def test_what_would_decide(
    rule: str,
    limit: Any,
    number: tuple[float, float, float],
    times: float | None,
    verdict: str | None,
    below: float,
    above: float,
) -> None:
    limits = {} if limit is None else {"range" if rule == "inside" else "bound": limit}
    check = checked(Check, {"what": "w", "rule": rule, "published": "k", **limits}, "")
    measured: dict[str, Any] = dict(zip(("value", "lo", "hi"), number, strict=True))
    found = power.needed(measured, check, LEDGER)
    assert found is not None
    assert found["times"] == (None if times is None else pytest.approx(times, rel=0.01))
    assert found["verdict"] == verdict
    assert (found["below"], found["above"]) == (
        pytest.approx(below, abs=3e-3 * abs(number[2] - number[1])),
        pytest.approx(above, abs=3e-3 * abs(number[2] - number[1])),
    )
    decided = {"value": 0.5, "lo": 0.5, "hi": 0.5}
    assert power.needed(decided, check, LEDGER) is None or rule == "inside"


def test_a_quantity_that_is_never_negative_is_not_asked_to_be() -> None:
    check = checked(Check, {"what": "w", "rule": "below", "bound": 0.01, "published": "k"}, "")
    number = {"value": 0.012, "lo": 0.006, "hi": 0.024, "unit": "ratio"}
    found = power.needed(number, check, LEDGER)
    assert found is not None
    assert found["below"] is None
    assert found["above"] == pytest.approx(0.016, rel=0.01)


def test_a_test_that_is_not_significant_leaves_nothing_to_say_of_the_interval() -> None:
    check = checked(Check, {"what": "w", "rule": "more", "published": "k"}, "")
    assert power.needed({"value": 0.01, "lo": 0.005, "hi": 0.015, "p": 0.2}, check, LEDGER) is None


def test_every_rule_is_allowed_and_tested() -> None:
    rules = {case[0] for case in CASES}
    assert rules == set(RULES) == set(get_args(Check.model_fields["rule"].annotation))


def test_no_interval_is_not_measured() -> None:
    number = {"value": 0.9, "lo": None, "hi": None}
    check = Check(what="w", rule="above", bound=0.5, published="k")
    assert judge(number, check, LEDGER) == "not measured"


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
    assert together(verdicts) == verdict


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        ({"rule": "above", "published": "k"}, "the rule above needs a bound"),
        ({"rule": "less", "range": [0, 1], "published": "k"}, "no other rule has one"),
        ({"rule": "less"}, "published or clean"),
        ({"rule": "worse", "published": "k"}, r"c\.checks\.0\.rule: 'worse'"),
    ],
)
def test_a_check_that_cannot_be_judged_is_refused(check: dict[str, Any], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        claim(check)


def number(value: float, lo: float, hi: float, n: int = 10) -> dict[str, Any]:
    return {"value": value, "lo": lo, "hi": hi, "n": n, "unit": "difference of fractions"}


def claim(*checks: dict[str, Any]) -> Claim:
    about = {"source": "s", "claim": "c", "protocol": "p", "figure": "fig7"}
    return checked(Claim, about | {"checks": [{"what": "w", **check} for check in checks]}, "c")


NUMBERS = {"a": number(0.01, 0.005, 0.02), "b": number(-0.01, -0.02, -0.005)}
ALONE = {"rule": "no_less", "published": "a"}
BOTH = {**ALONE, "clean": "b"}


def test_the_clean_protocol_decides_where_there_is_one() -> None:
    both = entry("K13", claim(BOTH), NUMBERS, LEDGER)
    assert both["published"]["verdict"] == "reproduced"
    assert both["clean"]["verdict"] == both["verdict"] == "refuted"
    assert (both["effect"], both["lo"], both["hi"], both["n"]) == (-0.01, -0.02, -0.005, 10)
    # A clean number that is missing is not replaced by the published one.
    missing = entry("K13", claim(BOTH), {"a": NUMBERS["a"]}, LEDGER)
    assert (missing["clean"], missing["verdict"]) == (None, "not measured")
    assert entry("K13", claim(ALONE), NUMBERS, LEDGER)["verdict"] == "reproduced"
    nothing = entry("K13", claim(BOTH), {}, LEDGER)
    assert (nothing["effect"], nothing["verdict"]) == (None, "not measured")


def test_a_check_aside_does_not_affect_the_verdict() -> None:
    aside = {"rule": "no_less", "published": "b", "aside": True}
    found = entry("K13", claim(ALONE, aside), NUMBERS, LEDGER)
    assert [check["verdict"] for check in found["checks"]] == ["reproduced", "refuted"]
    assert found["verdict"] == "reproduced"


TIMES = {**NUMBERS, "t": {**number(2.5, 2.1, 2.8), "unit": "ratio of times"}}


def test_of_a_check_on_a_clock_the_ledger_keeps_the_verdict() -> None:
    """Everything else of it differs in every run, and has a file of its own."""
    on_time = {"rule": "above", "bound": 2.0, "published": "t"}
    full = entry("K12", claim(on_time, ALONE), TIMES, LEDGER)
    found = without_clocks(full)
    assert (full["effect"], full["published"]["effect"], found["n"]) == (2.5, 2.5, 10)
    for place in (found, found["checks"][0]):
        assert (place["published"], place["clean"]) == (None, None)
        assert place["clocks"] == "reports/clocks.json"
        assert place["verdict"] == "reproduced"
    assert (found["effect"], found["lo"], found["hi"]) == (None, None, None)
    assert found["checks"][1] == full["checks"][1]
    # Where the main check is on no clock, the claim keeps its numbers.
    aside = without_clocks(entry("S4", claim(ALONE, {**on_time, "aside": True}), TIMES, LEDGER))
    assert (aside["effect"], aside["clocks"]) == (0.01, "reports/clocks.json")
    assert aside["checks"][1]["published"] is None
    for without in (claim(ALONE, BOTH), claim(BOTH)):
        same = entry("K13", without, TIMES, LEDGER)
        assert without_clocks(same) == same
    # What was not measured is no clock.
    missing = entry("K17", claim(on_time), {}, LEDGER)
    assert without_clocks(missing) == missing


def test_two_tables_cannot_give_one_number(tmp_path: Path) -> None:
    table = pl.DataFrame([{"key": "k1.x", "what": "w", **number(0.1, 0.0, 0.2), "interval": "i"}])
    for name in ("one", "two"):
        table.write_csv(tmp_path / f"{name}.csv")
    assert collect([tmp_path / "one.csv"])["k1.x"]["hi"] == 0.2
    with pytest.raises(ValueError, match=r"two\.csv: .*one\.csv has a number k1\.x too"):
        collect([tmp_path / "one.csv", tmp_path / "two.csv"])
