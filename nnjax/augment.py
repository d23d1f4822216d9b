"""Augmentations: random changes of a training batch, so that no two batches are the same.

Each is a function `(key, x, targets) -> (x, targets)` of one batch, which `fit` and `sweep` apply
inside the compiled step. They are written in JAX but never differentiated, since they come before
the network.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from nnjax.calls import recorded
from nnjax.checks import check_whole, is_whole
from nnjax.epoch import Augment
from nnjax.losses.reduction import Weighted

__all__ = ["cepstral_noise", "chained", "frequency_warp", "mixup"]


@recorded
def chained(augmentations: Sequence[Augment]) -> Augment:
    """Augmentations applied one after another, each with its own random numbers.

        x, t ← a_n(key_n, ... a_1(key_1, x, t))

    Args:
        augmentations: in the order of application; an empty sequence changes nothing.

    Returns:
        One augmentation.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> double = lambda key, x, targets: (2 * x, targets)
        >>> twice = nn.augment.chained([double, double])
        >>> print(twice(jax.random.key(0), jnp.array([[1.0]]), jnp.array([0]))[0])
        [[4.]]

    Source: composition of functions.
    """
    augmentations = tuple(augmentations)

    def augment(key: jax.Array, x: jax.Array, targets: Any) -> tuple[jax.Array, Any]:
        for number, one in enumerate(augmentations):
            x, targets = one(jax.random.fold_in(key, number), x, targets)
        return x, targets

    return augment


@recorded
def mixup(alpha: float, classes: int) -> Augment:
    """Mix every row of a batch with another row, inputs and targets alike.

        x_b ← λ_b x_b + (1 - λ_b) x_(p(b))        t_b ← λ_b t_b + (1 - λ_b) t_(p(b))
        λ_b = max(u_b, 1 - u_b),    u_b ~ Beta(alpha, alpha),    p a random permutation

    This encourages probabilities that are linear between examples. Taking the larger share only
    decides which of the two rows comes first. The article draws one λ per batch; one per row has
    the same distribution for each row, and less noise in the gradient.

    Args:
        alpha: greater than 0; small values mix little, 1 mixes uniformly.
        classes: number of classes, to turn labels into distributions.

    Returns:
        An augmentation of floating inputs (batch, ...) and whole-number labels (batch,) or
        distributions (batch, classes); its targets are distributions (batch, classes).

    Raises:
        ValueError: if alpha is not a positive number or classes not a whole number of at least 2;
            (the augmentation) if the targets have another shape or are weighted.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> x, t = nn.augment.mixup(1.0, 2)(jax.random.key(0), jnp.eye(2), jnp.array([0, 1]))
        >>> bool((x == t).all()), t.sum(axis=1)
        (True, Array([1., 1.], dtype=float32))

    Source: Zhang, Cisse, Dauphin & Lopez-Paz, mixup: beyond empirical risk minimization, ICLR 2018.
    """
    if isinstance(alpha, bool) or not (math.isfinite(alpha) and alpha > 0):
        raise ValueError(f"mixup(alpha): expected a positive number, got {alpha!r}")
    check_whole(classes, "mixup(classes)", least=2)

    def augment(key: jax.Array, x: jax.Array, targets: Any) -> tuple[jax.Array, Any]:
        if isinstance(targets, Weighted):
            raise ValueError("mixup: weighted rows cannot be mixed")
        t = targets
        if jnp.issubdtype(t.dtype, jnp.integer):
            t = jax.nn.one_hot(t, classes, dtype=x.dtype)
        if t.shape != (len(x), classes):
            raise ValueError(
                f"mixup: expected labels ({len(x)},) or distributions ({len(x)}, {classes}), "
                f"got targets of shape {targets.shape}"
            )
        share_key, order_key = jax.random.split(key)
        share = jax.random.beta(share_key, alpha, alpha, (len(x),), x.dtype)
        share = jnp.maximum(share, 1 - share)
        order = jax.random.permutation(order_key, len(x))

        def mixed(a: jax.Array) -> jax.Array:
            own = share.reshape(-1, *[1] * (a.ndim - 1)).astype(a.dtype)
            return own * a + (1 - own) * a[order]

        return mixed(x), mixed(t)

    return augment


@recorded
def frequency_warp(spectra: ArrayLike, amount: float) -> Augment:
    """Stretch all spectra of a row along the frequency axis, as if another speaker had spoken.

        s_b(f) ← s_b((1 + amount u_b) f),    f = 0 ... bins - 1,    u_b ~ U(-1, 1) for each row b

    where s is interpolated linearly between its bins and constant beyond the last one. A shorter
    vocal tract raises all resonances by one factor, the same in every spectrum of an utterance;
    a random factor thus makes new speakers.

    Args:
        spectra: column numbers of the spectra, (spectra, bins): one spectrum per row, its bins at
            equal steps from frequency 0. Other columns do not change.
        amount: largest relative change of frequency, 0 ≤ amount < 1.

    Returns:
        An augmentation of floating inputs (batch, features).

    Raises:
        ValueError: if the amount is not in [0, 1), `spectra` is not (spectra, bins) with at least
            two bins, or holds a column twice.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> x = jnp.array([[0.0, 1.0, 2.0, 3.0, 7.0]])
        >>> warp = nn.augment.frequency_warp([[0, 1, 2, 3]], 0.5)
        >>> y, _ = warp(jax.random.key(2), x, jnp.array([0]))
        >>> print(y[0, :2] / y[0, 1], y[0, 4])  # 0 stays; the slope is 1 + 0.5 u
        [0. 1.] 7.0

    Source: Jaitly & Hinton, Vocal tract length perturbation (VTLP) improves speech recognition,
    ICML workshop on deep learning for audio, speech and language, 2013 (there piecewise linear, so
    that the upper end stays in its place).
    """
    columns = _columns("frequency_warp", spectra)
    if isinstance(amount, bool) or not (math.isfinite(amount) and 0 <= amount < 1):
        raise ValueError(f"frequency_warp(amount): expected a number in [0, 1), got {amount!r}")
    bins = columns.shape[1]

    def augment(key: jax.Array, x: jax.Array, targets: Any) -> tuple[jax.Array, Any]:
        factor = 1 + amount * jax.random.uniform(key, (len(x), 1, 1), x.dtype, -1, 1)
        place = jnp.minimum(jnp.arange(bins, dtype=x.dtype).reshape(1, 1, -1) * factor, bins - 1)
        below = jnp.minimum(jnp.floor(place).astype(jnp.int32), bins - 2)
        weight = place - below.astype(x.dtype)
        s = x[:, columns]

        def read(index: jax.Array) -> jax.Array:
            return jnp.take_along_axis(s, jnp.broadcast_to(index, s.shape), axis=-1)

        warped = (1 - weight) * read(below) + weight * read(below + 1)
        return x.at[:, columns].set(warped), targets

    return augment


@recorded
def cepstral_noise(spectra: ArrayLike, amount: float, order: int = 3) -> Augment:
    """Add a smooth random curve to every spectrum of a row, as of another microphone or voice.

        s_bi(f) ← s_bi(f) + amount Σ_(k < order) z_bik cos(π k (f + 1/2) / bins)

    with z ~ N(0, 1) drawn for every row b, spectrum i and k. This is noise on the first cepstral
    coefficients, those of the cosine transform of a spectrum: k = 0 changes the loudness, k = 1
    the tilt. Unlike independent noise on the bins, it does not average out in sums of bins.

    Args:
        spectra: column numbers of the spectra, (spectra, bins), as in `frequency_warp`.
        amount: standard deviation of each coefficient, at least 0.
        order: number of coefficients, 1 ... bins.

    Returns:
        An augmentation of floating inputs (batch, features).

    Raises:
        ValueError: if a number is out of range, `spectra` is not (spectra, bins) with at least two
            bins, or holds a column twice.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> y, _ = nn.augment.cepstral_noise([[0, 1]], 1.0, order=1)(
        ...     jax.random.key(0), jnp.array([[5.0, 5.0, 5.0]]), jnp.array([0]))
        >>> bool(y[0, 0] == y[0, 1]), bool(y[0, 0] == 5.0), y[0, 2]
        (True, False, Array(5., dtype=float32))

    Source: Bishop, Training with noise is equivalent to Tikhonov regularization, Neural Computation
    7, 1995; cepstrum by cosine transform: Davis & Mermelstein, IEEE Transactions on Acoustics,
    Speech and Signal Processing 28, 1980.
    """
    columns = _columns("cepstral_noise", spectra)
    bins = columns.shape[1]
    if isinstance(amount, bool) or not (math.isfinite(amount) and amount >= 0):
        raise ValueError(f"cepstral_noise(amount): expected a number >= 0, got {amount!r}")
    if not is_whole(order) or order > bins:
        raise ValueError(
            f"cepstral_noise(order): expected a whole number from 1 to {bins}, got {order!r}"
        )
    curves = amount * np.cos(np.pi * np.outer(np.arange(order), np.arange(bins) + 0.5) / bins)

    def augment(key: jax.Array, x: jax.Array, targets: Any) -> tuple[jax.Array, Any]:
        z = jax.random.normal(key, (len(x), len(columns), int(order)), x.dtype)
        return x.at[:, columns].add(z @ jnp.asarray(curves, x.dtype)), targets

    return augment


def _columns(name: str, spectra: ArrayLike) -> np.ndarray:
    columns = np.asarray(spectra)
    if columns.ndim != 2 or columns.shape[1] < 2:
        raise ValueError(
            f"{name}(spectra): expected column numbers (spectra, bins), got {columns.shape}"
        )
    if len(np.unique(columns)) != columns.size:
        raise ValueError(f"{name}(spectra): a column occurs twice")
    return columns
