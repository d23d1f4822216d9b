"""How networks and baselines are chosen: among equal and diverged trials, and by held-out rows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import Ridge

from workflow.table import explore, fit_rivals
from workflow.table.rows import Rows, encoded, folds
from workflow.table.settings import asked
from workflow.table.tune import best, even

NAN = float("nan")


@pytest.mark.parametrize(
    ("losses", "chosen"),
    [
        ([0.5, 0.2, 0.2, 0.3, 0.4, 0.1], [1, 3, 5]),
        ([NAN, 0.2, 0.0, 0.0, NAN, NAN], [2, 3, 4]),
        ([NAN, NAN, NAN, NAN, 0.2, NAN], [0, 3, 4]),
    ],
    ids=["equal", "diverged", "all diverged"],
)
def test_one_trial_of_each_kind_is_best(losses: list[float], chosen: list[int]) -> None:
    kinds = [("adam", 8), ("adam", 8), ("adam", 32), ("adam", 0), ("sgd", 32), ("sgd", 32)]
    trials: list[dict[str, Any]] = [
        {"optimizer": optimizer, "hidden_units": units, "loss": loss}
        for (optimizer, units), loss in zip(kinds, losses, strict=True)
    ]
    assert np.flatnonzero(best(trials)).tolist() == chosen


def test_a_large_group_leaves_no_class_out() -> None:
    """A table sorted by class, with most rows in one group: its first rows are of one class."""
    y = np.repeat([0, 1], 50)
    groups = np.where(np.arange(100) % 5 == 0, np.arange(100), 1000)
    rows = Rows(pl.DataFrame({"x": np.arange(100.0)}), y, groups, ["a", "b"], np.arange(100))
    parts = folds(rows, 3)
    evened = even(parts)
    assert len({len(known) for known, _ in evened}) == 1
    for (known, held_out), (every, same) in zip(evened, parts, strict=True):
        assert {*known} <= {*every}
        assert held_out is same
        assert {*y[known]} == {0, 1}


def test_curve_leaves_out_parts_without_a_usable_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two rows, texts are as many as rows, like names."""

    def guessed(train: Rows, others: Rows, *_: object) -> tuple[np.ndarray, None]:
        encoded(train, others)
        return np.zeros((1, len(others.y))), None

    monkeypatch.setattr(explore, "refitted", guessed)
    table = asked({"study": "full", "table": {"file": "a", "target": "y", "shares": [0.1]}})
    texts = pl.DataFrame({"colour": ["red", "blue"] * 10})
    rows = Rows(texts, np.repeat([0, 1], 10), None, ["a", "b"], np.arange(20))
    assert table is not None
    assert [part["rows"] for part in explore.curve(rows, rows, {}, table)] == [20.0]


def test_r2_of_held_out_rows_is_that_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Groups of one amount each, such as patients: alone, a held-out group has no R²."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(6), 10)
    y = np.repeat(rng.normal(size=6), 10)
    x = y + rng.normal(size=60)
    table = pl.DataFrame({"x": x, "target of the study": y, "group of the study": groups})
    table = table.with_columns(
        pl.Series("test row of the study", np.arange(60) >= 40),
        pl.Series("row number of the study", np.arange(60)),
    )
    table.write_parquet(tmp_path / "rows.parquet")
    (tmp_path / "about.json").write_text('{"classes": null}', encoding="utf-8")
    settings = asked({"study": "full", "table": {"file": "a", "target": "y", "folds": 4}})
    assert settings is not None
    ridge = {"ridge": (Ridge, {"alpha": [0.1, 1.0]})}
    monkeypatch.setattr(fit_rivals, "models", lambda *_: ridge)
    paths = [tmp_path / name for name in ("rows.parquet", "about.json", "found.json")]
    fit_rivals.main(paths[0], paths[1], settings, paths[2])
    found = json.loads(paths[2].read_text(encoding="utf-8"))["ridge"]["held_out"]

    train = Rows(table.select("x")[:40], y[:40], groups[:40], None, np.arange(40))
    errors = []
    for alpha in (0.1, 1.0):
        guess = np.zeros(40)
        for known, held_out in folds(train, 4):
            data = encoded(train.where(known), train.where(held_out))
            guess[held_out] = Ridge(alpha).fit(data.x, y[known]).predict(data.others)
        errors.append(((guess - y[:40]) ** 2).mean() / y[:40].var())
    assert found == pytest.approx(1 - min(errors), abs=1e-4)
