"""The labels chapter: equations checked, binary networks, gradients by depth, class codings."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import numpy as np
import polars as pl
from tables import write_parquet

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(settings: dict[str, Any], folder: Path) -> None:
    """Run everything of the chapter.

    Args:
        settings: the configuration's `chapters.labels`.
        folder: receives slopes, checks, failure, binary, tried, peers, losses, gradients, depths,
            coding and coding_tried, all Parquet.
    """
    for name, table in {
        **equations(settings["equations"]),
        **binary(settings["binary"]),
        **depth(settings["gradients"], settings["depths"], settings["losses"]),
        **coding(settings["coding"]),
    }.items():
        write_parquet(table, folder / f"{name}.parquet")


def equations(settings: dict[str, Any]) -> dict[str, pl.DataFrame]:
    """S1, and the chain of derivatives on random 2-3-1 networks."""
    import label_equations as le

    rng = np.random.default_rng(settings["seed"])
    reach = settings["reach"]
    networks = [le.network(rng) for _ in range(settings["networks"])]
    at_zero = le.slopes(np.zeros(1)).row(0, named=True)
    return {
        "slopes": le.slopes(rng.uniform(-reach, reach, settings["points"])),
        "checks": pl.concat(
            [
                le.checked(networks),
                le.library(networks, settings["rate"]),
                le.identities(rng, settings["draws"]),
            ]
        ),
        "failure": pl.DataFrame(
            {
                "score": [le.unfused_failure()],
                "printed_over_true": [at_zero["printed"] / at_zero["complex_step"]],
            }
        ),
    }


def binary(settings: dict[str, Any]) -> dict[str, pl.DataFrame]:
    """One hidden layer and a sigmoid output on binary labels, beside scikit-learn's classifiers."""
    from crossfit import Arm, crossfit, problem
    from label_peers import peers
    from networks import multilayer_perceptron

    import nnjax as nn

    predicted, tried, others = [], [], []
    for name, (x, labels) in binary_problems().items():
        given = problem(x, labels, settings["folds"], settings["fold_seed"])
        arm = Arm(
            multilayer_perceptron(settings["units"], 1, 1, "relu", settings["init"]),
            nn.sigmoid_cross_entropy,
            labels[:, None].astype(np.float32),
            # Above one half: where the score is positive.
            lambda scores: scores[..., 0] > 0,
        )
        trials, ours = crossfit(given, arm, settings | {"rates": settings["rates"][name]})
        rates = dict(ours.select("fold", "learning_rate").unique().iter_rows())
        named = pl.lit(name).alias("problem")
        tried.append(trials.with_columns(named))
        predicted.append(ours.with_columns(named))
        others.append(peers(given, rates, settings).with_columns(named))
    return {"binary": pl.concat(predicted), "tried": pl.concat(tried), "peers": pl.concat(others)}


def binary_problems() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Two real binary problems that come with scikit-learn: (features, labels 0 or 1)."""
    from sklearn.datasets import load_breast_cancer, load_digits

    cancer, digits = load_breast_cancer(return_X_y=True), load_digits(return_X_y=True)
    return {
        "breast cancer": (cancer[0], cancer[1].astype(np.int32)),
        "odd digits": (digits[0], (digits[1] % 2).astype(np.int32)),
    }


def depth(
    gradients: dict[str, Any], depths: dict[str, Any], losses: dict[str, Any]
) -> dict[str, pl.DataFrame]:
    """S2 and S3, on the digits."""
    import gradient_depth as gd
    from sklearn.datasets import load_digits

    from nnjax.datasets.isolet import standardise

    x, labels = load_digits(return_X_y=True)
    x, labels = standardise(x, x)[0], labels.astype(np.int32)
    counter = pl.DataFrame(
        {
            "probability": losses["probabilities"],
            "loss": [gd.counter_example(p, 10) for p in losses["probabilities"]],
        }
    )
    return {
        "losses": gd.losses_at_start(x, labels, losses["init"], losses["width"], losses["seeds"]),
        "counter": counter,
        "gradients": gd.norms(x, labels, gradients["arms"], gradients),
        "depths": gd.trained(x, labels, depths["arms"], depths),
    }


def coding(settings: dict[str, Any]) -> dict[str, pl.DataFrame]:
    """S5: the same network taught one-hot rows or label numbers."""
    import jax.numpy as jnp
    from crossfit import Arm, crossfit, problem
    from networks import multilayer_perceptron
    from sklearn.datasets import load_digits

    import nnjax as nn
    from nnjax.datasets.isolet import one_hot

    x, labels = load_digits(return_X_y=True)
    labels = labels.astype(np.int32)
    given = problem(x, labels, settings["folds"], settings["fold_seed"])
    new_number = np.random.default_rng(settings["renumber_seed"]).permutation(10)
    old_number = np.argsort(new_number)

    def nearest(scores: jnp.ndarray) -> jnp.ndarray:
        return jnp.clip(jnp.round(scores[..., 0]), 0, 9).astype(jnp.int32)

    many, one = (
        multilayer_perceptron(settings["units"], 1, outputs, "relu", settings["init"])
        for outputs in (10, 1)
    )
    arms = {
        "one-hot, cross-entropy": Arm(
            many, nn.softmax_cross_entropy, labels, lambda scores: scores.argmax(axis=-1)
        ),
        "one-hot, squared error": Arm(
            many, nn.mean_squared_error, one_hot(labels, 10), lambda scores: scores.argmax(axis=-1)
        ),
        "label number": Arm(
            one, nn.mean_squared_error, labels[:, None].astype(np.float32), nearest
        ),
        "label number, renumbered": Arm(
            one,
            nn.mean_squared_error,
            new_number[labels][:, None].astype(np.float32),
            lambda scores: jnp.asarray(old_number)[nearest(scores)],
        ),
    }
    predicted, tried = [], []
    for name, arm in arms.items():
        trials, ours = crossfit(given, arm, settings | {"rates": settings["rates"][name]})
        named = pl.lit(name).alias("coding")
        tried.append(trials.with_columns(named))
        predicted.append(ours.with_columns(named, digit=pl.Series(labels)[ours["row"]]))
    return {"coding": pl.concat(predicted), "coding_tried": pl.concat(tried)}


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(snakemake.params["settings"], Path(snakemake.output.tables[0]).parent)
