"""The same networks by our rules, jax.grad and PyTorch, on the CPU and on a GPU where there is one.

Three measurements: the differences of gradients from those of `jax.grad` in float64, the time of a
training step by batch size, and the time of one convolution in several forms.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import convolutions
import jax
import networks
import numpy as np
import polars as pl
import torch_networks
from clock import Cell, Run, interleaved
from convolutions import relative_difference
from implementations import Implementation, available
from names import AUTODIFF, OURS, TORCH
from settings import Settings
from threadpoolctl import threadpool_limits

import nnjax as nn
from workflow.lib import job
from workflow.lib.tables import write_parquet


def gradient_of(network: nn.Layer, name: str) -> Callable[..., Any]:
    """The gradient of the mean cross-entropy, (params, x, labels) -> grads, in JAX.

    Args:
        network: to differentiate.
        name: hand-derived (the backward passes of the library) or jax.grad (of the same forward
            passes).
    """
    if name == OURS:
        by_hand = nn.value_and_grad(network, nn.softmax_cross_entropy)
        return lambda params, x, labels: by_hand(params, x, labels)[1]

    def loss(params: Any, x: Any, labels: Any) -> Any:
        return nn.softmax_cross_entropy.forward(network.forward(params, x)[0], labels)[0]

    return jax.grad(loss)


def parameter_names(params: tuple[Any, ...]) -> list[str]:
    """A name for each array of a network's parameters, in the order of its leaves."""
    names, n_convolutions, n_dense = [], 0, 0
    for part in params:
        if isinstance(part, nn.Convolution):
            n_convolutions += 1
            names += [
                f"convolution {n_convolutions}: kernel",
                f"convolution {n_convolutions}: bias",
            ]
        elif isinstance(part, nn.Dense):
            n_dense += 1
            names += [f"dense {n_dense}: {array}" for array in ("weights", "bias")]
    return names


def gradient_rows(
    settings: Settings, found: list[Implementation]
) -> Iterator[dict[str, str | int | float]]:
    """Relative differences of each parameter's gradient from that of jax.grad in float64 (CPU).

    Parameters and images are drawn in float32: both precisions start from the same numbers.
    """
    choice, shape = settings.gradients, _torch_shape(settings)
    for network_name, network in networks.networks(settings).items():
        starts = [start(network, s, choice.batch_size, settings) for s in range(choice.seeds)]
        # float64 first: its jax.grad on the CPU is the reference of all others.
        order = sorted(found, key=lambda each: (each.platform, each.name != AUTODIFF))
        references: dict[int, list[np.ndarray]] = {}
        for dtype in ("float64", "float32"):
            with jax.enable_x64(dtype == "float64"):
                for implementation in order:
                    compute = _gradients(network, implementation, shape)
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
                                "platform": implementation.platform,
                                "implementation": implementation.name,
                                "dtype": dtype,
                                "seed": seed,
                                "parameter": name,
                                "difference": relative_difference(ours, reference),
                            }


def start(network: nn.Layer, seed: int, batch_size: int, settings: Settings) -> Any:
    """Parameters in float32, images and labels of a seed, as numpy arrays."""
    x, labels = networks.images(seed, batch_size, settings)
    return networks.parameters(network, seed, settings), x, labels


def _torch_shape(settings: Settings) -> tuple[int, int]:
    """What PyTorch's networks need besides the parameters: channels and extent of pooling."""
    return settings.image[2], settings.networks.cnn.pool


def _gradients(
    network: nn.Layer, implementation: Implementation, shape: tuple[int, int]
) -> Callable[..., list[np.ndarray]]:
    """(params, x, labels) -> the gradient's arrays, by one implementation."""
    _, name, device = implementation
    if name == TORCH:
        return lambda params, x, labels: torch_networks.gradients(
            torch_networks.build(params, *shape, device),
            *torch_networks.batch(x, labels, device),
        )
    program = jax.jit(gradient_of(network, name))

    def compute(*inputs: Any) -> list[np.ndarray]:
        grads = program(*jax.device_put(inputs, device))
        return [np.asarray(leaf) for leaf in jax.tree.leaves(grads)]

    return compute


def jax_step(
    network: nn.Layer, implementation: Implementation, inputs: tuple[Any, ...], rate: float
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Gradient descent, W ← W - rate dJ/dW, one compiled program for each step.

    Args:
        network: to train.
        implementation: gives the gradient and the device.
        inputs: params, images, labels.
        rate: learning rate.

    Returns:
        The step, (params, images, labels) -> params, and the inputs on the device.
    """
    gradient = gradient_of(network, implementation.name)

    @jax.jit
    def step(params: Any, x: Any, labels: Any) -> Any:
        grads = gradient(params, x, labels)
        return jax.tree.map(lambda p, g: p - rate * g, params, grads)

    return step, jax.device_put(inputs, implementation.device)


def jax_training(step: Callable[..., Any], placed: tuple[Any, ...]) -> Run:
    """A number of steps on one batch, from the same parameters every time.

    Args:
        step: as `jax_step` returns it.
        placed: the inputs on the device.
    """

    def run(steps: int) -> None:
        params, *data = placed
        for _ in range(steps):
            params = step(params, *data)
        jax.block_until_ready(params)

    return run


def step_cells(settings: Settings, found: list[Implementation]) -> list[Cell]:
    """A training step of every network, batch size and implementation."""
    cells, rate = [], settings.learning_rate
    for network_name, network in networks.networks(settings).items():
        for size in settings.batch_sizes:
            params, x, labels = start(network, 0, size, settings)
            for implementation in found:
                platform, name, device = implementation
                if name == TORCH:
                    shape = _torch_shape(settings)
                    run = torch_networks.training(
                        torch_networks.build(params, *shape, device),
                        *torch_networks.batch(x, labels, device),
                        rate,
                    )
                else:
                    inputs = (params, x, labels)
                    run = jax_training(*jax_step(network, implementation, inputs, rate))
                where = {"platform": platform, "implementation": name, "batch_size": size}
                cells.append(Cell({"network": network_name, **where}, run))
    return cells


def main(settings: Settings, torch: str | None, runs: Path) -> None:
    """Measure everything that can be measured on this machine, and write the tables.

    Args:
        settings: the chapter's settings.
        torch: version of PyTorch, None where it is not installed: it is then left out.
        runs: folder to write. `where`: platform, implementation, device, library, state (measured,
            or why not). `gradients`: network, platform, implementation, dtype, seed, parameter,
            difference. `steps`: network, platform, implementation, batch_size, repeat, times,
            seconds. `differences`: layer, platform, form, seed, difference. `convolutions`: layer,
            platform, form, repeat, times, seconds.
    """
    # JAX would take most of a GPU's memory for itself, and PyTorch needs some of it.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    found, where = available(torch)
    if torch is not None:
        torch_networks.begin(settings.threads)
    with threadpool_limits(settings.threads), jax.enable_x64(False):
        tables = {
            "where": where,
            "gradients": pl.DataFrame(list(gradient_rows(settings, found))),
            "differences": pl.DataFrame(convolutions.differences(settings, found)),
        }
        for name, cells in (
            ("convolutions", convolutions.cells(settings, found)),
            ("steps", step_cells(settings, found)),
        ):
            tables[name] = pl.DataFrame(interleaved(cells, settings.repeats, settings.seconds))
    for name, table in tables.items():
        write_parquet(table, runs / f"{name}.parquet")


job.run(main, globals().get("snakemake"))
