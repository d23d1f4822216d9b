"""ISOLET, spoken letters (UCI data set 54, Cole & Fanty 1990): read, check, split, scale.

Source: https://archive.ics.uci.edu/dataset/54/isolet, doi 10.24432/C51G69.
"""

from nnjax.datasets.isolet.features import (
    Arrays,
    Examples,
    arrays,
    examples,
    one_hot,
    standardise,
)
from nnjax.datasets.isolet.files import ARCHIVE, FILES, NAMES, holds, load
from nnjax.datasets.isolet.table import (
    COLUMNS,
    FEATURES,
    FINGERPRINTS,
    LETTERS,
    ROWS,
    SPLITS,
    Split,
    coded_rows,
    fingerprint,
    fingerprints,
    frame,
    is_official,
    speakers,
)

__all__ = [
    "ARCHIVE",
    "COLUMNS",
    "FEATURES",
    "FILES",
    "FINGERPRINTS",
    "LETTERS",
    "NAMES",
    "ROWS",
    "SPLITS",
    "Arrays",
    "Examples",
    "Split",
    "arrays",
    "coded_rows",
    "examples",
    "fingerprint",
    "fingerprints",
    "frame",
    "holds",
    "is_official",
    "load",
    "one_hot",
    "speakers",
    "standardise",
]
