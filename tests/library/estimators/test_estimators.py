"""Classifier and regressor: what they compute, take, keep and refuse."""

import functools
import pickle
from typing import Any

import jax
import numpy as np
import optax
import pandas as pd
import polars as pl
import pytest
from compilations import compilations
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import nnjax as nn

IRIS: Any = load_iris()
X, LABELS = IRIS.data, IRIS.target
NAMES = IRIS.target_names[LABELS]
_LOADED: Any = load_diabetes()
DIABETES, PROGRESSION = _LOADED.data, _LOADED.target
QUICK: dict[str, Any] = {"hidden": (8,), "epochs": 5, "learning_rate": 0.01}


def classifier(**changed: Any) -> Any:
    return nn.Classifier(**(QUICK | changed))


def regressor(**changed: Any) -> Any:
    return nn.Regressor(**(QUICK | changed))


def same(one: Any, other: Any) -> None:
    """Two trained estimators have the same parameters, to the last bit."""
    jax.tree.map(np.testing.assert_array_equal, one.params_, other.params_)


# --- what they compute ----------------------------------------------------------------------------


def test_classifier_is_fit_on_standardised_rows() -> None:
    model = classifier().fit(X, NAMES)
    network = nn.serial(nn.dense(8, nn.initializers.he()), nn.relu(), nn.dense(3))
    seed = np.random.RandomState(0).randint(2**31 - 1)
    init_key, fit_key = jax.random.split(jax.random.key(seed))
    params, history = nn.fit(
        *(network, nn.softmax_cross_entropy, optax.adam(0.01), network.init(init_key, (4,))[0]),
        (StandardScaler().fit_transform(X), LABELS),
        **{"epochs": 5, "batch_size": 32, "key": fit_key},
    )
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-9), model.params_[1], params)
    np.testing.assert_allclose(model.history_.train_loss, history.train_loss, rtol=1e-12)
    scores = nn.predict(model.network_, model.params_, X)
    np.testing.assert_allclose(model.predict_proba(X), jax.nn.softmax(scores), rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X), model.classes_[scores.argmax(axis=1)])
    assert model.classes_.tolist() == ["setosa", "versicolor", "virginica"]


def test_linear_regression_is_least_squares() -> None:
    model = regressor(
        hidden=(), optimizer=lambda rate: optax.lbfgs(), batch_size=10**6, epochs=60
    ).fit(DIABETES, PROGRESSION)
    expected = LinearRegression().fit(DIABETES, PROGRESSION)
    np.testing.assert_allclose(model.predict(DIABETES), expected.predict(DIABETES), rtol=1e-6)
    np.testing.assert_allclose(
        model.score(DIABETES, PROGRESSION), expected.score(DIABETES, PROGRESSION)
    )


def test_targets_of_any_size_and_number() -> None:
    """Standardised targets: units make no difference, and each output has its own."""
    plain = regressor().fit(DIABETES, PROGRESSION)
    other = regressor().fit(DIABETES, 1e6 * PROGRESSION + 1e9)
    np.testing.assert_allclose(
        other.predict(DIABETES), 1e6 * plain.predict(DIABETES) + 1e9, rtol=1e-6
    )
    both = regressor(epochs=50).fit(DIABETES, np.stack([PROGRESSION, -1e3 * PROGRESSION], axis=1))
    predicted = both.predict(DIABETES)
    assert predicted.shape == (442, 2)
    assert np.corrcoef(predicted.T)[0, 1] < -0.9


def test_inputs_in_any_units() -> None:
    model = classifier().fit(X, LABELS)
    other = classifier().fit(X * [1e-6, 1.0, 1e6, 1.0] + [0, 0, 1e8, -3], LABELS)
    np.testing.assert_allclose(other.history_.train_loss, model.history_.train_loss, rtol=1e-5)


def test_constant_columns_change_nothing() -> None:
    x = np.hstack([X, np.full((150, 1), 0.1)])
    model = classifier().fit(x, LABELS)
    x[:, 4] = 1e-9
    assert np.isfinite(model.predict_proba(x)).all()
    np.testing.assert_allclose(model.params_[0].scale[4], 1, rtol=1e-5)


def test_images_are_standardised_by_channel() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 6, 6, 2)) * [3.0, 0.1] + [10.0, -1.0]
    y = rng.integers(2, size=40)
    network = nn.serial(nn.conv2d(3, (3, 3)), nn.relu(), nn.flatten(), nn.dense(2))
    model = nn.Classifier(network, epochs=1).fit(x, y)
    np.testing.assert_allclose(model.params_[0].mean, x.mean(axis=(0, 1, 2)))
    assert model.predict(x).shape == (40,)


def test_whole_numbers_reach_an_embedding() -> None:
    tokens = np.random.default_rng(0).integers(5, size=(60, 3))
    network = nn.serial(nn.embedding(5, 4), nn.flatten(), nn.dense(2))
    model = nn.Classifier(network, standardize=False, epochs=30, learning_rate=0.05)
    y = (tokens == 2).any(axis=1)
    assert model.fit(tokens, y).score(tokens, y) > 0.9
    assert model.classes_.dtype == bool


def test_precision_is_that_of_the_rows() -> None:
    for dtype in (np.float32, np.float64):
        model = regressor().fit(DIABETES.astype(dtype), PROGRESSION)
        assert {leaf.dtype for leaf in jax.tree.leaves(model.params_)} == {np.dtype(dtype)}
        assert model.predict(DIABETES).dtype == dtype
    assert classifier().fit(X.round().astype(int), LABELS).predict_proba(X).dtype == np.float64


def test_prediction_of_a_row_is_its_own() -> None:
    model = classifier().fit(X.astype(np.float32), LABELS)
    together = model.predict_proba(X)
    alone = np.concatenate([model.predict_proba(X[i : i + 7]) for i in range(0, 150, 7)])
    np.testing.assert_array_equal(alone, together)


# --- weights, seeds, validation -------------------------------------------------------------------


def test_weight_0_is_no_row() -> None:
    rng = np.random.default_rng(0)
    weights = rng.integers(3, size=150).astype(float)
    kept = weights > 0
    same(
        classifier().fit(X, NAMES, weights),
        classifier().fit(X[kept], NAMES[kept], weights[kept]),
    )


def test_class_weights_are_weights() -> None:
    y = np.where(LABELS == 0, "rare", "common")
    by_class = np.where(LABELS == 0, 1.5, 0.75)
    explicit = classifier().fit(X, y, by_class)
    same(classifier(class_weight="balanced").fit(X, y), explicit)
    same(classifier(class_weight={"rare": 1.5, "common": 0.75}).fit(X, y), explicit)
    half = np.linspace(0.5, 1, 150)
    same(
        classifier(class_weight="balanced").fit(X, y, half), classifier().fit(X, y, half * by_class)
    )


def test_random_state_decides() -> None:
    same(classifier().fit(X, LABELS), classifier(random_state=0).fit(X, LABELS))
    losses = [
        classifier(random_state=state).fit(X, LABELS).history_.train_loss[-1]
        for state in (0, 1, None, None)
    ]
    assert len(set(map(float, losses))) == 4


@pytest.mark.parametrize(
    ("make", "targets"), [(classifier, NAMES), (regressor, X[:, 3])], ids=["classes", "numbers"]
)
def test_epochs_of_partial_fit_are_those_of_fit(make: Any, targets: np.ndarray) -> None:
    whole, pieces, later = make(epochs=4).fit(X, targets), make(), make(epochs=3).fit(X, targets)
    options = {"classes": np.unique(NAMES)} if make is classifier else {}
    for _ in range(4):
        pieces.partial_fit(X, targets, **options)
    same(pieces, whole)
    same(later.partial_fit(X, targets), whole)
    np.testing.assert_array_equal(pieces.history_.train_loss, whole.history_.train_loss)


def test_patience_returns_the_best_of_the_validation_rows() -> None:
    cancer: Any = load_breast_cancer()
    x, y = cancer.data, cancer.target
    model = classifier(epochs=200, patience=3, learning_rate=0.05).fit(x, y)
    losses = np.asarray(model.history_.validation_loss)
    assert len(losses) < 200
    assert losses.argmin() == len(losses) - 4
    held_out = x[400:], y[400:]
    model = classifier(epochs=200, patience=3).fit(x[:400], y[:400], validation=held_out)
    assert model.history_.validation_accuracy.max() == pytest.approx(
        model.score(*held_out), abs=0.02
    )
    regression = regressor(epochs=200, patience=3).fit(DIABETES, PROGRESSION)
    assert len(regression.history_.train_loss) < 200


# --- tables and tools -----------------------------------------------------------------------------


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_data_frames(frame: Any) -> None:
    columns = ["sepal length", "sepal width", "petal length", "petal width"]
    table = frame(dict(zip(columns, X.T, strict=True)))
    series = pd.Series if frame is pd.DataFrame else pl.Series
    model = classifier().fit(table, series(NAMES.tolist()))
    same(model, classifier().fit(X.tolist(), NAMES.tolist()))
    assert model.feature_names_in_.tolist() == columns
    assert model.predict(table).tolist() == model.predict(table[:150]).tolist()
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(table[columns[::-1]])


def test_with_tools_of_scikit_learn() -> None:
    groups = np.arange(150) % 5
    pipeline = make_pipeline(StandardScaler(), classifier(epochs=30))
    scores = cross_val_score(pipeline, X, NAMES, groups=groups, cv=GroupKFold(5))
    assert scores.mean() > 0.9
    search = GridSearchCV(classifier(epochs=20), {"learning_rate": [1e-5, 0.02], "l2": [0.0]}, cv=3)
    assert search.fit(X, NAMES).best_params_["learning_rate"] == 0.02
    shown = ConfusionMatrixDisplay.from_estimator(search, X, NAMES)
    assert shown.confusion_matrix.sum() == 150
    copy: Any = clone(classifier(network=nn.dense(3), hidden=None, loss=nn.softmax_cross_entropy))
    assert copy.network == nn.dense(3)


def test_learning_rates_and_penalties_share_a_program() -> None:
    x, y = X[:143], LABELS[:143]
    classifier(batch_size=11).fit(x, y)
    with compilations() as compiled:
        for rate in (0.3, 0.02, 0.004):
            classifier(batch_size=11, learning_rate=rate).fit(x, y)
    assert not compiled


def test_schedules_and_optimizers() -> None:
    rate = optax.cosine_decay_schedule(0.05, 25)
    model = classifier(learning_rate=rate, optimizer=optax.sgd).fit(X, LABELS)
    assert model.history_.learning_rate[-1] < 0.01
    momentum = functools.partial(optax.sgd, momentum=0.9)
    faster = classifier(optimizer=momentum).fit(X, LABELS)
    slower = classifier(optimizer="sgd").fit(X, LABELS)
    assert faster.history_.train_loss[-1] < slower.history_.train_loss[-1]
    np.testing.assert_allclose(slower.history_.learning_rate, 0.01)


def test_probabilities_are_of_the_loss() -> None:
    smooth = nn.label_smoothing(nn.softmax_cross_entropy, 0.1)
    probabilities = classifier(loss=smooth, epochs=30).fit(X, LABELS).predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    network = nn.serial(nn.dense(3), nn.softmax())
    model = nn.Classifier(network, loss=nn.categorical_cross_entropy, epochs=3).fit(X, LABELS)
    scores = nn.predict(model.network_, model.params_, X)
    np.testing.assert_allclose(model.predict_proba(X), scores, rtol=1e-12)
    margin = nn.Classifier(nn.dense(3), loss=nn.multiclass_hinge, epochs=3).fit(X, LABELS)
    assert margin.decision_function(X).shape == (150, 3)
    assert not hasattr(margin, "predict_proba")
    two = classifier().fit(X[:100], LABELS[:100])
    np.testing.assert_array_equal(two.decision_function(X) > 0, two.predict(X) == 1)


def test_pickles() -> None:
    """joblib and parallel searches pickle estimators; a network is pickled as its call."""
    for model in (classifier().fit(X, NAMES), regressor().fit(X, X)):
        again = pickle.loads(pickle.dumps(model))
        same(again, model)
        np.testing.assert_array_equal(again.predict(X), model.predict(X))


# --- what they refuse -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden": 8}, r"hidden: expected units by layer, such as \(8,\)"),
        ({"hidden": (8, 0)}, "hidden: expected units by layer, positive"),
        ({"network": nn.dense(3)}, "network or hidden, not both"),
        ({"network": nn.dense(4), "hidden": None}, r"network: expected 3 outputs, .*\(4,\)"),
        ({"optimizer": "adamm"}, "optimizer: expected the name of an optax optimizer"),
        ({"optimizer": optax.adam(1e-3)}, "a function of the learning rate, such as optax.adam"),
        ({"learning_rate": np.nan}, "learning_rate: expected a finite number"),
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"loss": "mse"}, "loss: expected a loss"),
        ({"patience": 2, "validation_fraction": 0.001}, "patience=2 needs validation rows"),
        ({"l2": -1.0}, "l2"),
    ],
)
def test_settings_are_refused_in_a_sentence(settings: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classifier(**settings).fit(X, LABELS)


@pytest.mark.parametrize(
    ("x", "y", "weights", "message"),
    [
        (X, LABELS, -np.ones(150), "sample_weight: expected 150 finite numbers of at least 0"),
        (X, LABELS, np.ones(149), "sample_weight: expected 150"),
        (X, LABELS, np.zeros(150), "all weights are zero"),
        (X, LABELS, (LABELS == 1).astype(float), "expected at least 2 classes, got 1 class, "),
        (X, X[:, 0], None, "Unknown label type: continuous"),
        (np.where(X > 7, np.nan, X), LABELS, None, "contains NaN"),
        (X.reshape(150, 2, 2), LABELS, None, "dim 3"),
    ],
    ids=["negative", "short", "zero", "one class", "numbers", "NaN", "images"],
)
def test_data_are_refused_in_a_sentence(x: Any, y: Any, weights: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classifier().fit(x, y, weights)


def test_classes_that_were_not_announced_are_refused() -> None:
    with pytest.raises(ValueError, match="the first call needs classes"):
        classifier().partial_fit(X, NAMES)
    model = classifier().partial_fit(X[:100], NAMES[:100], classes=["setosa", "versicolor"])
    with pytest.raises(ValueError, match=r"'virginica'.* is not one of the classes"):
        model.partial_fit(X, NAMES)
    with pytest.raises(ValueError, match=r"classes are .* since the first call"):
        model.partial_fit(X, NAMES, classes=["setosa", "virginica"])
    with pytest.raises(ValueError, match=r"'virginica'.* is not one of the classes"):
        classifier().fit(X[:100], NAMES[:100], validation=(X, NAMES))


@pytest.mark.parametrize("name", ["predict", "predict_proba", "decision_function", "save"])
def test_untrained(name: str) -> None:
    with pytest.raises(NotFittedError):
        getattr(classifier(), name)(X)
