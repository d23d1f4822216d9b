"""Which programs JAX compiles, for tests of what is compiled once."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax

_NAMES: list[str] = []


def _listen(event: str, duration_secs: float, **kwargs: str | int) -> None:
    if event == "/jax/core/compile/backend_compile_duration":
        _NAMES.append(str(kwargs.get("fun_name")))


jax.monitoring.register_event_duration_secs_listener(_listen)


@contextmanager
def compilations() -> Iterator[list[str]]:
    """The names of the programs that the block compiles, filled when it ends."""
    found: list[str] = []
    before = len(_NAMES)
    yield found
    found += _NAMES[before:]
