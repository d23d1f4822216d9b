"""How the tests run: folders in parallel, single files at once, compiled programs kept.

The tests compile thousands of tiny programs. They are kept in `build/compiled`, which workers, jobs
of the workflow and later runs share; remove the folder at any time.
"""

import gc
import os
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parent / "build/compiled"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

import jax
import pytest

# Traced programs live until the end; the default thresholds spend a twentieth of the time on them.
gc.set_threshold(100_000, 50, 100)
# Most programs run once: to optimise them takes longer than it saves.
jax.config.update("jax_disable_most_optimizations", True)
if "XLA_FLAGS" not in os.environ and version("jaxlib").startswith("0.10."):
    # XLA reads its flags once and ends the process if it does not know one. The jobs that tests
    # start compile as users do.
    os.environ["XLA_FLAGS"] = "--xla_cpu_use_fusion_emitters=false"
    jax.devices()
    del os.environ["XLA_FLAGS"]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """No workers for single files: to start them takes longer than most files."""
    return 0 if _single_files(config) else None


def pytest_configure(config: pytest.Config) -> None:
    """No search for examples in single files of tests."""
    if _single_files(config) and all("test_" in name for name in config.args):
        config.option.doctestmodules = False


def _single_files(config: pytest.Config) -> bool:
    return all(Path(name.partition("::")[0]).is_file() for name in config.args)
