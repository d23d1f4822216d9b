"""The tables included in scikit-learn, `sklearn:NAME`."""

from typing import Any

import numpy as np
import polars as pl

from nnjax.tables.errors import TableError, near

PREFIX = "sklearn:"
NAMES = ("iris", "wine", "breast_cancer", "digits", "diabetes")


def bundled(source: str) -> pl.DataFrame:
    """A table of scikit-learn, with the target in the column `target`; classes are names.

    Args:
        source: `sklearn:` followed by one of `NAMES`.

    Returns:
        The table.

    Raises:
        TableError: if there is no such table.

    Example:
        >>> bundled("sklearn:iris")["target"].unique(maintain_order=True).to_list()
        ['setosa', 'versicolor', 'virginica']
    """
    from sklearn import datasets  # loads slowly, and most tables are files

    name = source.removeprefix(PREFIX)
    if name not in NAMES:
        alike = near(name, NAMES)
        hint = f"did you mean {alike[0]}?" if alike else f"choose from {', '.join(NAMES)}"
        raise TableError(f"{source}: no such table in scikit-learn; {hint}")
    bunch: Any = getattr(datasets, f"load_{name}")()
    target, classes = bunch.target, np.asarray(getattr(bunch, "target_names", ()))
    if classes.dtype.kind == "U":
        target = classes[target]
    table = pl.DataFrame(bunch.data, schema=list(map(str, bunch.feature_names)))
    return table.with_columns(pl.Series("target", target.tolist()))
