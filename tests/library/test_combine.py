"""Forks, joins, shared parameters and penalties: their laws against numbers worked by hand."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnjax.combine import parallel, residual, serial
from nnjax.core import Layer, value_and_grad
from nnjax.layers.activations import relu, tanh
from nnjax.layers.dense import Dense, dense
from nnjax.losses import mean_squared_error
from nnjax.penalty import l2
from nnjax.share import shared


def scale(factor: float) -> Layer:
    """y = factor x, so that every error signal can be followed by hand."""
    return Layer(
        init=lambda key, in_shape: ((), in_shape),
        forward=lambda params, x, key=None: (factor * x, ()),
        backward=lambda params, residuals, dy: ((), factor * dy),
    )


def coin() -> Layer:
    """y = a number drawn from the key (0 in evaluation); no derivative."""
    return Layer(
        init=lambda key, in_shape: ((), in_shape),
        forward=lambda params, x, key=None: (
            jnp.zeros_like(x) if key is None else jax.random.normal(key, x.shape),
            (),
        ),
        backward=lambda params, residuals, dy: ((), jnp.zeros_like(dy)),
    )


def run(layer: Layer, x: Any, dy: Any) -> tuple[np.ndarray, np.ndarray]:
    """y and dx of a layer without parameters."""
    params, _ = layer.init(jax.random.key(0), np.shape(x)[1:])
    y, residuals = layer.forward(params, jnp.asarray(x))
    _, dx = layer.backward(params, residuals, jnp.asarray(dy))
    return np.asarray(y), np.asarray(dx)


X = np.array([[1.0, -2.0, 0.0]])
DY = np.array([[1.0, 10.0, 100.0]])


def test_a_fork_adds_up_and_a_sum_copies() -> None:
    y, dx = run(parallel(scale(2.0), scale(3.0), scale(5.0)), X, DY)
    assert y.tolist() == (10 * X).tolist()
    assert dx.tolist() == (10 * DY).tolist()


def test_concat_splits_in_the_order_of_the_branches() -> None:
    dy = np.array([[1.0, 2.0, 3.0, 10.0, 20.0, 30.0]])
    y, dx = run(parallel(scale(2.0), scale(3.0), join="concat"), X, dy)
    assert y.tolist() == [[2.0, -4.0, 0.0, 3.0, -6.0, 0.0]]
    assert dx.tolist() == [[2 * 1 + 3 * 10, 2 * 2 + 3 * 20, 2 * 3 + 3 * 30]]


def test_multiply_gives_each_branch_the_product_of_the_others() -> None:
    # y = (2x)(3x)(5x) = 30 x^3, dy/dx = 90 x^2; at x = 0 everything is 0, and nothing is NaN.
    y, dx = run(parallel(scale(2.0), scale(3.0), scale(5.0), join="multiply"), X, DY)
    assert y.tolist() == (30 * X**3).tolist()
    assert dx.tolist() == (90 * X**2 * DY).tolist()


@pytest.mark.parametrize(
    ("factors", "signals"),
    [
        # One factor is 0: it alone gets a signal. Two are 0: nobody does.
        ([2.0, 0.0, 3.0, 4.0], [0.0, 24.0, 0.0, 0.0]),
        ([2.0, 0.0, 3.0, 0.0], [0.0, 0.0, 0.0, 0.0]),
        ([2.0, 3.0], [3.0, 2.0]),
        ([7.0], [1.0]),
    ],
)
def test_multiply_at_factors_of_zero(factors: list[float], signals: list[float]) -> None:
    """The numbers of the issues on gradients of products (burn 5533, TensorFlow 3862)."""
    layer = parallel(*[dense(1) for _ in factors], join="multiply")
    params = tuple(Dense(jnp.zeros((1, 1)), jnp.array([f])) for f in factors)
    y, residuals = layer.forward(params, jnp.ones((1, 1)))
    grads, _ = layer.backward(params, residuals, jnp.ones((1, 1)))
    assert y.item() == np.prod(factors)
    assert [g.bias.item() for g in grads] == signals


def test_residual_hands_on_the_whole_error_signal() -> None:
    y, dx = run(residual(scale(0.0)), X, DY)
    assert y.tolist() == X.tolist()
    assert dx.tolist() == DY.tolist()
    _, dx = run(serial(*[residual(scale(1.0))] * 10), X, DY)
    assert dx.tolist() == (2**10 * DY).tolist()


def test_residual_adds_no_level_to_params_and_residuals() -> None:
    branch = serial(dense(3), tanh())
    params, _ = branch.init(jax.random.key(0), (3,))
    like, shape = residual(branch).init(jax.random.key(0), (3,))
    assert shape == (3,)
    jax.tree.map(np.testing.assert_array_equal, params, like)
    x = jnp.ones((2, 3))
    _, inner = branch.forward(params, x)
    _, outer = residual(branch).forward(params, x)
    assert jax.tree.structure(inner) == jax.tree.structure(outer)


@pytest.mark.parametrize("join", ["sum", "concat", "multiply"])
def test_residuals_stand_in_the_order_of_params(join: Any) -> None:
    """The dense layers' residuals are their inputs; biases tell which layer is which."""
    layer = parallel(serial(dense(2), dense(2)), residual(dense(2)), join=join)
    params, _ = layer.init(jax.random.key(0), (2,))
    marked = jax.tree.map(jnp.zeros_like, params)
    marked = ((marked[0][0]._replace(bias=jnp.array([7.0, 7.0])), marked[0][1]), marked[1])
    _, residuals = layer.forward(marked, jnp.ones((1, 2)))
    inputs = [leaf.tolist() for leaf in jax.tree.leaves(residuals)][:3]
    assert inputs == [[[1.0, 1.0]], [[7.0, 7.0]], [[1.0, 1.0]]]


def test_branches_draw_from_different_keys(key: jax.Array) -> None:
    layer = parallel(coin(), coin(), join="concat")
    y, _ = layer.forward(((), ()), jnp.zeros((1, 3)), key)
    assert len(set(y[0].tolist())) == 6
    expected = [jax.random.normal(jax.random.fold_in(key, i), (1, 3)) for i in (0, 1)]
    np.testing.assert_array_equal(y, np.concatenate(expected, axis=-1))
    assert not layer.forward(((), ()), jnp.zeros((1, 3)))[0].any()
    params, _ = parallel(dense(3), dense(3)).init(key, (3,))
    assert (params[0].weights != params[1].weights).all()


def test_concat_works_under_vmap_and_scan() -> None:
    """The widths travel in the residuals' shapes; a new leading axis must not be taken for one."""
    layer = parallel(dense(1), dense(2), join="concat")
    params, _ = layer.init(jax.random.key(0), (3,))
    x = jax.random.normal(jax.random.key(1), (4, 2, 3))

    def gradient(x: jax.Array) -> Any:
        y, residuals = layer.forward(params, x)
        return layer.backward(params, residuals, y)

    one_by_one = [gradient(block) for block in x]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *one_by_one)
    y, residuals = jax.jit(jax.vmap(lambda x: layer.forward(params, x)))(x)
    backward = jax.jit(jax.vmap(lambda residuals, y: layer.backward(params, residuals, y)))
    mapped = backward(residuals, y)
    _, scanned = jax.lax.scan(lambda carry, x: (carry, gradient(x)), None, x)
    for other in (mapped, scanned):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), stacked, other)


# --- shared -----------------------------------------------------------------------------------


def test_shared_gradients_add_up() -> None:
    # y = w (w x + b) + b: dy/dw = 2 w x + b, dy/db = w + 1, dy/dx = w^2.
    layer = shared(serial(dense(1), dense(1)), (0, 1))
    params = (Dense(jnp.array([[3.0]]), jnp.array([5.0])), ())
    y, residuals = layer.forward(params, jnp.array([[2.0]]))
    grads, dx = layer.backward(params, residuals, jnp.ones((1, 1)))
    assert y.item() == 3 * (3 * 2 + 5) + 5
    assert (grads[0].weights.item(), grads[0].bias.item()) == (2 * 3 * 2 + 5, 3 + 1)
    assert grads[1] == ()
    assert dx.item() == 9


def test_shared_params_stand_at_the_first_place_given() -> None:
    network = serial(dense(2), tanh(), serial(dense(2), tanh()))
    for places, kept, emptied in (((0, (2, 0)), 0, 2), (((2, 0), 0), 2, 0)):
        params, shape = shared(network, places).init(jax.random.key(0), (2,))
        assert shape == (2,)
        assert len(jax.tree.leaves(params[kept])) == 2
        assert not jax.tree.leaves(params[emptied])


def test_shared_equals_the_network_with_equal_params(key: jax.Array) -> None:
    network = parallel(dense(2), serial(tanh(), dense(2)), residual(dense(2)))
    tied = shared(network, [(0,), (1, 1), 2])
    params, _ = tied.init(key, (2,))
    filled = (params[0], ((), params[0]), params[0])
    x = jax.random.normal(key, (3, 2))
    y, residuals = tied.forward(params, x)
    whole, _ = network.forward(filled, x)
    np.testing.assert_array_equal(y, whole)
    grads, _ = tied.backward(params, residuals, y)
    each, _ = network.backward(filled, residuals, y)
    total = jax.tree.map(lambda a, b, c: a + b + c, each[0], each[1][1], each[2])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-14), grads[0], total)
    assert jax.tree.structure(grads) == jax.tree.structure(params)


# --- messages ---------------------------------------------------------------------------------

NO_LAYER: Any = relu  # without the call
NO_JOIN: Any = "add"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: residual(NO_LAYER), TypeError, "residual: expected a layer"),
        (lambda: parallel(relu(), NO_LAYER), TypeError, "branch 1 of parallel: expected a layer"),
        (lambda: serial(relu(), NO_LAYER), TypeError, "layer 1 of serial: expected a layer"),
        (lambda: parallel(), ValueError, "expected at least one branch"),
        (lambda: parallel(relu(), join=NO_JOIN), ValueError, "got 'add'"),
        (lambda: shared(NO_LAYER, (0, 1)), TypeError, "shared: expected a layer"),
        (lambda: shared(serial(dense(1)), (0,)), ValueError, "two different places or more"),
        (lambda: shared(serial(dense(1)), (0, 0)), ValueError, "two different places or more"),
        (lambda: shared(serial(dense(1)), (0, (0,))), ValueError, "two different places or more"),
        (lambda: shared(serial(dense(1)), ()), ValueError, "two different places or more"),
        (lambda: shared(serial(dense(1)), (0, -1)), ValueError, "got the place -1"),
        (lambda: shared(serial(dense(1)), (0, ())), ValueError, "got the place ()"),
        (lambda: l2(-1.0), ValueError, "expected a finite number of at least 0, got -1.0"),
        (lambda: l2(float("nan")), ValueError, "got nan"),
    ],
)
def test_mistakes_at_construction(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (residual(dense(2)), "x of shape (3,) cannot be added to branch(x) of shape (2,)"),
        (residual(dense(1)), "branch(x) of shape (1,)"),
        (parallel(dense(2), dense(3)), "[(2,), (3,)]"),
        (parallel(dense(1), dense(3), join="multiply"), "[(1,), (3,)]"),
        (parallel(relu(), residual(dense(2))), "branch 1 of parallel: residual"),
        (shared(serial(dense(2), dense(4)), (0, 1)), "[((3, 2), "),
        (shared(serial(dense(2), dense(2)), (0, 2)), "no layer at the place (2,)"),
        (shared(serial(dense(2), dense(2)), (0, (1, 0))), "no layer at the place (1, 0)"),
        (shared(serial(dense(2), relu()), (1, 0)), "(1,) has no parameters to share"),
    ],
)
def test_mistakes_at_init(layer: Layer, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        layer.init(jax.random.key(0), (3,))


def test_concat_refuses_other_axes_that_differ() -> None:
    shorter = Layer(
        init=lambda key, in_shape: ((), (in_shape[0] - 1, in_shape[1])),
        forward=lambda params, x, key=None: (x[:, 1:], ()),
        backward=lambda params, residuals, dy: ((), dy),
    )
    layer = parallel(shorter, serial(), join="concat")
    with pytest.raises(ValueError, match=re.escape("[(1, 3), (2, 3)]")):
        layer.init(jax.random.key(0), (2, 3))
    with pytest.raises(ValueError, match=re.escape("[(4, 1, 3), (4, 2, 3)]")):
        layer.forward(((), ()), jnp.ones((4, 2, 3)))


def test_forward_refuses_what_would_broadcast() -> None:
    one = Dense(jnp.ones((3, 1)), jnp.ones(1))
    with pytest.raises(ValueError, match=re.escape("(2, 3) cannot be added to branch(x)")):
        residual(dense(1)).forward(one, jnp.ones((2, 3)))
    with pytest.raises(ValueError, match=re.escape("[(2, 1), (2, 3)]")):
        parallel(dense(1), relu()).forward((one, ()), jnp.ones((2, 3)))
    with pytest.raises(ValueError, match="got params for 1"):
        parallel(dense(1), relu()).forward((one,), jnp.ones((2, 3)))
    with pytest.raises(ValueError, match=re.escape("expected () at the place (1,)")):
        shared(serial(dense(1), dense(1)), (0, 1)).forward((one, one), jnp.ones((2, 3)))


def test_serial_names_the_layer() -> None:
    network = serial(relu(), serial(tanh(), dense(2)))
    with pytest.raises(ValueError, match=r"layer 1 of serial: layer 1 of serial: dense\(2\)"):
        network.init(jax.random.key(0), ())


def test_serial_with_params_of_another_network_says_so() -> None:
    network = serial(dense(2), relu())
    params, _ = network.init(jax.random.key(0), (3,))
    with pytest.raises(ValueError, match=r"serial.*2.*1"):
        network.forward(params[:1], jnp.zeros((1, 3)))


# --- L2: the parameters are forked into the network and the penalty ----------------------------


def test_l2_is_the_sum_of_squares_without_a_half() -> None:
    params = (Dense(jnp.array([[1.0, 2.0]]), jnp.array([3.0])), jnp.array([4]))
    P, residuals = l2(0.5).forward(params)
    assert P.item() == 0.5 * (1 + 4)
    grads = l2(0.5).backward(residuals)
    assert (grads[0].weights.tolist(), grads[0].bias.tolist()) == ([[1.0, 2.0]], [0.0])
    assert (grads[1].tolist(), grads[1].dtype) == ([0], jnp.int64)
    P, residuals = l2(0.5, biases=True).forward(params)
    assert P.item() == 0.5 * (1 + 4 + 9)
    assert l2(0.5, biases=True).backward(residuals)[0].bias.tolist() == [3.0]


def test_l2_of_nothing() -> None:
    P, residuals = l2(1.0).forward(((), ()))
    assert (P.item(), l2(1.0).backward(residuals)) == (0.0, ((), ()))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_l2_keeps_dtypes(dtype: str) -> None:
    params = Dense(jnp.ones((2, 3), dtype), jnp.ones(3, dtype))
    P, residuals = l2(0.1).forward(params)
    grads = l2(0.1).backward(residuals)
    assert {leaf.dtype for leaf in jax.tree.leaves((P, grads))} == {jnp.dtype(dtype)}


@pytest.mark.parametrize("biases", [False, True])
def test_l2_beside_a_loss_is_the_gradient_of_the_sum(biases: bool, key: jax.Array) -> None:
    network = serial(dense(3), tanh(), dense(2))
    params, _ = network.init(key, (2,))
    x, t = jax.random.normal(key, (5, 2)), jnp.ones((5, 2))
    penalty = l2(0.3, biases)

    def total(params: Any) -> jax.Array:
        J, _ = mean_squared_error.forward(network.forward(params, x)[0], t)
        return J + penalty.forward(params)[0]

    _, grads = value_and_grad(network, mean_squared_error)(params, x, t)
    both = jax.tree.map(jnp.add, grads, penalty.backward(penalty.forward(params)[1]))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15),
        both,
        jax.grad(total)(params),
    )
