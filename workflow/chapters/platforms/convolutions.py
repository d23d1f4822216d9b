"""One convolution in several forms: by its definition, as a matrix product, by the libraries."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import im2col
import jax
import jax.numpy as jnp
import numpy as np
import torch_networks
from clock import Cell, Run
from implementations import Implementation
from names import OURS, TORCH
from settings import Settings

import nnjax as nn

Inputs = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""x, kernel, bias and dy of a convolution."""


def inputs(settings: Settings, seed: int) -> dict[str, Inputs]:
    """Random inputs of the network's convolutions, by name, in float32."""
    rng = np.random.default_rng(seed)
    cnn, (height, width, channels) = settings.networks.cnn, settings.image
    batch, extent = settings.convolutions.batch_size, cnn.kernel
    made = {}
    for i, filters in enumerate(cnn.filters, start=1):
        out = (height - extent + 1, width - extent + 1)
        shapes = [(batch, height, width, channels), (extent, extent, channels, filters)]
        shapes += [(filters,), (batch, *out, filters)]
        x, kernel, bias, dy = (rng.standard_normal(shape, np.float32) for shape in shapes)
        made[f"convolution {i}"] = (x, kernel, bias, dy)
        height, width, channels = out[0] // cnn.pool, out[1] // cnn.pool, filters
    return made


Form = Callable[[Inputs], tuple[Run, Callable[[], Any]]]
"""Takes the inputs; returns what runs it a number of times, and what gives y, dK, dbias, dx."""

Forms = dict[tuple[str, str], Form]
"""Forms by platform and name; the definition is the first."""


def forms_of(layer: nn.Layer, found: list[Implementation]) -> Forms:
    """The forms of a convolution that can be computed on this machine.

    Args:
        layer: the convolution.
        found: the implementations on this machine.
    """

    def by_rule(x: Any, kernel: Any, bias: Any, dy: Any) -> Any:
        params = nn.Convolution(kernel, bias)
        y, residuals = layer.forward(params, x)
        (dkernel, dbias), dx = layer.backward(params, residuals, dy)
        return y, dkernel, dbias, dx

    def in_numpy(form: Callable[..., Any]) -> Form:
        def make(inputs: Inputs) -> tuple[Run, Callable[[], Any]]:
            def run(times: int) -> None:
                for _ in range(times):
                    form(*inputs)

            return run, lambda: form(*inputs)

        return make

    def in_jax(form: Callable[..., Any], device: Any) -> Form:
        program = jax.jit(form)

        def make(inputs: Inputs) -> tuple[Run, Callable[[], Any]]:
            placed = jax.device_put(inputs, device)

            def run(times: int) -> None:
                result = None
                for _ in range(times):
                    result = program(*placed)
                jax.block_until_ready(result)

            return run, lambda: program(*placed)

        return make

    compiled = functools.partial(im2col.as_product, xp=jnp)
    forms: Forms = {
        ("cpu", "definition, NumPy"): in_numpy(im2col.by_definition),
        ("cpu", "im2col, NumPy"): in_numpy(im2col.as_product),
    }
    for platform, name, device in found:
        if name == OURS:
            forms[platform, "im2col, compiled"] = in_jax(compiled, device)
            forms[platform, "nn.conv2d"] = in_jax(by_rule, device)
        elif name == TORCH:
            forms[platform, TORCH] = functools.partial(torch_networks.convolution, device=device)
    return forms


def differences(settings: Settings, found: list[Implementation]) -> Iterator[dict[str, Any]]:
    """Differences of every form from the definition in float64, by seed."""
    for name, forms in _by_layer(settings, found):
        for seed in range(settings.gradients.seeds):
            with jax.enable_x64(True):
                x, kernel, bias, dy = inputs(settings, seed)[name]
                given = (x.astype(float), kernel.astype(float), bias.astype(float))
                reference = None
                for (platform, form), make in forms.items():
                    result = [np.asarray(a) for a in make((*given, dy.astype(float)))[1]()]
                    reference = result if reference is None else reference
                    worst = max(map(relative_difference, result, reference))
                    labels = {"layer": name, "platform": platform, "form": form}
                    yield labels | {"seed": seed, "difference": worst}


def cells(settings: Settings, found: list[Implementation]) -> list[Cell]:
    """Every form of each convolution in float32, to be timed."""
    given = inputs(settings, 0)
    return [
        Cell({"layer": name, "platform": platform, "form": form}, make(given[name])[0])
        for name, forms in _by_layer(settings, found)
        for (platform, form), make in forms.items()
    ]


def relative_difference(found: np.ndarray, reference: np.ndarray) -> float:
    """max |found - reference| / max |reference|; NaN if any element is NaN.

    >>> relative_difference(np.array([1.0, 4.5]), np.array([1.0, 4.0]))
    0.125
    """
    exact = reference.astype(np.float64)
    return float(np.abs(found.astype(np.float64) - exact).max() / np.abs(exact).max())


def _by_layer(settings: Settings, found: list[Implementation]) -> list[tuple[str, Forms]]:
    cnn = settings.networks.cnn
    return [
        (f"convolution {i}", forms_of(nn.conv2d(filters, cnn.kernel), found))
        for i, filters in enumerate(cnn.filters, start=1)
    ]
