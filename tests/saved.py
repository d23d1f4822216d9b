"""What the tests of saved networks share: parameters, and archives put together by hand."""

import io
import zipfile
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import nnjax as nn

NETWORK = nn.serial(nn.dense(4), nn.relu(), nn.serial(nn.dense(3), nn.tanh()), nn.dense(2))


def params_of(network: nn.Layer = NETWORK, dtype: Any = jnp.float32) -> Any:
    return jax.tree.map(lambda a: a.astype(dtype), network.init(jax.random.key(0), (3,))[0])


def assert_same(a: Any, b: Any) -> None:
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for one, other in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


def one_array(array: np.ndarray, pickled: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=pickled)
    return file.getvalue()


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        for name, content in members.items():
            z.writestr(name.replace("__", "."), content)
    return file.getvalue()
