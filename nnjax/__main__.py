"""`python -m nnjax`: the commands of the library.

`python -m nnjax predict MODEL TABLE -o predictions.csv` predicts the rows of a table with a saved
model. Exit status: 0, or 2 and a one-sentence error if model, table or output cannot be used.
"""

import argparse
import sys
import warnings
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command on the command line; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m nnjax",
        description="Neural networks with verified backward passes.",
        epilog="python -m nnjax.verify verifies rules; python -m nnjax.compare compares reports.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    predict = commands.add_parser(
        "predict",
        help="predict the rows of a table with a saved model",
        description="Predict the rows of a table with a model that was trained on another table.",
    )
    predict.add_argument("model", metavar="MODEL", help="the file of the model, .npz")
    predict.add_argument(
        "table",
        metavar="TABLE",
        help="the rows: CSV, TSV, ARFF or Parquet, or .gz of these; columns are found by name",
    )
    predict.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help="the file to write: Parquet if it ends in .parquet or .pq, otherwise CSV",
    )
    given = parser.parse_args(arguments)
    if given.command is None:
        parser.print_help()
        return 0
    return _predict(given.model, given.table, given.output)


def _predict(model: str, table: str, output: str) -> int:
    from nnjax.tables.errors import TableError  # polars and scikit-learn load slowly
    from nnjax.tables.predict import predict_file

    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", UserWarning)
        try:
            done = predict_file(model, table, output)
        except TableError as error:
            print(f"predict: {error}", file=sys.stderr)
            return 2
        finally:
            for note in notes:
                if issubclass(note.category, UserWarning):
                    print(f"predict: {note.message}", file=sys.stderr)
    print(done)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
