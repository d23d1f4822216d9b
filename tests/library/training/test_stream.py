"""Training from a Parquet file: as in memory, in the order of the epoch, with checked blocks."""

import os
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import polars as pl
import pytest
from training_problem import HELD_OUT, LOSS, SGD, replicate, train
from trees import assert_close

import nnjax as nn
from nnjax.tables import TableError
from nnjax.training.stream import order_of

RNG = np.random.default_rng(1)
ROWS = 53
X, LABELS = RNG.normal(size=(ROWS, 3)), RNG.integers(2, size=ROWS)
NAMES = ["a", "^b.*$", "c"]
KEY: Any = jax.random.key(5)
NETWORK = nn.serial(nn.dense(4), nn.layer_norm(), nn.tanh(), nn.dropout(0.3), nn.dense(2))


def table(x: np.ndarray = X, **more: Any) -> pl.DataFrame:
    columns = {name: x[:, i] for i, name in enumerate(NAMES)}
    return pl.DataFrame(columns | {"label": LABELS[: len(x)]} | more)


def written(folder: Path, frame: pl.DataFrame | None = None) -> Path:
    """A file whose row groups have another size than the blocks."""
    path = folder / "rows.parquet"
    (table() if frame is None else frame).write_parquet(path, row_group_size=11)
    return path


def fit(data: Any, network: nn.Layer = NETWORK, **settings: Any) -> tuple[Any, nn.History]:
    given: dict[str, Any] = {"epochs": 3, "batch_size": 5, "optimizer": SGD}
    params = network.init(jax.random.key(0), (3,))[0]
    return nn.fit(network, LOSS, params=params, data=data, **(given | settings))


# --- the same as in memory ------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 5, 7, 30, 53, 100])
@pytest.mark.parametrize("drop_last", [False, True])
def test_in_the_order_of_the_file_it_is_training_in_memory(
    tmp_path: Path, batch_size: int, drop_last: bool
) -> None:
    data = nn.stream(written(tmp_path), target="label", block=7, window=3)
    settings: dict[str, Any] = {
        "batch_size": batch_size, "drop_last": drop_last, "shuffle": False, "key": KEY,
        "validation": HELD_OUT, "optimizer": optax.adam(0.01),
    }  # fmt: skip
    for found, expected in zip(fit(data, **settings), fit((X, LABELS), **settings), strict=True):
        assert_close(found, expected, rtol=1e-13, atol=1e-14)


def test_shuffled_it_is_training_in_memory_in_the_order_of_each_epoch(tmp_path: Path) -> None:
    data = nn.stream(written(tmp_path), target="label", block=7, window=3)
    params, history = fit(data, key=KEY, patience=9, monitor="train_loss")
    order_key = jax.random.split(KEY)[0]
    seen: list[nn.Checkpoint] = []
    start: Any = NETWORK.init(jax.random.key(0), (3,))[0]
    orders = []
    for epoch in range(3):
        parts = []
        for starts, places in order_of(data, order_key, epoch):
            joined = np.concatenate([np.arange(s, min(s + 7, ROWS)) for s in starts])
            window = np.empty_like(joined)
            window[places] = joined
            parts.append(window)
        order = np.concatenate(parts)
        np.testing.assert_array_equal(np.sort(order), np.arange(ROWS))
        orders.append(order.tolist())
        nn.fit(
            NETWORK, LOSS, SGD, start, (X[order], LABELS[order]), epochs=epoch + 1, batch_size=5,
            shuffle=False, key=KEY, callback=seen.append,
        )  # fmt: skip
        start = seen[-1]
    assert orders[0] != orders[1] != orders[2]
    assert_close(history.train_loss, seen[-1].history.train_loss, rtol=1e-13, atol=1e-14)  # pyright: ignore[reportOptionalMemberAccess]
    best = int(np.argmin(history.train_loss))
    assert_close(params, seen[best].params, rtol=1e-13, atol=1e-14)


def test_rows_meet_within_their_window_only(tmp_path: Path) -> None:
    data = nn.stream(written(tmp_path), target="label", block=7, window=3)
    windows = list(order_of(data, KEY, 0))
    assert [len(starts) for starts, _ in windows] == [3, 3, 2]
    assert sorted(int(s) for starts, _ in windows for s in starts) == list(range(0, ROWS, 7))
    assert [sorted(places) for _, places in windows] == [
        list(range(sum(min(7, ROWS - s) for s in starts))) for starts, _ in windows
    ]


def test_it_resumes_to_the_last_bit(tmp_path: Path) -> None:
    data = nn.stream(written(tmp_path), target="label", block=7)
    seen: list[nn.Checkpoint] = []
    params, _ = fit(data, key=KEY, callback=seen.append)
    again, _ = nn.fit(NETWORK, LOSS, SGD, seen[0], data, epochs=3, batch_size=5, key=KEY)
    jax.tree.map(np.testing.assert_array_equal, params, again)


def test_augmentations_are_those_in_memory(tmp_path: Path) -> None:
    data = nn.stream(written(tmp_path), target="label", block=7)
    settings: dict[str, Any] = {
        "augment": nn.augment.mixup(0.4, 2), "key": KEY, "shuffle": False,
    }  # fmt: skip
    assert_close(fit(data, **settings)[0], fit((X, LABELS), **settings)[0], rtol=1e-13, atol=1e-14)


def test_several_targets_and_chosen_features(tmp_path: Path) -> None:
    path = written(tmp_path, table(other=X[:, 0].astype("float32")))
    data = nn.stream(path, features=["c", "a"], target=["other", "^b.*$"])
    x, y = data.read(3, 9)
    np.testing.assert_array_equal(x, X[3:9][:, [2, 0]])
    np.testing.assert_allclose(y, np.stack([X[3:9, 0], X[3:9, 1]], 1), rtol=1e-7)
    assert (x.dtype, y.dtype) == (np.float64, np.float64)


def test_brackets_in_a_name_are_no_pattern(tmp_path: Path) -> None:
    path = written(tmp_path).rename(tmp_path / "rows[1].parquet")
    assert nn.stream(path, target="label").rows == ROWS


def test_whole_numbers_and_truth_values_become_floats(tmp_path: Path) -> None:
    frame = pl.DataFrame({"n": [1, 2], "b": [True, False], "label": [0, 1]})
    x, _ = nn.stream(written(tmp_path, frame), target="label").read(0, 2)
    np.testing.assert_array_equal(x, [[1.0, 1.0], [2.0, 0.0]])


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": "lable"}, r"rows.parquet has no column 'lable'; did you mean 'label'"),
        ({"target": "label", "features": ["a", "z"]}, "has no column 'z'; it has 'a'"),
        ({"target": "label", "features": ["a", "a"]}, "column 'a' is listed twice"),
        ({"target": "a", "features": ["a"]}, "column 'a' is listed twice"),
        ({"target": "label", "features": []}, "at least one feature and one target"),
        (
            {"target": "label", "features": ["text"]},
            "'text' has type String; expected whole numbers",
        ),
        ({"target": "text"}, "'text' has type String; expected whole numbers"),
        ({"target": "price"}, r"'price' has type Decimal.*convert it first"),
        ({"target": "label", "features": ["long"]}, "'long' has type Int128"),
        ({"target": "label", "block": 0}, r"stream\(block\): expected a positive whole number"),
        ({"target": "label", "window": 1.5}, r"stream\(window\): expected a positive whole number"),
    ],
)
def test_descriptions_that_do_not_fit(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    numbers = pl.Series(range(ROWS))
    odd: dict[str, Any] = {
        "price": numbers.cast(pl.Decimal(10, 2)),
        "long": numbers.cast(pl.Int128),
    }
    path = written(tmp_path, table(text=["x"] * ROWS, **odd))
    with pytest.raises(ValueError, match=message):
        nn.stream(path, **settings)


def test_files_that_are_no_rows(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"nothing\.parquet cannot be read: No such file"):
        nn.stream(tmp_path / "nothing.parquet", target="label")
    path = tmp_path / "text.parquet"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(TableError, match="is not a readable Parquet file"):
        nn.stream(path, target="label")
    with pytest.raises(TableError, match="has no rows"):
        nn.stream(written(tmp_path, table().clear()), target="label")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("a", float("nan"), r"data\[28:35\]: inputs must be finite, but row 2, column 0 is nan"),
        ("c", None, r"data\[28:35\]: inputs must be finite, but row 2, column 2 is nan"),
        ("c", float("inf"), r"data\[28:35\]: inputs must be finite, but row 2, column 2 is inf"),
        ("label", None, "target 'label' is missing in row 30"),
        ("label", 2, r"data\[28:35\]: labels go from 0 to 1 .* but row 2 has 2"),
        ("label", -1, r"data\[28:35\]: labels go from 0 to 1 .* but row 2 has -1"),
    ],
)
def test_a_block_with_a_wrong_value_is_refused(
    tmp_path: Path, place: str, value: Any, message: str
) -> None:
    values = table()[place].to_list()
    values[30] = value
    frame = table().with_columns(pl.Series(place, values, table()[place].dtype))
    data = nn.stream(written(tmp_path, frame), target="label", block=7)
    with pytest.raises(ValueError, match=message):
        fit(data, key=KEY)


def test_nan_is_allowed_on_request(tmp_path: Path) -> None:
    frame = table().with_columns(pl.lit(np.nan).alias("c"))
    data = nn.stream(written(tmp_path, frame), target="label", block=7)
    _, history = fit(data, key=KEY, allow_nan=True)
    assert np.isnan(history.train_loss).all()


def test_a_file_that_changes_between_epochs_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    data = nn.stream(path, target="label", block=7)

    def touch(checkpoint: nn.Checkpoint) -> None:
        os.utime(path, ns=(0, checkpoint.epoch))

    with pytest.raises(ValueError, match=r"rows.parquet has changed since nn.stream described it"):
        fit(data, key=KEY, callback=touch)


def test_what_needs_all_rows_is_refused(tmp_path: Path) -> None:
    data = nn.stream(written(tmp_path), target="label")
    with pytest.raises(ValueError, match=r"fit\(data\): batch normalisation needs statistics"):
        fit(data, nn.serial(nn.dense(2), nn.batch_norm()))
    with pytest.raises(ValueError, match=r"fit\(train_metrics=True\): a stream is read once"):
        fit(data, train_metrics=True, key=KEY)
    with pytest.raises(ValueError, match=r"batch_size: expected a positive whole number"):
        fit(data, batch_size=0, key=KEY)
    with pytest.raises(ValueError, match=r"feature axis|data: "):
        train(data=nn.stream(written(tmp_path), features=["a"], target="label"))
    with pytest.raises(ValueError, match=r"^fit\(validation\): expected rows in memory, got a str"):
        fit((X, LABELS), validation=data, key=KEY)
    with pytest.raises(ValueError, match=r"^sweep\(data\): expected rows in memory"):
        replicate(data=data)
    with pytest.raises(ValueError, match=r"^X: expected rows in memory"):
        nn.Classifier().fit(data, LABELS)
