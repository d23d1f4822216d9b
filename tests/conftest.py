"""What every test runs under: float64 and no silent promotion.

The doctests of `nnjax/` are outside this folder and stay in float32, the default of JAX.
"""

import itertools
from collections.abc import Iterator

import jax
import pytest
from hypothesis import settings

# Deadlines would time JAX's compilation; derandomize makes every run the same run.
settings.register_profile("nnjax", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("nnjax")

_finished = itertools.count(1)


def pytest_runtest_teardown() -> None:
    """Forget compiled programs now and then: thousands of small ones fill gigabytes."""
    if next(_finished) % 200 == 0:
        jax.clear_caches()


@pytest.fixture(autouse=True)
def strict_float64() -> Iterator[None]:
    """float64; dtypes and ranks mix only where the code says so."""
    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
    ):
        yield


@pytest.fixture
def key() -> jax.Array:
    return jax.random.key(20260101)
