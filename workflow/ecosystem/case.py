"""A row of the table of the field's functions, and the small inputs on which they are judged."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np


class FieldCase(NamedTuple):
    """A public function of a package, judged at `args`.

    `name` is the public name, `label` says what was done to it: its options, or what comes before
    it so that its domain is never left. `unsuited` maps an oracle to the reason why it cannot judge
    this function.
    """

    package: str
    name: str
    f: Callable[..., Any]
    args: tuple[Any, ...]
    label: str = ""
    unsuited: dict[str, str] = {}  # noqa: RUF012 (never written to)

    def __str__(self) -> str:
        return f"{self.name}, {self.label}" if self.label else self.name


def named(tree: Any) -> tuple[dict[str, Any], Callable[[dict[str, Any]], Any]]:
    """The arrays of a layer by their paths, and the function that puts them back."""
    paths, structure = jax.tree_util.tree_flatten_with_path(tree)
    arrays = {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in paths}
    names = [*arrays]  # JAX sorts the keys of a dictionary
    return arrays, lambda arrays: structure.unflatten([arrays[name] for name in names])


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Independent standard normal numbers."""
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def positive(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers of at least 0.5."""
    return 0.5 + np.abs(normal(*shape, seed=seed))


def unit(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers between 0.1 and 0.9."""
    return np.random.default_rng([seed, *shape]).uniform(0.1, 0.9, size=shape)


def shares(*shape: int, seed: int = 0) -> np.ndarray:
    """Rows of positive numbers that sum to 1."""
    x = positive(*shape, seed=seed)
    return x / x.sum(-1, keepdims=True)


X, Y = normal(3, 4), normal(3, 4, seed=1)
P, Q = positive(3, 4), positive(3, 4, seed=1)
U, V = unit(3, 4), unit(3, 4, seed=1)
A, B = normal(3, 3), normal(3, 3, seed=1)
"""The usual inputs: any numbers, positive ones, between 0 and 1, square matrices."""
