"""Train the model to keep, with the chosen settings, and write it to a file."""

import json
from pathlib import Path

import polars as pl

import nnjax as nn
from nnjax import tables
from workflow.lib import job
from workflow.table.networks import MAKERS, batch_size
from workflow.table.rows import stored
from workflow.table.settings import Table


def main(rows: Path, about: Path, table: Table, chosen: Path, model: Path) -> None:
    """Train on the training rows only: the test rows measured networks with these settings.

    Args:
        rows: the table's rows.
        about: what is known about them.
        table: the settings.
        chosen: Parquet of the trials, with `best`.
        model: the file to write, which `python -m nnjax predict` reads.
    """
    train, _ = stored(rows, about)
    best = pl.read_parquet(chosen).filter("best").sort("loss").row(0, named=True)
    columns = tables.learn(train.frame)
    x = tables.encode(train.frame, columns).x
    hidden = (best["hidden_units"],) if best["hidden_units"] else ()
    settings = {
        "hidden": hidden,
        "optimizer": MAKERS[best["optimizer"]],
        "learning_rate": best["learning_rate"],
        "epochs": best["epochs"],
        "batch_size": batch_size(len(x), table.batch_rows),
    }
    described = json.loads(about.read_text(encoding="utf-8"))
    kept = {
        "columns": tables.plain(columns),
        **{key: described[key] for key in ("target", "roles", "file", "sha256", "task")},
    }
    model.parent.mkdir(parents=True, exist_ok=True)
    if train.classes is None:
        nn.Regressor(**settings).fit(x, train.y).save(model, about=kept)
    else:
        names = [train.classes[label] for label in train.y]
        nn.Classifier(**settings).fit(x, names).save(model, about=kept)


job.run(main, globals().get("snakemake"))
