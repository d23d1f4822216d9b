"""One convolution in several forms: by its definition, as a matrix product, by the libraries."""

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import stopwatch
from platform_arms import OURS, TORCH, Arm

if TYPE_CHECKING:
    import nnjax as nn

Inputs = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""x, kernel, bias and dy of a convolution."""


def inputs(settings: dict[str, Any], seed: int) -> dict[str, Inputs]:
    """What the convolutions of the network get, by name, in float32 and drawn at random."""
    rng = np.random.default_rng(seed)
    cnn, (height, width, channels) = settings["networks"]["cnn"], settings["image"]
    batch, extent = settings["convolutions"]["batch_size"], cnn["kernel"]
    made = {}
    for i, filters in enumerate(cnn["filters"], start=1):
        out = (height - extent + 1, width - extent + 1)
        shapes = [(batch, height, width, channels), (extent, extent, channels, filters)]
        shapes += [(filters,), (batch, *out, filters)]
        x, kernel, bias, dy = (rng.standard_normal(shape, np.float32) for shape in shapes)
        made[f"convolution {i}"] = (x, kernel, bias, dy)
        height, width, channels = out[0] // cnn["pool"], out[1] // cnn["pool"], filters
    return made


Form = Callable[[Inputs], tuple[stopwatch.Run, Callable[[], Any]]]
"""Of the inputs: what runs it a number of times, and what gives y, dK, dbias, dx."""

Forms = dict[tuple[str, str], Form]
"""Forms by platform and name; the definition is the first."""


def forms_of(layer: "nn.Layer", found: list[Arm]) -> Forms:
    """The forms of a convolution that can be computed here.

    Args:
        layer: the convolution.
        found: the arms that are here.
    """
    import im2col
    import jax
    import jax.numpy as jnp
    import torch_images

    import nnjax as nn

    def by_rule(x: Any, kernel: Any, bias: Any, dy: Any) -> Any:
        params = nn.Convolution(kernel, bias)
        y, residuals = layer.forward(params, x)
        (dkernel, dbias), dx = layer.backward(params, residuals, dy)
        return y, dkernel, dbias, dx

    def in_numpy(form: Callable[..., Any]) -> Form:
        def make(inputs: Inputs) -> tuple[stopwatch.Run, Callable[[], Any]]:
            def run(times: int) -> None:
                for _ in range(times):
                    form(*inputs)

            return run, lambda: form(*inputs)

        return make

    def in_jax(form: Callable[..., Any], device: Any) -> Form:
        program = jax.jit(form)

        def make(inputs: Inputs) -> tuple[stopwatch.Run, Callable[[], Any]]:
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
    for arm in found:
        if arm.name == OURS:
            forms[arm.platform, "im2col, compiled"] = in_jax(compiled, arm.device)
            forms[arm.platform, "nn.conv2d"] = in_jax(by_rule, arm.device)
        elif arm.name == TORCH:
            forms[arm.platform, TORCH] = functools.partial(
                torch_images.convolution, device=arm.device
            )
    return forms


def differences(settings: dict[str, Any], found: list[Arm]) -> Iterator[dict[str, Any]]:
    """How far every form is from the definition in float64, by seed."""
    import jax

    for name, forms in _by_layer(settings, found):
        for seed in range(settings["gradients"]["seeds"]):
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


def cells(settings: dict[str, Any], found: list[Arm]) -> list[stopwatch.Cell]:
    """Every form of each convolution in float32, to be timed."""
    given = inputs(settings, 0)
    return [
        stopwatch.Cell({"layer": name, "platform": platform, "form": form}, make(given[name])[0])
        for name, forms in _by_layer(settings, found)
        for (platform, form), make in forms.items()
    ]


def relative_difference(found: np.ndarray, reference: np.ndarray) -> float:
    """max |found - reference| / max |reference|; NaN where any number is none.

    >>> relative_difference(np.array([1.0, 4.5]), np.array([1.0, 4.0]))
    0.125
    """
    exact = reference.astype(np.float64)
    return float(np.abs(found.astype(np.float64) - exact).max() / np.abs(exact).max())


def _by_layer(settings: dict[str, Any], found: list[Arm]) -> "list[tuple[str, Forms]]":
    import nnjax as nn

    cnn = settings["networks"]["cnn"]
    return [
        (f"convolution {i}", forms_of(nn.conv2d(filters, cnn["kernel"]), found))
        for i, filters in enumerate(cnn["filters"], start=1)
    ]
