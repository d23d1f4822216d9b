"""The implementations that are compared, their devices, and what is missing on this machine."""

import contextlib
from typing import Any, NamedTuple

import jax
import polars as pl
import torch_networks
from names import AUTODIFF, MEASURED, NO_GPU, NO_TORCH, OURS, PLATFORMS, TORCH

from workflow.lib.machine import processor


class Implementation(NamedTuple):
    """What computes and where; `device` is a device of JAX or PyTorch's name of one."""

    platform: str
    name: str
    device: Any


def jax_devices() -> dict[str, Any]:
    """JAX's first device of each platform on this machine."""
    found = {"cpu": jax.devices("cpu")[0]}
    with contextlib.suppress(RuntimeError):  # raised if there is none
        found["gpu"] = jax.devices("gpu")[0]
    return found


def available(torch: str | None) -> tuple[list[Implementation], pl.DataFrame]:
    """What can be measured on this machine, and why the rest cannot.

    Args:
        torch: version of PyTorch, None where it is not installed.

    Returns:
        The implementations; and one row for each platform and implementation: its device, library
        and state (MEASURED, or why not).
    """
    ours = jax_devices()
    theirs = torch_networks.devices() if torch is not None else {}
    found, rows = [], []
    for platform in PLATFORMS:
        for name in (OURS, AUTODIFF, TORCH):
            devices = theirs if name == TORCH else ours
            state, device, library = MEASURED, "none", "none"
            if platform in devices:
                found.append(Implementation(platform, name, devices[platform]))
                library = torch_networks.library() if name == TORCH else f"JAX {jax.__version__}"
                device = (
                    processor()
                    if platform == "cpu"
                    else torch_networks.device_name(theirs[platform])
                    if name == TORCH
                    else ours[platform].device_kind
                )
            elif name == TORCH and torch is None:
                state = NO_TORCH
            elif "gpu" in ours or "gpu" in theirs:
                state = f"not measured: {'PyTorch' if name == TORCH else 'JAX'} finds no GPU"
            else:
                state = NO_GPU
            row = {"platform": platform, "implementation": name, "device": device}
            rows.append(row | {"library": library, "state": state})
    return found, pl.DataFrame(rows)
