"""The choices of the clean protocol read back: which trial each cell of an experiment was given."""

from typing import Any

import polars as pl

CHOSEN = {"learning_rate", "epoch", "cv_accuracy", "trials", "edge"}
"""Columns of a table of choices that do not name the cell."""


class Choices:
    """The choices of the clean protocol: the trial that each cell of an experiment was given."""

    def __init__(self, tables: dict[str, pl.DataFrame]) -> None:
        """Keep the tables, one per experiment."""
        self.tables = tables

    def row(self, experiment: str, **cell: Any) -> dict[str, Any]:
        """The chosen trial of a cell.

        Raises:
            ValueError: if the settings name no cell, or several.
        """
        rows = self.tables[experiment].filter(**cell)
        if len(rows) != 1:
            raise ValueError(
                f"{experiment}: {cell} names {len(rows)} cells of the choices, not one"
            )
        return rows.row(0, named=True)

    def cell(self, experiment: str, **cell: Any) -> dict[str, Any]:
        """A cell with its epoch and the epoch of its choice: what names it among the refits."""
        epoch = self.row(experiment, **cell)["epoch"]
        return cell | {"epoch": epoch, "judged": epoch}

    def best(self, experiment: str, **among: Any) -> dict[str, Any]:
        """The cell with the highest cross-validated accuracy of an experiment."""
        table = self.tables[experiment].filter(**among).sort("cv_accuracy", descending=True)
        names = [c for c in table.columns if c not in CHOSEN or c in among]
        return table.select(names).row(0, named=True)

    def words(self, experiment: str, **cell: Any) -> str:
        """What was chosen for a cell, in words."""
        found = self.row(experiment, **cell)
        settings = ", ".join(f"{named(k)} {named(v)}" for k, v in cell.items() if k != "epoch")
        return (
            f"{settings + ': ' if settings else ''}rate {found['learning_rate']:g}, "
            f"{found['epoch']} epochs, chosen on training speakers"
            f"{', at an edge of the grid' if found['edge'] else ''}"
        )


def named(value: Any) -> str:
    """A setting or its value in words."""
    return value.replace("_", " ") if isinstance(value, str) else f"{value:g}"
