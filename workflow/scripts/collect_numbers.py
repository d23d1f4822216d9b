"""Collect the numbers of all chapters in one file, clocks aside, with where they come from."""

import json
import platform
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from workflow.lib import job
from workflow.lib.numbers import collect, is_clock
from workflow.lib.start import environment
from workflow.lib.tables import write_text

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
    origin: dict[str, Any], others: dict[str, Any], study: str, seeds: dict[str, int], digest: str
) -> dict[str, Any]:
    """Where the numbers come from: data, settings, code, versions, device, environment."""
    import jax

    device = jax.devices()[0]
    packages = [*PACKAGES, *(["torch"] if find_spec("torch") else [])]
    return {
        **{key: origin[key] for key in ("data", "source", "fingerprint", "coded_rows", "rows")},
        "chapters": {
            name: {k: other[k] for k in ("data", "source")} for name, other in others.items()
        },
        "study": study,
        "seeds": seeds,
        "code": digest,
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in packages},
        },
        "device": f"{device.platform} ({device.device_kind}, {platform.machine()})",
        "environment": environment.recorded(),
        "dtype": "float32",
    }


def main(
    tables: list[Path],
    origin: Path,
    other_origins: list[Path],
    study: str,
    seeds: dict[str, int],
    digest: str,
    numbers: Path,
) -> None:
    """Collect the numbers.

    Args:
        tables: the chapters' tables of numbers.
        origin: where ISOLET came from (JSON).
        other_origins: the same for the other data sets.
        study: "full" or "quick".
        seeds: setting to the number of seeds it asks for.
        digest: of the code that the numbers come from.
        numbers: JSON to write.

    Raises:
        JobError: if one of them is a clock.
    """
    found = collect(tables)
    if timed := [key for key, number in found.items() if is_clock(number)]:
        raise job.JobError(
            f"{timed[0]}: has the unit {found[timed[0]]['unit']}, so it differs in every run; "
            "write it into the chapter's table of clocks"
        )
    result: dict[str, Any] = dict(sorted(found.items(), key=lambda item: by_claim(item[0])))
    others = {path.stem: json.loads(path.read_text("utf-8")) for path in other_origins}
    isolet = json.loads(origin.read_text("utf-8"))
    result["provenance"] = provenance(isolet, others, study, seeds, digest)
    write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", numbers)


def by_claim(key: str) -> tuple[int, int]:
    """Claims first, by source and in their order.

    Example:
        >>> by_claim("k13.no_hidden_accuracy"), by_claim("baseline.lda_accuracy")
        ((0, 13), (4, 0))
    """
    name = key.split(".")[0]
    letter, number = name[0], name[1:]
    if number.isdigit() and letter in SOURCES:
        return SOURCES.index(letter), int(number)
    return len(SOURCES), 0


job.run(main, globals().get("snakemake"))
