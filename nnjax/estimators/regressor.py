"""A regressor with the interface of scikit-learn."""

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin

from nnjax.estimators.base import Estimator
from nnjax.estimators.rows import Rows
from nnjax.estimators.settings import pair_of
from nnjax.losses import mean_squared_error


class Regressor(RegressorMixin, Estimator):
    """A network as a scikit-learn regressor: `fit`, `predict`, `score` (R²), files.

        y = std_y network(xhat) + mean_y,    xhat = (x - mean) / std

    It takes arrays and data frames, and one target or several. It is trained by `nn.fit`, on
    standardised inputs and targets, so `loss` and `history_` are in standardised units; in float64,
    or in float32 if the rows are float32, which takes half the time. The same data and
    `random_state` give the same numbers.

    Args:
        network: a network that maps a row to one number per target, including the last layer; by
            default `hidden` defines it. With a network, rows may have any shape.
        hidden: units of the hidden layers, each followed by ReLU; default (100,). () is linear
            regression.
        loss: default `mean_squared_error`.
        optimizer: name of an optax optimizer, or a function of the learning rate such as
            `optax.adam`.
        learning_rate: step size, or an optax schedule.
        epochs: largest number of passes over the rows.
        batch_size: rows in a batch.
        l2: factor of the penalty l2/2 Σ weights², as in `nn.l2`.
        patience: number of epochs without a smaller validation loss after which training stops and
            keeps the best parameters; None trains for all epochs.
        validation_fraction: share of the rows that is held out for early stopping if `patience` is
            set and `fit` gets no `validation`.
        standardize: whether to give inputs and targets mean 0 and standard deviation 1 over the
            training rows.
        random_state: seed of the initial parameters, the order of the rows and dropout; None for
            a different seed in every fit.
        progress: whether to show a progress bar; None: only in a terminal.

    Attributes:
        network_: the trained network for unscaled rows, with predictions in the units of the
            targets; its parameters are `params_`.
        history_: the `History` of training.
        n_features_in_: number of columns; `feature_names_in_` contains their names, if any.

    Raises:
        ValueError: in `fit`, before training, if data or settings are invalid; after training, if
            it diverged: parameters are not finite, for instance if learning_rate is too large.

    Example:
        >>> import nnjax as nn
        >>> from sklearn.datasets import load_diabetes
        >>> X, y = load_diabetes(return_X_y=True)
        >>> model = nn.Regressor(hidden=(), epochs=50, learning_rate=0.01).fit(X, y)
        >>> bool(model.score(X, y) > 0.4), model.predict(X[:2]).shape
        (True, (2,))

    Source: interface: Buitinck et al., API design for machine learning software, 2013.
    """

    _default_loss = mean_squared_error
    _metric = None

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation: Any = None) -> Self:
        """Train from the beginning.

        Args:
            X: rows (rows, features), or of the shape that `network` takes.
            y: targets (rows,) or (rows, targets).
            sample_weight: a weight for each row, at least 0; default 1. A weight of 0 leaves the
                row out.
            validation: (X, y) to evaluate after each epoch; with `patience`, used for early
                stopping.

        Returns:
            The estimator.
        """
        rows = self._with_targets(X, y, sample_weight, reset=True)
        held_out = None
        if validation is not None:
            held_x, held_y = pair_of(validation)
            held_out = self._with_targets(held_x, held_y, None, reset=False)
            if held_out.targets.shape[1] != rows.targets.shape[1]:
                raise ValueError(
                    f"validation: expected {rows.targets.shape[1]} targets for each row, as in y, "
                    f"got {held_out.targets.shape[1]}"
                )
        self._begin(rows, rows.targets.shape[1], held_out, self.epochs, self.patience)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one more epoch, on these rows.

        Each new number of rows compiles a program, which takes about a second; calls with the same
        number of rows share it. A learning_rate or optimizer set since the last call takes effect.

        Args:
            X: rows.
            y: targets.
            sample_weight: as in `fit`.

        Returns:
            The estimator.
        """
        first = not hasattr(self, "params_")
        rows = self._with_targets(X, y, sample_weight, reset=first)
        if first:
            self._begin(rows, rows.targets.shape[1], None, epochs=1, patience=None)
        else:
            self._go_on(rows)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The predicted targets, in the shape of the targets of `fit`."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self._one_dimensional else outputs

    def __sklearn_tags__(self) -> Any:
        """Several targets are allowed."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _take_outputs(self, outputs: int, classes: Any, one_dimensional: Any) -> None:
        if type(one_dimensional) is not bool or (one_dimensional and outputs != 1):
            raise ValueError(f"its network has {outputs} outputs, which do not fit its targets")
        self._one_dimensional = one_dimensional

    def _with_targets(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> Rows:
        x, y, weights = self._rows(
            X, y, sample_weight, reset=reset, multi_output=True, y_numeric=True
        )
        if reset:
            self._one_dimensional = y.ndim == 1
        return Rows(x, np.asarray(y, np.float64).reshape(len(x), -1), weights)
