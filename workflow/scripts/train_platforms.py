"""The same networks by our rules, jax.grad and PyTorch, on the CPU and on a GPU where there is one.

Three measurements: how far the gradients are from those of `jax.grad` in float64, how long a
training step takes by batch size, and how long one convolution takes in several forms.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import convolution_forms
import job
import numpy as np
import polars as pl
import stopwatch
from convolution_forms import relative_difference
from platform_arms import AUTODIFF, OURS, TORCH, Arm, arms
from tables import write_parquet

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

    import nnjax as nn


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


def gradient_rows(
    settings: dict[str, Any], found: list[Arm]
) -> Iterator[dict[str, str | int | float]]:
    """The relative difference of each parameter's gradient to that of jax.grad in float64 (CPU).

    Parameters and images are drawn in float32, so that both precisions start from the same numbers.
    """
    import image_networks
    import jax

    choice, shape = settings["gradients"], _torch_shape(settings)
    for network_name, network in image_networks.networks(settings).items():
        starts = [start(network, s, choice["batch_size"], settings) for s in range(choice["seeds"])]
        # In float64 first, whose jax.grad on the CPU is the reference of all others.
        order = sorted(found, key=lambda arm: (arm.platform, arm.name != AUTODIFF))
        references: dict[int, list[np.ndarray]] = {}
        for dtype in ("float64", "float32"):
            with jax.enable_x64(dtype == "float64"):
                for arm in order:
                    compute = _gradients(network, arm, shape)
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


def start(network: "nn.Layer", seed: int, batch_size: int, settings: dict[str, Any]) -> Any:
    """Parameters in float32, images and labels of a seed, as numpy arrays."""
    import image_networks

    x, labels = image_networks.images(seed, batch_size, settings)
    return image_networks.parameters(network, seed, settings), x, labels


def _torch_shape(settings: dict[str, Any]) -> tuple[int, int]:
    """What PyTorch's networks must know besides the parameters: channels and extent of pooling."""
    return settings["image"][2], settings["networks"]["cnn"]["pool"]


def _gradients(
    network: "nn.Layer", arm: Arm, shape: tuple[int, int]
) -> Callable[..., list[np.ndarray]]:
    """(params, x, labels) -> the gradient's arrays, of one arm."""
    import jax
    import torch_images

    if arm.name == TORCH:
        return lambda params, x, labels: torch_images.gradients(
            torch_images.build(params, *shape, arm.device),
            *torch_images.batch(x, labels, arm.device),
        )
    program = jax.jit(gradient_of(network, arm.name))

    def compute(*inputs: Any) -> list[np.ndarray]:
        grads = program(*jax.device_put(inputs, arm.device))
        return [np.asarray(leaf) for leaf in jax.tree.leaves(grads)]

    return compute


def jax_step(
    network: "nn.Layer", arm: Arm, inputs: tuple[Any, ...], rate: float
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Gradient descent, W <- W - rate dJ/dW, one compiled program for each step.

    Args:
        network: to train.
        arm: whose gradient, and on which device.
        inputs: params, images, labels.
        rate: learning rate.

    Returns:
        The step, (params, images, labels) -> params, and the inputs on the device.
    """
    import jax

    gradient = gradient_of(network, arm.name)

    @jax.jit
    def step(params: Any, x: Any, labels: Any) -> Any:
        grads = gradient(params, x, labels)
        return jax.tree.map(lambda p, g: p - rate * g, params, grads)

    return step, jax.device_put(inputs, arm.device)


def jax_training(step: Callable[..., Any], placed: tuple[Any, ...]) -> stopwatch.Run:
    """So many steps on one batch, from the same parameters every time.

    Args:
        step: as `jax_step` returns it.
        placed: likewise.
    """
    import jax

    def run(steps: int) -> None:
        params, *data = placed
        for _ in range(steps):
            params = step(params, *data)
        jax.block_until_ready(params)

    return run


def step_cells(settings: dict[str, Any], found: list[Arm]) -> list[stopwatch.Cell]:
    """A training step of every network, batch size and arm."""
    import image_networks
    import torch_images

    cells, rate = [], settings["learning_rate"]
    for network_name, network in image_networks.networks(settings).items():
        for size in settings["batch_sizes"]:
            params, x, labels = start(network, 0, size, settings)
            for arm in found:
                if arm.name == TORCH:
                    shape = _torch_shape(settings)
                    run = torch_images.training(
                        torch_images.build(params, *shape, arm.device),
                        *torch_images.batch(x, labels, arm.device),
                        rate,
                    )
                else:
                    run = jax_training(*jax_step(network, arm, (params, x, labels), rate))
                where = {"platform": arm.platform, "arm": arm.name, "batch_size": size}
                cells.append(stopwatch.Cell({"network": network_name, **where}, run))
    return cells


def main(settings: dict[str, Any], torch: str | None, folder: Path) -> None:
    """Measure everything that can be measured here, and write five tables (Parquet).

    where: platform, arm, device, library, state (measured, or why not). gradients: network,
    platform, arm, dtype, seed, parameter, difference. steps: network, platform, arm, batch_size,
    repeat, times, seconds. differences: layer, platform, form, seed, difference. convolutions:
    layer, platform, form, repeat, times, seconds.

    Args:
        settings: of the chapter.
        torch: version of PyTorch, None where it is not installed: it is then left out.
        folder: of the tables.
    """
    import jax
    import torch_images
    from threadpoolctl import threadpool_limits

    found, where = arms(torch)
    if torch is not None:
        torch_images.begin(settings["threads"])
    repeats, least = settings["repeats"], settings["seconds"]
    with threadpool_limits(settings["threads"]), jax.enable_x64(False):
        tables = {
            "where": where,
            "gradients": pl.DataFrame(list(gradient_rows(settings, found))),
            "differences": pl.DataFrame(convolution_forms.differences(settings, found)),
        }
        for name, cells in (
            ("convolutions", convolution_forms.cells(settings, found)),
            ("steps", step_cells(settings, found)),
        ):
            tables[name] = pl.DataFrame(stopwatch.interleaved(cells, repeats, least))
    for name, table in tables.items():
        write_parquet(table, folder / f"{name}.parquet")


if "snakemake" in globals():
    # JAX would take most of a GPU's memory for itself, and PyTorch needs some of it.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    # All cores are asked for, so that nothing runs beside it; `threads` of them are used.
    job.begin(snakemake.log[0], snakemake.params["settings"]["threads"])
    main(
        snakemake.params["settings"],
        snakemake.params["torch"],
        Path(snakemake.output.where).parent,
    )
