"""Parameters on disk: what goes in comes out, and nothing else is ever taken for it."""

import os
import zipfile
from pathlib import Path
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from saved import assert_same, one_array, params_of

import nnjax as nn

TREES = {
    "network": lambda: params_of(),
    "float64": lambda: params_of(dtype=jnp.float64),
    "float16": lambda: params_of(dtype=jnp.float16),
    "bfloat16": lambda: params_of(dtype=jnp.bfloat16),
    "float8_e4m3fn": lambda: params_of(dtype=jnp.float8_e4m3fn),
    "float8_e5m2": lambda: params_of(dtype=jnp.float8_e5m2),
    "int4": lambda: jnp.asarray([-8, 7], jnp.int4),
    "one array": lambda: jnp.arange(3.0),
    "a number": lambda: jnp.asarray(2.5),
    "whole numbers": lambda: {"steps": jnp.asarray(3), "mask": jnp.array([True, False])},
    "nested": lambda: ({"a/b": (jnp.ones(2), [jnp.zeros((0, 3))]), "file": jnp.ones(1)}, ()),
    "with gaps": lambda: [None, {"a": None, "b": jnp.ones(2)}],
    "nothing": lambda: (),
}


@pytest.mark.parametrize("make", TREES.values(), ids=TREES)
def test_round_trip(make: Any, tmp_path: Path) -> None:
    params = make()
    nn.save(tmp_path / "net.npz", params)
    assert_same(nn.load(tmp_path / "net.npz", like=params), params)
    shapes = jax.eval_shape(lambda: params)
    assert_same(nn.load(str(tmp_path / "net.npz"), like=shapes), params)
    assert_same(nn.load(tmp_path / "net.npz").params, params)
    assert [file.name for file in tmp_path.iterdir()] == ["net.npz"]


def test_special_numbers_keep_their_bits(tmp_path: Path) -> None:
    params = jnp.array([np.nan, np.inf, -np.inf, -0.0, 5e-324])
    nn.save(tmp_path / "net.npz", params)
    assert_same(nn.load(tmp_path / "net.npz", like=params), params)


def test_nothing_is_pickled(tmp_path: Path) -> None:
    nn.save(tmp_path / "net.npz", params_of(dtype=jnp.bfloat16))
    with np.load(tmp_path / "net.npz", allow_pickle=False) as archive:
        assert set(archive.files) - {"description"} == {
            f"[{place}].{part}" for place in ("0", "2][0", "3") for part in ("weights", "bias")
        }
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


# --- dtypes and byte order ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">f2", ">i4", "<f4", ">u2"])
def test_byte_order_is_that_of_the_machine(dtype: str, tmp_path: Path) -> None:
    """From arrays of another order, and from files of a machine with it."""
    values = np.array([[1, 2, 300]], dtype)
    native = jnp.asarray(values.astype(values.dtype.newbyteorder("=")))
    nn.save(tmp_path / "net.npz", {"a": values})
    assert_same(nn.load(tmp_path / "net.npz").params, {"a": native})
    assert_same(nn.load(tmp_path / "net.npz", like={"a": values}), {"a": native})
    with zipfile.ZipFile(tmp_path / "net.npz", "w") as archive:
        archive.writestr("['a'].npy", one_array(values))
    assert_same(nn.load(tmp_path / "net.npz", like={"a": native}), {"a": native})


def test_float64_stays_where_jax_has_32_bits(tmp_path: Path) -> None:
    params = {"pi": np.array([np.pi]), "n": np.array([2**40])}
    with jax.enable_x64(False):
        nn.save(tmp_path / "net.npz", params)
        assert_same(nn.load(tmp_path / "net.npz").params, params)
        assert_same(nn.load(tmp_path / "net.npz", like=params), params)
    assert_same(nn.load(tmp_path / "net.npz").params, params)


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
