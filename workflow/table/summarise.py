"""Every model on the test rows, its difference to the best baseline, and what would decide."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nnjax import stats
from workflow.lib import job, power
from workflow.lib.estimates import number
from workflow.lib.estimates import table as numbers_table
from workflow.lib.numbers import Number
from workflow.lib.study import Ledger
from workflow.lib.tables import write_csv, write_text
from workflow.lib.verdicts import Check, judge
from workflow.table.baselines import NAMES as BASELINES
from workflow.table.networks import NAMES as OPTIMIZERS
from workflow.table.rows import Rows, scores, stored, units
from workflow.table.settings import Table

ENTRIES = 20_000_000
"""Entries of the largest array of a bootstrap; more units get fewer resamples."""


def interval(values: np.ndarray, rows: Rows) -> stats.Interval:
    """Mean of scores (seeds, rows), with an interval over groups (or rows) and seeds."""
    of = units(rows)
    sums = np.stack([np.bincount(of, weights=each) for each in values])
    counts = np.bincount(of)
    resamples = int(min(10_000, max(1_000, ENTRIES // len(counts))))
    found = stats.two_level_interval(sums, counts, np.random.default_rng(0), resamples=resamples)
    if np.ptp(sums / counts) == 0 and not rows.is_regression:
        # Nothing varies, as where every row is right: what n units without an exception allow.
        n = len(counts)
        unseen = 1 - stats.proportion_interval(n, n).lo
        found = found._replace(lo=found.value - unseen, hi=found.value + unseen)
    return found._replace(n=len(values) if len(values) > 1 else len(counts))


def p_value(difference: np.ndarray, rows: Rows) -> float:
    """The p value of a sign-flip test on the differences of groups (or rows)."""
    per_unit = np.bincount(units(rows), weights=difference.mean(axis=0))
    return stats.sign_flip_test(per_unit, np.random.default_rng(0), resamples=9_999)


def key_of(hidden_units: int, optimizer: str) -> str:
    """The name of a network in keys."""
    return f"network_{optimizer}" if hidden_units else f"linear_network_{optimizer}"


def words_of(network: dict[str, Any]) -> str:
    """The settings of a network in words."""
    units = f"{network['hidden_units']} units, " if network["hidden_units"] else ""
    return f"{units}rate {network['learning_rate']:g}, {network['epochs']} epochs"


def named(name: str, setting: str | None) -> str:
    """A model with its setting, if it has one.

    Example:
        >>> named("SVM", "C 3"), named("random forest", "")
        ('SVM (C 3)', 'random forest')
    """
    return f"{name} ({setting})" if setting else name


def models(networks: pl.DataFrame, baselines: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All models by key: name, kind, setting and predictions (seeds, test rows)."""
    found = {}
    same = ("hidden_units", "optimizer", "learning_rate", "epochs")
    for settings, runs in networks.group_by(same, maintain_order=True):
        network: dict[str, Any] = dict(zip(same, settings, strict=True))
        layers = "one hidden layer" if network["hidden_units"] else "no hidden layer"
        found[key_of(network["hidden_units"], network["optimizer"])] = {
            "name": f"network, {layers}, {OPTIMIZERS[network['optimizer']]}",
            "kind": "network",
            "setting": words_of(network),
            "predicted": np.array(runs.sort("seed")["predicted"].to_list()),
        }
    for name, each in baselines.items():
        found[name] = {
            "name": BASELINES[name],
            "kind": "baseline",
            "setting": each["setting"],
            "predicted": np.array([each["predicted"]]),
        }
    return found


def main(
    rows: Path,
    about: Path,
    table: Table,
    chosen: Path,
    networks: Path,
    baselines: Path,
    found: Path,
    ledger: Ledger,
    comparison: Path,
    curve: Path,
    importance: Path,
    numbers: Path,
    summary: Path,
) -> None:
    """Write the tables of the figures, the numbers, and what the page says.

    Args:
        rows: the table's rows.
        about: what is known about them.
        table: the settings.
        chosen: Parquet of the trials.
        networks: Parquet of the networks' predictions.
        baselines: JSON of the baselines' predictions.
        found: Parquet of curve, importance and leak.
        ledger: the constants of the rules of verdict.
        comparison: CSV to write, one row per model.
        curve: CSV to write, one row per number of training rows.
        importance: CSV to write, one row per column.
        numbers: JSON to write, as the study's numbers.json.
        summary: JSON to write: best models, their difference, the verdict, the hardest rows.
    """
    train, test = stored(rows, about)
    described = json.loads(about.read_text(encoding="utf-8"))
    measure = "R2" if test.is_regression else "accuracy"
    unit = "number" if test.is_regression else "fraction"
    what = "groups" if test.groups is not None else "rows"
    every = models(pl.read_parquet(networks), json.loads(baselines.read_text(encoding="utf-8")))
    values = {key: scores(test, each["predicted"]) for key, each in every.items()}
    trials = pl.read_parquet(chosen)
    best = trials.filter("best").sort("loss").row(0, named=True)
    main_key = key_of(best["hidden_units"], best["optimizer"])
    rival = max(
        (key for key, each in every.items() if each["kind"] == "baseline"),
        key=lambda key: values[key].mean(),
    )
    written: list[Number] = []
    listed = []
    for key, each in every.items():
        seeds = " and seeds" if len(values[key]) > 1 else ""
        covers = f"95 % over {what}{seeds} (bootstrap)"
        est = interval(values[key], test)
        name = "test" if key == main_key else key
        about_it = f"{named(each['name'], each['setting'])}, test {measure}"
        written.append(number(f"{name}_{measure}", about_it, est, unit, covers))
        row = {"key": key, **{k: each[k] for k in ("name", "kind", "setting")}, **est._asdict()}
        row["chosen"] = key == main_key
        if key != rival:
            gap = values[key] - values[rival]
            difference = interval(gap, test)
            p = p_value(gap, test)
            row |= {"difference": difference.value, "difference_lo": difference.lo}
            row |= {"difference_hi": difference.hi, "p": p}
            if key == main_key:
                decided = number(
                    "difference_to_best_baseline",
                    f"{each['name']} minus {every[rival]['name']}, test {measure}",
                    difference,
                    "number" if test.is_regression else "difference of fractions",
                    f"95 % over {what}{seeds} (bootstrap)",
                    p,
                )
                written.append(decided)
        listed.append(row)
    explored = pl.read_parquet(found)
    splits = {r["name"]: np.array(r["values"]) for r in explored.filter(kind="leak").to_dicts()}
    if splits:
        gap = (splits["rows"] - splits["groups"])[None]
        written.append(
            number(
                "leak",
                f"held-out {measure} of folds that split groups minus folds that keep them",
                interval(gap, train),
                "number" if test.is_regression else "difference of fractions",
                "95 % over groups (bootstrap)",
            )
        )
    frame = pl.DataFrame(listed, infer_schema_length=None).sort("value", descending=True)
    write_csv(frame, comparison)
    write_csv(
        pl.DataFrame(
            [
                {"rows": float(r["name"]), "value": float(np.mean(r["values"])),
                 "least": min(r["values"]), "most": max(r["values"]), "n": len(r["values"])}
                for r in explored.filter(kind="curve").to_dicts()
            ]
        ),
        curve,
    )  # fmt: skip
    write_csv(
        pl.DataFrame(
            [
                {"column": r["name"], **interval(np.array([r["values"]]), test)._asdict()}
                for r in explored.filter(kind="importance").to_dicts()
            ]
        ).sort("value", descending=True),
        importance,
    )
    as_table = numbers_table(written, "none").drop("data")
    content = {row.pop("key"): row | {"data": described["file"]} for row in as_table.to_dicts()}
    write_text(json.dumps(content, indent=2) + "\n", numbers)
    check = Check(what="better than the best baseline", rule="more", published="k")
    deciding = content["difference_to_best_baseline"]
    verdict = judge(deciding, check, ledger)
    mean = values[main_key].mean(axis=0)
    hardest = [i for i in np.argsort(mean, kind="stable")[:10] if mean[i] < 1]
    write_text(
        json.dumps(
            {
                "measure": measure,
                "what": what,
                "network": every[main_key]["name"],
                "network_setting": every[main_key]["setting"],
                "network_key": main_key,
                "rival": every[rival]["name"],
                "rival_key": rival,
                "verdict": verdict,
                "needed": power.needed(deciding, check, ledger),
                "hardest": [
                    {
                        "row": int(test.numbers[i]) + 1,
                        "target": _named(test, test.y[i]),
                        "score": float(values[main_key][:, i].mean()),
                        "predicted": _named(test, _usual(every[main_key]["predicted"][:, i])),
                    }
                    for i in hardest
                ],
            },
            indent=2,
        )
        + "\n",
        summary,
    )


def _usual(predicted: np.ndarray) -> float:
    names, counts = np.unique(predicted, return_counts=True)
    return float(names[counts.argmax()])


def _named(rows: Rows, value: Any) -> str:
    return f"{float(value):.4g}" if rows.classes is None else rows.classes[int(value)]


job.run(main, globals().get("snakemake"))
