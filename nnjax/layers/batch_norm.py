"""Batch normalisation without hidden state: its population statistics are ordinary parameters."""

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
from nnjax.layers.parts.moments import along_last, check_eps, check_input, features_of, moments
from nnjax.layers.parts.precision import wide


class BatchNorm(NamedTuple):
    """Parameters of a batch normalisation, each of shape (channels,).

    scale and shift are learned; mean and variance are population statistics, used in evaluation and
    set by `population_statistics`.

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
    """Residuals of a batch normalisation: the input and, in training, its mean and variance.

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
    """Batch normalisation: give each channel mean 0 and variance 1 over the batch.

        y = scale xhat + shift,    xhat = (x - mean) r,    r = 1 / √(var + eps)

    separately for each channel. In training (forward gets a key) mean and var are those of the
    batch, over the m = batch * positions numbers of the channel (positions: all axes between batch
    and channels); in evaluation (no key) they are the population statistics in the parameters.

        training:    mean = 1/m Σ_j x_j,    var = 1/m Σ_j (x_j - mean)²
        evaluation:  mean = params.mean,    var = params.variance

    Derivation. Take one channel with numbers j = 1 ... m.

    1. In both modes, from y_j = scale xhat_j + shift:

        dscale = Σ_j dy_j xhat_j            dshift = Σ_j dy_j            dxhat_j = scale dy_j

    2. Training. Every xhat_j depends on x_k directly, through the mean and through r. Let
    c_j = x_j - mean. ∂mean/∂x_k = 1/m. ∂var/∂x_k = 1/m Σ_j 2 c_j ([j = k] - 1/m) = 2 c_k / m,
    because Σ_j c_j = 0. With ∂r/∂var = -1/2 r³, ∂r/∂x_k = -r³ c_k / m = -r² xhat_k / m, and
    ∂xhat_j/∂x_k = r ([j = k] - 1/m) + c_j ∂r/∂x_k = r ([j = k] - 1/m - xhat_j xhat_k / m).
    Summed over all paths, dx_k = Σ_j scale dy_j ∂xhat_j/∂x_k contains the sums of step 1:

        dx_k = scale r/m (m dy_k - Σ_j dy_j - xhat_k Σ_j dy_j xhat_j)
             = scale r (dy_k - dshift / m - xhat_k dscale / m)

    The parameters mean and variance are not used, so their gradients are 0.

    3. Evaluation. mean and var do not depend on x, so dx = scale r dy. They are parameters with
    ∂xhat_j/∂mean = -r and ∂xhat_j/∂var = c_j (-1/2 r³) = -1/2 r² xhat_j, so

        dmean = -scale r dshift             dvariance = -1/2 scale r² dscale

    For m = 1 the training output is shift and dx is 0. In both modes the variance is the biased
    one, computed in two passes and at least in float32.

    PyTorch, TensorFlow and Flax use running averages instead: each training step mixes the batch
    statistics into hidden state (PyTorch with weight `momentum` = 0.1, the others with weight
    1 - momentum; PyTorch and TensorFlow's fused kernel with the unbiased variance, Flax with the
    biased one). Running averages lag behind the weights and make the layer stateful. Here
    `population_statistics` computes them for the current weights, as algorithm 2 of the article
    does. Weight decay of all parameters shrinks mean and variance too, until they are computed
    again.

    Args:
        eps: added to the variance; avoids division by zero for a constant channel.

    Returns:
        A layer from (batch, ..., channels) to the same shape with params
        `BatchNorm(scale, shift, mean, variance)`, initially ones, zeros, zeros and ones. The
        residuals are `BatchNormResiduals`.

    Raises:
        ValueError: if eps is not positive, or (forward) if the channels of x and params differ; the
            message gives both shapes.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> layer = nn.batch_norm(eps=5.0)  # r = 1/4 for mean 2 and variance 11
        >>> x = jnp.array([[-3.0], [1.0], [5.0], [5.0]])
        >>> params, _ = layer.init(jax.random.key(0), (1,))
        >>> y, residuals = layer.forward(params, x, key=jax.random.key(1))
        >>> print(y.ravel())
        [-1.25 -0.25  0.75  0.75]
        >>> grads, dx = layer.backward(params, residuals, 4.0 * (x < 0))
        >>> print(dx.ravel(), grads.scale, grads.shift)
        [ 0.359375 -0.328125 -0.015625 -0.015625] [-5.] [4.]

    Source: Ioffe & Szegedy, Batch normalization, ICML 2015 (with the unbiased population variance).
    """
    check_eps(eps, "batch_norm")

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

    def init(key: jax.Array, in_shape: Shape) -> tuple[BatchNorm, Shape]:
        n = features_of(in_shape, "batch_norm")
        return BatchNorm(jnp.ones(n), jnp.zeros(n), jnp.zeros(n), jnp.ones(n)), in_shape

    return Layer(init, forward, backward)


def has_batch_norm(params: Params) -> bool:
    """Whether the parameters of a network contain batch normalisations.

    Args:
        params: parameters of any network.

    Returns:
        True if they contain a `BatchNorm`.

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
    """Set the mean and variance of each batch normalisation to those of its input on given data.

        mean = 1/m Σ_j x_j,    variance = 1/m Σ_j (x_j - mean)²

    over all of x, in evaluation (without dropout). Evaluation on x then equals training on x as one
    batch, except for dropout.

    The input of a normalisation depends on the statistics of those before it, so the network is
    evaluated as many times as it has normalisations: the first pass gives the statistics of those
    without any other before them, the second those with one before them, and so on.

    With `batch_size` the data are processed in pieces b with m_b numbers per channel. The
    statistics of the pieces are combined exactly: x - mean = (x - mean_b) + (mean_b - mean), and
    the cross terms sum to zero over a piece, so

        mean = Σ_b m_b/m mean_b,    variance = Σ_b m_b/m (variance_b + (mean_b - mean)²)

    Unlike running averages (PyTorch, TensorFlow, Flax) the result depends only on the current
    weights and the given data, and the variance is always the biased one. This is a pure function,
    for `jit`, `vmap` and `grad`.

    Args:
        network: any layer whose combinators keep residuals in the order of params, as those of this
            library do.
        params: its parameters.
        x: inputs (rows, ...), usually the training data.
        batch_size: number of rows per piece, to limit memory; default: all rows at once.

    Returns:
        The params with the new means and variances; everything else is unchanged.

    Raises:
        ValueError: if x has no rows or does not match the network, if batch_size is not positive,
            or if a batch normalisation with shared parameters is used more than once and thus has
            several populations.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> x = jnp.array([[1.0], [2.0], [3.0], [6.0]])
        >>> params, _ = nn.batch_norm().init(jax.random.key(0), (1,))
        >>> params = nn.population_statistics(nn.batch_norm(), params, x)
        >>> print(params.mean, params.variance)
        [3.] [3.5]

    Source: Ioffe & Szegedy 2015, algorithm 2; combining pieces: Chan, Golub & LeVeque, The American
    Statistician 37, 1983.
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
    # Every pass sets all of them; statistics set too early are corrected by later passes.
    return jax.lax.fori_loop(0, passes, lambda _, p: _measured(network, p, x, rows), params)


def _measured(network: Layer, params: Params, x: jax.Array, rows: int) -> Params:
    """The params with the statistics of one pass, `rows` rows of x at a time."""
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
            f"population_statistics: params contain {len(_nodes(params, BatchNorm))} batch_norm, "
            f"but the network uses batch_norm {len(found)} times; each use needs its own mean and "
            "variance"
        )
    measured = iter(found)
    leaves = [
        _pooled(node, next(measured), shares) if isinstance(node, BatchNorm) else node
        for node in leaves
    ]
    return jax.tree.unflatten(tree, leaves)


def _pooled(node: BatchNorm, found: tuple[jax.Array, jax.Array], shares: np.ndarray) -> BatchNorm:
    """The parameters with the combined statistics of all pieces."""
    means, variances = (a.reshape(len(shares), *node.mean.shape) for a in found)
    share = jnp.asarray(shares, means.dtype)[:, None]
    mean = (share * means).sum(0)
    variance = (share * (variances + jnp.square(means - mean[None]))).sum(0)
    return node._replace(
        mean=mean.astype(node.mean.dtype), variance=variance.astype(node.variance.dtype)
    )


def _statistics(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean and biased variance of each channel; the other axes are kept with length 1."""
    return moments(wide(x), tuple(range(x.ndim - 1)))


def _nodes(tree: Any, kind: type) -> list[Any]:
    """All nodes of one type, in the order of the tree."""
    leaves = jax.tree.leaves(tree, is_leaf=lambda node: isinstance(node, kind))
    return [leaf for leaf in leaves if isinstance(leaf, kind)]
