"""What classifier and regressor share: settings, data, training, prediction and files."""

import contextlib
import math
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple, Self

import jax
import numpy as np
import optax
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from nnjax.combine import serial
from nnjax.core import Layer, Loss, Params
from nnjax.epoch import History, Metric
from nnjax.estimators.scaling import Scaling, scaling
from nnjax.initializers import he
from nnjax.layers.activations import relu
from nnjax.layers.dense import dense
from nnjax.losses import Weighted
from nnjax.penalty import l2 as l2_penalty
from nnjax.store import load, save
from nnjax.store.spec import made, plain
from nnjax.train import fit, predict
from nnjax.training.loop import Checkpoint
from nnjax.training.optimizers import begin

ROWS = 128
"""Rows of a piece in prediction."""


class Rows(NamedTuple):
    """Inputs, targets as numbers, and a weight for each row or None."""

    x: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None = None

    def where(self, chosen: np.ndarray) -> "Rows":
        """Some of the rows."""
        weights = None if self.weights is None else self.weights[chosen]
        return Rows(self.x[chosen], self.targets[chosen], weights)


class Estimator(BaseEstimator):
    """The settings of `Classifier` and `Regressor`, and what both do with them."""

    n_features_in_: int
    network_: Layer
    params_: Params
    history_: History
    _default_loss: Loss
    _metric: Metric | None

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
        random_state: Any = 0,
        progress: bool | None = False,
    ) -> None:
        self.network = network
        self.hidden = hidden
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.l2 = l2
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.standardize = standardize
        self.random_state = random_state
        self.progress = progress

    # --- files ------------------------------------------------------------------------------------

    def save(self, path: str | Path, about: Any = None) -> None:
        """Write the trained estimator to a file, without pickle.

        Args:
            path: the file, usually ending in `.npz`. `nn.load` reads network and parameters of it.
            about: anything else to keep, of dicts, lists, texts and numbers: the columns of a
                table, units, a source. `nn.load(path).about["about"]` has it.

        Raises:
            ValueError: if a setting or a layer is not of this library, naming it, or `about` is of
                other things.
            NotFittedError: if the estimator is not trained.
        """
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", None)
        described = {
            "estimator": type(self).__name__,
            "settings": {
                name: self._plain(name, value) for name, value in self.get_params(False).items()
            },
            "features": self.n_features_in_,
            "feature_names": None if names is None else list(names),
            "dtype": self._given_dtype.name,
            "one_dimensional": getattr(self, "_one_dimensional", None),
            "about": about,
        }
        save(path, self.params_, self.network_, getattr(self, "classes_", None), described)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read the estimator that `save` wrote; it predicts the same numbers.

        Args:
            path: the file.

        Returns:
            The estimator, without `history_` and the optimizer's state: `partial_fit` goes on from
            the parameters.

        Raises:
            ValueError: if the file has no estimator of this class.
        """
        saved = load(path)
        about = saved.about if isinstance(saved.about, dict) else {}
        kind = about.get("estimator")
        if kind != cls.__name__:
            found = f"a {kind}" if kind else "a network, which nn.load reads"
            raise ValueError(f"{cls.__name__}.load: {path} has {found}")
        model = cls(**{name: made(value) for name, value in about["settings"].items()})
        model.network_, model.params_ = saved.network, jax.device_get(saved.params)  # pyright: ignore[reportAttributeAccessIssue]
        model._given_dtype = np.dtype(about["dtype"])
        model.n_features_in_ = about["features"]
        more = {"classes_": saved.classes, "_one_dimensional": about["one_dimensional"]}
        if about["feature_names"] is not None:
            more["feature_names_in_"] = np.array(about["feature_names"], object)
        for name, value in more.items():
            if value is not None:
                setattr(model, name, value)
        return model

    def _plain(self, name: str, value: Any) -> Any:
        if name == "optimizer" and getattr(optax, getattr(value, "__name__", ""), None) is value:
            value = value.__name__
        try:
            return plain(value)
        except ValueError:
            raise ValueError(
                f"{type(self).__name__}.save: {name}={value!r} cannot be written to a file; "
                "nn.save(path, model.params_, model.network_) writes the network alone"
            ) from None

    # --- training ---------------------------------------------------------------------------------

    def _rows(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, **options: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Inputs, targets and weights, checked as scikit-learn does."""
        checked: Any = validate_data(
            self, X, y, reset=reset, dtype=self._dtype(reset), allow_nd=self.network is not None,
            **options,
        )  # fmt: skip
        x, y = checked
        if reset:
            self._given_dtype = x.dtype
        if sample_weight is None:
            return x, y, None
        weights = np.asarray(sample_weight, np.float64)
        if weights.shape != (len(x),) or not np.isfinite(weights).all() or (weights < 0).any():
            raise ValueError(
                f"sample_weight: expected {len(x)} finite numbers of at least 0, one for each row, "
                f"got an array of shape {weights.shape}"
                + (f" from {weights.min()} to {weights.max()}" if weights.size else "")
            )
        if not weights.any():
            raise ValueError("sample_weight: all weights are zero, so no row counts")
        return x, y, weights

    def _begin(
        self, rows: Rows, outputs: int, held_out: Rows | None, epochs: int, patience: int | None
    ) -> None:
        """Train from the beginning."""
        rows = _counted(rows)
        # As scikit-learn has it, None stands for another seed in every fit.
        self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        if patience is not None and held_out is None:
            rows, held_out = self._split(rows)
        inner = self._inner(outputs)
        key, _ = jax.random.split(jax.random.key(self._seed))
        with _precision(rows.x):
            params, out_shape = inner.init(key, rows.x.shape[1:])
        if out_shape != (outputs,):
            raise ValueError(
                f"network: expected {outputs} outputs, one for each class or target, got a network "
                f"whose outputs have the shape {out_shape}"
            )
        params = jax.tree.map(lambda leaf: np.asarray(leaf, _float(rows.x)), params)
        scale = None
        if self.standardize:
            targets = rows.targets if rows.targets.ndim == 2 else None
            scale = scaling(rows.x, rows.weights, targets)
        with _precision(rows.x):
            start = self._start(params)
        self._fit(start, scale, rows, held_out, epochs, patience)

    def _go_on(self, rows: Rows) -> None:
        """Train for one epoch more, on these rows."""
        scale, params = None, self.params_
        if self.standardize:
            inputs, params, *outputs = self.params_
            scale = Scaling(inputs, *outputs)
        with _precision(rows.x):
            start = getattr(self, "_reached", None) or self._start(params)
        self._fit(start, scale, _counted(rows), None, start.epoch + 1, None)

    def _fit(
        self,
        start: Checkpoint,
        scale: Scaling | None,
        rows: Rows,
        held_out: Rows | None,
        epochs: int,
        patience: int | None,
    ) -> None:
        reached: list[Checkpoint] = []
        outputs = rows.targets.shape[1] if rows.targets.ndim == 2 else len(self.classes_)  # pyright: ignore[reportAttributeAccessIssue]
        inner = self._inner(outputs)
        _, key = jax.random.split(jax.random.key(getattr(self, "_seed", 0)))
        with _precision(rows.x):
            params, history = fit(
                inner,
                self._loss(),
                self._optimizer(),
                start,
                _data(scale, rows),
                epochs=epochs,
                batch_size=self.batch_size,
                key=key,
                validation=None if held_out is None else _data(scale, held_out),
                metric=self._metric,
                patience=patience,
                callback=lambda checkpoint: reached.__setitem__(slice(None), [checkpoint]),
                penalty=l2_penalty(self.l2) if self.l2 else None,
                progress=self.progress,
            )
        # On the host: outside of this block JAX may not know float64.
        params, self.history_, last = jax.device_get((params, history, reached[0]))
        self._reached = last._replace(params=params, best=None)
        self.network_, self.params_ = scale.network(inner, params) if scale else (inner, params)

    def _split(self, rows: Rows) -> tuple[Rows, Rows]:
        """The rows to train on, and those that decide when to stop."""
        numbers, labels = np.arange(len(rows.x)), rows.targets
        # A class of one row cannot be on both sides.
        stratify = labels if labels.ndim == 1 and np.bincount(labels).min() > 1 else None
        try:
            parts: Any = train_test_split(
                numbers, test_size=self.validation_fraction, random_state=self._seed,
                stratify=stratify,
            )  # fmt: skip
        except ValueError as error:
            raise ValueError(
                f"patience={self.patience} needs rows to decide by: {error}; give more, another "
                "validation_fraction, or fit(..., validation=(X, y))"
            ) from None
        return rows.where(parts[0]), rows.where(parts[1])

    def _inner(self, outputs: int) -> Layer:
        """The network to train, on standardised data."""
        if self.network is not None:
            if self.hidden is not None:
                raise ValueError("give network or hidden, not both: hidden makes a network")
            return self.network
        hidden = (100,) if self.hidden is None else self.hidden
        if isinstance(hidden, int):
            raise ValueError(f"hidden: expected units by layer, such as ({hidden},), got {hidden}")
        layers = [layer for units in hidden for layer in (dense(int(units), he()), relu())]
        return serial(*layers, dense(outputs))

    def _loss(self) -> Loss:
        return self._default_loss if self.loss is None else self.loss

    def _optimizer(self) -> optax.GradientTransformation:
        """The optimizer, whose state contains the learning rate if that is a number.

        So all rates share a compiled program.
        """
        make = self._make_optimizer()
        if callable(self.learning_rate):
            return make(self.learning_rate)
        if not (isinstance(self.learning_rate, Real) and math.isfinite(self.learning_rate)):
            raise ValueError(
                "learning_rate: expected a finite number, or a schedule of optax, got "
                f"{self.learning_rate!r}"
            )
        return optax.inject_hyperparams(lambda learning_rate: make(learning_rate))(1.0)

    def _make_optimizer(self) -> Any:
        """The function that makes the optimizer from its learning rate."""
        name = self.optimizer
        make = getattr(optax, name, None) if isinstance(name, str) else name
        if isinstance(make, tuple) or not callable(make):
            raise ValueError(
                "optimizer: expected the name of an optax optimizer, such as 'adam', or a function "
                "of the learning rate, such as optax.adam or functools.partial(optax.sgd, "
                f"momentum=0.9), got {self.optimizer!r}"
            )
        return make

    def _start(self, params: Params) -> Checkpoint:
        """Training before the first epoch."""
        state = begin(self._optimizer(), params)
        if not callable(self.learning_rate):
            rate = state.hyperparams["learning_rate"]
            state.hyperparams["learning_rate"] = jax.numpy.full_like(rate, self.learning_rate)
        return Checkpoint(params, state, 0)

    def _dtype(self, reset: bool = False) -> Any:
        """The dtypes that rows may keep, the first of them for others."""
        if not reset:
            return self._given_dtype
        keep = self.network is not None and not self.standardize
        return "numeric" if keep else (np.float64, np.float32)

    # --- prediction -------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> np.ndarray:
        """The outputs of the network for each row, in pieces of one size.

        So all numbers of rows share a compiled program, and a row gets the same numbers whatever
        rows are beside it.
        """
        check_is_fitted(self)
        x: Any = validate_data(
            self, X, reset=False, dtype=self._dtype(), allow_nd=self.network is not None
        )
        pieces = []
        for i in range(0, len(x), ROWS):
            piece = x[i : i + ROWS]
            padded = np.concatenate([piece, np.zeros((ROWS - len(piece), *x.shape[1:]), x.dtype)])
            with _precision(x):
                outputs = predict(self.network_, self.params_, padded)
            pieces.append(np.asarray(outputs)[: len(piece)])
        return np.concatenate(pieces)


def _counted(rows: Rows) -> Rows:
    """The rows that count: a row of weight 0 is no row."""
    return rows if rows.weights is None else rows.where(rows.weights > 0)


def _data(scale: Scaling | None, rows: Rows) -> tuple[np.ndarray, Any]:
    """Data as `fit` takes them."""
    x, targets = rows.x, rows.targets
    if scale is not None:
        x, targets = scale.standardised(x, targets)
    elif targets.ndim == 2:
        targets = targets.astype(_float(x))
    if rows.weights is None:
        return x, targets
    return x, Weighted(targets, rows.weights.astype(_float(x)))


def _float(x: np.ndarray) -> np.dtype:
    """The dtype of parameters, targets and weights for rows."""
    return x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)


def _precision(x: np.ndarray) -> Any:
    """JAX in the precision of the rows."""
    return jax.enable_x64(True) if _float(x) == np.float64 else contextlib.nullcontext()
