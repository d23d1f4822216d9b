"""Mistakes in losses."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.codes import coded_cross_entropy
from nnjax.core import Loss
from nnjax.losses import (
    Weighted,
    binary_cross_entropy,
    categorical_cross_entropy,
    hinge,
    huber,
    mean_absolute_error,
    mean_squared_error,
    multiclass_hinge,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from nnjax.losses.reduction import Residuals
from nnjax.verify.case import Defect, LossCase, normal
from nnjax.verify.cases.losses import (
    ZERO_AT_THE_KINK,
    between_0_and_1,
    far_out,
    given,
    labels,
    masked,
    probabilities,
    real,
    unit,
    weighted,
)

Slope = Callable[[jax.Array, jax.Array], jax.Array]


def _case(
    of: str, label: str, loss: Loss, targets: Any, scores: Any = normal, shape: Any = (4, 3)
) -> LossCase:
    return LossCase(of, label, loss, shape, targets, scores)


def _with(loss: Loss, slope: Slope) -> Loss:
    """The loss with the backward pass `slope(scores, t)`."""
    return loss._replace(backward=lambda residuals: slope(residuals.scores, residuals.targets))


def _softmax_minus_t(z: jax.Array, t: jax.Array) -> jax.Array:
    return jax.nn.softmax(z) - t


def _piecewise(z: jax.Array, t: jax.Array) -> jax.Array:
    """max(z, 0) - z t + log(1 + exp(-|z|)), differentiated term by term."""
    return (jnp.where(z > 0, 1.0, 0.0) - t - jnp.sign(z) / (1 + jnp.exp(jnp.abs(z)))) / z.size


def _clipped_backward(residuals: Residuals) -> jax.Array:
    """The derivative through a clipped probability."""
    z, t, _ = residuals
    s = jax.nn.sigmoid(z)
    p = jnp.clip(s, 1e-7, 1 - 1e-7)
    return ((1 - t) / (1 - p) - t / p) * s * (1 - s) / z.size


def _shared_out(residuals: Residuals) -> jax.Array:
    """Weights divided by the number of examples."""
    z, t, share = residuals
    assert share is not None
    w = share / share.max()  # the largest weight of the case is 1
    return _softmax_minus_t(z, t) * w / len(z)


def _unmasked(residuals: Residuals) -> jax.Array:
    """The mask is ignored."""
    z, t, _ = residuals
    return _softmax_minus_t(z, t) / len(z)


def _uniform_part(z: jax.Array, t: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Smoothed cross-entropy of the real rows, and an indicator of the padding."""
    log_p = jax.nn.log_softmax(z)
    real_rows = mask[:, None].astype(z.dtype)
    return -(real_rows * t * log_p).sum() / real_rows.sum(), 1 - real_rows


def _smoothed_padding() -> Loss:
    """The uniform part of the smoothed targets has a slope in the padding too."""

    def forward(z: jax.Array, targets: Any) -> tuple[jax.Array, Any]:
        plain, mask = targets
        t = 0.9 * jax.nn.one_hot(plain, z.shape[-1], dtype=z.dtype) + 0.1 / z.shape[-1]
        J, padding = _uniform_part(z, t, mask)
        return J, (z, t, padding)

    def backward(residuals: Any) -> jax.Array:
        z, t, padding = residuals
        p, n = jax.nn.softmax(z), len(z) - padding.sum()
        uniform = 0.1 * (p - 1 / z.shape[-1])
        return ((1 - padding) * (p - t) + padding * uniform) / n

    return Loss(forward, backward)


def _weights_to_1(rng: np.random.Generator, shape: Any) -> Weighted:
    return Weighted(labels(rng, shape), np.array([1.0, 0.5, 0.25, 0.75]))


def _too_near(s: jax.Array, t: jax.Array) -> jax.Array:
    short = 1 + s - (s * t).sum(-1, keepdims=True)
    return ((short > 0) & (t == 0)).astype(s.dtype)


def _probability_slope(p: jax.Array, t: jax.Array) -> jax.Array:
    return jnp.where(t == 0, jnp.zeros_like(p), -t / p) / p.size


_CODED = coded_cross_entropy(np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1]]))

DEFECTS = [
    Defect(
        "p - t is not divided by the batch size",
        "the mean is in J only, so the step grows with the batch; where to put the 1/n is an old "
        "question: scikit-learn issues 6780 and 8349",
        _case(
            "softmax_cross_entropy", "1/n", _with(softmax_cross_entropy, _softmax_minus_t), labels
        ),
    ),
    Defect(
        "divided by the batch size twice",
        "once in the loss and once in the layers: scikit-learn issues 6780 and 8349",
        _case(
            "softmax_cross_entropy",
            "1/n twice",
            _with(softmax_cross_entropy, lambda z, t: _softmax_minus_t(z, t) / len(z) ** 2),
            labels,
        ),
    ),
    Defect(
        "a mean over all elements, divided by the batch size only",
        "2 (y - t) / batch is the derivative of a sum over outputs; keras-core pull request 802 "
        "corrected a similar mistake, a batch counted in two ways",
        _case(
            "mean_squared_error",
            "outputs forgotten",
            _with(mean_squared_error, lambda y, t: 2 * (y - t) / len(y)),
            unit,
        ),
    ),
    Defect(
        "the factor 2 of the square is lost",
        "y - t is the derivative of half the square, Bishop's definition, not of this one",
        _case(
            "mean_squared_error",
            "factor 2",
            _with(mean_squared_error, lambda y, t: (y - t) / y.size),
            unit,
        ),
    ),
    Defect(
        "middle axes do not count as examples",
        "a loss of sequences divided by the batch size but not by time: gradients grow with the "
        "length (keras issue 2546 discusses the divisor)",
        _case(
            "softmax_cross_entropy",
            "middle axis",
            _with(softmax_cross_entropy, lambda z, t: _softmax_minus_t(z, t) / len(z)),
            labels,
            shape=(3, 2, 3),
        ),
    ),
    Defect(
        "derivative through a clipped probability",
        "-0.02 instead of -1 at z = -20: Sentdex/nnfs_book; exactly 0 in Keras, issue 9664",
        _case(
            "sigmoid_cross_entropy",
            "clipped",
            sigmoid_cross_entropy._replace(backward=_clipped_backward),
            given([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]),
            given([[-20.0, 20.0, -25.0], [0.5, 1.0, 2.0]]),
            shape=(2, 3),
        ),
    ),
    Defect(
        "the stable formula, differentiated term by term",
        "0 or 1 instead of 1/2 at z = 0: pytorch pull requests 1792 and 2195; automatic "
        "differentiation of the formula gives this in every framework",
        _case(
            "sigmoid_cross_entropy",
            "at 0",
            _with(sigmoid_cross_entropy, _piecewise),
            given([[0.0, 0.3, 1.0], [1.0, 0.0, 0.5]]),
            given([[0.0, 1.0, 0.0], [-1.0, 0.0, 2.0]]),
            shape=(2, 3),
        ),
    ),
    Defect(
        "s(z) - t for confident correct predictions",
        "s(z) is rounded to 1 and the slope to 0, though it is a normal number: pytorch issue "
        "195677",
        _case(
            "sigmoid_cross_entropy",
            "sure",
            _with(sigmoid_cross_entropy, lambda z, t: (jax.nn.sigmoid(z) - t) / z.size),
            given([[1.0] * 4]),
            given([[36.0, 37.0, 38.0, 40.0]]),
            shape=(1, 4),
        ),
    ),
    Defect(
        "the term of the other class is forgotten",
        "-t / p is the derivative of categorical cross-entropy, but only part of the binary one's",
        _case(
            "binary_cross_entropy",
            "half",
            _with(binary_cross_entropy, _probability_slope),
            unit,
            between_0_and_1,
        ),
    ),
    Defect(
        "the softmax Jacobian is forgotten",
        "-t / p, the derivative by the probabilities, used as that by the scores; issue 71 of "
        "eriklindernoren/ML-From-Scratch is about the same pair",
        _case(
            "softmax_cross_entropy",
            "no Jacobian",
            _with(softmax_cross_entropy, lambda z, t: -t / jax.nn.softmax(z) / len(z)),
            labels,
        ),
    ),
    Defect(
        "soft targets assumed to sum to 1",
        "p - t is correct for distributions only; in general it is p Σ t - t",
        _case(
            "softmax_cross_entropy",
            "not normalised",
            _with(softmax_cross_entropy, lambda z, t: _softmax_minus_t(z, t) / len(z)),
            lambda rng, shape: 3 * unit(rng, shape),
            far_out,
        ),
    ),
    Defect(
        "weights normalised by the batch size, not by their sum",
        "the mean of loss * mask instead of its sum over sum(mask): uncbiag/ICON pull request 83; "
        "ServiceNow/Fast-LLM pull request 426, where no test failed",
        _case(
            "softmax_cross_entropy",
            "weights by batch",
            softmax_cross_entropy._replace(backward=_shared_out),
            _weights_to_1,
        ),
    ),
    Defect(
        "the mask is in J but not in its derivative",
        "the network learns from padding; in awslabs/sockeye issue 200 the mask was inverted",
        _case(
            "softmax_cross_entropy",
            "unmasked slope",
            softmax_cross_entropy._replace(backward=_unmasked),
            masked(labels),
        ),
    ),
    Defect(
        "label smoothing includes masked rows",
        "the uniform part counted ignored samples: pytorch issue 73205, tinygrad pull request 3570",
        _case("label_smoothing", "padding", _smoothed_padding(), masked(labels)),
    ),
    Defect(
        "Huber: derivative clipped at 1 instead of δ",
        "correct for δ = 1, the only value tested: pytorch pull request 17447 corrected a similar "
        "mistake in the forward pass; RubixML pull request 420 lost the factor",
        _case(
            "huber",
            "clipped at 1",
            _with(huber(0.5), lambda y, t: jnp.clip(y - t, -1, 1) / y.size),
            lambda rng, shape: 2 * real(rng, shape),
        ),
    ),
    Defect(
        "Huber: derivative d in the linear part too",
        "without clipping this is the squared error, as sensitive to outliers as before",
        _case(
            "huber",
            "not clipped",
            _with(huber(), lambda y, t: (y - t) / y.size),
            lambda rng, shape: 3 * real(rng, shape),
        ),
    ),
    Defect(
        "Huber: the linear part does not continue the quadratic one",
        "two scalings mixed, d² / 2 inside and 2 δ |d| outside: h2o-3 pull request 6015",
        _case(
            "huber",
            "twice the slope",
            _with(
                huber(),
                lambda y, t: jnp.where(jnp.abs(y - t) <= 1, y - t, 2 * jnp.sign(y - t)) / y.size,
            ),
            lambda rng, shape: 3 * real(rng, shape),
        ),
    ),
    Defect(
        "absolute error: derivative not 0 at 0",
        "the condition d ≥ 0, as in JAX's abs: the derivative at a perfect prediction is 1",
        _case(
            "mean_absolute_error",
            "at 0",
            _with(mean_absolute_error, lambda y, t: jnp.where(y >= t, 1.0, -1.0) / y.size),
            given([[1.0, 0.0], [-2.0, 3.0]]),
            given([[1.0, 0.0], [-1.0, 5.0]]),
            shape=(2, 2),
        )._replace(unsuited=ZERO_AT_THE_KINK),
    ),
    Defect(
        "hinge: derivative not 0 beyond the margin",
        "the condition is forgotten: the derivative of 1 - t s without the max",
        _case(
            "hinge",
            "no max",
            _with(hinge, lambda s, t: -t / s.size),
            given([[1, -1], [1, -1]]),
            given([[3.0, -2.0], [0.5, 0.25]]),
            shape=(2, 2),
        ),
    ),
    Defect(
        "the correct class gets -1, however many classes violate the margin",
        "a common mistake in vectorised solutions of cs231n: bruceoutdoors/CS231n issue 5",
        _case(
            "multiclass_hinge",
            "no count",
            _with(multiclass_hinge, lambda s, t: (_too_near(s, t) - t) / len(s)),
            labels,
            shape=(5, 4),
        ),
    ),
    Defect(
        "the correct class gets no derivative",
        "only the other scores are pushed down; the loss still falls",
        _case(
            "multiclass_hinge",
            "wrong classes only",
            _with(multiclass_hinge, lambda s, t: _too_near(s, t) / len(s)),
            labels,
        ),
    ),
    Defect(
        "weights squared",
        "applied in the loss and again in the layer below, or in both forward and backward",
        _case(
            "softmax_cross_entropy",
            "weights twice",
            softmax_cross_entropy._replace(
                backward=lambda r: softmax_cross_entropy.backward(r) * r.share
            ),
            weighted(labels),
        ),
    ),
    Defect(
        "p - t, the derivative by the scores, used as that by the probabilities",
        "correct only together with softmax: yjxiong/caffe issue 171 asks which of the two it is",
        _case(
            "categorical_cross_entropy",
            "by the scores",
            _with(categorical_cross_entropy, lambda p, t: (p - t) / len(p)),
            labels,
            probabilities,
        ),
    ),
    Defect(
        "the bits of a word share one softmax",
        "the usual slope p - t of one label, though a word may have several ones",
        _case(
            "coded_cross_entropy",
            "softmax",
            _with(_CODED, lambda z, t: _softmax_minus_t(z, t) / z.size),
            labels,
        ),
    ),
]
