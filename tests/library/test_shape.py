"""flatten and reshape: order, round trip, and sizes that do not match."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnjax.core import Layer
from nnjax.layers.shape import flatten, reshape


@pytest.mark.parametrize(
    ("layer", "in_shape", "out_shape"),
    [
        (flatten(), (2, 3, 4), (24,)),
        (flatten(), (), (1,)),
        (flatten(), (0, 3), (0,)),
        (reshape((4, 6)), (2, 3, 4), (4, 6)),
        (reshape((2, -1, 2)), (24,), (2, 6, 2)),
        (reshape([-1]), (2, 3), (6,)),
        (reshape(()), (1, 1), ()),
    ],
)
@pytest.mark.parametrize("batch", [0, 1, 5])
def test_same_numbers_in_the_order_of_numpy(
    layer: Layer, in_shape: Any, out_shape: Any, batch: int, key: jax.Array
) -> None:
    assert layer.init(key, in_shape) == ((), out_shape)
    x = np.random.default_rng(0).normal(size=(batch, *in_shape))
    y, residuals = layer.forward((), jnp.asarray(x))
    np.testing.assert_array_equal(y, x.reshape(batch, *out_shape))
    np.testing.assert_array_equal(layer.backward((), residuals, y)[1], x)
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(residuals)) == 0


def test_mapped_and_scanned() -> None:
    """The residual carries the shape without the axis that is mapped or scanned."""
    x = jnp.arange(24.0).reshape(2, 2, 3, 2)

    def there_and_back(x: jax.Array) -> jax.Array:
        y, residuals = flatten().forward((), x)
        return flatten().backward((), residuals, y)[1]

    np.testing.assert_array_equal(jax.vmap(there_and_back)(x), x)
    y, residuals = jax.vmap(lambda x: flatten().forward((), x))(x)
    np.testing.assert_array_equal(
        jax.vmap(lambda r, dy: flatten().backward((), r, dy)[1])(residuals, y), x
    )
    _, scanned = jax.lax.scan(lambda c, x: (c, there_and_back(x)), 0, x)
    np.testing.assert_array_equal(scanned, x)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((2, 3), r"reshape\(\(2, 3\)\) takes examples of 6 elements, got 8 in shape \(2, 4\)"),
        ((3, -1), r"reshape\(\(3, -1\)\) takes examples of a multiple of 3 elements, got 8"),
        ((), r"takes examples of 1 elements, got 8"),
    ],
)
def test_sizes_that_do_not_match_are_named(shape: Any, said: str, key: jax.Array) -> None:
    with pytest.raises(ValueError, match=said):
        reshape(shape).init(key, (2, 4))
    with pytest.raises(ValueError, match=said):
        reshape(shape).forward((), jnp.zeros((5, 2, 4)))


def test_elements_do_not_wander_between_examples() -> None:
    """6 = 2 * 3 numbers in all, but 2 in each example."""
    with pytest.raises(ValueError, match=r"takes examples of 3 elements, got 2"):
        reshape((3,)).forward((), jnp.zeros((3, 2)))


@pytest.mark.parametrize("shape", [(-1, -1), (0, 2), (-2, 3), (2.0, 3), (True, 2), 6, None, "23"])
def test_shape_is_positive_whole_numbers_and_one_free(shape: Any) -> None:
    with pytest.raises(ValueError, match=r"reshape\(shape\): expected positive whole numbers"):
        reshape(shape)


def test_a_batch_axis_is_needed() -> None:
    with pytest.raises(ValueError, match=r"flatten\(\) takes inputs of shape \(batch, \.\.\.\)"):
        flatten().forward((), jnp.array(1.0))
