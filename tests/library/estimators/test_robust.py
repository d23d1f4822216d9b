"""Estimators under odd settings, rows, weights and habits."""

import threading
from typing import Any

import jax
import numpy as np
import optax
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

import nnjax as nn

IRIS: Any = load_iris()
X, LABELS = IRIS.data, IRIS.target
QUICK: dict[str, Any] = {"hidden": (4,), "epochs": 2, "learning_rate": 0.01}


def classifier(**changed: Any) -> Any:
    return nn.Classifier(**(QUICK | changed))


def regressor(**changed: Any) -> Any:
    return nn.Regressor(**(QUICK | changed))


def same(one: Any, other: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, one.params_, other.params_)


# --- precision ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_do_not_depend_on_the_precision_around(dtype: Any) -> None:
    x = X.astype(dtype)
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        narrow = classifier().fit(x, LABELS)
        expected = narrow.predict_proba(x)
    model = classifier().fit(x, LABELS)
    same(model, narrow)
    np.testing.assert_array_equal(model.predict_proba(x), expected)
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(classifier().fit(x, LABELS))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in found:
        same(other, model)


def test_debug_nans() -> None:
    with jax.debug_nans(True):
        assert np.isfinite(classifier().fit(X, LABELS).predict_proba(X)).all()


@pytest.mark.parametrize("dtype", [">f8", np.longdouble, ">f4", np.float16])
def test_rows_of_any_dtype_reach_a_network(dtype: Any) -> None:
    x = X.astype(dtype)
    model = nn.Classifier(nn.dense(3), standardize=False, epochs=1).fit(x, LABELS)
    assert model.predict(x).shape == (150,)


@pytest.mark.parametrize("wrong", [2.5, 300, -1])
def test_rows_that_change_in_the_dtype_of_fit_are_refused(wrong: float) -> None:
    tokens = X.astype(np.uint8)
    network = nn.serial(nn.embedding(10, 2), nn.flatten(), nn.dense(3))
    model = nn.Classifier(network, standardize=False, epochs=1).fit(tokens, LABELS)
    same_tokens = tokens.astype(float)
    np.testing.assert_array_equal(model.predict(same_tokens), model.predict(tokens))
    same_tokens[3, 1] = wrong
    for use in (model.predict, lambda x: model.partial_fit(x, LABELS)):
        with pytest.raises(
            ValueError, match=f"rows of fit were of dtype uint8.* represent {wrong}"
        ):
            use(same_tokens)


# --- scales ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", [-1000, -600, -500, 500, 600, 1000])
def test_units_of_any_size(exponent: int) -> None:
    """Squares of such numbers leave the range of float64."""
    unit = 2.0**exponent
    plain = classifier().fit(X, LABELS)
    other = classifier().fit(X * unit, LABELS)
    np.testing.assert_allclose(other.predict_proba(X * unit), plain.predict_proba(X), rtol=1e-9)
    plain, other = (regressor().fit(X, X[:, 0] * scale) for scale in (1.0, unit))
    np.testing.assert_allclose(other.predict(X) / unit, plain.predict(X), rtol=1e-9)


@pytest.mark.parametrize(("dtype", "least"), [(np.float32, 1e-42), (np.float64, 1e-320)])
def test_subnormal_columns_are_constant(dtype: Any, least: float) -> None:
    x = np.hstack([X, least * X[:, :1]]).astype(dtype)
    assert np.isfinite(classifier().fit(x, LABELS).predict_proba(x)).all()


def test_columns_that_vary_by_roundoff_are_constant() -> None:
    """Else a change by a thousandth would be 10¹² standard deviations."""
    for low, high in ((0.3, 0.1 + 0.2), (1.0, 1 + 2**-51)):
        x = np.hstack([X, np.where(LABELS == 1, low, high)[:, None]])
        model = classifier().fit(x, LABELS)
        x[:, 4] *= 1.001
        assert np.abs(model.decision_function(x)).max() < 100


def test_targets_beyond_float32_are_refused_for_rows_of_float32() -> None:
    x = X.astype(np.float32)
    with pytest.raises(ValueError, match=r"y: targets up to 7.9e\+100 do not fit into float32"):
        regressor().fit(x, X[:, 0] * 1e100)


# --- weights --------------------------------------------------------------------------------------


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_rows_of_weight_0_do_not_balance_classes(class_weight: Any) -> None:
    weights = np.where(LABELS == 1, np.arange(150) % 5 == 0, 1.0)
    kept = weights > 0
    same(
        classifier(class_weight=class_weight).fit(X, LABELS, weights),
        classifier(class_weight=class_weight).fit(X[kept], LABELS[kept], weights[kept]),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("unit", [2.0**-900, 2.0**1022])
def test_weights_of_any_size(unit: float, dtype: Any) -> None:
    x, weights = X.astype(dtype), np.linspace(0.1, 1, 150)
    same(classifier().fit(x, LABELS, weights * unit), classifier().fit(x, LABELS, weights))


def test_class_weights_of_classes_that_are_missing_from_a_batch() -> None:
    model = classifier(class_weight={0: 2.0, 2: 3.0})
    model.fit(X, LABELS, validation=(X[:100], LABELS[:100]))
    model.partial_fit(X[:100], LABELS[:100])
    assert len(model.history_.train_loss) == 3


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({0: -1.0}, "class_weight: expected finite numbers of at least 0"),
        ({0: np.nan}, "class_weight: expected finite numbers of at least 0"),
        ({0: 0, 1: 0, 2: 0}, "class_weight: all classes of these rows have weight 0"),
        ("balance", "class_weight: expected 'balanced', a weight by class or None"),
        ([1, 2, 3], "class_weight: expected 'balanced', a weight by class or None"),
    ],
)
def test_class_weights_are_refused_in_a_sentence(weights: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classifier(class_weight=weights).fit(X, LABELS)


# --- habits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("changed", [{"learning_rate": 0.5}, {"learning_rate": lambda step: 0.5}])
def test_learning_rate_may_change_between_epochs(changed: Any) -> None:
    model = classifier().fit(X, LABELS).set_params(**changed).partial_fit(X, LABELS)
    np.testing.assert_allclose(model.history_.learning_rate, [0.01, 0.01, 0.5])


@pytest.mark.parametrize(("one", "other"), [("sgd", "adam"), ("adam", "sgd")])
def test_optimizer_may_change_between_epochs(one: str, other: str) -> None:
    model = classifier(optimizer=one).fit(X, LABELS)
    before = model.score(X, LABELS)
    model.set_params(optimizer=other, learning_rate=0.1)
    for _ in range(10):
        model.partial_fit(X, LABELS)
    assert model.score(X, LABELS) > before
    assert len(model.history_.train_loss) == 12


def test_optimizers_whose_state_has_a_rate_or_parameters() -> None:
    """A rate of 1, which stands for all rates in the compiled program, must not be trained with."""
    own = classifier(optimizer=optax.inject_hyperparams(optax.sgd), epochs=3).fit(X, LABELS)
    plain = classifier(optimizer=optax.sgd, epochs=3).fit(X, LABELS)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-9), own.params_, plain.params_)
    ahead: Any = lambda rate: optax.lookahead(optax.sgd(rate), 1000, 0.5)  # noqa: E731
    model = classifier(optimizer=ahead, epochs=2).fit(X, LABELS).partial_fit(X, LABELS)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-9), model.params_, plain.params_)


def test_standardisation_is_that_of_the_first_call() -> None:
    for standardize in (True, False):
        model, other = (classifier(standardize=standardize).fit(X, LABELS) for _ in range(2))
        other.set_params(standardize=not standardize)
        same(other.partial_fit(X, LABELS), model.partial_fit(X, LABELS))


def test_another_network_or_another_number_of_targets_begins_anew() -> None:
    model = classifier().fit(X, LABELS).set_params(hidden=(5,))
    with pytest.raises(ValueError, match=r"partial_fit: expected the network .* call fit again"):
        model.partial_fit(X, LABELS)
    pair = regressor().fit(X, X[:, :2])
    with pytest.raises(ValueError, match=r"partial_fit: expected .* number of targets"):
        pair.partial_fit(X, X[:, 0])
    with pytest.raises(ValueError, match=r"validation: expected 2 targets for each row, .* got 1"):
        pair.fit(X, X[:, :2], validation=(X, X[:, 0]))


def test_what_failed_is_not_fitted() -> None:
    model = classifier(epochs=0)
    with pytest.raises(ValueError, match="epochs"):
        model.fit(X, LABELS)
    for use in (model.predict, model.predict_proba, model.save):
        with pytest.raises(NotFittedError):
            use(X)
    model.set_params(epochs=1).fit(X, LABELS).set_params(epochs=0)
    with pytest.raises(ValueError, match="epochs"):
        model.fit(X[:100], LABELS[:100] + 7)
    with pytest.raises(NotFittedError):  # not the old network with the new classes
        model.predict(X)
    model.set_params(epochs=2)
    same(model.fit(X, LABELS), classifier().fit(X, LABELS))


def test_divergence_is_said() -> None:
    for make, rate in ((classifier, 1e300), (regressor, 1e200)):
        model = make(optimizer="sgd", learning_rate=rate, epochs=9)
        with pytest.raises(ValueError, match="training diverged: after 9 epochs"):
            model.fit(X, LABELS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"network": (100,), "hidden": None}, "network: expected a layer such as nn.dense"),
        ({"network": nn.relu, "hidden": None}, "network: expected .* relu itself; call it"),
        ({"hidden": "84"}, "hidden: expected units by layer, positive whole numbers"),
        ({"hidden": (8.5,)}, "hidden: expected units by layer, positive whole numbers"),
        ({"hidden": 8.0}, "hidden: expected units by layer, positive whole numbers"),
        ({"hidden": np.int64(8)}, r"hidden: expected units by layer, such as \(8,\), got 8"),
        ({"optimizer": "l2_loss"}, "optimizer: expected the name of an optax optimizer"),
        ({"optimizer": "apply_updates"}, "optimizer: expected the name of an optax optimizer"),
        ({"optimizer": "cosine_decay_schedule"}, "optimizer: expected the name of an optax"),
        ({"optimizer": lambda rate: optax.adam}, "optimizer: expected the name of an optax"),
        ({"learning_rate": 10**400}, "learning_rate: expected a finite number"),
    ],
)
def test_settings_are_refused_in_a_sentence(settings: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classifier(**settings).fit(X, LABELS)


@pytest.mark.parametrize("validation", [X, 0.1, (X, LABELS, LABELS), (X,)])
def test_validation_is_a_pair(validation: Any) -> None:
    for make in (classifier, regressor):
        with pytest.raises(ValueError, match=r"validation: expected \(X, y\), got"):
            make().fit(X, LABELS, validation=validation)


def test_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match="classes: expected at least 2 classes, got 1 class"):
        classifier().partial_fit(X[:50], LABELS[:50], classes=[0])
    with pytest.raises(ValueError, match="sample_weight: expected 150 numbers"):
        classifier().fit(X, LABELS, ["a"] * 150)
