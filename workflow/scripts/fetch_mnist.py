"""MNIST's arrays in one .npz, with a record of where they come from."""

from typing import TYPE_CHECKING

import fetch_data

from nnjax.datasets.sources.mnist import MNIST

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if "snakemake" in globals():
    fetch_data.main(MNIST, snakemake.params["data"], snakemake.output, snakemake.log[0])
