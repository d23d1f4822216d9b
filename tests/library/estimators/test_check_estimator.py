"""scikit-learn's own checks of estimators.

Those that train several networks, most of them with different shapes, are exhaustive tests.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

import nnjax as nn

TRAIN_SEVERAL = (
    "check_class_weight_classifiers",
    "check_classifier_data_not_an_array",
    "check_classifiers_classes",
    "check_classifiers_train",
    "check_decision_proba_consistency",
    "check_dtype_object",
    "check_estimators_dtypes",
    "check_fit2d_1feature",
    "check_fit_score_takes_y",
    "check_n_features_in_after_fitting",
    "check_pipeline_consistency",
    "check_positive_only_tag_during_fit",
    "check_regressor_data_not_an_array",
    "check_regressors_train",
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weights_pandas_series",
)


def checks() -> Iterator[tuple[str, Any]]:
    """Every check of both estimators, by its name."""
    for estimator in (nn.Classifier(), nn.Regressor()):
        given: Any = estimator_checks_generator(estimator)
        for each, check in given:
            name: str = getattr(check, "func", check).__name__
            marks = [pytest.mark.exhaustive] if name in TRAIN_SEVERAL else []
            label = f"{type(each).__name__}-{name}"
            yield name, pytest.param(each, check, id=label, marks=marks)


def test_the_checks_that_train_several_networks_exist() -> None:
    assert {name for name, _ in checks()} >= set(TRAIN_SEVERAL)


# scikit-learn warns of what it skips: the array API, which is optional.
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("estimator", "check"), [each for _, each in checks()])
def test_check_estimator(estimator: Any, check: Callable[[Any], None]) -> None:
    # As users have it; the estimators choose the precision by themselves.
    with jax.enable_x64(False):
        check(estimator)
