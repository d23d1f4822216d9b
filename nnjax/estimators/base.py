"""What classifier and regressor share: settings, data, training, prediction and files."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import jax
import numpy as np
import optax
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from nnjax.checks import check_shape
from nnjax.core import Layer, Loss, Params
from nnjax.epoch import History, Metric
from nnjax.estimators.rows import Rows, as_given, counted, float_of, native, weights_of
from nnjax.estimators.scaling import Scaling, around, scaling
from nnjax.estimators.settings import kept_optimizer, maker_of, network_of, optimizer_of
from nnjax.losses import Weighted
from nnjax.penalty import l2 as l2_penalty
from nnjax.store import Saved, load, save
from nnjax.store.spec import made, plain
from nnjax.train import fit, predict
from nnjax.training.loop import Checkpoint
from nnjax.training.optimizers import begin, looks_ahead
from nnjax.training.stream import check_in_memory

ROWS = 128
"""Rows of a piece in prediction."""


class Estimator(BaseEstimator, ABC):
    """The settings of `Classifier` and `Regressor`, and what both do with them."""

    n_features_in_: int
    feature_names_in_: np.ndarray
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
            path: the file, usually ending in `.npz`. `nn.load` reads its network and parameters.
            about: further information to store, made of dicts, lists, strings and numbers: the
                columns of a table, units, a source. It is in `nn.load(path).about["about"]`.

        Raises:
            ValueError: if a setting or a layer is not of this library (the message names it), or
                `about` contains other values.
            NotFittedError: if the estimator is not trained.
        """
        check_is_fitted(self, "params_")
        names = getattr(self, "feature_names_in_", None)
        described = {
            "estimator": type(self).__name__,
            "settings": {
                name: self._plain(name, value) for name, value in self.get_params(False).items()
            },
            "shape": list(self._row_shape),
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
            The estimator, without `history_` and the optimizer's state: `partial_fit` continues
            from the parameters.

        Raises:
            ValueError: if the file does not contain an estimator of this class.
        """
        saved = load(path)
        about = saved.about if isinstance(saved.about, dict) else {}
        kind = about.get("estimator")
        if kind != cls.__name__:
            found = f"a {kind}" if kind else "a network, which nn.load reads"
            raise ValueError(f"{cls.__name__}.load: {path} contains {found}")
        try:
            settings = {name: made(value) for name, value in about["settings"].items()}
            if isinstance(settings.get("class_weight"), tuple):
                settings["class_weight"] = dict(settings["class_weight"])
            settings["optimizer"] = optimizer_of(settings["optimizer"])
            model = cls(**settings)
            model._take(saved, about)
        except Exception as error:  # a file of another may hold anything
            said = str(error).partition("\n")[0]
            raise ValueError(
                f"{cls.__name__}.load: {path} was not written by {cls.__name__}.save "
                f"({type(error).__name__}: {said})"
            ) from None
        return model

    def _take(self, saved: Saved, about: dict[str, Any]) -> None:
        """Restore the results of training from a file; raise an error if it is inconsistent."""
        shape, names, dtype = about["shape"], about["feature_names"], np.dtype(about["dtype"])
        check_shape(shape, "shape", least=1)
        if dtype.kind not in "biuf" or not isinstance(about["dtype"], str):
            raise ValueError(f"rows cannot be of dtype {about['dtype']!r}")
        if names is not None:
            if len(names) != shape[0] or not all(isinstance(name, str) for name in names):
                raise ValueError(f"expected {shape[0]} names of features, got {names!r}")
            self.feature_names_in_ = np.array(list(names), object)
        if saved.network is None:
            raise ValueError("it has no network")
        self.network_, self.params_ = saved.network, jax.device_get(saved.params)
        self._given_dtype, self._row_shape, self.n_features_in_ = dtype, tuple(shape), shape[0]
        rows = np.broadcast_to(np.zeros((), dtype), (ROWS, *shape))
        with _precision(rows):
            forward = self.network_.forward
            scores = jax.eval_shape(lambda p, x: forward(p, x)[0], self.params_, rows)
        if scores.ndim != 2:
            raise ValueError(f"its network has outputs of shape {scores.shape[1:]}")
        self._take_outputs(scores.shape[1], saved.classes, about["one_dimensional"])

    @abstractmethod
    def _take_outputs(self, outputs: int, classes: Any, one_dimensional: Any) -> None:
        """What the outputs are, from a file."""

    def _plain(self, name: str, value: Any) -> Any:
        if name == "optimizer":
            value = kept_optimizer(value)
        if name == "class_weight" and isinstance(value, Mapping):
            value = tuple(value.items())
        try:
            return plain(value)
        except ValueError:
            raise ValueError(
                f"{type(self).__name__}.save: {name}={value!r} cannot be written to a file; "
                "nn.save(path, model.params_, model.network_) writes only the network"
            ) from None

    # --- training ---------------------------------------------------------------------------------

    def _rows(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, **options: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Inputs, targets and weights, checked as scikit-learn does."""
        if reset:
            vars(self).pop("params_", None)  # what fails from here on leaves nothing half trained
        check_in_memory("X", X)
        checked: Any = validate_data(
            self, X, y, reset=reset, dtype=self._dtype(reset), allow_nd=self.network is not None,
            **options,
        )  # fmt: skip
        x, y = checked
        x = native(x) if reset else as_given(x, self._given_dtype)
        if reset:
            self._given_dtype, self._row_shape = x.dtype, x.shape[1:]
        if sample_weight is None:
            return x, y, None
        weights = weights_of(sample_weight, len(x))
        real = weights > 0  # a row of weight 0 is no row
        return x[real], y[real], weights[real]

    def _begin(
        self, rows: Rows, outputs: int, held_out: Rows | None, epochs: int, patience: int | None
    ) -> None:
        """Train from the beginning."""
        rows, held_out = counted(rows), held_out and counted(held_out)
        # As in scikit-learn, None means another seed in every fit.
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
        params = jax.tree.map(lambda leaf: np.asarray(leaf, float_of(rows.x)), params)
        scale = None
        if self.standardize:
            targets = rows.targets if rows.targets.ndim == 2 else None
            scale = scaling(rows.x, rows.weights, targets)
        with _precision(rows.x):
            start = self._start(params)
        self._fit(start, scale, rows, held_out, epochs, patience)

    def _go_on(self, rows: Rows) -> None:
        """Train for one more epoch, on these rows."""
        inner, outputs = self._inner(self._outputs_of(rows)), rows.targets.shape[1:]
        scale, params = None, self.params_
        if self.network_ == around(inner, *outputs):
            inputs, params, *last = self.params_
            scale = Scaling(inputs, *last)
        elif self.network_ != inner:
            raise ValueError(
                "partial_fit: expected the network and the number of targets of fit, "
                f"{self.network_!r}, but settings and targets now need {inner!r}; call fit again"
            )
        with _precision(rows.x):
            start = self._start(params, getattr(self, "_reached", None))
        self._fit(start, scale, counted(rows), None, start.epoch + 1, None)

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
        inner = self._inner(self._outputs_of(rows))
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
        params, history, last = jax.device_get((params, history, reached[0]))
        if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params)):
            raise ValueError(
                f"training diverged: after {last.epoch} epochs parameters are not finite; use a "
                f"smaller learning_rate than {self.learning_rate!r}, or standardize=True"
            )
        self.history_ = history
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
                f"patience={self.patience} needs validation rows: {error}; pass more rows, another "
                "validation_fraction, or fit(..., validation=(X, y))"
            ) from None
        return rows.where(parts[0]), rows.where(parts[1])

    def _inner(self, outputs: int) -> Layer:
        """The network to train, on standardised data."""
        return network_of(self.network, self.hidden, outputs)

    def _outputs_of(self, rows: Rows) -> int:
        """How many outputs the network has."""
        return rows.targets.shape[1] if rows.targets.ndim == 2 else len(self.classes_)  # pyright: ignore[reportAttributeAccessIssue]

    def _loss(self) -> Loss:
        return self._default_loss if self.loss is None else self.loss

    def _optimizer(self, *, at_start: bool = False) -> optax.GradientTransformation:
        """The optimizer, whose state contains the learning rate if that is a number.

        So all rates share a compiled program.
        """
        make = maker_of(self.optimizer, self.learning_rate)
        made = make(self.learning_rate)
        if callable(self.learning_rate) or looks_ahead(made):
            return made
        # A state may depend on the rate in other places too: those begin with the right one.
        initial = float(self.learning_rate) if at_start else 1.0
        return optax.inject_hyperparams(lambda learning_rate: make(learning_rate))(initial)

    def _start(self, params: Params, reached: Checkpoint | None = None) -> Checkpoint:
        """The state before the next epoch: a new optimizer starts afresh, a new rate is used."""
        start = Checkpoint(params, begin(self._optimizer(at_start=True), params), 0)
        if reached is not None:
            alike = _shapes(reached.optimizer_state) == _shapes(start.optimizer_state)
            start = reached if alike else reached._replace(optimizer_state=start.optimizer_state)
        state = start.optimizer_state
        if callable(self.learning_rate) or not hasattr(state, "hyperparams"):
            return start
        rate = jax.numpy.full_like(state.hyperparams["learning_rate"], self.learning_rate)
        state = state._replace(hyperparams=state.hyperparams | {"learning_rate": rate})
        return start._replace(optimizer_state=state)

    def _dtype(self, reset: bool = False) -> Any:
        """The dtypes that rows may keep, the first of them for others."""
        if not reset:
            return self._given_dtype if self._given_dtype.kind == "f" else "numeric"
        keep = self.network is not None and not self.standardize
        return "numeric" if keep else (np.float64, np.float32)

    # --- prediction -------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> np.ndarray:
        """The outputs of the network for each row, in pieces of one size.

        So tables of any length share a compiled program, and the outputs for a row do not depend
        on the other rows.
        """
        check_is_fitted(self, "params_")
        given: Any = validate_data(
            self, X, reset=False, dtype=self._dtype(), allow_nd=self.network is not None
        )
        x = as_given(given, self._given_dtype)
        pieces = []
        for i in range(0, len(x), ROWS):
            piece = x[i : i + ROWS]
            padded = np.concatenate([piece, np.zeros((ROWS - len(piece), *x.shape[1:]), x.dtype)])
            with _precision(x):
                outputs = predict(self.network_, self.params_, padded)
            pieces.append(np.asarray(outputs)[: len(piece)])
        return np.concatenate(pieces)


def _data(scale: Scaling | None, rows: Rows) -> tuple[np.ndarray, Any]:
    """Data as `fit` takes them."""
    x, targets = rows.x, rows.targets
    if scale is not None:
        x, targets = scale.standardised(x, targets)
    elif targets.ndim == 2:
        targets = targets.astype(float_of(x))
    if rows.weights is None:
        return x, targets
    return x, Weighted(targets, rows.weights.astype(float_of(x)))


def _shapes(state: Any) -> Any:
    """The tree of an optimizer's state, and the shapes in it."""
    leaves, tree = jax.tree.flatten(state)
    return tree, [np.shape(leaf) for leaf in leaves]


def _precision(x: np.ndarray) -> Any:
    """JAX in the precision of the rows, whatever the settings around: random numbers follow it."""
    return jax.enable_x64(float_of(x) == np.float64)
