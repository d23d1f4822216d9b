"""scikit-learn's own checks of estimators."""

from collections.abc import Callable
from typing import Any

import jax
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import nnjax as nn


# scikit-learn warns of what it skips: pandas and the array API, which are optional.
@pytest.mark.filterwarnings("default")
@parametrize_with_checks([nn.Classifier(), nn.Regressor()])
def test_check_estimator(estimator: Any, check: Callable[[Any], None]) -> None:
    # As users have it; the estimators choose the precision by themselves.
    with jax.enable_x64(False):
        check(estimator)
