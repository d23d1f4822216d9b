"""The chapter on training advice: what arms change, early stopping, numbers of a made-up run."""

import json
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import polars as pl
import pytest

from tests.chapters.conftest import chapter, load, settings
from workflow.lib.settings import SettingsError

train, summarise = (load("practice", name) for name in ("train", "summarise"))
plot = load("practice", "plot_practice")
SETTINGS = settings("practice")
BASE = SETTINGS.base


@pytest.fixture(autouse=True)
def as_a_job_runs() -> Iterator[None]:
    """float32, as in the workflow's jobs."""
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        yield


def test_a_skip_passes_the_input_on_where_the_weights_are_zero() -> None:
    x = jax.numpy.array([[1.0, 2.0]])
    for skip in (False, True):
        arm = BASE.changed({"hidden_layers": 3, "hidden_units": 2, "skip": skip, "init": 0.0})
        net = train.network(arm)
        params, shape = net.init(jax.random.key(0), (2,))
        assert shape == (26,)
        one = jax.tree.map(jax.numpy.ones_like, params[0])
        last = jax.tree.map(jax.numpy.ones_like, params[-1])
        y, _ = net.forward((one, *params[1:-1], last), x)
        # Each of the two first units has 1 + 2 + 1 = 4; what comes after is 0 but for the skips.
        assert set(np.asarray(y).ravel()) == {9.0 if skip else 1.0}


def test_networks_that_differ_in_their_start_alone_share_their_functions() -> None:
    a, b = (train.network(BASE.changed({"init": init})) for init in ("glorot", 0.0))
    assert (a.forward, a.backward) == (b.forward, b.backward)
    assert a.init != b.init


def data(folder: Path) -> tuple[Path, Path]:
    """Six training speakers and two test speakers, two rows each; letters A and B."""
    from nnjax.datasets.isolet import COLUMNS

    rng = np.random.default_rng(0)
    paths = folder / "train.parquet", folder / "test.parquet"
    for path, speakers in zip(paths, (range(1, 7), range(121, 123)), strict=True):
        who = np.repeat(list(speakers), 2)
        x = pl.from_numpy(rng.uniform(-1, 1, (len(who), 617)), schema=list(COLUMNS))
        pl.DataFrame({"speaker": who, "letter": np.tile([1, 2], len(speakers))}).hstack(
            x
        ).write_parquet(path)
    return paths


def test_rows_of_an_arm(tmp_path: Path) -> None:
    paths = data(tmp_path)
    raw, ten = (
        train.prepared(BASE.changed({"scaling": scaling}), *paths, 0, 0)
        for scaling in ("raw", "times ten")
    )
    assert np.array_equal(ten.x, 10 * raw.x)
    assert np.array_equal(ten.x_measured, 10 * raw.x_measured)
    scaled = train.prepared(BASE.changed({"held_out": 2}), *paths, 0, 0)
    assert scaled.x.mean(axis=0) == pytest.approx(0, abs=1e-6)
    assert len(scaled.x) == 8
    assert scaled.held_out.sum() == 4
    assert set(scaled.speakers[~scaled.held_out]) == {121, 122}
    assert set(scaled.speakers[scaled.held_out]) < set(range(1, 7))


def test_an_arm_is_trained_and_counted(tmp_path: Path) -> None:
    runs, speakers = tmp_path / "runs.parquet", tmp_path / "by_speaker.parquet"
    small = {"hidden_units": 3, "batch_size": 4, "epochs": 2, "held_out": 2}
    train.main(*data(tmp_path), 2, 0, 0, BASE, {"held out": small}, runs, speakers)
    by_epoch, by_speaker = pl.read_parquet(runs), pl.read_parquet(speakers)
    assert by_epoch.shape == (4, 6)
    assert by_epoch["updates"].to_list() == [2, 4, 2, 4]
    assert by_epoch["held_out_loss"].is_between(1, 10).all()
    assert set(by_speaker["speaker"]) == {121, 122}
    assert by_speaker["correct"].is_between(0, 2).all()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"arms": {"deep": {"layers": 3}}}, "practice.arms.deep.layers: unknown key"),
        (
            {"differences": {"l2": ["l2", 31, "base", 30]}},
            "practice.differences.l2: .* has no epoch 31",
        ),
        ({"differences": {"l2": ["l2", "best", "base", 30]}}, "arm 'l2' holds out no"),
        ({"differences": {"l2": ["luck", 3, "base", 30]}}, "differences.l2.*'luck'"),
    ],
)
def test_settings_that_cannot_be_used_are_named(overrides: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        chapter("practice", **overrides)


# Held-out losses of two seeds over three epochs: the best are epochs 2 and 1.
LOSSES = [[0.9, 0.5, 0.7], [0.4, 0.6, 0.8]]


def made_up() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Every arm gets `epoch` rows of 10 right, one fewer in arms other than base."""
    keys = [
        {"arm": arm, "seed": seed, "epoch": epoch}
        for arm in SETTINGS.arms
        for seed in (0, 1)
        for epoch in (1, 2, 3)
    ]
    by_epoch = pl.DataFrame(
        [
            key
            | {
                "train_loss": 1.0,
                "held_out_loss": LOSSES[key["seed"]][key["epoch"] - 1]
                if key["arm"] == "held out"
                else None,
                "updates": 2 * key["epoch"],
            }
            for key in keys
        ],
        infer_schema_length=None,
    )
    by_speaker = pl.DataFrame(
        [
            key | {"speaker": s, "rows": 10, "correct": key["epoch"] + 1 - (key["arm"] != "base")}
            for key in keys
            for s in (121, 122)
        ]
    )
    return by_epoch, by_speaker


DIFFERENCES = {
    "scaling": ["base", 3, "raw", 3],
    "early_stopping": ["held out", "best", "held out", 3],
    "init_zeros": ["base", 3, "zeros", 1],
}


def test_early_stopping_takes_each_seeds_best_epoch() -> None:
    by_epoch, by_speaker = made_up()
    assert summarise.best_epochs(by_epoch, "held out")["epoch"].to_list() == [1, 2] or (
        summarise.best_epochs(by_epoch, "held out").sort("seed")["epoch"].to_list() == [2, 1]
    )
    correct, rows = summarise.counts(by_epoch, by_speaker, "held out", "best")
    assert correct.tolist() == [[2, 2], [1, 1]]
    assert rows.tolist() == [10, 10]
    with pytest.raises(ValueError, match="holds out no speakers"):
        summarise.best_epochs(by_epoch, "base")
    with pytest.raises(ValueError, match="has no epoch 9"):
        summarise.counts(by_epoch, by_speaker, "base", 9)


@pytest.mark.parametrize("source", ["isolet", "stand-in"])
def test_numbers_and_figure_of_a_made_up_run(tmp_path: Path, source: str) -> None:
    runs, speakers, origin, table, numbers = (
        tmp_path / name for name in ("r.parquet", "s.parquet", "o.json", "practice.csv", "n.csv")
    )
    by_epoch, by_speaker = made_up()
    by_epoch.write_parquet(runs)
    by_speaker.write_parquet(speakers)
    origin.write_text(json.dumps({"data": source}))
    summarise.main(runs, speakers, origin, DIFFERENCES, table, numbers)
    found = pl.read_csv(numbers)
    value = dict(found.select("key", "value").iter_rows())
    assert set(found["data"]) == {source}
    assert value["h6.scaling"] == pytest.approx(0.1)
    p = dict(found.select("key", "p").iter_rows())
    # Two speakers that agree in sign: 2 of 4 flips; three tests, so Holm makes it 1.
    assert (p["h6.scaling"], p["h6.base_accuracy"]) == (1.0, None)
    assert value["h6.early_stopping"] == pytest.approx(-0.15)
    assert value["h6.init_zeros"] == pytest.approx(0.3)
    assert value["h6.base_accuracy"] == pytest.approx(0.4)
    assert value["h6.held_out_stopped_at"] == pytest.approx(1.5)
    svg, png = tmp_path / "f.svg", tmp_path / "f.png"
    plot.main(table, svg, png)
    assert png.read_bytes()[:4] == b"\x89PNG"
    assert ("STAND-IN" in svg.read_text()) == (source == "stand-in")


def test_every_difference_and_check_is_drawn_and_measured() -> None:
    differences = SETTINGS.differences
    assert set(differences) == set(plot.INGREDIENTS)
    keys = {check.published for check in chapter("practice").claims["H6"].checks}
    assert keys == {f"h6.{name}" for name in differences}
    named = {arm for row in differences.values() for arm in (row[0], row[2])}
    assert named == set(SETTINGS.arms)
