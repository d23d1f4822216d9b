"""Irises: three models left one flower out at a time, their regions, and the checks of formulas."""

import functools
import warnings
from pathlib import Path
from typing import Any

import forks
import formulas
import jax
import jax.numpy as jnp
import likelihood
import numpy as np
import optax
import polars as pl
from settings import Descent, NetworkDescent, Settings

import nnjax as nn
from workflow.lib import job
from workflow.lib.tables import write_parquet

MODELS = ("logistic", "quadratic", "network")


def flowers(settings: Settings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The chosen features (rows, 2), whether a row is of the chosen species, and all species."""
    from sklearn.datasets import load_iris

    iris: Any = load_iris()
    columns = [iris.feature_names.index(name) for name in settings.features]
    species = list(iris.target_names).index(settings.species)
    return iris.data[:, columns].astype("float32"), iris.target == species, iris.target


def basis(model: str, x: Any, weights: Any) -> tuple[Any, Any, Any]:
    """The model's inputs, standardised over the rows that have weight.

    Args:
        model: a name of MODELS; "quadratic" gets x1, x2, x1^2, x2^2 (the 1 is the bias).
        x: features (rows, 2).
        weights: 1 for rows to train on, else 0, (rows,).

    Returns:
        phi (rows, 2 or 4), and the means and deviations of x.
    """

    def standard(x: Any) -> tuple[Any, Any, Any]:
        share = (weights / weights.sum())[:, None]
        mean = (share * x).sum(axis=0)
        deviation = jnp.sqrt((share * (x - mean[None]) ** 2).sum(axis=0))
        return (x - mean[None]) / deviation[None], mean, deviation

    z, mean, deviation = standard(x)
    if model != "quadratic":
        return z, mean, deviation
    # Squares of standardised features, standardised: the span is that of the features' own squares.
    return jnp.concatenate([z, standard(z**2)[0]], axis=1), mean, deviation


def network_of(model: str, hidden_units: int) -> nn.Layer:
    """One score: of the inputs, or for the network of a hidden layer of sigmoids."""
    if model != "network":
        return nn.dense(1, nn.initializers.zeros())
    init = nn.initializers.glorot()
    return nn.serial(nn.dense(hidden_units, init), nn.sigmoid(), nn.dense(1, init))


def descended(
    network: nn.Layer, descent: Descent, params: Any, x: Any, y: Any, weights: Any
) -> Any:
    """Full-batch gradient descent on the negative log likelihood of the rows that have weight.

    Returns:
        The parameters after all epochs.
    """
    optimizer = optax.sgd(descent.learning_rate, momentum=descent.momentum)
    gradient = nn.value_and_grad(network, nn.sigmoid_cross_entropy)
    targets = nn.Weighted(y[:, None], weights)

    def step(_: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        params, state = carry
        # The loss itself is not asked for, so that the compiler leaves it out.
        _, grads = gradient(params, x, targets)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    params, _ = jax.lax.fori_loop(0, descent.epochs, step, (params, optimizer.init(params)))
    return params


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def started(network: nn.Layer, inputs: int, seeds: int) -> Any:
    """Initial parameters of every seed."""

    def one(seed: jax.Array) -> Any:
        return network.init(jax.random.key(seed), (inputs,))[0]

    return jax.lax.map(one, jnp.arange(seeds))


def units_of(descent: Descent) -> int:
    """Hidden units of the network; 0 for the regressions."""
    return descent.hidden_units if isinstance(descent, NetworkDescent) else 0


def left_out_rows(rows: int, count: int) -> np.ndarray:
    """The rows to be left out in turn: all of them, or evenly spread ones."""
    return np.unique(np.linspace(0, rows - 1, count).round().astype(int))


def leave_one_out(
    model: str, descent: Descent, seeds: int, x: np.ndarray, y: np.ndarray, rows: np.ndarray
) -> pl.DataFrame:
    """Train without each of the rows in turn, all trainings as one compiled program.

    Returns:
        model, seed, row and probability (of the row left out).
    """
    network, label = network_of(model, units_of(descent)), jnp.asarray(y, jnp.float32)

    def one(params: Any, row: Any) -> Any:
        weights = 1 - jax.nn.one_hot(row, len(x), dtype=jnp.float32)
        phi, _, _ = basis(model, jnp.asarray(x), weights)
        params = descended(network, descent, params, phi, label, weights)
        return jax.nn.sigmoid(network.forward(params, phi[row][None])[0][0, 0])

    each = jax.jit(jax.vmap(jax.vmap(one, in_axes=(None, 0)), in_axes=(0, None)))
    start = started(network, 4 if model == "quadratic" else 2, seeds)
    probability = np.asarray(each(start, jnp.asarray(rows)))
    seed, place = (index.reshape(-1) for index in np.indices(probability.shape))
    columns = {"seed": seed, "row": rows[place], "probability": probability.reshape(-1)}
    return pl.DataFrame(columns).with_columns(model=pl.lit(model))


def peer(
    model: str, settings: Settings, x: np.ndarray, y: np.ndarray, rows: np.ndarray
) -> pl.DataFrame:
    """scikit-learn on the same inputs, without penalty; the table of `leave_one_out`."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier

    probabilities = []
    kept_rows = np.arange(len(x)) != rows[:, None]
    bases = jax.vmap(lambda weights: basis(model, x, weights)[0])(kept_rows.astype("float32"))
    for row, kept, phi in zip(rows, kept_rows, np.asarray(bases, float), strict=True):
        if model == "network":
            classifier: Any = MLPClassifier(
                (settings.network.hidden_units,),
                activation="logistic",
                solver="lbfgs",
                alpha=0,
                max_iter=settings.peer_steps,
                random_state=0,
            )
        else:
            classifier = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10)
        with warnings.catch_warnings():
            # Without a penalty a network has no minimum to arrive at; the limit is ours.
            warnings.simplefilter("ignore", ConvergenceWarning)
            classifier.fit(phi[kept], y[kept])
        probabilities.append(classifier.predict_proba(phi[row][None])[0, 1])
    table = pl.DataFrame({"row": rows, "probability": np.array(probabilities, "float32")})
    name = pl.lit(f"{model}, scikit-learn")
    return table.with_columns(model=name, seed=pl.lit(0))


def regions(
    model: str, descent: Descent, seeds: int, x: np.ndarray, y: np.ndarray, grid: np.ndarray
) -> tuple[pl.DataFrame, np.ndarray]:
    """Train on all rows and ask for every place of the grid.

    Returns:
        model, index, x, y, probability (of the first seed) and share (of the seeds that say yes).
        The lines on which a hidden unit of the first seed is 1/2, in the features' own units: rows
        (w1, w2, b) of w1 x1 + w2 x2 + b = 0; none for the regressions.
    """
    network, label = network_of(model, units_of(descent)), jnp.asarray(y, jnp.float32)
    both = jnp.concatenate([jnp.asarray(x), jnp.asarray(grid, jnp.float32)])
    weights = (jnp.arange(len(both)) < len(x)).astype(jnp.float32)
    phi, mean, deviation = basis(model, both, weights)
    known = phi[: len(x)], label, weights[: len(x)]
    train = jax.jit(jax.vmap(lambda p: descended(network, descent, p, *known)))
    params = train(started(network, phi.shape[1], seeds))
    scores = jax.vmap(lambda p: network.forward(p, phi[len(x) :])[0][:, 0])(params)
    probability = np.asarray(jax.nn.sigmoid(scores))
    columns = {"index": np.arange(len(grid)), "x": grid[:, 0], "y": grid[:, 1]}
    columns |= {"probability": probability[0], "share": (probability > 0.5).mean(axis=0)}
    table = pl.DataFrame(columns).with_columns(model=pl.lit(model))
    if model != "network":
        return table, np.zeros((0, 3))
    w, b = np.asarray(params[0].weights[0]), np.asarray(params[0].bias[0])
    own = w / np.asarray(deviation)[:, None]
    return table, np.column_stack([own.T, b - np.asarray(mean) @ own])


def by_width(settings: Settings, x: np.ndarray, y: np.ndarray) -> pl.DataFrame:
    """How well networks of several widths fit all rows: hidden_units, seed, accuracy."""
    weights = jnp.ones(len(x))
    phi, _, _ = basis("network", jnp.asarray(x), weights)
    label, seeds, tables = jnp.asarray(y, jnp.float32), settings.widths.seeds, []
    for units in settings.widths.hidden_units:
        network = network_of("network", units)

        def accuracy(params: Any, network: nn.Layer = network) -> Any:
            params = descended(network, settings.network, params, phi, label, weights)
            return jnp.mean((network.forward(params, phi)[0][:, 0] > 0) == (label > 0.5))

        found = np.asarray(jax.jit(jax.vmap(accuracy))(started(network, 2, seeds)))
        table = pl.DataFrame({"seed": np.arange(seeds), "accuracy": found})
        tables.append(table.with_columns(hidden_units=pl.lit(units)))
    return pl.concat(tables)


def main(settings: Settings, runs: Path) -> None:
    """Train, check and write what happened.

    Args:
        settings: the chapter's settings.
        runs: folder to write: `left_out` (probabilities of rows left out, by nnjax and by
            scikit-learn), `flowers` (the features and species), `regions`, `units` (lines of
            the hidden units), `widths`, `formulas`, `forks`, and `nll` of `likelihood`.
    """
    x, y, species = flowers(settings)
    rows = left_out_rows(len(x), settings.left_out)
    ends = [(a.min() - 0.3, a.max() + 0.3) for a in x.T]
    sides = np.meshgrid(*(np.linspace(*end, settings.grid) for end in ends))
    grid = np.stack(sides, axis=-1).reshape(-1, 2)
    left_out, drawn, units = list[pl.DataFrame](), list[pl.DataFrame](), np.zeros((0, 3))
    for model in MODELS:
        descent = settings.network if model == "network" else settings.regression
        seeds = settings.seeds if model == "network" else 1
        left_out.append(leave_one_out(model, descent, seeds, x, y, rows))
        left_out.append(peer(model, settings, x, y, rows).select(left_out[0].columns))
        table, units = regions(model, descent, seeds, x, y, grid)
        drawn.append(table)
    left_out = [table.with_columns(pl.col("seed", "row").cast(pl.Int64)) for table in left_out]
    of = settings.checks
    nll = likelihood.nll_errors(of.nll_cases, of.items, of.classes)
    made = {
        "left_out": pl.concat(left_out),
        "flowers": pl.DataFrame(
            {"row": np.arange(len(x)), "x": x[:, 0], "y": x[:, 1]}
        ).with_columns(chosen=pl.Series(y), species=pl.Series(species)),
        "regions": pl.concat(drawn),
        "units": pl.DataFrame(units, schema=["w1", "w2", "b"], orient="row"),
        "widths": by_width(settings, x, y),
        "formulas": pl.DataFrame(formulas.formula_errors(of.cases)),
        "forks": pl.DataFrame(forks.fork_reports(list(of.networks))),
        "nll": pl.DataFrame(nll, infer_schema_length=None, schema_overrides={"ulps32": pl.Float64}),
    }
    for name, table in made.items():
        write_parquet(table, runs / f"{name}.parquet")


job.run(main, globals().get("snakemake"))
