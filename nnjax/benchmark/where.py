"""The machine and the libraries of a measurement, and what they lack."""

import contextlib
import datetime
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import jax

import nnjax as nn
from nnjax.benchmark import peers
from nnjax.benchmark.clock import failure

LIBRARIES = ("jax", "jaxlib", "jax-cuda12-plugin", "jax-cuda13-plugin", "numpy", "optax", "torch")
NO_TORCH = "not measured: PyTorch is not installed"
NO_TORCH_GPU = "not measured: PyTorch finds no GPU"


class NoGpuError(RuntimeError):
    """JAX finds no GPU; the message is the sentence that the user reads."""


class Machine(NamedTuple):
    """Devices of JAX and of PyTorch by platform, "cpu" or "gpu", and the cores of the CPU."""

    jax: dict[str, Any]
    torch: dict[str, str]
    torch_missing: str
    """The state of PyTorch on a platform without it."""
    cores: int


def machine(gpu: bool) -> Machine:
    """What this machine has; the GPU, which matters most, comes first.

    Args:
        gpu: whether to measure a GPU.

    Raises:
        NoGpuError: if JAX finds none.
    """
    found: dict[str, Any] = {}
    config: Any = jax.config
    named = config.jax_platforms
    if named and "cpu" not in named.split(","):
        # JAX_PLATFORMS=cuda hides the CPU, which computes the references.
        config.update("jax_platforms", f"{named},cpu")
    if gpu:
        with contextlib.suppress(RuntimeError):  # raised if there is none
            found["gpu"] = jax.devices("gpu")[0]
        if not found:
            raise NoGpuError(
                "JAX finds no GPU on this machine; install JAX for your GPU (for NVIDIA: pip "
                "install 'jax[cuda12]'), and unset JAX_PLATFORMS or let it name the GPU; or leave "
                "out --gpu to measure only the CPU"
            )
    found["cpu"] = jax.devices("cpu")[0]
    torch, missing = _torch()
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Machine(found, torch, missing, allowed or 1)


def _torch() -> tuple[dict[str, str], str]:
    """PyTorch's devices by platform, and the state of PyTorch on a platform without it."""
    if find_spec("torch") is None:
        return {}, NO_TORCH
    try:
        return peers.devices(), NO_TORCH_GPU
    except (ImportError, OSError, RuntimeError) as error:  # libraries that do not fit each other
        return {}, failure(error)


def described(machine: Machine) -> dict[str, Any]:
    """Date, devices by name, versions of the libraries (None: not installed), and the precision."""
    processor = _processor()
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "devices": {
            name: processor if name == "cpu" else device.device_kind
            for name, device in machine.jax.items()
        },
        "cores": machine.cores,
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version(), "nnjax": nn.__version__}
        | {name: _version(name) for name in LIBRARIES},
        "precision": "TF32 is off: products of float32 are in float32, in JAX and in PyTorch",
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text(encoding="utf-8").splitlines() if info.exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
