"""Parameters on disk: what goes in comes out, and nothing else is ever taken for it."""

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nnjax as nn

NETWORK = nn.serial(nn.dense(4), nn.relu(), nn.serial(nn.dense(3), nn.tanh()), nn.dense(2))


def params_of(network: nn.Layer = NETWORK, dtype: Any = jnp.float32) -> Any:
    return jax.tree.map(lambda a: a.astype(dtype), network.init(jax.random.key(0), (3,))[0])


TREES = {
    "network": lambda: params_of(),
    "float64": lambda: params_of(dtype=jnp.float64),
    "float16": lambda: params_of(dtype=jnp.float16),
    "bfloat16": lambda: params_of(dtype=jnp.bfloat16),
    "one array": lambda: jnp.arange(3.0),
    "a number": lambda: jnp.asarray(2.5),
    "whole numbers": lambda: {"steps": jnp.asarray(3), "mask": jnp.array([True, False])},
    "nested": lambda: ({"a/b": (jnp.ones(2), [jnp.zeros((0, 3))]), "file": jnp.ones(1)}, ()),
    "nothing": lambda: (),
}


def assert_same(a: Any, b: Any) -> None:
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for one, other in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


@pytest.mark.parametrize("make", TREES.values(), ids=TREES)
def test_round_trip(make: Any, tmp_path: Path) -> None:
    params = make()
    nn.save(tmp_path / "net.npz", params)
    assert_same(nn.load(tmp_path / "net.npz", like=params), params)
    shapes = jax.eval_shape(lambda: params)
    assert_same(nn.load(str(tmp_path / "net.npz"), like=shapes), params)
    assert [file.name for file in tmp_path.iterdir()] == ["net.npz"]


def test_special_numbers_keep_their_bits(tmp_path: Path) -> None:
    params = jnp.array([np.nan, np.inf, -np.inf, -0.0, 5e-324])
    nn.save(tmp_path / "net.npz", params)
    assert_same(nn.load(tmp_path / "net.npz", like=params), params)


def test_nothing_is_pickled(tmp_path: Path) -> None:
    nn.save(tmp_path / "net.npz", params_of(dtype=jnp.bfloat16))
    with np.load(tmp_path / "net.npz", allow_pickle=False) as archive:
        assert sorted(archive.files) == sorted(
            f"[{place}].{part}" for place in ("0", "2][0", "3") for part in ("weights", "bias")
        )
        assert not any(archive[name].dtype.hasobject for name in archive.files)


@pytest.mark.parametrize(
    "params", [np.array([None]), {"a": "text"}, {"a": object()}], ids=["none", "text", "object"]
)
def test_save_refuses_what_is_no_number(params: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"save: .*not an array of numbers"):
        nn.save(tmp_path / "net.npz", params)
    assert not list(tmp_path.iterdir())


def test_save_replaces_what_was_there(tmp_path: Path) -> None:
    nn.save(tmp_path / "net.npz", jnp.zeros(1000))
    nn.save(tmp_path / "net.npz", jnp.ones(2))
    assert_same(nn.load(tmp_path / "net.npz", like=jnp.ones(2)), jnp.ones(2))


@pytest.mark.parametrize("error", [OSError("the disk is full"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["write", "rename"])
def test_interrupted_save_leaves_the_old_file(
    step: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nn.save(tmp_path / "net.npz", jnp.zeros(3))

    def interrupted_write(file: Any, **arrays: Any) -> NoReturn:
        file.write(b"half a file")
        raise error

    def interrupted_rename(*paths: Any) -> NoReturn:
        raise error

    if step == "write":
        monkeypatch.setattr(np, "savez", interrupted_write)
    else:
        monkeypatch.setattr(os, "replace", interrupted_rename)
    with pytest.raises(type(error)):
        nn.save(tmp_path / "net.npz", jnp.ones(3))
    monkeypatch.undo()
    assert_same(nn.load(tmp_path / "net.npz", like=jnp.zeros(3)), jnp.zeros(3))
    assert [file.name for file in tmp_path.iterdir()] == ["net.npz"]


def test_save_into_a_missing_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        nn.save(tmp_path / "none" / "net.npz", jnp.ones(3))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such file: .*net\.npz"):
        nn.load(tmp_path / "net.npz", like=())


# --- files that are something else ----------------------------------------------------------------


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


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"PK\x03\x04 garbage",
        pickle.dumps({"a": 1}),
        one_array(np.zeros(3)),
        one_array(np.array([{}], dtype=object), pickled=True),
        archive(params__npy=one_array(np.array([{}], dtype=object), pickled=True)),
        archive(params__npy=b"garbage"),
        archive(params=b"not an array"),
    ],
    ids=["empty", "text", "zip start", "pickle", "npy", "pickled npy", "pickled member",
         "garbage member", "member that is no array"],
)  # fmt: skip
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "net.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"load: .*net\.npz"):
        nn.load(tmp_path / "net.npz", like=jnp.zeros(3))


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    nn.save(path, jnp.arange(3.0))
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="not a file written by"):
            nn.load(path, like=jnp.arange(3.0))


def test_every_changed_byte_is_refused_or_harmless(tmp_path: Path) -> None:
    """A changed byte of the data, the header or the directory: an error, or the same numbers."""
    path = tmp_path / "net.npz"
    params = jnp.arange(3.0)
    nn.save(path, params)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x15]) + whole[place + 1 :])
        try:
            loaded = nn.load(path, like=params)
        except ValueError:
            continue
        assert_same(loaded, params)


# --- files of another network ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("like", "message"),
    [
        (
            lambda: params_of(nn.serial(nn.dense(4), nn.relu())),
            r"unexpected \['\[2\]\[0\]\.bias'",
        ),
        (lambda: (*params_of(), jnp.ones(1)), r"missing \['\[4\]'\]"),
        (
            lambda: params_of(
                nn.serial(nn.dense(5), nn.relu(), nn.serial(nn.dense(3), nn.tanh()), nn.dense(2))
            ),
            r"\[0\]\.weights.*float32\(3, 4\).*expected float32\(3, 5\)",
        ),
        (lambda: params_of(dtype=jnp.float64), r"float32\(3, 4\).*expected float64\(3, 4\)"),
        (lambda: params_of(dtype=jnp.bfloat16), r"float32\(3, 4\).*expected bfloat16\(3, 4\)"),
        (lambda: params_of(dtype=jnp.int32), r"float32\(3, 4\).*expected int32\(3, 4\)"),
    ],
    ids=["fewer layers", "more layers", "shape", "float64", "bfloat16", "int32"],
)
def test_another_network_is_refused(like: Any, message: str, tmp_path: Path) -> None:
    nn.save(tmp_path / "net.npz", params_of())
    with pytest.raises(ValueError, match=message):
        nn.load(tmp_path / "net.npz", like=like())


@pytest.mark.parametrize("other", [jnp.float16, jnp.int16])
def test_bfloat16_is_not_read_as_another_dtype(other: Any, tmp_path: Path) -> None:
    """Both have two bytes; read as float16 the bits of 1 are 1.875."""
    nn.save(tmp_path / "net.npz", jnp.ones(3, jnp.bfloat16))
    with pytest.raises(ValueError, match="expected"):
        nn.load(tmp_path / "net.npz", like=jnp.ones(3, other))
