"""Negative log likelihood and cross-entropy of random scores, each written in several ways."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import nnjax as nn


def nll_errors(cases: int, items: int, classes: list[int]) -> list[dict[str, Any]]:
    """Negative log likelihood and cross-entropy of random scores, by all ways to write them.

    Args:
        cases: random cases for each number of classes, and for the binary form.
        items: training items whose costs are summed, as in the source (nnjax takes the mean).
        classes: numbers of classes.

    Returns:
        way, classes, case, error64 (relative to minus the logarithm of the likelihood; of the
        gradient the largest difference) and ulps32 (units in the last place; none for what is
        float64 only).
    """
    rows: list[dict[str, Any]] = []
    for k in [2, *classes]:
        rng = np.random.default_rng(k)
        scores = rng.normal(scale=2, size=(cases, items, k)).astype(np.float32)
        labels = rng.integers(k, size=(cases, items)).astype(np.int32)
        z = scores.astype(float)
        p = np.exp(z - z.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        of_label = np.take_along_axis(p, labels[..., None], axis=-1)[..., 0]
        likelihood = -np.log(of_label.prod(axis=-1))
        one_hot = np.eye(k)[labels]
        written = {
            "sum of -log P": -np.log(of_label).sum(axis=-1),
            "cross-entropy of one-hot targets": -(one_hot * np.log(p)).sum(axis=(-1, -2)),
        }
        found64, found32 = (_by_nnjax(scores, labels, wide) for wide in (True, False))
        slope = found64.pop("gradient")
        errors = {
            way: np.abs(values / likelihood - 1) for way, values in (written | found64).items()
        }
        errors["gradient p - y"] = np.abs(slope - (p - one_hot)).max(axis=(-1, -2))
        last_place = np.spacing(likelihood.astype(np.float32)).astype(float)
        for way, error64 in errors.items():
            ulps = np.abs(found32[way] - likelihood) / last_place if way in found32 else None
            for case in range(cases):
                row = {"way": way, "classes": k, "case": case, "error64": float(error64[case])}
                rows.append(row | {"ulps32": None if ulps is None else float(ulps[case])})
    return rows


def _by_nnjax(scores: np.ndarray, labels: np.ndarray, wide: bool) -> dict[str, np.ndarray]:
    """Sums over the items by nnjax's losses, (cases,), and the gradient of the sum."""
    with jax.enable_x64(wide):
        z = jnp.asarray(scores, jnp.float64 if wide else jnp.float32)
        y = jnp.asarray(labels)
        k, items = z.shape[-1], z.shape[-2]
        one_hot = jax.nn.one_hot(y, k, dtype=z.dtype)

        def one(z: jax.Array, y: jax.Array, t: jax.Array) -> dict[str, jax.Array]:
            fused, residuals = nn.softmax_cross_entropy.forward(z, t)
            p, _ = nn.softmax().forward((), z)
            found = {
                "nnjax, fused, labels": nn.softmax_cross_entropy.forward(z, y)[0],
                "nnjax, fused, one-hot": fused,
                "nnjax, softmax then loss": nn.categorical_cross_entropy.forward(p, t)[0],
                "gradient": nn.softmax_cross_entropy.backward(residuals),
            }
            if k == 2:
                margin = z[:, 1:] - z[:, :1]
                s, _ = nn.sigmoid().forward((), margin)
                found |= {
                    "nnjax, binary, fused": nn.sigmoid_cross_entropy.forward(margin, t[:, 1:])[0],
                    "nnjax, sigmoid then loss": nn.binary_cross_entropy.forward(s, t[:, 1:])[0],
                }
            return found

        found = jax.jit(jax.vmap(one))(z, y, one_hot)
        return {way: items * np.asarray(value, float) for way, value in found.items()}
