"""Random rows with the shape of ISOLET: speed does not depend on the values."""

import numpy as np

ROWS, FEATURES, CLASSES = 6238, 617, 26


def examples(count: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (count, 617) and labels (count,)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((count, FEATURES), dtype="float32")
    return x, rng.integers(0, CLASSES, count, dtype="int32")
