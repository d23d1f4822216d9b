"""Mistakes in normalisations."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from nnjax.core import Layer
from nnjax.layers.batch_norm import BatchNorm, BatchNormResiduals, batch_norm
from nnjax.layers.norm import RMSNorm, group_norm, layer_norm, rms_norm
from nnjax.layers.parts.moments import moments
from nnjax.verify.case import Defect, Draw, LayerCase, normal
from nnjax.verify.cases.norm import FAR, far, with_population

EPS = 1e-5


def _replaced(layer: Layer, rule: Callable[[Any, Any, Any, Any, Any], Any]) -> Layer:
    """A layer whose (dparams, dx) are replaced by `rule(params, residuals, dy, dparams, dx)`."""

    def backward(params: Any, residuals: Any, dy: Any) -> Any:
        return rule(params, residuals, dy, *layer.backward(params, residuals, dy))

    return layer._replace(backward=backward)


def _batch(label: str, layer: Layer, *shape: int) -> LayerCase:
    return LayerCase("batch_norm", label, layer, shape or (3,), training=True)


def _normal_form(x: Any, axes: Any) -> Any:
    """xhat and r."""
    mean, variance = moments(x, axes)
    rstd = jax.lax.rsqrt(variance + EPS)
    return (x - mean) * rstd, rstd


def _direct_path_alone(params: BatchNorm, residuals: Any, dy: Any, grads: Any, dx: Any) -> Any:
    return grads, params.scale * _normal_form(residuals.x, 0)[1] * dy


def _direct_path_over_m(params: BatchNorm, residuals: Any, dy: Any, grads: Any, dx: Any) -> Any:
    direct = params.scale * _normal_form(residuals.x, 0)[1] * dy
    return grads, dx - direct + direct / len(dy)


def _variance_path_lost(params: BatchNorm, residuals: Any, dy: Any, grads: Any, dx: Any) -> Any:
    return grads, params.scale * _normal_form(residuals.x, 0)[1] * (dy - dy.mean(0))


def _places_not_counted(params: BatchNorm, residuals: Any, dy: Any, grads: Any, dx: Any) -> Any:
    axes = tuple(range(dy.ndim - 1))
    xhat, rstd = _normal_form(residuals.x, axes)
    means = [a.sum(axes, keepdims=True) / len(dy) for a in (dy, dy * xhat)]
    return grads, params.scale * rstd * (dy - means[0] - xhat * means[1])


def _unbiased(params: BatchNorm, residuals: Any, dy: Any, grads: Any, dx: Any) -> Any:
    x, m = residuals.x, len(dy)
    rstd = jax.lax.rsqrt(jnp.var(x, 0, ddof=1) + EPS)
    xhat = (x - x.mean(0)) * rstd
    return grads, params.scale * rstd * (dy - dy.mean(0) - xhat * (dy * xhat).sum(0) / (m - 1))


def _other_mode(training: bool) -> Layer:
    """Batch normalisation whose backward pass uses the mode that forward did not use."""
    right = batch_norm()

    def backward(params: BatchNorm, residuals: BatchNormResiduals, dy: Any) -> Any:
        batch = moments(residuals.x, (0,))
        saved = BatchNormResiduals(residuals.x, batch if training else None)
        return right.backward(params, saved, dy)

    return right._replace(backward=backward)


def _one_pass() -> Layer:
    right = layer_norm()

    def moments_of(x: Any) -> Any:
        mean = x.mean(-1, keepdims=True)
        variance = jnp.square(x).mean(-1, keepdims=True) - jnp.square(mean)
        return mean, jax.lax.rsqrt(jnp.maximum(variance, jnp.zeros_like(variance)) + EPS)

    def forward(params: Any, x: Any, key: Any = None) -> Any:
        mean, rstd = moments_of(x)
        y = params.scale[None] * (x - mean) * rstd + params.shift[None]
        return y, right.forward(params, x)[1]._replace(mean=mean, rstd=rstd)

    return right._replace(forward=forward)


def _mean_path_lost(params: Any, residuals: Any, dy: Any, grads: Any, dx: Any) -> Any:
    xhat, rstd = _normal_form(residuals.x, -1)
    g = dy * params.scale
    return grads, rstd * (g - xhat * (g * xhat).mean(-1, keepdims=True))


def _scale_after_the_means(params: Any, residuals: Any, dy: Any, grads: Any, dx: Any) -> Any:
    xhat, rstd = _normal_form(residuals.x, -1)
    means = [a.mean(-1, keepdims=True) for a in (dy, dy * xhat)]
    return grads, params.scale * rstd * (dy - means[0] - xhat * means[1])


def _group_by_remainder(params: Any, residuals: Any, dy: Any, grads: Any, dx: Any) -> Any:
    x, mean, rstd = residuals
    other = jnp.arange(x.shape[-1]) % 2 * (x.shape[-1] // 2)
    xhat = (x - mean[..., other]) * rstd[..., other]
    return grads._replace(scale=(dy * xhat).sum((0, 1))), dx


def _rms(weigh_twice: bool) -> Callable[..., Any]:
    def rule(params: RMSNorm, residuals: Any, dy: Any, grads: Any, dx: Any) -> Any:
        x, r = residuals
        w = params.scale[None]
        first, inside, second = (w, w, w) if weigh_twice else (w, jnp.ones_like(w), 1)
        along = (dy * inside * x * r).mean(-1, keepdims=True)
        return grads, r * (first * dy - second * x * r * along)

    return rule


def _norm(of: str, label: str, layer: Layer, *shape: int, inputs: Draw = normal) -> LayerCase:
    return LayerCase(of, label, layer, shape or (3,), inputs=inputs)


DEFECTS = [
    Defect(
        "batch normalisation without the paths through mean and variance",
        "deeplearning4j, issue 8335: only one of the three terms of dx",
        _batch("direct path alone", _replaced(batch_norm(), _direct_path_alone)),
    ),
    Defect(
        "batch normalisation with the direct path divided by the batch size",
        "a change in mlpack's pull request 2474",
        _batch("direct path over m", _replaced(batch_norm(), _direct_path_over_m)),
    ),
    Defect(
        "batch normalisation without the path through the variance",
        "one of three terms is easily lost in the long derivation; the network still trains",
        _batch("no path through variance", _replaced(batch_norm(), _variance_path_lost)),
    ),
    Defect(
        "m counts the images, not their positions",
        "batch in place of positions * batch: darknet, issue 1634; undetected for rows",
        _batch("places not counted", _replaced(batch_norm(), _places_not_counted), 2, 3, 2),
    ),
    Defect(
        "unbiased variance in backward, biased variance in forward",
        "PyTorch's running variance is unbiased and its normalisation is not; easily confused",
        _batch("unbiased", _replaced(batch_norm(), _unbiased)),
    ),
    Defect(
        "batch normalisation trained with the population statistics",
        "equinox, issue 659: running statistics in training are unstable",
        _batch("population in training", _other_mode(training=False)),
    ),
    Defect(
        "batch normalisation in evaluation differentiates the batch statistics",
        "pytorch/xla, issue 913; PyTorch with cuDNN, issue 586; torch/nn, pull request 768",
        LayerCase(
            "batch_norm",
            "batch in evaluation",
            with_population(_other_mode(training=True)),
            (3,),
            at_init=True,
        ),
    ),
    Defect(
        "one-pass variance, E[x²] - E[x]²",
        "flax, issue 1491, and tensorflow, issue 3290: negative variances, then NaN",
        LayerCase("layer_norm", "one pass", _one_pass(), (4,), batch=3, inputs=far, unsuited=FAR),
    ),
    Defect(
        "layer normalisation without the path through the mean",
        "openxla/xla, pull request 8225: the pattern for this gradient had another formula, as a "
        "derivation by hand and numerical gradients showed",
        _norm("layer_norm", "no path through mean", _replaced(layer_norm(), _mean_path_lost)),
    ),
    Defect(
        "layer normalisation with the formula of batch normalisation",
        "the scale may be factored out of the sums only if it is constant within each; at its "
        "initial value 1 no check can detect this",
        _norm(
            "layer_norm", "scale after the means", _replaced(layer_norm(), _scale_after_the_means)
        ),
    ),
    Defect(
        "group normalisation with groups by remainder",
        "tenstorrent/tt-metal, pull request 56202: c % groups for c // (channels / groups)",
        _norm("group_norm", "by remainder", _replaced(group_norm(2), _group_by_remainder), 2, 4),
    ),
    Defect(
        "RMS normalisation with the scale twice in the second term",
        "NVIDIA/Megatron-LM, pull request 6859; correct for the initial scale 1",
        _norm("rms_norm", "weighed twice", _replaced(rms_norm(), _rms(weigh_twice=True))),
    ),
    Defect(
        "RMS normalisation without the scale in the sum",
        "karpathy/llm.c, pull request 763: found after days",
        _norm("rms_norm", "scale forgotten", _replaced(rms_norm(), _rms(weigh_twice=False))),
    ),
    Defect(
        "RMS normalisation without a gradient of the scale",
        "unslothai/unsloth, issue 4533: the scales never changed in full finetuning",
        _norm(
            "rms_norm",
            "scale frozen",
            _replaced(
                rms_norm(), lambda p, r, dy, grads, dx: (jax.tree.map(jnp.zeros_like, grads), dx)
            ),
        ),
    ),
]
