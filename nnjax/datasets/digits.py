"""scikit-learn's digits in the format of MNIST, for use when MNIST cannot be reached."""

import numpy as np
from sklearn.datasets import load_digits

from nnjax.datasets.mnist import SIDE, Digits

TRAINING = 1500
"""The first 1500 rows are for training, the last 297, mostly by other writers, for testing."""


def digits() -> Digits:
    """The 1797 digits of 8 x 8 pixels, enlarged to frames of 28 x 28.

    Each pixel, 0 ... 16, becomes a square of 3 x 3 pixels, 0 ... 255, and the image of 24 x 24
    pixels gets a margin of 2. So every network for MNIST runs on them, but no result applies to
    MNIST.

    Returns:
        Arrays in the format of `nnjax.datasets.mnist.load`, with 1500 training and 297 test rows.

    Example:
        >>> digits().x_test.shape
        (297, 28, 28)
    """
    pixels, labels = load_digits(return_X_y=True)
    small = np.rint(pixels * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    large = small.repeat(3, axis=1).repeat(3, axis=2)
    edge = (SIDE - large.shape[1]) // 2
    x = np.pad(large, ((0, 0), (edge, edge), (edge, edge)))
    y = np.asarray(labels).astype(np.uint8)
    return Digits(x[:TRAINING], y[:TRAINING], x[TRAINING:], y[TRAINING:])
