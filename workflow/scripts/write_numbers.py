"""The numbers of the study in one file, each with its interval, its n and what it stands for."""

import json
import platform
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
from entries import collect
from tables import write_text

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

PACKAGES = [
    "nnjax",
    "jax",
    "jaxlib",
    "numpy",
    "optax",
    "polars",
    "scipy",
    "matplotlib",
    "snakemake",
    "scikit-learn",
]

SOURCES = "ksmh"
"""Letters of the sources, in the order of the ledger."""


def provenance(
    record: dict[str, Any], others: dict[str, Any], config: dict[str, Any], code: str
) -> dict[str, Any]:
    """Where the numbers come from: data, settings, code, versions, device."""
    import jax

    device = jax.devices()[0]
    packages = [*PACKAGES, *(["torch"] if find_spec("torch") else [])]
    return {
        "data": record["data"],
        "source": record["source"],
        "fingerprint": record["fingerprint"],
        "coded_rows": record["coded_rows"],
        "rows": record["rows"],
        "chapters": {
            name: {k: other[k] for k in ("data", "source")} for name, other in others.items()
        },
        "study": config["study"],
        "seeds": {
            "xor": config["xor"]["seeds"],
            **{name: experiment["seeds"] for name, experiment in config["experiments"].items()},
            **{
                f"clean_{name}": experiment["refit"]["seeds"]
                for name, experiment in config["clean"]["experiments"].items()
            },
            "record": config["record"]["members"],
        },
        "code": code,
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in packages},
        },
        "device": f"{device.platform} ({device.device_kind}, {platform.machine()})",
        "dtype": "float32",
    }


def main(
    tables: list[Path],
    record: Path,
    others: list[Path],
    config: dict[str, Any],
    code: str,
    output: Path,
) -> None:
    """Collect the numbers.

    Args:
        tables: the tables that hold numbers.
        record: the data's source record (JSON).
        others: those of the chapters' data.
        config: the study's configuration.
        code: digest of the code of the whole study.
        output: JSON to write.
    """
    entries = collect(tables)
    numbers: dict[str, Any] = dict(sorted(entries.items(), key=lambda item: _claim(item[0])))
    records = {path.stem: json.loads(path.read_text("utf-8")) for path in (record, *others)}
    numbers["provenance"] = provenance(records.pop(record.stem), records, config, code)
    write_text(json.dumps(numbers, indent=2, allow_nan=False) + "\n", output)


def _claim(key: str) -> tuple[int, int]:
    """Claims first, by source and in their order: (0, 13) for `k13.no_hidden_accuracy`."""
    name = key.split(".")[0]
    letter, number = name[0], name[1:]
    return (SOURCES.index(letter), int(number)) if number.isdigit() else (len(SOURCES), 0)


if "snakemake" in globals():
    job.begin(snakemake.log[0])
    main(
        [Path(table) for table in snakemake.input.tables],
        Path(snakemake.input.record),
        [Path(path) for path in snakemake.input.others],
        snakemake.params["config"],
        snakemake.params["study_code"],
        Path(snakemake.output.numbers),
    )
