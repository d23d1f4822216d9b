"""Parameters on disk, as a plain `.npz` archive of arrays: no pickle, nothing executable."""

import os
import zipfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from nnjax.core import Params


def save(path: str | Path, params: Params) -> None:
    """Write the parameters of a network to a file.

    Each array is stored under its place in the tree (`[0].weights`, `[2].bias`, ...). The file is
    written under a temporary name and renamed, so a file that exists is complete.

    Args:
        path: the file to write, by custom ending in `.npz`.
        params: a pytree of arrays.

    Raises:
        ValueError: if there is an array that the file format cannot hold.
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
    arrays = {name: np.asarray(leaf) for name, leaf in _named(params)}
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ValueError(f"save: {name} is not an array of numbers but {array.dtype}")
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
        like: a pytree with the tree, shapes and dtypes that the file must have, usually
            `network.init(key, in_shape)[0]`; its values are not used.

    Returns:
        The parameters, with the tree of `like`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not such a file or does not fit `like`; the message names the array.

    Example: see `save`.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"load: there is no file {path}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("one array instead of an archive")
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"load: {path} is not a file written by nnjax.save ({error})") from None

    expected = _named(like)
    names = {name for name, _ in expected}
    if names != set(arrays):
        raise ValueError(
            f"load: {path} does not hold this network: missing {sorted(names - set(arrays))}, "
            f"not expected {sorted(set(arrays) - names)}"
        )
    leaves = []
    for name, leaf in expected:
        array = arrays[name]
        if array.dtype.kind == "V" and array.dtype.itemsize == leaf.dtype.itemsize:
            array = array.view(leaf.dtype)  # numpy's format has no name for bfloat16
        if (array.shape, array.dtype) != (leaf.shape, leaf.dtype):
            raise ValueError(
                f"load: {name} in {path} is {array.dtype}{array.shape}, "
                f"expected {leaf.dtype}{leaf.shape}"
            )
        leaves.append(jnp.asarray(array))
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _named(params: Params) -> list[tuple[str, jax.Array]]:
    leaves, _ = jax.tree.flatten_with_path(params)
    return [(jax.tree_util.keystr(place) or "params", leaf) for place, leaf in leaves]
