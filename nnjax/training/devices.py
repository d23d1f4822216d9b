"""Training on several devices: what each of them holds, and how the work is divided.

`sweep` trains each group of replicas on one device, as on a machine that has no other. `fit` splits
the rows of each batch over the devices: data and state are copied to all of them, and the compiler
adds the sums over devices where a rule sums over rows.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Devices = Sequence[Any]
"""Devices of JAX, whose class is unknown to type checkers."""

AXIS = "devices"
"""The only axis of the mesh."""


def check_devices(devices: Any, place: str) -> tuple[Any, ...] | None:
    """The devices as a tuple; None for None.

    Args:
        devices: different devices of JAX, some of each process, or None.
        place: where they were given, for the message: `fit(devices)`.

    Raises:
        ValueError: if they are something else, or a process has none of them.

    Example:
        >>> import jax
        >>> len(check_devices(jax.devices()[:1], "fit(devices)"))
        1
        >>> check_devices(8, "fit(devices)")
        Traceback (most recent call last):
        ValueError: fit(devices): expected different devices, such as jax.devices(), got 8
    """
    if devices is None:
        return None
    given = tuple(devices) if isinstance(devices, Sequence | np.ndarray) else ()
    if (
        not given
        or not all(isinstance(d, jax.Device) for d in given)
        or len(set(given)) < len(given)
    ):
        raise ValueError(
            f"{place}: expected different devices, such as jax.devices(), got {devices!r}"
        )
    if left_out := set(range(jax.process_count())) - {device.process_index for device in given}:
        raise ValueError(
            f"{place}: expected devices of every process, such as jax.devices(), but process "
            f"{min(left_out)} has none of {list(given)}"
        )
    return given


# --- copies and shares ----------------------------------------------------------------------------


def everywhere(tree: Any, devices: Devices | None) -> Any:
    """The arrays of a tree, copied to all devices.

    Keys stay where they are: JAX copies them with the call, also to other processes.
    """
    if devices is None:
        return tree
    sharding = _sharding(devices, PartitionSpec())
    return jax.tree.map(
        lambda leaf: leaf if _is_key(leaf) else jax.device_put(leaf, sharding), tree
    )


def here(tree: Any, devices: Devices | None) -> Any:
    """The arrays of a tree that all devices hold, on the default device of this process."""
    if devices is None:
        return tree
    return jax.tree.map(lambda leaf: _local(leaf) if isinstance(leaf, jax.Array) else leaf, tree)


def shared_out(tree: Any, devices: Devices | None) -> Any:
    """Inside a program: arrays whose first axis is split over the devices.

    Its length need not be a multiple of their number.
    """
    return _constrained(tree, devices, PartitionSpec(AXIS))


def held_by_all(tree: Any, devices: Devices | None) -> Any:
    """Inside a program: arrays that all devices hold."""
    return _constrained(tree, devices, PartitionSpec())


def _constrained(tree: Any, devices: Devices | None, spec: PartitionSpec) -> Any:
    if devices is None:
        return tree
    # What has no axes, such as a number among the targets, cannot be split.
    return jax.tree.map(
        lambda leaf: jax.lax.with_sharding_constraint(
            leaf, _sharding(devices, spec if jnp.ndim(leaf) else PartitionSpec())
        ),
        tree,
    )


def _sharding(devices: Devices, spec: PartitionSpec) -> NamedSharding:
    return NamedSharding(Mesh(np.array(devices), (AXIS,)), spec)


def _local(array: jax.Array) -> jax.Array:
    return array.addressable_data(0) if _is_key(array) else jax.device_put(np.asarray(array))


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


# --- places of groups -----------------------------------------------------------------------------


def is_ours(place: Any) -> bool:
    """Whether this process trains what is placed there: on its device, or None for the default."""
    return place is None or place.process_index == jax.process_index()


def placed(tree: Any, place: Any) -> Any:
    """The arrays of a tree on a device; None leaves them where they are."""
    return tree if place is None else jax.device_put(tree, place)


def exchanged(results: list[Any], places: Devices) -> list[Any]:
    """The results of all processes, from those of this one.

    Args:
        results: trees of arrays of equal shapes, in the order of the places that are ours.
        places: of all results.

    Returns:
        A result for each place, on the host.
    """
    if all(map(is_ours, places)):
        return results
    ours = iter(results)
    filled = [
        next(ours) if is_ours(place) else jax.tree.map(np.zeros_like, results[0])
        for place in places
    ]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *filled)
    by_process = multihost_utils.process_allgather(stacked)
    return [
        jax.tree.map(lambda leaf, i=i, place=place: leaf[place.process_index, i], by_process)
        for i, place in enumerate(places)
    ]
