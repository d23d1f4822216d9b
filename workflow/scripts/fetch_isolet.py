"""ISOLET's two splits as Parquet, with a record of where they come from."""

from typing import TYPE_CHECKING

import fetch_data

from nnjax.datasets.sources.isolet import ISOLET

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if "snakemake" in globals():
    fetch_data.main(ISOLET, snakemake.params["data"], snakemake.output, snakemake.log[0])
