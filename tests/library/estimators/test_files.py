"""Estimators in files: they predict the same numbers in another process, and hold nothing else."""

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import optax
import pytest
from sklearn.datasets import load_iris

import nnjax as nn

IRIS: Any = load_iris(as_frame=True)
TABLE, LABELS = IRIS.data, IRIS.target
NAMES = IRIS.target_names[LABELS]
QUICK: dict[str, Any] = {"hidden": (8,), "epochs": 5, "learning_rate": 0.01}


def test_three_lines_in_another_process(tmp_path: Path) -> None:
    model = nn.Classifier(**QUICK, class_weight="balanced").fit(TABLE, NAMES)
    model.save(tmp_path / "iris.npz")
    TABLE.to_csv(tmp_path / "new.csv", index=False)
    program = """if True:
        import nnjax as nn, pandas as pd
        model = nn.Classifier.load("iris.npz")
        probabilities = model.predict_proba(pd.read_csv("new.csv"))
        print(probabilities.tobytes().hex(), *model.predict(pd.read_csv("new.csv")))
    """
    run = [sys.executable, "-c", program]
    numbers, *names = subprocess.check_output(run, text=True, cwd=tmp_path).split()
    found = np.frombuffer(bytes.fromhex(numbers)).reshape(150, 3)
    np.testing.assert_allclose(found, model.predict_proba(TABLE), rtol=1e-9)
    assert names == model.predict(TABLE).tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": optax.rmsprop, "loss": nn.huber(0.5), "patience": 2},
        {"network": nn.serial(nn.dense(3), nn.tanh(), nn.dense(1)), "hidden": None},
        {"standardize": False, "random_state": None},
        {"optimizer": functools.partial(optax.sgd, momentum=0.9, nesterov=True)},
    ],
)
def test_settings_come_back(settings: Any, dtype: Any, tmp_path: Path) -> None:
    x, y = TABLE.to_numpy(dtype), TABLE.to_numpy()[:, 3]
    model = nn.Regressor(**(QUICK | settings)).fit(x[:, :3], y)
    model.save(tmp_path / "model.npz")
    again = nn.Regressor.load(tmp_path / "model.npz")
    kept = again.get_params() | {"optimizer": repr(again.optimizer)}
    name = {"optimizer": repr(model.optimizer)}
    if settings.get("optimizer") is optax.rmsprop:
        name = {"optimizer": "'rmsprop'"}
    assert kept == model.get_params() | name
    np.testing.assert_array_equal(again.predict(x[:, :3]), model.predict(x[:, :3]))
    assert again.network_ == model.network_
    again.partial_fit(x[:, :3], y)
    assert len(again.history_.train_loss) == 1


def test_names_of_columns_are_kept(tmp_path: Path) -> None:
    nn.Classifier(**QUICK).fit(TABLE, NAMES).save(tmp_path / "model.npz")
    model: Any = nn.Classifier.load(tmp_path / "model.npz")
    assert model.feature_names_in_.tolist() == list(TABLE.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(TABLE.rename(columns={TABLE.columns[0]: "length"}))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(TABLE[TABLE.columns[:3]])


def test_network_of_the_file_predicts_alone(tmp_path: Path) -> None:
    """`nn.load` gives a network that takes rows as they are, without scikit-learn."""
    rows = TABLE.to_numpy(np.float32)
    model = nn.Classifier(**QUICK).fit(rows, NAMES)
    model.save(tmp_path / "model.npz")
    saved = nn.load(tmp_path / "model.npz")
    assert saved.network is not None
    assert saved.classes is not None
    best = nn.predict(saved.network, saved.params, rows).argmax(axis=1)
    assert saved.classes[best].tolist() == model.predict(rows).tolist()


def test_anything_else_is_kept(tmp_path: Path) -> None:
    model = nn.Regressor(**QUICK).fit(TABLE, LABELS)
    about = {"columns": [{"name": "größe", "fill": 0.5}], "source": None}
    model.save(tmp_path / "model.npz", about=about)
    assert nn.load(tmp_path / "model.npz").about["about"] == about
    again = nn.Regressor.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.predict(TABLE), model.predict(TABLE))
    before = (tmp_path / "model.npz").read_bytes()
    with pytest.raises(
        ValueError, match=r"save\(about\): expected dicts, lists, texts and numbers"
    ):
        model.save(tmp_path / "model.npz", about={"columns": np.ones(2)})
    assert (tmp_path / "model.npz").read_bytes() == before


def test_what_no_file_can_hold_is_refused(tmp_path: Path) -> None:
    for name, setting in {
        "optimizer": functools.partial(optax.adam, optax.constant_schedule(0.1)),
        "learning_rate": optax.constant_schedule(0.1),
        "random_state": np.random.RandomState(0),
    }.items():
        model = nn.Classifier(**(QUICK | {name: setting})).fit(TABLE, NAMES)
        with pytest.raises(ValueError, match=f"Classifier.save: {name}=.* cannot be written"):
            model.save(tmp_path / "model.npz")
    assert not list(tmp_path.iterdir())


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    nn.Regressor(**QUICK).fit(TABLE, LABELS).save(path)
    with pytest.raises(ValueError, match=r"Classifier.load: .*model.npz contains a Regressor"):
        nn.Classifier.load(path)
    nn.save(path, nn.Dense(np.ones((1, 1)), np.ones(1)))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"contains a network, which nn.load reads"):
        nn.Classifier.load(path)


def test_class_weights_come_back(tmp_path: Path) -> None:
    weights = {"setosa": 2.0, "versicolor": 1, "virginica": 1}
    nn.Classifier(**QUICK, class_weight=weights).fit(TABLE, NAMES).save(tmp_path / "model.npz")
    again = nn.Classifier.load(tmp_path / "model.npz")
    assert again.class_weight == weights
    again.partial_fit(TABLE, NAMES)


def changed(description: Any, place: tuple[str, ...], value: Any) -> None:
    *outer, last = place
    for name in outer:
        description = description[name]
    if value is ...:
        del description[last]
    else:
        description[last] = value


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("about", "settings"), [1]),
        (("about", "settings"), ...),
        (("about", "settings", "more"), 1),
        (("about", "settings", "optimizer"), {"call": "system", "arguments": {"command": "ls"}}),
        (("about", "settings", "hidden"), ["a"]),
        (("about", "settings", "class_weight"), {"tuple": [1]}),
        *((("about", "dtype"), value) for value in (..., 0, None, "O", "V8", "M8[s]", "no", ["a"])),
        (("about", "dtype"), "int64"),
        *((("about", "shape"), value) for value in (..., 4, [], [3], [4.0], [-4], [4, 4], "abcd")),
        *((("about", "feature_names"), v) for v in (..., 5, ["a"], [1, 2, 3, 4], [[1]] * 4)),
        (("about", "one_dimensional"), ...),
        (("network",), ...),
        (("network",), {"call": "dense", "arguments": {"n_out": 3}}),
        *((("classes",), v) for v in (..., ["a", "b"], ["a"] * 3, [[1]] * 3, ["b", "a", "c"])),
    ],
)  # fmt: skip
def test_edited_files_are_refused(place: Any, value: Any, tmp_path: Path) -> None:
    """In one sentence, before anything of the file is used."""
    path = tmp_path / "model.npz"
    nn.Classifier(**QUICK).fit(TABLE, NAMES).save(path)
    with np.load(path) as file:
        arrays: dict[str, Any] = dict(file)
    if place == ("classes",):
        changed(arrays, place, value if value is ... else np.array(value))
    else:
        description = json.loads(arrays["description"].tobytes())
        changed(description, place, value)
        arrays["description"] = np.frombuffer(json.dumps(description).encode(), np.uint8)
    np.savez(path, **arrays)
    sentence = r"^Classifier.load: .*model.npz was not written by Classifier.save \(.*\)$"
    with pytest.raises(ValueError, match=sentence):
        nn.Classifier.load(path)


def test_import_stays_quick() -> None:
    """What is large is imported on first use; a stream takes no memory for scikit-learn."""
    program = """if True:
        import sys, nnjax as nn
        nn.load
        assert {"Classifier", "Regressor", "plot_history", "stream"} <= set(dir(nn))
        print(*{"polars", "sklearn", "matplotlib", "pandas", "nnjax.tables"} & set(sys.modules))
        from nnjax import tables
        nn.stream
        print(*{"sklearn", "scipy.stats", "matplotlib", "pandas"} & set(sys.modules))
    """
    assert subprocess.check_output([sys.executable, "-c", program], text=True).split() == []
