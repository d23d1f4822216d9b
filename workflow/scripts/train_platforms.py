"""The same networks by our rules, jax.grad and PyTorch, on the CPU and on a GPU where there is one.

Three measurements: how far the gradients are from those of `jax.grad` in float64, how long a
training step takes by batch size, and how long one convolution takes in several forms.
"""

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import job
import numpy as np
import polars as pl
import stopwatch
from tables import write_parquet

if TYPE_CHECKING:
    import jax
    from snakemake.iocontainers import snakemake

    import nnjax as nn

OURS, AUTODIFF, TORCH = "hand-derived", "jax.grad", "PyTorch"
PLATFORMS = ("cpu", "gpu")
MEASURED = "measured"
NO_GPU = "not measured: no GPU here"
NO_TORCH = "not measured: PyTorch is not installed"
NO_TORCH_GPU = "not measured: PyTorch finds no GPU"


class Arm(NamedTuple):
    """Who computes, where; `device` is JAX's device or PyTorch's name of one."""

    platform: str
    name: str
    device: Any


def jax_devices() -> "dict[str, jax.Device]":
    """JAX's first device of each platform that it finds here."""
    import jax

    found = {"cpu": jax.devices("cpu")[0]}
    with contextlib.suppress(RuntimeError):  # how JAX says that there is none
        found["gpu"] = jax.devices("gpu")[0]
    return found


def arms(torch: str | None) -> tuple[list[Arm], pl.DataFrame]:
    """All that can be measured here, and what cannot with the reason.

    Args:
        torch: version of PyTorch, None where it is not installed.

    Returns:
        The arms; and one row for each platform and arm: its device, library and state.
    """
    import jax
    import torch_images
    from time_training import machine

    ours = jax_devices()
    theirs = torch_images.devices() if torch is not None else {}
    found, rows = [], []
    for platform in PLATFORMS:
        for name in (OURS, AUTODIFF, TORCH):
            devices = theirs if name == TORCH else ours
            state, device, library = MEASURED, "none", "none"
            if platform in devices:
                found.append(Arm(platform, name, devices[platform]))
                library = torch_images.library() if name == TORCH else f"JAX {jax.__version__}"
                if platform == "cpu":
                    device = machine()
                elif name == TORCH:
                    device = torch_images.device_name(devices[platform])
                else:
                    device = devices[platform].device_kind
            elif name == TORCH and torch is None:
                state = NO_TORCH
            else:
                state = NO_GPU if "gpu" not in ours else NO_TORCH_GPU
            row = {"platform": platform, "arm": name, "device": device}
            rows.append(row | {"library": library, "state": state})
    return found, pl.DataFrame(rows)


def gradient_of(network: "nn.Layer", name: str) -> Callable[..., Any]:
    """The gradient of the mean cross-entropy, (params, x, labels) -> grads, in JAX.

    Args:
        network: to differentiate.
        name: hand-derived, by the backward passes of the library; or jax.grad, of the same forward
            passes.
    """
    import jax

    import nnjax as nn

    if name == OURS:
        by_hand = nn.value_and_grad(network, nn.softmax_cross_entropy)
        return lambda params, x, labels: by_hand(params, x, labels)[1]

    def loss(params: Any, x: Any, labels: Any) -> Any:
        return nn.softmax_cross_entropy.forward(network.forward(params, x)[0], labels)[0]

    return jax.grad(loss)


def parameter_names(params: tuple[Any, ...]) -> list[str]:
    """A name for each array of a network's parameters, in the order of its leaves."""
    import nnjax as nn

    names, convolutions, dense = [], 0, 0
    for part in params:
        if isinstance(part, nn.Convolution):
            convolutions += 1
            names += [f"convolution {convolutions}: kernel", f"convolution {convolutions}: bias"]
        elif isinstance(part, nn.Dense):
            dense += 1
            names += [f"dense {dense}: weights", f"dense {dense}: bias"]
    return names


def relative_difference(found: np.ndarray, reference: np.ndarray) -> float:
    """max |found - reference| / max |reference|; NaN where any number is none.

    >>> relative_difference(np.array([1.0, 4.5]), np.array([1.0, 4.0]))
    0.125
    """
    exact = reference.astype(np.float64)
    return float(np.abs(found.astype(np.float64) - exact).max() / np.abs(exact).max())


def gradient_rows(
    settings: dict[str, Any], found: list[Arm]
) -> Iterator[dict[str, str | int | float]]:
    """The relative difference of each parameter's gradient to that of jax.grad in float64 (CPU).

    Parameters and images are drawn in float32, so that both precisions start from the same numbers.
    """
    import image_networks
    import jax

    choice = settings["gradients"]
    for network_name, network in image_networks.networks(settings).items():
        pool = settings["networks"]["cnn"]["pool"]
        starts = [
            _start(network, s, choice["batch_size"], settings) for s in range(choice["seeds"])
        ]
        # In float64 first, whose jax.grad on the CPU is the reference of all others.
        order = sorted(found, key=lambda arm: (arm.platform, arm.name != AUTODIFF))
        references: dict[int, list[np.ndarray]] = {}
        for dtype in ("float64", "float32"):
            with jax.enable_x64(dtype == "float64"):
                for arm in order:
                    compute = _gradients(network, arm, pool)
                    for seed, (params, x, labels) in enumerate(starts):
                        cast = jax.tree.map(lambda a, dtype=dtype: a.astype(dtype), params)
                        grads = compute(cast, x.astype(dtype), labels)
                        if seed not in references:
                            references[seed] = grads
                        labelled = zip(
                            parameter_names(params), grads, references[seed], strict=True
                        )
                        for name, ours, reference in labelled:
                            yield {
                                "network": network_name,
                                "platform": arm.platform,
                                "arm": arm.name,
                                "dtype": dtype,
                                "seed": seed,
                                "parameter": name,
                                "difference": relative_difference(ours, reference),
                            }


def _start(network: "nn.Layer", seed: int, batch_size: int, settings: dict[str, Any]) -> Any:
    """Parameters in float32, images and labels of a seed, as numpy arrays."""
    import image_networks

    x, labels = image_networks.images(seed, batch_size, settings)
    return image_networks.parameters(network, seed, settings), x, labels


def _gradients(network: "nn.Layer", arm: Arm, pool: int) -> Callable[..., list[np.ndarray]]:
    """(params, x, labels) -> the gradient's arrays, of one arm."""
    import jax
    import torch_images

    if arm.name == TORCH:
        return lambda params, x, labels: torch_images.gradients(
            torch_images.build(params, pool, arm.device),
            *torch_images.batch(x, labels, arm.device),
        )
    program = jax.jit(gradient_of(network, arm.name))

    def compute(*inputs: Any) -> list[np.ndarray]:
        grads = program(*jax.device_put(inputs, arm.device))
        return [np.asarray(leaf) for leaf in jax.tree.leaves(grads)]

    return compute


def jax_training(
    network: "nn.Layer", arm: Arm, inputs: tuple[Any, ...], rate: float
) -> stopwatch.Run:
    """Gradient descent on one batch, W <- W - rate dJ/dW, one compiled program for each step.

    Args:
        network: to train.
        arm: whose gradient, and on which device.
        inputs: params, images, labels.
        rate: learning rate.
    """
    import jax

    gradient = gradient_of(network, arm.name)

    @jax.jit
    def step(params: Any, x: Any, labels: Any) -> Any:
        grads = gradient(params, x, labels)
        return jax.tree.map(lambda p, g: p - rate * g, params, grads)

    start, x, labels = jax.device_put(inputs, arm.device)

    def run(steps: int) -> None:
        params = start
        for _ in range(steps):
            params = step(params, x, labels)
        jax.block_until_ready(params)

    return run


def step_cells(settings: dict[str, Any], found: list[Arm]) -> list[stopwatch.Cell]:
    """A training step of every network, batch size and arm."""
    import image_networks
    import torch_images

    cells, rate = [], settings["learning_rate"]
    for network_name, network in image_networks.networks(settings).items():
        for size in settings["batch_sizes"]:
            params, x, labels = _start(network, 0, size, settings)
            for arm in found:
                if arm.name == TORCH:
                    pool = settings["networks"]["cnn"]["pool"]
                    run = torch_images.training(
                        torch_images.build(params, pool, arm.device),
                        *torch_images.batch(x, labels, arm.device),
                        rate,
                    )
                else:
                    run = jax_training(network, arm, (params, x, labels), rate)
                where = {"platform": arm.platform, "arm": arm.name, "batch_size": size}
                cells.append(stopwatch.Cell({"network": network_name, **where}, run))
    return cells


Inputs = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""x, kernel, bias and dy of a convolution."""


def convolution_inputs(settings: dict[str, Any], seed: int) -> dict[str, Inputs]:
    """What the convolutions of the network get, by name, in float32 and drawn at random."""
    rng = np.random.default_rng(seed)
    cnn, (height, width, channels) = settings["networks"]["cnn"], settings["image"]
    batch, extent = settings["convolutions"]["batch_size"], cnn["kernel"]
    inputs = {}
    for i, filters in enumerate(cnn["filters"], start=1):
        out = (height - extent + 1, width - extent + 1)
        shapes = [(batch, height, width, channels), (extent, extent, channels, filters)]
        shapes += [(filters,), (batch, *out, filters)]
        x, kernel, bias, dy = (rng.standard_normal(shape, np.float32) for shape in shapes)
        inputs[f"convolution {i}"] = (x, kernel, bias, dy)
        height, width, channels = out[0] // cnn["pool"], out[1] // cnn["pool"], filters
    return inputs


def convolution_forms(
    settings: dict[str, Any], found: list[Arm], layer: "nn.Layer"
) -> dict[tuple[str, str], Callable[[Inputs], tuple[stopwatch.Run, Callable[[], Any]]]]:
    """The forms of a convolution by platform and name.

    Returns:
        For each a function of the inputs that gives what runs it a number of times, and what
        gives y, dK, dbias, dx.
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

    def in_columns(*inputs: Any) -> Any:
        return im2col.as_product(*inputs, jnp)

    def in_numpy(form: Callable[..., Any]) -> Any:
        def make(inputs: Inputs) -> tuple[stopwatch.Run, Callable[[], Any]]:
            def run(times: int) -> None:
                for _ in range(times):
                    form(*inputs)

            return run, lambda: form(*inputs)

        return make

    def in_jax(form: Callable[..., Any], device: Any) -> Any:
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

    forms: dict[tuple[str, str], Any] = {
        ("cpu", "definition, NumPy"): in_numpy(im2col.by_definition),
        ("cpu", "im2col, NumPy"): in_numpy(im2col.as_product),
    }
    for arm in found:
        if arm.name == OURS:
            forms[arm.platform, "im2col, compiled"] = in_jax(in_columns, arm.device)
            forms[arm.platform, "nn.conv2d"] = in_jax(by_rule, arm.device)
        elif arm.name == TORCH:
            forms[arm.platform, "PyTorch"] = functools.partial(
                lambda inputs, device: torch_images.convolution(*inputs, device), device=arm.device
            )
    return forms


def convolution_rows(settings: dict[str, Any], found: list[Arm]) -> tuple[list, list]:
    """Differences of every form to the definition in float64, and seconds in float32."""
    import jax

    import nnjax as nn

    differences, cells = [], []
    cnn, seeds = settings["networks"]["cnn"], settings["gradients"]["seeds"]
    drawn = [convolution_inputs(settings, seed) for seed in range(seeds)]
    for filters, name in zip(cnn["filters"], drawn[0], strict=True):
        forms = convolution_forms(settings, found, nn.conv2d(filters, cnn["kernel"]))
        with jax.enable_x64(True):
            for seed in range(seeds):
                inputs: Any = tuple(a.astype(np.float64) for a in drawn[seed][name])
                reference = None
                for (platform, form), make in forms.items():
                    result = [np.asarray(a) for a in make(inputs)[1]()]
                    reference = result if reference is None else reference
                    worst = max(map(relative_difference, result, reference))
                    differences.append(
                        {"layer": name, "platform": platform, "form": form}
                        | {"seed": seed, "difference": worst}
                    )
        for (platform, form), make in forms.items():
            labels = {"layer": name, "platform": platform, "form": form}
            cells.append(stopwatch.Cell(labels, make(drawn[0][name])[0]))
    return differences, stopwatch.interleaved(cells, settings["repeats"], settings["seconds"])


def main(
    settings: dict[str, Any],
    torch: str | None,
    where: Path,
    gradients: Path,
    steps: Path,
    differences: Path,
    convolutions: Path,
) -> None:
    """Measure everything that can be measured here.

    Args:
        settings: of the chapter.
        torch: version of PyTorch, None where it is not installed: it is then left out.
        where: Parquet to write: platform, arm, device, library, state (measured, or why not).
        gradients: Parquet to write: network, platform, arm, dtype, seed, parameter, difference.
        steps: Parquet to write: network, platform, arm, batch_size, repeat, times, seconds.
        differences: Parquet to write: layer, platform, form, seed, difference.
        convolutions: Parquet to write: layer, platform, form, repeat, times, seconds.
    """
    import jax
    import torch_images
    from threadpoolctl import threadpool_limits

    found, states = arms(torch)
    if torch is not None:
        torch_images.begin(settings["threads"])
    with threadpool_limits(settings["threads"]), jax.enable_x64(False):
        write_parquet(pl.DataFrame(list(gradient_rows(settings, found))), gradients)
        worst, seconds = convolution_rows(settings, found)
        write_parquet(pl.DataFrame(worst), differences)
        write_parquet(pl.DataFrame(seconds), convolutions)
        cells = step_cells(settings, found)
        measured = stopwatch.interleaved(cells, settings["repeats"], settings["seconds"])
    write_parquet(pl.DataFrame(measured), steps)
    write_parquet(states, where)


if "snakemake" in globals():
    # JAX would take most of a GPU's memory for itself, and PyTorch needs some of it.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    # All cores are asked for, so that nothing runs beside it; `threads` of them are used.
    job.begin(snakemake.log[0], snakemake.params["settings"]["threads"])
    main(
        snakemake.params["settings"],
        snakemake.params["torch"],
        *(
            Path(snakemake.output[name])
            for name in ("where", "gradients", "steps", "differences", "convolutions")
        ),
    )
