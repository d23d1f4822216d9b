"""Disagreements in which the verifier errs, not the function: these cells are "cannot judge".

Each was looked at by hand. The exhaustive tests fail if one of these is no longer needed.
"""

from typing import NamedTuple

from workflow.ecosystem.findings import Places, cells


class Limit(NamedTuple):
    """A reason why the verifier errs, and the cells in which it does."""

    reason: str
    seen: Places

    def cells(self) -> set[tuple[str, str, str]]:
        """Package, function and point."""
        return cells(self.seen)


_LINALG, _SCIPY = "jax.numpy.linalg", "jax.scipy.linalg"
_KINKED = ("zeros", "ties", "±40", "±1e4", "subnormal")

LIMITS: list[Limit] = [
]
