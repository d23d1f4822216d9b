"""A convolution by its definition, and as one matrix product.

With the windows of the images as the rows of a matrix (im2col, "image to columns"),

    X[(b, o, u), (k, l, i)] = x[b, o + k, u + l, i]           W[(k, l, i), j] = K[k, l, i, j]
    Y = X W + 1 biasᵀ

a convolution is a dense layer on those rows, and its backward pass is that of a dense layer:

    dW = Xᵀ dY        dbias = dYᵀ 1        dX = dY Wᵀ

An element of x occurs in X once for every window that contains it; J depends on it through all of
these, so its error signals add up (col2im):

    dx[b, p, q, i] = Σ_{o + k = p, u + l = q} dX[(b, o, u), (k, l, i)]

The price is memory: X has about kernel height * width times the elements of x. Everything here is
for stride 1 without padding; `nn.conv2d` has the general case.
"""

from types import ModuleType
from typing import Any

import numpy as np

Results = tuple[Any, Any, Any, Any]
"""y, dK, dbias, dx."""


def by_definition(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, dy: np.ndarray) -> Results:
    """Window by window, following the equations of `nn.conv2d`.

    Args:
        x: images (batch, height, width, in).
        kernel: (height, width, in, out).
        bias: (out,).
        dy: the error signal (batch, height, width, out).

    Example:
        >>> x, kernel = np.arange(6.0).reshape(1, 2, 3, 1), np.array([[[[1.0]], [[10.0]]]])
        >>> y, dkernel, dbias, dx = by_definition(x, kernel, np.zeros(1), np.ones((1, 2, 2, 1)))
        >>> print(y.ravel(), dkernel.ravel(), dbias, dx.ravel())
        [10. 21. 43. 54.] [ 8. 12.] [4.] [ 1. 11. 10.  1. 11. 10.]
    """
    height, width = kernel.shape[:2]
    y, dkernel, dx = np.empty_like(dy), np.zeros_like(kernel), np.zeros_like(x)
    for o in range(dy.shape[1]):
        for u in range(dy.shape[2]):
            window = np.s_[:, o : o + height, u : u + width]
            y[:, o, u] = np.tensordot(x[window], kernel, 3) + bias
            dkernel += np.tensordot(x[window], dy[:, o, u], (0, 0))
            dx[window] += np.tensordot(dy[:, o, u], kernel, (1, 3))
    return y, dkernel, dy.sum((0, 1, 2)), dx


def as_product(x: Any, kernel: Any, bias: Any, dy: Any, xp: ModuleType = np) -> Results:
    """As one matrix product; the same code for numpy and for JAX, which compiles it.

    Args:
        x: images (batch, height, width, in).
        kernel: (height, width, in, out).
        bias: (out,).
        dy: the error signal (batch, height, width, out).
        xp: numpy or jax.numpy.
    """
    height, width, n_in, n_out = kernel.shape
    w, dy_matrix = kernel.reshape(-1, n_out), dy.reshape(-1, n_out)
    x_matrix = columns(x, (height, width), xp)
    y = (x_matrix @ w).reshape(dy.shape) + bias.reshape(1, 1, 1, n_out)
    dkernel = (x_matrix.T @ dy_matrix).reshape(kernel.shape)
    dx_windows = (dy_matrix @ w.T).reshape(*dy.shape[:3], height, width, n_in)
    return y, dkernel, dy_matrix.sum(0), added_up(dx_windows, xp)


def columns(x: Any, extent: tuple[int, int], xp: ModuleType) -> Any:
    """The matrix X of all windows, cut along one axis, then along the other.

    Args:
        x: images (batch, height, width, in).
        extent: height and width of the kernel.
        xp: numpy or jax.numpy.
    """
    height, width = extent
    o, u = x.shape[1] - height + 1, x.shape[2] - width + 1
    rows = xp.stack([x[:, k : k + o] for k in range(height)], 3)
    return xp.stack([rows[:, :, m : m + u] for m in range(width)], 4).reshape(
        x.shape[0] * o * u, height * width * x.shape[3]
    )


def added_up(windows: Any, xp: ModuleType) -> Any:
    """The images whose elements are the sums over the windows that contain them.

    Args:
        windows: (batch, rows, columns, height, width, in).
        xp: numpy or jax.numpy.
    """
    height, width = windows.shape[3:5]
    none = (0, 0)
    rows: Any = sum(
        xp.pad(windows[:, :, :, :, m], (none, none, (m, width - 1 - m), none, none))
        for m in range(width)
    )
    return sum(
        xp.pad(rows[:, :, :, k], (none, (k, height - 1 - k), none, none)) for k in range(height)
    )
