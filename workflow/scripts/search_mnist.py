"""How rates, batch sizes and epochs of the chapter on digits were chosen: on training rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import mnist_networks
import polars as pl
import train_mnist
import train_mnist_perceptrons
from tables import write_csv

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(arrays: Path, settings: dict[str, Any], trials: Path) -> None:
    """Train every candidate on the first training rows and measure it on the last ones.

    Args:
        arrays: images and labels (.npz) of MNIST.
        settings: the chapter's settings; `search` says how many rows are held out, and for each
            network the seeds and the changes tried.
        trials: CSV to write: network, epochs, batch_size, learning_rate, accuracy (mean over the
            seeds, on the rows held out), n (seeds).
    """
    search = settings["search"]
    data = mnist_networks.read(arrays, settings["rows"], search["held_out"])
    rows = []
    for name, candidates in search["tried"].items():
        for candidate in candidates:
            training = settings["training"][name] | candidate | {"seeds": search["seeds"][name]}
            if name == train_mnist.NAME:
                _, history, _ = train_mnist.train(data, settings, training, training["epochs"])
            else:
                _, history, _ = train_mnist_perceptrons.train(
                    name, data, settings, training, training["epochs"]
                )
            last = mnist_networks.epoch_rows(name, history).filter(epoch=training["epochs"])
            rows.append(
                {
                    "network": name,
                    **{key: training[key] for key in ("epochs", "batch_size", "learning_rate")},
                    "accuracy": round(float(last["accuracy"].to_numpy().mean()), 4),
                    "n": training["seeds"],
                }
            )
    write_csv(pl.DataFrame(rows), trials)


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(Path(snakemake.input.arrays), snakemake.params["settings"], Path(snakemake.output.trials))
