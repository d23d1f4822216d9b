"""Training on several devices: what each of them holds, and what they share out.

Parameters, optimizer's state and data are the same on all devices. `fit` shares out the rows of
each batch: the program is the same, and the compiler adds the sums over devices where a rule sums
over rows. `sweep` shares out its groups of replicas.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Devices = Sequence[Any]
"""Devices of JAX, whose class is unknown to type checkers."""

AXIS = "devices"
"""The only axis of the mesh."""


def mesh_of(devices: Any, place: str) -> Mesh | None:
    """The devices as a mesh with one axis; None for None.

    Args:
        devices: different devices of JAX, of any process, or None.
        place: where they were given, for the message: `fit(devices)`.

    Raises:
        ValueError: if they are something else, or none belongs to this process.

    Example:
        >>> import jax
        >>> mesh_of(jax.devices()[:1], "fit(devices)").size
        1
        >>> mesh_of(8, "fit(devices)")
        Traceback (most recent call last):
        ValueError: fit(devices): expected different devices, such as jax.devices(), got 8
    """
    if devices is None:
        return None
    known = isinstance(devices, Sequence | np.ndarray) and len(devices) > 0
    if not (
        known
        and all(isinstance(device, jax.Device) for device in devices)
        and len(set(devices)) == len(devices)
    ):
        raise ValueError(
            f"{place}: expected different devices, such as jax.devices(), got {devices!r}"
        )
    if all(device.process_index != jax.process_index() for device in devices):
        raise ValueError(
            f"{place}: expected at least one device of this process, such as {jax.local_devices()},"
            f" got {list(devices)}; every process passes the same devices, such as jax.devices()"
        )
    return Mesh(np.array(devices), (AXIS,))


def everywhere(tree: Any, mesh: Mesh | None) -> Any:
    """The arrays of a tree, copied to all devices of a mesh.

    Keys stay where they are: JAX copies them with the call, also to other processes.
    """
    if mesh is None:
        return tree
    sharding = NamedSharding(mesh, PartitionSpec())
    return jax.tree.map(
        lambda leaf: leaf if _is_key(leaf) else jax.device_put(leaf, sharding), tree
    )


def here(tree: Any, mesh: Mesh | None) -> Any:
    """The arrays of a tree that all devices hold, on the default device of this process."""
    if mesh is None:
        return tree
    return jax.tree.map(lambda leaf: _local(leaf) if isinstance(leaf, jax.Array) else leaf, tree)


def _local(array: jax.Array) -> jax.Array:
    return array.addressable_data(0) if _is_key(array) else jax.device_put(np.asarray(array))


def shared_out(tree: Any, mesh: Mesh | None) -> Any:
    """Inside a program: arrays whose first axis is shared out among the devices.

    Its length need not be a multiple of their number.
    """
    return _constrained(tree, mesh, PartitionSpec(AXIS))


def held_by_all(tree: Any, mesh: Mesh | None) -> Any:
    """Inside a program: arrays that all devices hold."""
    return _constrained(tree, mesh, PartitionSpec())


def _constrained(tree: Any, mesh: Mesh | None, spec: PartitionSpec) -> Any:
    if mesh is None:
        return tree
    return jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, spec))


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
