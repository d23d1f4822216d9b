"""The search for rates, batch sizes and epochs: networks trained and measured on training rows."""

from pathlib import Path

import networks
import polars as pl
import train_convolutional
import train_perceptrons
from settings import Convolutional, Perceptron, Search, TrainingOfEach

from workflow.lib import job
from workflow.lib.tables import write_csv


def main(
    arrays: Path,
    rows: int,
    perceptron: Perceptron,
    convolutional: Convolutional,
    training: TrainingOfEach,
    search: Search,
    trials: Path,
) -> None:
    """Train every candidate on the first training rows and measure it on the last ones.

    Args:
        arrays: images and labels (.npz) of MNIST.
        rows: training rows at most.
        perceptron: the perceptron.
        convolutional: the convolutional network.
        training: the training that candidates change.
        search: rows held out, seeds and candidates.
        trials: CSV to write: network, epochs, batch_size, learning_rate, accuracy (mean over the
            seeds, on the rows held out), n (seeds).
    """
    data = networks.read(arrays, rows, search.held_out)
    measured = []
    for name, changes in search.changes:
        for change in changes:
            candidate = getattr(training, name).model_copy(
                update=change.model_dump(exclude_none=True) | {"seeds": getattr(search.seeds, name)}
            )
            if name == train_convolutional.NAME:
                network = networks.convolutional(convolutional)
                _, history, _ = train_convolutional.train(network, data, candidate)
            else:
                network = networks.perceptron(perceptron)
                history, _ = train_perceptrons.train(name, network, data, candidate)
            last = networks.epoch_rows(name, history).filter(epoch=candidate.epochs)
            measured.append(
                {"network": name}
                | candidate.model_dump(include={"epochs", "batch_size", "learning_rate"})
                | {
                    "accuracy": round(float(last["accuracy"].to_numpy().mean()), 4),
                    "n": candidate.seeds,
                }
            )
    write_csv(pl.DataFrame(measured), trials)


job.run(main, globals().get("snakemake"))
