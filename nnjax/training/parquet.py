"""A Parquet file as a stream of rows for `fit`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import polars as pl
import polars.selectors as cs

from nnjax.checks import check_whole
from nnjax.tables.errors import TableError, listed, near
from nnjax.training.stream import Rows, Stream

NUMBERS = (
    pl.Boolean, pl.Float32, pl.Float64, pl.Int8, pl.Int16, pl.Int32, pl.Int64,
    pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64,
)  # fmt: skip
"""Types of columns that NumPy has too."""


def stream(
    path: str | Path,
    *,
    target: str | Sequence[str],
    features: Sequence[str] | None = None,
    block: int = 8192,
    window: int = 3,
) -> Stream:
    """Describe a Parquet file that `fit` trains on without holding it in memory.

    While `fit` trains on one window of rows, a thread reads the next: memory holds two windows of
    `window` times `block` rows and a few blocks, whatever the length of the file.

    Order. Without shuffling, rows are read in the order of the file, and `fit` takes the same steps
    as in memory with `shuffle=False`. The numbers are equal to the last bit where measured (dense
    networks on a CPU), and in general up to rounding, since a compiler may order sums differently
    in another program. With shuffling, each epoch draws an order of the blocks, takes `window` of
    them at a time, and draws an order of their rows. This is not a random order of all rows: the
    rows of a block stay within one window. If the file is sorted by class or time, a window holds
    few classes or times: write the file in a random order once, or choose smaller blocks and more
    of them.

    Scale. Inputs are used as they are in the file. To standardise them, write another file once:
    polars computes means and standard deviations (`collect(engine="streaming")`) and writes the
    scaled columns (`sink_parquet`) without holding the table in memory.

    Speed. Blocks should be whole row groups of the file, written by
    `frame.write_parquet(path, row_group_size=8192, compression="uncompressed")`. On two cores,
    1 000 000 rows of 617 columns took 1.16 (1.16 to 1.18) times as long per row as rows in memory
    for a 617-512-26 network, 1.30 (1.23 to 1.55) times for 617-44-26, with a peak of 0.90 GB of
    memory (`reports/benchmark_stream.json`; medians of 3, least to most).

    Larger files, estimated. A row of 617 numbers in float32 takes 2.5 kB, so 10⁹ rows take 2.5 TB.
    At the 79 000 rows per second measured for 617-512-26, an epoch takes 3.5 hours and reads
    200 MB/s; at the 207 000 of 617-44-26, 1.3 hours and 510 MB/s. If two cores cost $0.10 an hour,
    an epoch costs $0.35 or $0.13; if a disk costs $0.08 per GB and month, the file costs $200 a
    month. The disk is the first limit: many read less than 510 MB/s. The second is the file's
    footer, which describes each column of each row group: with 8192 rows in a group, it has
    75 million descriptions, which do not fit into 1 GB. Such a file needs larger row groups and
    blocks, and a machine with memory for their windows.

    Args:
        path: the file.
        target: column of the labels (whole numbers from 0) or numbers to predict; several columns
            for several numbers.
        features: columns of numbers, the inputs; None for all but the target. They are converted to
            float32 (float64 with `jax_enable_x64`).
        block: rows read at a time.
        window: blocks in memory whose rows are shuffled together.

    Returns:
        A `Stream` of `rows` rows, for `fit(data=...)`, which then refuses layers with statistics of
        all rows (`batch_norm`) and `train_metrics`.

    Raises:
        TableError: if the file cannot be read or has no rows, a column is missing, listed twice or
            not numeric; while training, if a target is missing or the file has changed.
        ValueError: if `block` or `window` is not a positive whole number; while training, if a
            value is not finite or a label is not a class, naming the rows of the block.

    Example:
        >>> import jax, nnjax as nn, optax, pathlib, polars as pl, tempfile
        >>> table = pl.DataFrame({"a": [0.0, 0.0, 1.0, 1.0], "b": [0.0, 1.0, 0.0, 1.0],
        ...                       "class": [0, 1, 1, 0]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "xor.parquet"
        ...     table.write_parquet(path)
        ...     data = nn.stream(path, target="class")
        ...     net, sgd = nn.serial(nn.dense(8), nn.tanh(), nn.dense(2)), optax.sgd(0.5, 0.9)
        ...     params, _ = net.init(jax.random.key(0), (2,))
        ...     params, history = nn.fit(net, nn.softmax_cross_entropy, sgd, params, data,
        ...                              epochs=200, batch_size=4)
        >>> data.rows, bool(history.train_loss[-1] < 0.01)
        (4, True)

    Source: why the order should be random: Bottou, Stochastic gradient descent tricks, 2012.
    """
    check_whole(block, "stream(block)")
    check_whole(window, "stream(window)")
    path = Path(path)
    before = _state(path)
    try:
        lazy = pl.scan_parquet(path, glob=False)
        schema = lazy.collect_schema()
        rows = int(lazy.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as error:
        said = str(error).partition("\n")[0]
        raise TableError(f"{path} is not a readable Parquet file: {said}") from None
    several = not isinstance(target, str)
    targets = list(target) if several else [target]
    inputs = [n for n in schema if n not in targets] if features is None else list(features)
    _check_columns(path, schema, inputs, targets)
    if not rows:
        raise TableError(f"{path} has no rows; expected some to train on")
    number = pl.Float64 if jnp.result_type(float) == np.float64 else pl.Float32
    wanted = [cs.by_name(*inputs).cast(number), cs.by_name(*targets)]

    def check_unchanged() -> None:
        if _state(path) != before:
            raise TableError(
                f"{path} has changed since nn.stream described it; call nn.stream again"
            )

    def read(first: int, last: int) -> Rows:
        try:
            frame = lazy.slice(first, last - first).select(wanted).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            check_unchanged()
            said = str(error).partition("\n")[0]
            raise TableError(f"{path}: rows {first} to {last} cannot be read: {said}") from None
        if len(frame) != last - first:
            check_unchanged()
        y = frame[targets]
        for name in targets:
            if y[name].null_count():
                row = first + int(y[name].is_null().arg_max() or 0)
                raise TableError(f"{path}: target {name!r} is missing in row {row}")
        labels: Any = y.to_numpy(order="c")
        if labels.dtype.kind == "f":
            labels = labels.astype(np.float64 if number == pl.Float64 else np.float32)
        return frame[inputs].to_numpy(order="c"), labels if several else labels[:, 0]

    return Stream(rows, int(block), int(window), read, check_unchanged)


def _state(path: Path) -> tuple[int, int]:
    """What changes with a file: its size, and the time of its last change in ns."""
    try:
        found = path.stat()
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or error}") from None
    return found.st_size, found.st_mtime_ns


def _check_columns(path: Path, schema: pl.Schema, inputs: list[str], targets: list[str]) -> None:
    """Refuse columns that are missing, listed twice, or not numeric."""
    if not inputs or not targets:
        raise TableError(f"{path}: expected at least one feature and one target column")
    for name in [*targets, *inputs]:
        if name not in schema:
            similar = near(name, schema)
            hint = f"did you mean {similar[0]!r}?" if similar else f"it has {listed(schema)}"
            raise TableError(f"{path} has no column {name!r}; {hint}")
        if [*inputs, *targets].count(name) > 1:
            raise TableError(f"{path}: column {name!r} is listed twice among features and targets")
        if schema[name] not in NUMBERS:
            raise TableError(
                f"{path}: column {name!r} has type {schema[name]}; expected whole numbers of at "
                "most 64 bits, floating-point numbers or booleans: convert it first (number the "
                "values of a category from 0), or leave it out"
            )
