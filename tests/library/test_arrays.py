"""Data of any kind become arrays with the same numbers, or a sentence says why not."""

import datetime
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nnjax as nn
from nnjax.arrays import as_array


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize(
    "value",
    [
        np.array([1, -2, 300], ">i2"),
        np.array([1, -2, 2**31 - 1], ">i8"),
        np.array([-(2**31), 0], np.int64),
        np.array([2**32 - 1], np.uint64),
        np.array([[0.5, 1e30]], ">f4"),
        np.array([0.25, 2.0], ">f8"),
        np.array([0.25, 2.0], "<f2"),
        np.zeros((0, 3), np.int64),
        [[1, 2], [3, 4]],
        [True, False],
        2.5,
        [jnp.ones(2), jnp.zeros(2)],
    ],
)
def test_numbers_stay_the_same(value: Any, x64: bool) -> None:
    with jax.enable_x64(x64):
        found = as_array(value, "data")
        expected = np.asarray(value)
        assert found.dtype == jnp.asarray(np.zeros(1, expected.dtype.newbyteorder("="))).dtype
        np.testing.assert_array_equal(np.asarray(found), expected)


def test_arrays_of_jax_are_returned() -> None:
    x = jnp.ones(3, jnp.bfloat16)
    assert as_array(x, "data") is x
    assert jax.eval_shape(lambda x: as_array([x, x], "data"), x).shape == (2, 3)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (["cat", "dog"], r"text such as 'cat' \(dtype <U3\); number the texts first"),
        (np.array([b"x"]), r"text such as b'x' \(dtype \|S1\)"),
        (np.array([1, "two", None], object), r"text such as 'two' \(dtype object\)"),
        (np.array([1, None], object), r"NoneType among Python objects \(dtype object\); replace"),
        (np.array([1, 2.5], object), r"got Python objects \(dtype object\).*astype\(np.float32\)"),
        ({"a": 1}, "dict among Python objects"),
        (None, "NoneType among Python objects"),
        ([[1], [2, 3]], "inhomogeneous"),
        (np.array(["2020-01-01"], "M8[D]"), r"got dtype datetime64\[D\]; convert"),
        ([datetime.date(2020, 1, 1)], "date among Python objects"),
        (np.zeros(2, "f4,i4"), "a dtype that JAX has, got dtype"),
        (np.zeros(2, np.longdouble), "got dtype float128; convert them"),
    ],
)
def test_what_is_no_number_is_named(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^validation: targets: expected .*" + message):
        as_array(value, "validation: targets")


@pytest.mark.parametrize("dtype", [">i8", "<i8", ">u8", "<u8"])
@pytest.mark.parametrize("number", [2**32, 2**40 + 7])
def test_whole_numbers_that_jax_would_change_are_refused(number: int, dtype: str) -> None:
    """Without 64 bits 2**32 becomes 0."""
    value = np.array([[3, number]], dtype)
    with jax.enable_x64(False):
        with pytest.raises(ValueError, match=rf"got 3 to {number} \(dtype .*astype\(np.float32\)"):
            as_array(value, "data: inputs")
        loss = nn.mean_squared_error
        with pytest.raises(ValueError, match=r"^mean_squared_error: targets: expected whole"):
            loss.forward(jnp.ones((1, 2)), value)
        with pytest.raises(ValueError, match=r"^mean_squared_error: weights: expected whole"):
            loss.forward(jnp.ones((1, 2)), nn.Weighted(jnp.ones((1, 2)), value))
    assert as_array(value, "data: inputs").tolist() == [[3, number]]


@pytest.mark.parametrize("number", [-(2**31) - 1, -(2**40)])
def test_negative_whole_numbers_too(number: int) -> None:
    with jax.enable_x64(False), pytest.raises(ValueError, match=f"got {number} to 0"):
        as_array(np.array([number, 0]), "data: inputs")
