"""The text of the language models, with a record of where it comes from."""

from typing import TYPE_CHECKING

import fetch_data

from nnjax.datasets.sources.text import TEXT

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if "snakemake" in globals():
    fetch_data.main(TEXT, snakemake.params["data"], snakemake.output, snakemake.log[0])
