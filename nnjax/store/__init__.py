"""Networks on disk, in an `.npz` archive of arrays: no pickle, nothing executable."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nnjax.core import Layer, Params
from nnjax.store.files import foreign, native, read, target
from nnjax.store.spec import network_of, network_spec, tree_of, tree_spec

DESCRIPTION, CLASSES = "description", "classes"
"""Members besides the parameters, whose names begin with `[` or `.` or are `params`."""


class Saved(NamedTuple):
    """The contents of a file; `network`, `classes` and `about` are None if they were not saved.

    Example:
        >>> Saved(params=(), network=None, classes=None).about is None
        True
    """

    params: Params
    network: Layer | None
    classes: np.ndarray | None
    about: Any = None


def save(
    path: str | Path,
    params: Params,
    network: Layer | None = None,
    classes: Sequence[Any] | ArrayLike | None = None,
    about: Any = None,
) -> None:
    """Write a network to a file: its parameters, and what else is needed to predict.

    Each array is stored under its place in the tree (`[0].weights`, `[2].bias`, ...), in its dtype.
    The file is written under a temporary name and then renamed, so an existing file is complete. A
    symbolic link is followed.

    Args:
        path: the file to write, usually ending in `.npz`.
        params: a pytree of arrays.
        network: the network, stored as the calls that make it; only layers of this library.
        classes: names or numbers of the classes, in the order of the scores.
        about: further information to store, made of dicts, lists, strings and numbers: columns,
            units, a source.

    Raises:
        ValueError: if a leaf of the tree is not an array of numbers, a part of the network is not
            of this library, classes are neither strings nor numbers, or `about` contains other
            values.
        OSError: if the file cannot be written; a missing folder, a folder in the place of the file
            and a device are named.

    Example:
        >>> import jax, nnjax as nn, pathlib, tempfile
        >>> network = nn.serial(nn.dense(2), nn.softmax())
        >>> params, _ = network.init(jax.random.key(0), (3,))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     nn.save(pathlib.Path(folder) / "net.npz", params, network, classes=["no", "yes"])
        ...     loaded = nn.load(pathlib.Path(folder) / "net.npz")
        >>> loaded.network, loaded.classes.tolist(), loaded.params[0].weights.shape
        (serial(dense(2), softmax()), ['no', 'yes'], (3, 2))
    """
    arrays = {name: _storable(name, leaf) for name, leaf in _named(params).items()}
    description: dict[str, Any] = {"params": tree_spec(params, _place)}
    if network is not None:
        try:
            description["network"] = network_spec(network)
        except ValueError as error:
            raise ValueError(
                f"save(network): {error}; without `network` the parameters alone are saved"
            ) from None
    if about is not None:
        description["about"] = about
    try:
        text = json.dumps(description)
        _check_keys(about)  # after JSON, which refuses what contains itself
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"save(about): expected dicts, lists, texts and numbers; {error}"
        ) from None
    arrays[DESCRIPTION] = np.frombuffer(text.encode(), np.uint8)
    if classes is not None:
        arrays[CLASSES] = _class_names(classes)
    end = target(Path(path))
    temporary = end.with_name(f".{end.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
        temporary.replace(end)
    finally:
        temporary.unlink(missing_ok=True)


@overload
def load(path: str | Path) -> Saved: ...


@overload
def load(path: str | Path, like: Params) -> Params: ...


def load(path: str | Path, like: Params | None = None) -> Any:
    """Read what `save` wrote.

    Nothing in the file is executed. Its arrays are read only if they have the size that the file
    has, so a small file cannot fill the memory.

    Args:
        path: the file.
        like: a pytree with the expected tree, shapes and dtypes, usually
            `network.init(key, in_shape)[0]`. Its values are not used. Without it, the tree is that
            of the saved parameters, if it has tuples, lists, dicts and this library's parameters
            only.

    Returns:
        With `like` the parameters, with its tree; without it what was saved, as `Saved(params,
        network, classes, about)`. Arrays have the saved dtype, in the byte order of the machine;
        those that JAX would narrow (float64 without `jax_enable_x64`) are NumPy's.

    Raises:
        FileNotFoundError: if there is no such file.
        OSError: if the path is a folder or a device, or the file cannot be read.
        ValueError: if `save` did not write the file, or it does not fit `like`; the message names
            the array.

    Example:
        >>> import jax, nnjax as nn, pathlib, tempfile
        >>> params, _ = nn.dense(2).init(jax.random.key(0), (3,))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "net.npz"
        ...     nn.save(path, params)
        ...     nn.load(path, like=params).bias.shape, nn.load(path).params.bias.shape
        ((2,), (2,))
    """
    path = Path(path)
    arrays = read(path)
    described = arrays.pop(DESCRIPTION, None)
    classes = arrays.pop(CLASSES, None)
    if like is not None:
        return _fitted(path, arrays, like)
    try:
        description = {} if described is None else json.loads(described.tobytes())
        network = description.get("network")
        saved = Saved(
            tree_of(description.get("params"), {k: _loaded(v) for k, v in arrays.items()}),
            None if network is None else network_of(network),
            classes,
            description.get("about"),
        )
    except Exception as error:  # descriptions of others may be anything
        raise foreign(path, error) from None
    if len(jax.tree.leaves(saved.params)) != len(arrays):
        raise ValueError(
            f"load: {path} does not describe how its arrays belong together; pass "
            "like=network.init(key, in_shape)[0]"
        )
    return saved


# --- parameters and their names -------------------------------------------------------------------


def _place(path: Any) -> str:
    return jax.tree_util.keystr(path) or "params"


def _named(params: Params) -> dict[str, Any]:
    leaves, _ = jax.tree.flatten_with_path(params)
    return {_place(path): leaf for path, leaf in leaves}


def _fitted(path: Path, arrays: dict[str, np.ndarray], like: Params) -> Params:
    """The arrays in the tree of `like`."""
    expected = _named(like)
    if set(expected) != set(arrays):
        raise ValueError(
            f"load: {path} does not hold this network: "
            f"missing {sorted(set(expected) - set(arrays))}"
            f", unexpected {sorted(set(arrays) - set(expected))}"
        )
    leaves = []
    for name, leaf in expected.items():
        array, shape = arrays[name], getattr(leaf, "shape", ())
        dtype = native(leaf.dtype if hasattr(leaf, "dtype") else jnp.result_type(leaf))
        if (array.shape, array.dtype) != (shape, dtype):
            raise ValueError(
                f"load: {name} in {path} is {array.dtype}{array.shape}, expected {dtype}{shape}"
            )
        leaves.append(_loaded(array))
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _loaded(array: np.ndarray) -> Any:
    """An array of JAX, unless that would change its dtype."""
    return (
        array if jax.dtypes.canonicalize_dtype(array.dtype) != array.dtype else jnp.asarray(array)
    )


def _storable(name: str, leaf: Any) -> np.ndarray:
    try:
        array = np.asarray(leaf if hasattr(leaf, "dtype") else jnp.asarray(leaf))
        array = array.astype(native(array.dtype), copy=False)
        jnp.asarray(array[:0] if array.ndim else array)
    except (TypeError, ValueError):
        raise ValueError(f"save: {name} is not an array of numbers but {leaf!r}") from None
    if array.dtype.isbuiltin == 2:
        # The format does not know bfloat16 and similar dtypes: store the bits, in a field so named.
        return array.view([(array.dtype.name, f"u{array.dtype.itemsize}")])
    return array


def _check_keys(about: Any) -> None:
    """Refuse keys that are not strings: JSON would turn 1 into "1"."""
    if isinstance(about, dict):
        if odd := [key for key in about if not isinstance(key, str)]:
            raise TypeError(f"keys are texts, got {odd[0]!r}")
        about = list(about.values())
    if isinstance(about, list | tuple):
        for part in about:
            _check_keys(part)


def _class_names(classes: Any) -> np.ndarray:
    """Classes as an array of texts or numbers; one of mixed types would change some."""
    try:
        items = classes.tolist() if hasattr(classes, "tolist") else list(classes)
        names = np.asarray(classes)
        names = np.asarray(items) if names.dtype.kind == "O" else names
    except (TypeError, ValueError):
        items, names = None, np.zeros(())
    if names.ndim != 1 or names.dtype.kind not in "biufSU" or names.tolist() != items:
        raise ValueError(
            "save(classes): expected a list of texts, or of numbers, one for each class, got "
            f"{classes!r}"
        )
    return names.astype(native(names.dtype), copy=False)
