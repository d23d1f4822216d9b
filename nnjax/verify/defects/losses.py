"""Mistakes in losses."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.core import Loss
from nnjax.losses import (
    Weighted,
    binary_cross_entropy,
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
    between_0_and_1,
    far_out,
    given,
    labels,
    masked,
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
    """The loss with a backward pass from `slope(scores, t)`, not divided by anything."""
    return loss._replace(backward=lambda residuals: slope(residuals.scores, residuals.targets))


def _softmax_minus_t(z: jax.Array, t: jax.Array) -> jax.Array:
    return jax.nn.softmax(z) - t


def _piecewise(z: jax.Array, t: jax.Array) -> jax.Array:
    """max(z, 0) - z t + log(1 + exp(-|z|)), term by term."""
    return (jnp.where(z > 0, 1.0, 0.0) - t - jnp.sign(z) / (1 + jnp.exp(jnp.abs(z)))) / z.size


def _clipped_backward(residuals: Residuals) -> jax.Array:
    """Through a probability that was clipped on its way."""
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
    """The mask is left out."""
    z, t, _ = residuals
    return _softmax_minus_t(z, t) / len(z)


def _uniform_part(z: jax.Array, t: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Smoothed cross-entropy of the real rows, and what the uniform part adds in the others."""
    log_p = jax.nn.log_softmax(z)
    real_rows = mask[:, None].astype(z.dtype)
    return -(real_rows * t * log_p).sum() / real_rows.sum(), 1 - real_rows


def _smoothed_padding() -> Loss:
    """The uniform part of the smoothed targets has a slope in padding as well."""

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


DEFECTS = [
    Defect(
        "p - t is not divided by the batch",
        "the mean is in J only, so that the step grows with the batch; where the 1/n belongs is an "
        "old question: scikit-learn issues 6780 and 8349",
        _case(
            "softmax_cross_entropy", "1/n", _with(softmax_cross_entropy, _softmax_minus_t), labels
        ),
    ),
    Defect(
        "the batch is divided by twice",
        "once in the loss and once in the layers: the same scikit-learn issues, 6780 and 8349",
        _case(
            "softmax_cross_entropy",
            "1/n twice",
            _with(softmax_cross_entropy, lambda z, t: _softmax_minus_t(z, t) / len(z) ** 2),
            labels,
        ),
    ),
    Defect(
        "a mean over all elements, divided by the batch only",
        "2 (y - t) / batch belongs to a sum over the outputs; keras-core pull request 802 mended "
        "the like, a batch counted in two ways",
        _case(
            "mean_squared_error",
            "outputs forgotten",
            _with(mean_squared_error, lambda y, t: 2 * (y - t) / len(y)),
            unit,
        ),
    ),
    Defect(
        "the 2 of the square is lost",
        "y - t is the slope of the square with 1/2 in front, as Bishop has it, not of this one",
        _case(
            "mean_squared_error",
            "factor 2",
            _with(mean_squared_error, lambda y, t: (y - t) / y.size),
            unit,
        ),
    ),
    Defect(
        "middle axes do not count as examples",
        "a loss of sequences divided by the batch but not by time: gradients grow with the length "
        "(keras issue 2546 discusses what to divide by)",
        _case(
            "softmax_cross_entropy",
            "middle axis",
            _with(softmax_cross_entropy, lambda z, t: _softmax_minus_t(z, t) / len(z)),
            labels,
            shape=(3, 2, 3),
        ),
    ),
    Defect(
        "the slope goes through a clipped probability",
        "-0.02 instead of -1 at z = -20: Sentdex/nnfs_book; in Keras exactly 0, issue 9664",
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
        "differentiation of the formula does it in every framework",
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
        "s(z) - t where the prediction is right and sure",
        "s(z) rounds to 1 and the slope to 0, though it is a normal number: pytorch issue 195677",
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
        "-t / p is the whole slope of categorical cross-entropy, but half of the binary one's",
        _case(
            "binary_cross_entropy",
            "half",
            _with(binary_cross_entropy, _probability_slope),
            unit,
            between_0_and_1,
        ),
    ),
    Defect(
        "probabilities without the softmax's Jacobian",
        "-t / p handed on as the slope by the scores; issue 71 of eriklindernoren/ML-From-Scratch "
        "is about the same pair",
        _case(
            "softmax_cross_entropy",
            "no Jacobian",
            _with(softmax_cross_entropy, lambda z, t: -t / jax.nn.softmax(z) / len(z)),
            labels,
        ),
    ),
    Defect(
        "soft targets taken to sum to 1",
        "p - t is right for distributions only; for other weights it is p sum t - t",
        _case(
            "softmax_cross_entropy",
            "not normalised",
            _with(softmax_cross_entropy, lambda z, t: _softmax_minus_t(z, t) / len(z)),
            lambda rng, shape: 3 * unit(rng, shape),
            far_out,
        ),
    ),
    Defect(
        "weights normalised by the batch, not by their sum",
        "the mean of loss * mask instead of its sum over sum(mask): uncbiag/ICON pull request 83; "
        "ServiceNow/Fast-LLM pull request 426, where no test had failed",
        _case(
            "softmax_cross_entropy",
            "weights by batch",
            softmax_cross_entropy._replace(backward=_shared_out),
            _weights_to_1,
        ),
    ),
    Defect(
        "the mask is in J but not in its slope",
        "padding is learned from; in awslabs/sockeye issue 200 the mask was the wrong way round",
        _case(
            "softmax_cross_entropy",
            "unmasked slope",
            softmax_cross_entropy._replace(backward=_unmasked),
            masked(labels),
        ),
    ),
    Defect(
        "label smoothing puts back what the mask took out",
        "the uniform part counted ignored samples: pytorch issue 73205, tinygrad pull request 3570",
        _case("label_smoothing", "padding", _smoothed_padding(), masked(labels)),
    ),
    Defect(
        "Huber's slope clipped at 1 instead of delta",
        "right for delta = 1, where it was tested: pytorch pull request 17447 had the like in the "
        "forward pass; RubixML pull request 420 lost the factor",
        _case(
            "huber",
            "clipped at 1",
            _with(huber(0.5), lambda y, t: jnp.clip(y - t, -1, 1) / y.size),
            lambda rng, shape: 2 * real(rng, shape),
        ),
    ),
    Defect(
        "Huber's slope is d in the linear part too",
        "without the clip it is the squared error's, and outliers pull as before",
        _case(
            "huber",
            "not clipped",
            _with(huber(), lambda y, t: (y - t) / y.size),
            lambda rng, shape: 3 * real(rng, shape),
        ),
    ),
    Defect(
        "Huber's linear part does not meet the quadratic one",
        "two scalings mixed, d^2 / 2 inside and 2 delta |d| outside: in h2o-3 the parts did not "
        "meet, pull request 6015",
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
        "the absolute error pushes where it is 0",
        "d >= 0 as the condition, as in JAX's abs: the slope at a perfect prediction is 1",
        _case(
            "mean_absolute_error",
            "at 0",
            _with(mean_absolute_error, lambda y, t: jnp.where(y >= t, 1.0, -1.0) / y.size),
            given([[1.0, 0.0], [-2.0, 3.0]]),
            given([[1.0, 0.0], [-1.0, 5.0]]),
            shape=(2, 2),
        ),
    ),
    Defect(
        "the hinge pushes scores that are right by more than 1",
        "the condition is forgotten: the slope of 1 - t s without the max",
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
        "the right class gets -1, however many classes are too near",
        "the column of the right class is where vectorised solutions of cs231n go wrong: "
        "bruceoutdoors/CS231n issue 5",
        _case(
            "multiclass_hinge",
            "no count",
            _with(multiclass_hinge, lambda s, t: (_too_near(s, t) - t) / len(s)),
            labels,
            shape=(5, 4),
        ),
    ),
    Defect(
        "the right class gets no slope",
        "only the wrong scores are pushed down; the loss still falls",
        _case(
            "multiclass_hinge",
            "wrong classes only",
            _with(multiclass_hinge, lambda s, t: _too_near(s, t) / len(s)),
            labels,
        ),
    ),
    Defect(
        "weights squared",
        "in the loss and again in the layer below, or in forward and backward: each weight counts "
        "twice",
        _case(
            "softmax_cross_entropy",
            "weights twice",
            softmax_cross_entropy._replace(
                backward=lambda r: softmax_cross_entropy.backward(r) * r.share
            ),
            weighted(labels),
        ),
    ),
]
