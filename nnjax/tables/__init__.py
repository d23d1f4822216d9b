"""Tables: read a file, choose target and groups, encode columns, predict new rows.

Import it with `from nnjax import tables`; `import nnjax` does not, since polars loads slowly.
"""

from nnjax.tables.columns import (
    Categorical,
    Columns,
    Encoded,
    Numeric,
    encode,
    feature_names,
    learn,
    made,
    plain,
)
from nnjax.tables.errors import TableError
from nnjax.tables.files import read_table
from nnjax.tables.predict import about_table, predict_table
from nnjax.tables.problem import Finding, Problem, check_training, problem

__all__ = [
    "Categorical",
    "Columns",
    "Encoded",
    "Finding",
    "Numeric",
    "Problem",
    "TableError",
    "about_table",
    "check_training",
    "encode",
    "feature_names",
    "learn",
    "made",
    "plain",
    "predict_table",
    "problem",
    "read_table",
]
