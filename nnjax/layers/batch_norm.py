"""Batch normalisation, without hidden state: its population statistics are ordinary parameters."""

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nnjax.calls import recorded
from nnjax.checks import check_whole
from nnjax.core import Layer, Params, Shape
from nnjax.layers.norm import along_last, check_eps, check_input, features_of, moments, wide


class BatchNorm(NamedTuple):
    """Parameters of a batch normalisation, each of shape (channels,).

    scale and shift are learned; mean and variance are those of the population, used in evaluation
    and set by `population_statistics`.

    Example:
        >>> import jax, nnjax as nn
        >>> params, _ = nn.batch_norm().init(jax.random.key(0), (8, 8, 3))
        >>> print(params.scale, params.shift, params.mean, params.variance)
        [1. 1. 1.] [0. 0. 0.] [0. 0. 0.] [1. 1. 1.]
    """

    scale: jax.Array
    shift: jax.Array
    mean: jax.Array
    variance: jax.Array


class BatchNormResiduals(NamedTuple):
    """Residuals of a batch normalisation: its input and, in training, mean and variance of it.

    In evaluation `statistics` is None.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> params, _ = nn.batch_norm().init(jax.random.key(0), (2,))
        >>> nn.batch_norm().forward(params, jnp.ones((3, 2)))[1].statistics is None
        True
    """

    x: jax.Array
    statistics: tuple[jax.Array, jax.Array] | None


@recorded
def batch_norm(eps: float = 1e-5) -> Layer:
    """Batch normalisation: each channel gets mean 0 and variance 1 over the batch.

        y = scale xhat + shift,    xhat = (x - mean) r,    r = 1 / sqrt(var + eps)

    for each channel alone. In training (forward gets a key) mean and var are those of the batch,
    over the m = batch * places numbers of the channel (places: all axes between batch and
    channels); in evaluation (no key) they are the population's, which stand in the parameters.

        training:    mean = 1/m sum_j x_j,    var = 1/m sum_j (x_j - mean)^2
        evaluation:  mean = params.mean,      var = params.variance

    Derivation, for one channel with numbers j = 1..m and dy_j = dJ/dy_j.

    1. In both modes, from y_j = scale xhat_j + shift:

        dscale = sum_j dy_j xhat_j            dshift = sum_j dy_j            dxhat_j = scale dy_j

    2. Training. x_k moves every xhat_j: directly, through the mean and through r. With
       c_j = x_j - mean, dmean/dx_k = 1/m. In dvar/dx_k = 1/m sum_j 2 c_j ([j = k] - 1/m) =
       2 c_k / m the mean's share has vanished, because sum_j c_j = 0. Then dr/dvar = -1/2 r^3, so
       dr/dx_k = -r^3 c_k / m = -r^2 xhat_k / m, and
       dxhat_j/dx_k = r ([j = k] - 1/m) + c_j dr/dx_k = r ([j = k] - 1/m - xhat_j xhat_k / m).
       Summing the paths, sum_j scale dy_j dxhat_j/dx_k, finds the two sums of step 1 again:

        dx_k = scale r/m (m dy_k - sum_j dy_j - xhat_k sum_j dy_j xhat_j)
             = scale r (dy_k - dshift / m - xhat_k dscale / m)

       The parameters mean and variance are not used: their gradient is 0.
    3. Evaluation. mean and var do not depend on x, so dx = scale r dy. As parameters they have
       derivatives: dxhat_j/dmean = -r, and dxhat_j/dvar = c_j (-1/2 r^3) = -1/2 r^2 xhat_j, so

        dmean = -scale r dshift               dvariance = -1/2 scale r^2 dscale

    With m = 1 the training output is shift and dx is 0. The variance is the biased one in both
    modes, taken in two passes, in float32 at least.

    PyTorch, TensorFlow and Flax keep running averages instead: each training step mixes a share of
    the batch's statistics into hidden state (PyTorch a share `momentum` = 0.1, the others of
    1 - momentum; PyTorch and TensorFlow's fused kernel with the unbiased variance, over m - 1, Flax
    with the biased one). Those averages trail behind the weights they were taken with, and make a
    pure function carry state. Here `population_statistics` measures them instead, for the weights
    as they are, as the article's algorithm 2 does. An optimiser that shrinks every parameter
    shrinks mean and variance too, until they are measured again.

    Args:
        eps: what is added to the variance, so that a constant channel can be divided by something.

    Returns:
        A layer from (batch, ..., channels) to the same shape with params
        `BatchNorm(scale, shift, mean, variance)`, at first ones, zeros, zeros and ones. The
        residuals are `BatchNormResiduals`.

    Raises:
        ValueError: if eps is not positive, or (forward) if x has other channels than the params;
            the message names both shapes.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> layer = nn.batch_norm(eps=5.0)  # so that the root is 4: mean 2, variance 11
        >>> x = jnp.array([[-3.0], [1.0], [5.0], [5.0]])
        >>> params, _ = layer.init(jax.random.key(0), (1,))
        >>> y, residuals = layer.forward(params, x, key=jax.random.key(1))
        >>> print(y.ravel())
        [-1.25 -0.25  0.75  0.75]
        >>> grads, dx = layer.backward(params, residuals, 4.0 * (x < 0))
        >>> print(dx.ravel(), grads.scale, grads.shift)
        [ 0.359375 -0.328125 -0.015625 -0.015625] [-5.] [4.]

    Source: Ioffe & Szegedy, Batch normalization, ICML 2015 (there the population's variance is the
    unbiased one).
    """
    check_eps(eps, "batch_norm")

    def init(key: jax.Array, in_shape: Shape) -> tuple[BatchNorm, Shape]:
        n = features_of(in_shape, "batch_norm")
        return BatchNorm(jnp.ones(n), jnp.zeros(n), jnp.zeros(n), jnp.ones(n)), in_shape

    def forward(
        params: BatchNorm, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, BatchNormResiduals]:
        check_input(x, len(params.scale), "batch_norm")
        scale, shift, *population = (along_last(wide(p), x) for p in params)
        batch = None if key is None else _statistics(x)
        mean, variance = population if batch is None else batch
        xhat = (wide(x) - mean) * jax.lax.rsqrt(variance + eps)
        return (scale * xhat + shift).astype(x.dtype), BatchNormResiduals(x, batch)

    def backward(
        params: BatchNorm, residuals: BatchNormResiduals, dy: jax.Array
    ) -> tuple[BatchNorm, jax.Array]:
        x, batch = residuals
        scale, _, *population = (along_last(wide(p), x) for p in params)
        mean, variance = population if batch is None else batch
        rstd = jax.lax.rsqrt(variance + eps)
        dy, xhat = wide(dy), (wide(x) - mean) * rstd
        axes = tuple(range(x.ndim - 1))
        dshift, dscale = dy.sum(axes, keepdims=True), (dy * xhat).sum(axes, keepdims=True)
        if batch is None:
            dx = scale * rstd * dy
            dmean, dvariance = -scale * rstd * dshift, -0.5 * scale * rstd**2 * dscale
        else:
            m = math.prod(x.shape[:-1])
            dx = scale * rstd * (dy - dshift / m - xhat * (dscale / m))
            dmean, dvariance = jnp.zeros_like(mean), jnp.zeros_like(variance)
        found = BatchNorm(dscale, dshift, dmean, dvariance)
        grads = (g.reshape(p.shape).astype(p.dtype) for g, p in zip(found, params, strict=True))
        return BatchNorm(*grads), dx.astype(x.dtype)

    return Layer(init, forward, backward)


def has_batch_norm(params: Params) -> bool:
    """Whether a network has batch normalisations, by its parameters.

    Args:
        params: parameters of any network.

    Returns:
        True if a `BatchNorm` is among them.

    Example:
        >>> import jax, nnjax as nn
        >>> params, _ = nn.serial(nn.dense(3), nn.batch_norm()).init(jax.random.key(0), (2,))
        >>> has_batch_norm(params), has_batch_norm(params[0])
        (True, False)
    """
    return bool(_nodes(params, BatchNorm))


def population_statistics(
    network: Layer, params: Params, x: ArrayLike, *, batch_size: int | None = None
) -> Params:
    """Set the mean and variance of every batch normalisation to those of its input on data.

        mean = 1/m sum_j x_j,    variance = 1/m sum_j (x_j - mean)^2

    over the whole data, in evaluation (dropout off). Evaluation on x afterwards equals training on
    x as one batch, but for dropout.

    What a normalisation sees depends on the statistics of those before it. So there are as many
    passes through the network as it has normalisations: after the first pass those that no other
    precedes are right, after the second those with one before them, and so on.

    With `batch_size` the data are passed in pieces b of m_b numbers a channel, and the pieces'
    statistics are put together exactly: each deviation x - mean is (x - mean_b) + (mean_b - mean),
    whose cross terms sum to zero over the piece, so that

        mean = sum_b m_b/m mean_b,    variance = sum_b m_b/m (variance_b + (mean_b - mean)^2)

    Unlike running averages (PyTorch, TensorFlow, Flax) the result is of these weights and these
    data alone, whatever the training was, and the variance is the biased one throughout. It is a
    pure function, for `jit`, `vmap` and `grad`.

    Args:
        network: any layer whose combinators keep residuals in the order of params, as those of this
            library do.
        params: its parameters.
        x: inputs (rows, ...), usually the training data.
        batch_size: rows at a time, to bound memory; default all at once.

    Returns:
        The params with new mean and variance; all else is as it was.

    Raises:
        ValueError: if x has no rows or does not fit the network, if batch_size is not positive, or
            if a batch normalisation with shared parameters is used at two places, where it has two
            populations.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> x = jnp.array([[1.0], [2.0], [3.0], [6.0]])
        >>> params, _ = nn.batch_norm().init(jax.random.key(0), (1,))
        >>> params = nn.population_statistics(nn.batch_norm(), params, x)
        >>> print(params.mean, params.variance)
        [3.] [3.5]

    Source: Ioffe & Szegedy 2015, algorithm 2; putting pieces together: Chan, Golub & LeVeque, The
    American Statistician 37, 1983.
    """
    x = jnp.asarray(x)
    if x.ndim == 0 or len(x) == 0:
        raise ValueError(f"population_statistics: expected rows of data, got shape {x.shape}")
    if batch_size is None:
        batch_size = len(x)
    check_whole(batch_size, "population_statistics(batch_size)")
    return _population_statistics(network, params, x, min(int(batch_size), len(x)))


@functools.partial(jax.jit, static_argnums=(0, 3))
def _population_statistics(network: Layer, params: Params, x: jax.Array, rows: int) -> Params:
    passes = len(_nodes(params, BatchNorm))
    # All are set in every pass: those set too early are set again, and one program serves all.
    return jax.lax.fori_loop(0, passes, lambda _, p: _measured(network, p, x, rows), params)


def _measured(network: Layer, params: Params, x: jax.Array, rows: int) -> Params:
    """The params with the statistics that one pass finds, `rows` rows of x at a time."""
    full = len(x) // rows

    def piece(carry: tuple[()], x: jax.Array) -> tuple[tuple[()], list[Any]]:
        seen = _nodes(network.forward(params, x)[1], BatchNormResiduals)
        return carry, [_statistics(node.x) for node in seen]

    _, found = jax.lax.scan(piece, (), x[: full * rows].reshape(full, rows, *x.shape[1:]))
    shares = np.full(full, rows / len(x))
    if len(x) % rows:
        _, rest = piece((), x[full * rows :])
        found = jax.tree.map(lambda a, b: jnp.concatenate([a, b[None]]), found, rest)
        shares = np.append(shares, 1 - full * rows / len(x))
    leaves, tree = jax.tree.flatten(params, is_leaf=lambda node: isinstance(node, BatchNorm))
    if len(found) != len(_nodes(params, BatchNorm)):
        raise ValueError(
            f"population_statistics: params hold {len(_nodes(params, BatchNorm))} batch_norm, "
            f"which the network uses at {len(found)} places; each needs its own mean and variance"
        )
    measured = iter(found)
    leaves = [
        _pooled(node, next(measured), shares) if isinstance(node, BatchNorm) else node
        for node in leaves
    ]
    return jax.tree.unflatten(tree, leaves)


def _pooled(node: BatchNorm, found: tuple[jax.Array, jax.Array], shares: np.ndarray) -> BatchNorm:
    """The parameters with the statistics of all pieces put together."""
    means, variances = (a.reshape(len(shares), *node.mean.shape) for a in found)
    share = jnp.asarray(shares, means.dtype)[:, None]
    mean = (share * means).sum(0)
    variance = (share * (variances + jnp.square(means - mean[None]))).sum(0)
    return node._replace(
        mean=mean.astype(node.mean.dtype), variance=variance.astype(node.variance.dtype)
    )


def _statistics(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean and biased variance of each channel; the other axes stay with length 1."""
    return moments(wide(x), tuple(range(x.ndim - 1)))


def _nodes(tree: Any, kind: type) -> list[Any]:
    """The nodes of a kind, in the order of the tree."""
    leaves = jax.tree.leaves(tree, is_leaf=lambda node: isinstance(node, kind))
    return [leaf for leaf in leaves if isinstance(leaf, kind)]
