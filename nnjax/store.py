"""Parameters on disk, in an `.npz` archive of arrays: no pickle, nothing executable."""

import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.core import Params


def save(path: str | Path, params: Params) -> None:
    """Write the parameters of a network to a file.

    Each array is stored under its place in the tree (`[0].weights`, `[2].bias`, ...). The file is
    written under a temporary name and then renamed, so an existing file is complete.

    Args:
        path: the file to write, usually ending in `.npz`.
        params: a pytree of arrays.

    Raises:
        ValueError: if a leaf of the tree is not an array of numbers.
        OSError: if the file cannot be written.

    Example:
        >>> import jax, nnjax as nn, pathlib, tempfile
        >>> params, _ = nn.dense(2).init(jax.random.key(0), (3,))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     nn.save(pathlib.Path(folder) / "net.npz", params)
        ...     loaded = nn.load(pathlib.Path(folder) / "net.npz", like=params)
        >>> bool((loaded.weights == params.weights).all())
        True
    """
    path = Path(path)
    arrays = {name: _storable(name, leaf) for name, leaf in _named(params).items()}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | Path, like: Params) -> Params:
    """Read parameters that `save` wrote.

    Args:
        path: the file.
        like: a pytree with the expected tree, shapes and dtypes, usually
            `network.init(key, in_shape)[0]`. Its values are not used.

    Returns:
        The parameters, with the tree of `like`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if `save` did not write the file, or it does not fit `like`; the message names
            the array.

    Example:
        >>> import jax, nnjax as nn, pathlib, tempfile
        >>> params, _ = nn.dense(2).init(jax.random.key(0), (3,))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "net.npz"
        ...     nn.save(path, params)
        ...     nn.load(path, like=params).bias.shape
        (2,)
    """
    path, expected = Path(path), _named(like)
    if not path.is_file():
        raise FileNotFoundError(f"load: no such file: {path}")
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            arrays = {
                name.removesuffix(".npy"): np.lib.format.read_array(archive.open(name))
                for name in archive.namelist()
            }
    except (ValueError, EOFError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"load: {path} is not a file written by nnjax.save ({error})") from None

    if set(expected) != set(arrays):
        raise ValueError(
            f"load: {path} does not hold this network: "
            f"missing {sorted(set(expected) - set(arrays))}"
            f", unexpected {sorted(set(arrays) - set(expected))}"
        )
    leaves = []
    for name, leaf in expected.items():
        array, dtype, shape = arrays[name], jnp.result_type(leaf), getattr(leaf, "shape", ())
        if array.dtype.names == (dtype.name,):
            array = array[dtype.name].view(dtype)
        if (array.shape, array.dtype) != (shape, dtype):
            raise ValueError(
                f"load: {name} in {path} is {array.dtype}{array.shape}, expected {dtype}{shape}"
            )
        leaves.append(jnp.asarray(array))
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _named(params: Params) -> dict[str, Any]:
    leaves, _ = jax.tree.flatten_with_path(params)
    return {jax.tree_util.keystr(place) or "params": leaf for place, leaf in leaves}


def _storable(name: str, leaf: Any) -> np.ndarray:
    try:
        array = np.asarray(jnp.asarray(leaf))
    except (TypeError, ValueError):
        raise ValueError(f"save: {name} is not an array of numbers but {leaf!r}") from None
    if array.dtype.kind == "V":
        # The format does not know bfloat16 and similar dtypes: store the bits, in a field so named.
        return array.view([(array.dtype.name, f"u{array.dtype.itemsize}")])
    return array
