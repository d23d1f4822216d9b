"""scikit-learn's digits in the form of MNIST: stands in when MNIST cannot be reached."""

import numpy as np
from sklearn.datasets import load_digits

from nnjax.datasets.mnist import SIDE, Digits

TRAINING = 1500
"""Rows for training, the first ones; the last 297 are for testing, mostly by other writers."""


def digits() -> Digits:
    """The 1797 digits of 8 x 8 pixels, drawn into frames of 28 x 28.

    Every pixel, 0 ... 16, becomes a square of 3 x 3 pixels, 0 ... 255, and the square image of 24
    pixels a frame of 2. So every network for MNIST runs on them; what it finds is not about MNIST.

    Returns:
        Arrays in the form of `nnjax.datasets.mnist.load`, with 1500 training and 297 test rows.

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
