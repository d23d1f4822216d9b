"""The models of scikit-learn that the networks are compared with, and their grids."""

from collections.abc import Callable
from typing import Any

from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import SVC, SVR

MOST_SVM_ROWS = 10_000
"""The SVM is left out for more rows: its time and memory grow with the square of the rows."""

Make = Callable[..., Any]

CLASSIFIERS: dict[str, tuple[Make, dict[str, list[Any]]]] = {
    "majority": (DummyClassifier, {}),
    "logistic_regression": (
        lambda C: LogisticRegression(C=C, max_iter=1000),
        {"C": [0.001, 0.01, 0.1, 1.0, 10.0]},
    ),
    "k_nn": (KNeighborsClassifier, {"n_neighbors": [1, 5, 15, 45]}),
    "random_forest": (lambda: RandomForestClassifier(300, random_state=0), {}),
    "gradient_boosting": (lambda: HistGradientBoostingClassifier(random_state=0), {}),
    "svm": (lambda C: SVC(C=C), {"C": [0.3, 1.0, 3.0, 10.0, 30.0]}),
    "mlp": (
        lambda alpha: MLPClassifier(alpha=alpha, random_state=0),
        {"alpha": [1e-4, 1e-2, 1.0]},
    ),
}
REGRESSORS: dict[str, tuple[Make, dict[str, list[Any]]]] = {
    "mean": (DummyRegressor, {}),
    "ridge": (Ridge, {"alpha": [0.1, 1.0, 10.0, 100.0, 1000.0]}),
    "k_nn": (KNeighborsRegressor, {"n_neighbors": [1, 5, 15, 45]}),
    "random_forest": (lambda: RandomForestRegressor(300, random_state=0), {}),
    "gradient_boosting": (lambda: HistGradientBoostingRegressor(random_state=0), {}),
    "svm": (lambda C: SVR(C=C), {"C": [0.3, 1.0, 3.0, 10.0, 30.0]}),
    "mlp": (
        lambda alpha: MLPRegressor(alpha=alpha, random_state=0),
        {"alpha": [1e-4, 1e-2, 1.0]},
    ),
}
NAMES = {
    "majority": "most frequent class",
    "mean": "mean of the training rows",
    "logistic_regression": "logistic regression",
    "ridge": "ridge regression",
    "k_nn": "k nearest neighbours",
    "random_forest": "random forest",
    "gradient_boosting": "gradient boosting",
    "svm": "SVM, Gaussian kernel",
    "mlp": "scikit-learn's MLP, 100 units",
}


def models(regression: bool, rows: int) -> dict[str, tuple[Make, dict[str, list[Any]]]]:
    """The models by name, each with its maker and the grid of its hyper-parameters."""
    found = REGRESSORS if regression else CLASSIFIERS
    return {name: each for name, each in found.items() if name != "svm" or rows <= MOST_SVM_ROWS}
