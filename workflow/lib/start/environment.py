"""Environment variables that change numbers: set for the jobs of the study, or recorded."""

import os
from collections.abc import MutableMapping

PINNED = {"JAX_DEFAULT_MATMUL_PRECISION": "highest"}
"""Products of reduced precision (TF32 on GPUs) are off, so that every device computes one study."""

KEPT = (
    "JAX_PLATFORM",
    "JAX_CUDA_VISIBLE",
    "JAX_ROCM_VISIBLE",
    "JAX_COMPILATION_CACHE",
    "JAX_ENABLE_COMPILATION_CACHE",
    "JAX_PERSISTENT_CACHE",
    "JAX_DISABLE_MOST_OPTIMIZATIONS",
    "JAX_DUMP",
    "JAX_EXPLAIN",
    "JAX_LOG",
    "JAX_TRACEBACK",
)
"""Variables of JAX with these prefixes: where programs run, and what is kept or logged."""

RECORDED = ("JAX_PLATFORMS", "JAX_DISABLE_MOST_OPTIMIZATIONS", "XLA_FLAGS", "NVIDIA_TF32_OVERRIDE")
"""Variables that a user may need to set, and that may change the last digits."""


def pin(environment: MutableMapping[str, str] = os.environ) -> list[str]:
    """Set JAX up for all jobs, which inherit the environment, whatever is set for other work.

    The other variables of JAX are removed: dtypes, promotion, random numbers, checks, compilation.

    Args:
        environment: changed in place.

    Returns:
        The user's variables that are ignored.

    Example:
        >>> variables = {"JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu", "HOME": "/home/me"}
        >>> pin(variables)
        ['JAX_ENABLE_X64']
        >>> variables
        {'JAX_PLATFORMS': 'cpu', 'HOME': '/home/me', 'JAX_DEFAULT_MATMUL_PRECISION': 'highest'}
    """
    ignored = [
        name
        for name, value in environment.items()
        if name.startswith("JAX_") and not name.startswith(KEPT) and PINNED.get(name) != value
    ]
    for name in ignored:
        del environment[name]
    environment.update(PINNED)
    return sorted(ignored)


def recorded() -> dict[str, str]:
    """The recorded variables that are set: jobs depend on them, and the numbers name them."""
    return {name: os.environ[name] for name in RECORDED if os.environ.get(name)}
