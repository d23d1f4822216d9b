"""A classifier with the interface of scikit-learn."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from nnjax.calls import call_of
from nnjax.core import Layer, Loss
from nnjax.estimators.base import Estimator
from nnjax.estimators.rows import Rows
from nnjax.estimators.settings import pair_of
from nnjax.losses import categorical_cross_entropy, label_smoothing, softmax_cross_entropy
from nnjax.train import accuracy


def _has_probabilities(model: "Classifier") -> bool:
    if _plain_loss(model) in (softmax_cross_entropy, categorical_cross_entropy):
        return True
    raise AttributeError(
        f"predict_proba: a network trained with {model.loss!r} has no probabilities; train it with "
        "softmax_cross_entropy, categorical_cross_entropy, or label_smoothing of one of them"
    )


def _plain_loss(model: "Classifier") -> Loss:
    """The loss, without label smoothing."""
    loss = softmax_cross_entropy if model.loss is None else model.loss
    call = call_of(loss)
    if call is not None and call.function is label_smoothing:
        return call.arguments.arguments["loss"]
    return loss


class Classifier(ClassifierMixin, Estimator):
    """A network as a scikit-learn classifier: `fit`, `predict`, `predict_proba`, `score`, files.

        p = softmax(network(xhat)),    xhat = (x - mean) / std

    It takes arrays and data frames, and classes of any type. It is trained by `nn.fit`, on
    standardised inputs, in float64; float32 rows are trained in float32, which takes half the time.
    The same data and `random_state` give the same numbers.

    Args:
        network: a network that maps a row to one score per class, including the last layer; by
            default `hidden` defines it. With a network, rows may have any shape, such as images
            (28, 28, 1).
        hidden: units of the hidden layers, each followed by ReLU; default (100,). () is logistic
            regression.
        loss: default `softmax_cross_entropy`.
        optimizer: name of an optax optimizer, or a function of the learning rate such as
            `optax.adam` or `functools.partial(optax.sgd, momentum=0.9)`.
        learning_rate: step size, or an optax schedule.
        epochs: largest number of passes over the rows.
        batch_size: rows in a batch.
        l2: factor of the penalty l2/2 Σ weights², as in `nn.l2`.
        patience: number of epochs without a smaller validation loss after which training stops and
            keeps the best parameters; None trains for all epochs.
        validation_fraction: share of the rows, stratified by class, that is held out for early
            stopping if `patience` is set and `fit` gets no `validation`.
        standardize: whether to give each input feature (for images, each channel) mean 0 and
            standard deviation 1 over the training rows; `partial_fit` keeps the scale of its first
            call. False passes the rows to `network` unchanged, including whole numbers for an
            embedding.
        class_weight: `"balanced"`, or a weight by class; multiplied by the rows' weights.
        random_state: seed of the initial parameters, the order of the rows and dropout; None for
            a different seed in every fit.
        progress: whether to show a progress bar; None: only in a terminal.

    Attributes:
        classes_: the classes, sorted, in the order of the probabilities.
        network_: the trained network for unscaled rows; its parameters are `params_`.
        history_: the `History` of training.
        n_features_in_: number of columns; `feature_names_in_` contains their names, if any.

    Raises:
        ValueError: in `fit`, before training, if data or settings are invalid; after training, if
            it diverged: parameters are not finite, for instance if learning_rate is too large.

    Example:
        >>> import nnjax as nn
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True, as_frame=False)
        >>> model = nn.Classifier(hidden=(8,), epochs=30, learning_rate=0.01).fit(X, y)
        >>> bool(model.score(X, y) > 0.9), model.predict_proba(X[:2]).shape
        (True, (2, 3))

    Source: interface: Buitinck et al., API design for machine learning software, 2013.
    """

    classes_: np.ndarray
    _default_loss = softmax_cross_entropy
    _metric = staticmethod(accuracy)

    def __init__(
        self,
        network: Layer | None = None,
        *,
        hidden: Sequence[int] | None = None,
        loss: Loss | None = None,
        optimizer: Any = "adam",
        learning_rate: Any = 1e-3,
        epochs: int = 100,
        batch_size: int = 32,
        l2: float = 0.0,
        patience: int | None = None,
        validation_fraction: float = 0.1,
        standardize: bool = True,
        class_weight: Mapping[Any, float] | str | None = None,
        random_state: Any = 0,
        progress: bool | None = False,
    ) -> None:
        super().__init__(
            network,
            hidden=hidden,
            loss=loss,
            optimizer=optimizer,
            learning_rate=learning_rate,
            epochs=epochs,
            batch_size=batch_size,
            l2=l2,
            patience=patience,
            validation_fraction=validation_fraction,
            standardize=standardize,
            random_state=random_state,
            progress=progress,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation: Any = None) -> Self:
        """Train from the beginning.

        Args:
            X: rows (rows, features), or of the shape that `network` takes.
            y: the class of each row.
            sample_weight: a weight for each row, at least 0; default 1. A weight of 0 leaves the
                row out.
            validation: (X, y) to evaluate after each epoch; with `patience`, used for early
                stopping.

        Returns:
            The estimator.
        """
        x, y, weights = self._rows(X, y, sample_weight, reset=True)
        check_classification_targets(y)
        self.classes_ = _at_least_two("y", np.unique(y))
        rows = self._with_classes(x, y, weights)
        held_out = None
        if validation is not None:
            held_x, held_y = pair_of(validation)
            held_out = self._with_classes(*self._rows(held_x, held_y, None, reset=False))
        self._begin(rows, len(self.classes_), held_out, self.epochs, self.patience)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one more epoch, on these rows.

        Each new number of rows compiles a program, which takes about a second; calls with the same
        number of rows share it. A learning_rate or optimizer set since the last call takes effect.

        Args:
            X: rows.
            y: the class of each row.
            classes: all classes that can occur; required in the first call.
            sample_weight: as in `fit`.

        Returns:
            The estimator.
        """
        first = not hasattr(self, "params_")
        x, y, weights = self._rows(X, y, sample_weight, reset=first)
        check_classification_targets(y)
        if first and classes is None:
            raise ValueError("partial_fit: the first call needs classes: all that can occur")
        if classes is not None:
            given = _at_least_two("classes", np.unique(classes))
            if not first and not np.array_equal(given, self.classes_):
                raise ValueError(
                    f"partial_fit: classes are {list(self.classes_)} since the first call, got "
                    f"{list(given)}"
                )
            self.classes_ = given
        rows = self._with_classes(x, y, weights)
        if first:
            self._begin(rows, len(self.classes_), None, epochs=1, patience=None)
        else:
            self._go_on(rows)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The most likely class of each row."""
        best = self._outputs(X).argmax(axis=1)
        return self.classes_[best]

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, (rows, classes), in the order of `classes_`."""
        scores = self._outputs(X).astype(np.float64)
        if _plain_loss(self) == categorical_cross_entropy:
            return scores
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def decision_function(self, X: Any) -> np.ndarray:
        """The scores (rows, classes); for two classes, the second minus the first, (rows,)."""
        scores = self._outputs(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def _take_outputs(self, outputs: int, classes: Any, one_dimensional: Any) -> None:
        if classes is None or classes.shape != (outputs,):
            raise ValueError(f"its network has {outputs} outputs, but its classes are {classes!r}")
        if classes.dtype.kind not in "biufU" or not np.array_equal(classes, np.unique(classes)):
            raise ValueError("its classes are not sorted numbers or strings")
        self.classes_ = classes

    def _with_classes(self, x: np.ndarray, y: Any, weights: np.ndarray | None) -> Rows:
        """Rows with the number of each class, and weights that include those of the classes."""
        labels = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        unknown = self.classes_[labels] != y
        if unknown.any():
            raise ValueError(
                f"y: {y[unknown][0]!r} is not one of the classes {list(self.classes_)}"
            )
        if self.class_weight is not None:
            by_class = self._class_weights(labels, y)
            weights = by_class if weights is None else weights * by_class
        return Rows(x, labels, weights)

    def _class_weights(self, labels: np.ndarray, y: Any) -> np.ndarray:
        """The weight of each row's class; classes that are not among the rows may have one too."""
        if isinstance(self.class_weight, Mapping):
            given = dict(self.class_weight)
            by_class = compute_class_weight(given, classes=self.classes_, y=y)[labels]
        elif self.class_weight == "balanced":
            by_class = compute_sample_weight("balanced", y)
        else:
            raise ValueError(
                "class_weight: expected 'balanced', a weight by class or None, got "
                f"{self.class_weight!r}"
            )
        if not np.isfinite(by_class).all() or (by_class < 0).any():
            raise ValueError(
                f"class_weight: expected finite numbers of at least 0, got {self.class_weight!r}"
            )
        return by_class


def _at_least_two(what: str, classes: np.ndarray) -> np.ndarray:
    if len(classes) < 2:
        raise ValueError(f"{what}: expected at least 2 classes, got 1 class, {classes[0]!r}")
    return classes
