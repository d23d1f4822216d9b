"""The numbers of each figure of the benchmark as a table."""

import json
from pathlib import Path

import polars as pl
from plot_ratios import drawn
from plot_single import ROW

from workflow.lib import job
from workflow.lib.tables import write_csv

ENDS = {"": "exponent", "_lo": "lo", "_hi": "hi"}
SPEED_UP = ("speed_up", "least", "most")
NUMBERS = ("ours", "peer", "unit", "ratio", "least", "most", "limit", "n")


def main(
    rows: Path, on_devices: Path, single: Path, ratios: Path, growth: Path, devices: Path
) -> None:
    """Write the tables.

    Args:
        rows: JSON of the benchmark.
        on_devices: JSON of the measurement on several devices.
        single: CSV to write: hidden_units, batch_size, over (the peer), ours and peer in `unit`,
            ratio with least and most, limit, n.
        ratios: CSV to write: name, and the same numbers.
        growth: CSV to write: size, value, seconds with least and most, memory (MB), n, and the
            exponents of the size with their 95 % intervals, null for a size of two points.
        devices: CSV to write: shared (batches or groups), devices, cores, speed_up with least and
            most, n.
    """
    content = json.loads(rows.read_text(encoding="utf-8"))
    found = [(match, row) for row in content["rows"] if (match := ROW.fullmatch(row["name"]))]
    trainings = [
        {
            "hidden_units": int(match["units"]),
            "batch_size": int(match["batch"]),
            "over": match["peer"],
            **{name: row[name] for name in NUMBERS},
        }
        for match, row in found
    ]
    write_csv(pl.DataFrame(trainings).sort("hidden_units", "batch_size", "over"), single)
    others = [{name: row[name] for name in ("name", *NUMBERS)} for row in drawn(content["rows"])]
    write_csv(pl.DataFrame(others), ratios)
    points = pl.DataFrame(content["growth"]["points"])
    for quantity in ("seconds", "memory"):
        fits = [
            {"size": fit["size"]}
            | {f"{quantity}_exponent{end}": fit[key] for end, key in ENDS.items()}
            for fit in content["growth"]["exponents"]
            if fit["quantity"] == quantity
        ]
        points = points.join(pl.DataFrame(fits), on="size", how="left", maintain_order="left")
    write_csv(points, growth)
    measured = json.loads(on_devices.read_text(encoding="utf-8"))
    cores = pl.lit(measured["machine"]["cores"]).alias("cores")
    of_devices = pl.DataFrame(measured["points"]).with_columns(cores)
    write_csv(of_devices.select("shared", "devices", "cores", *SPEED_UP, "n"), devices)


job.run(main, globals().get("snakemake"))
