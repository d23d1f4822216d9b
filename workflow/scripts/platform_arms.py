"""The arms of the platform comparison: who computes on which device, and what is missing here."""

import contextlib
from typing import Any, NamedTuple

import polars as pl

OURS, AUTODIFF, TORCH = "hand-derived", "jax.grad", "PyTorch"
PLATFORMS = ("cpu", "gpu")
MEASURED = "measured"
NO_GPU = "not measured: no GPU here"
NO_TORCH = "not measured: PyTorch is not installed"


class Arm(NamedTuple):
    """Who computes, where; `device` is JAX's device or PyTorch's name of one."""

    platform: str
    name: str
    device: Any


def jax_devices() -> dict[str, Any]:
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
                device = (
                    machine()
                    if platform == "cpu"
                    else torch_images.device_name(theirs[platform])
                    if name == TORCH
                    else ours[platform].device_kind
                )
            elif name == TORCH and torch is None:
                state = NO_TORCH
            elif "gpu" in ours or "gpu" in theirs:
                state = f"not measured: {'PyTorch' if name == TORCH else 'JAX'} finds no GPU"
            else:
                state = NO_GPU
            row = {"platform": platform, "arm": name, "device": device}
            rows.append(row | {"library": library, "state": state})
    return found, pl.DataFrame(rows)
