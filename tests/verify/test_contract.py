"""Mistakes in the contract of an own layer, loss or rule: one plain sentence each."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from forms import the_form

import nnjax as nn

# --- layers ---------------------------------------------------------------------------------------


def init(key: Any, in_shape: Any) -> Any:
    return {"w": jnp.ones(in_shape)}, in_shape


def forward(params: Any, x: Any, key: Any = None) -> Any:
    return params["w"][None] * x, (params["w"], x)


def backward(params: Any, residuals: Any, dy: Any) -> Any:
    w, x = residuals
    return {"w": (x * dy).sum(0)}, w[None] * dy


RIGHT = nn.Layer(init, forward, backward)


def keep(key: Any, in_shape: Any) -> Any:
    return (), in_shape


def without_params(forward: Any) -> nn.Layer:
    return nn.Layer(keep, forward, lambda params, residuals, dy: ((), dy))


def grads(dw: Any) -> Any:
    """A backward pass whose gradients of the params are dw(dw, dx) of the right ones."""

    def wrong(params: Any, residuals: Any, dy: Any) -> Any:
        right, dx = backward(params, residuals, dy)
        return dw(right["w"]), dx

    return wrong


def returned(change: Any) -> Any:
    """A backward pass that returns something made of the right pair."""
    return lambda params, residuals, dy: change(*backward(params, residuals, dy))


def nothing(*arguments: Any) -> Any:
    return arguments[-1].nothing


def with_counter(key: Any, in_shape: Any) -> Any:
    return {"w": jnp.ones(in_shape), "n": jnp.zeros((), jnp.int32)}, in_shape


BACKWARD = {
    "only dx": (returned(lambda dw, dx: dx), r"\(dparams, dx\), got an array of shape \(4, 3\)"),
    "three": (returned(lambda dw, dx: (dw, dx, dx)), r"pair \(dparams, dx\), got a tuple of 3"),
    "a list": (returned(lambda dw, dx: [dw, dx]), r"pair \(dparams, dx\), got a list of 2"),
    "nothing": (returned(lambda dw, dx: None), r"pair \(dparams, dx\), got None"),
    "swapped": (returned(lambda dw, dx: (dx, dw)), r"params: expected .*'w'.*, got an array"),
    "two arguments": (lambda r, dy: dy, r"\(params, residuals, dy\), got \(r, dy\)"),
    "no function": (None, "backward: expected a function of .*, got None"),
    "no dx": (
        returned(lambda dw, dx: (dw, None)),
        "x: expected the gradient as an array, got None",
    ),
    "a missing key": (grads(lambda dw: {}), r"params\.w is missing"),
    "another key": (grads(lambda dw: {"w": dw, "b": dw}), r"params\.b is not expected"),
    "a tuple": (grads(lambda dw: (dw,)), r"tree \{'w': \*\}, got \(\*,\)"),
    "no gradients": (grads(lambda dw: None), r"tree \{'w': \*\}, got None"),
    "another shape": (grads(lambda dw: {"w": dw[:2]}), r"params\.w: expected .*\(3,\).*\(2,\)"),
    "another dtype": (grads(lambda dw: {"w": dw.astype("float32")}), r"64\(3,\), got float32"),
    "a number": (grads(lambda dw: {"w": 1.0}), r"params\.w: expected .*\(3,\), got \S+\(\)"),
    "NumPy": (
        grads(lambda dw: {"w": np.asarray(dw)}),
        r"jax\.numpy and no .*, line \d+: .*asarray",
    ),
    "an error": (
        nothing,
        r"cannot be traced: AttributeError: .*test_contract\.py, line \d+: return",
    ),
}

FORWARD = {
    "only y": (lambda p, x, key=None: x, r"pair \(y, residuals\), got an array of shape \(4, 3\)"),
    "three": (lambda p, x, key=None: (x, (), ()), r"pair \(y, residuals\), got a tuple of 3"),
    "nothing": (lambda p, x, key=None: None, r"pair \(y, residuals\), got None"),
    "no key": (lambda p, x: (x, ()), r"arguments \(params, x, key=None\), got \(p, x\)"),
    "key needed": (lambda p, x, key: (x, ()), r"\(params, x, key=None\), got \(p, x, key\)"),
    "only in training": (
        lambda p, x, key=None: (x, ()) if key is None else x,
        r"pair \(y, residuals\), got an array",
    ),
    "y changes in training": (
        lambda p, x, key=None: (x if key is None else x[..., 0], ()),
        r"shape \(4, 3\), as in evaluation, got \(4,\) with a key",
    ),
    "y is a tuple": (lambda p, x, key=None: ((x, x), ()), "y as an array, got a tuple of 2"),
    "y is a dict": (lambda p, x, key=None: ({"y": x}, ()), "y as an array, got a dict of 1"),
    "y is whole": (lambda p, x, key=None: (x.astype("int32"), ()), "y of floats, got int32"),
    "y is boolean": (lambda p, x, key=None: (x > 0, ()), "y of floats, got bool"),
    "y is complex": (
        lambda p, x, key=None: (jax.lax.complex(x, x), ()),
        "y of floats, got complex128",
    ),
    "batch lost": (lambda p, x, key=None: (x.sum(0), ()), r"\(4, 3\), the batch .*got \(3,\)"),
    "batch moved": (lambda p, x, key=None: (x.T, ()), r"\(4, 3\), the batch .*got \(3, 4\)"),
    "an error": (
        lambda p, x, key=None: (nothing(x), ()),
        r"forward in evaluation .* raises AttributeError: .*test_contract\.py, line \d+: return",
    ),
    "an error in training": (
        lambda p, x, key=None: (x if key is None else nothing(x), ()),
        r"forward with a key raises AttributeError: .*test_contract\.py, line \d+: return",
    ),
}

INIT = {
    "only params": (lambda key, s: {"w": jnp.ones(s)}, r"\(params, out_shape\), got a dict of 1"),
    "only out_shape": (lambda key, s: s, r"pair \(params, out_shape\), got a tuple of 1"),
    "nothing": (lambda key, s: None, r"pair \(params, out_shape\), got None"),
    "a number": (lambda key, s: (init(key, s)[0], s[0]), "out_shape as a tuple .*, got 3"),
    "a list": (lambda key, s: (init(key, s)[0], list(s)), "out_shape as a tuple .*, got a list"),
    "swapped": (lambda key, s: init(key, s)[::-1], "out_shape as a tuple .*, got a dict"),
    "another shape": (lambda key, s: (init(key, s)[0], (9,)), r"\(9,\), but forward gives \(3,\)"),
    "one argument": (lambda s: init(0, s), r"arguments \(key, in_shape\), got \(s\)"),
    "three arguments": (lambda key, s, n: init(key, s), r"\(key, in_shape\), got \(key, s, n\)"),
    "a counter": (with_counter, r"params\.n: expected an array of floats, got int32"),
    "a text": (lambda key, s: ({"w": "a"}, s), r"params\.w: expected an array of floats, got str"),
    "a key": (lambda key, s: ({"w": key}, s), r"params\.w: expected an array of floats, got key"),
    "no params": (lambda key, s: (None, s), "forward in evaluation .* raises TypeError"),
    "an error": (
        lambda key, s: (1 // 0, s),
        r"init raises ZeroDivisionError: .*line \d+: .*1 // 0",
    ),
}


def found(layer: nn.Layer, said: str, **arguments: Any) -> None:
    sentence = the_form(nn.verify(layer, (3,), show=False, **arguments))
    assert re.search(said, sentence), sentence


@pytest.mark.parametrize(("wrong", "said"), BACKWARD.values(), ids=BACKWARD)
def test_backward(wrong: Any, said: str) -> None:
    found(RIGHT._replace(backward=wrong), said)


@pytest.mark.parametrize(("wrong", "said"), FORWARD.values(), ids=FORWARD)
def test_forward(wrong: Any, said: str) -> None:
    found(without_params(wrong), said)


@pytest.mark.parametrize(("wrong", "said"), INIT.values(), ids=INIT)
def test_init(wrong: Any, said: str) -> None:
    found(RIGHT._replace(init=wrong), said)


def test_an_array_of_two_rows_is_no_pair() -> None:
    found(RIGHT._replace(backward=BACKWARD["only dx"][0]), r"shape \(2, 3\)", batch=2)
    found(without_params(FORWARD["only y"][0]), r"shape \(2, 3\)", batch=2)


def test_other_names_and_none_as_params_are_right() -> None:
    twice = nn.Layer(
        lambda rng, shape: (None, shape),
        lambda weights, z, rng=None: (2 * z, None),
        lambda weights, saved, delta: (None, 2 * delta),
    )
    assert nn.verify(RIGHT, (3,), show=False).passed
    assert nn.verify(twice, (3,), show=False).passed


def test_a_sum_over_the_batch_is_no_output() -> None:
    layer = nn.Layer(
        lambda key, in_shape: ((), ()),
        lambda params, x, key=None: (x.sum(), x),
        lambda params, x, dy: ((), jnp.full_like(x, dy)),
    )
    found(layer, r"shape \(4,\), the batch axis first .*, got \(\)")


# --- losses ---------------------------------------------------------------------------------------


def square(z: Any, t: Any) -> Any:
    return jnp.mean((z - t) ** 2), (z, t)


def dsquare(residuals: Any) -> Any:
    z, t = residuals
    return 2 * (z - t) / z.size


LOSSES = {
    "only J": (
        lambda z, t: square(z, t)[0],
        dsquare,
        r"\(J, residuals\), got an array of shape \(\)",
    ),
    "three": (lambda z, t: (square(z, t)[0], z, t), dsquare, r"\(J, residuals\), got a tuple of 3"),
    "one argument": (lambda z: (z.sum(), z), dsquare, r"\(scores, targets\), got \(z\)"),
    "J is whole": (lambda z, t: ((z > t).sum(), z), dsquare, "J of floats, got int"),
    "a tuple": (square, lambda r: (dsquare(r),), "scores: expected .*array, got a tuple of 1"),
    "nothing": (square, lambda r: None, "scores: expected the gradient as an array, got None"),
    "another shape": (square, lambda r: dsquare(r).sum(), r"scores: expected .*\(4, 3\), got"),
    "two arguments": (square, lambda r, dy: dsquare(r), r"\(residuals\), got \(r, dy\)"),
    "an error": (square, nothing, r"AttributeError: .*test_contract\.py, line \d+: return"),
}


@pytest.mark.parametrize(("forward", "backward", "said"), LOSSES.values(), ids=LOSSES)
def test_loss(forward: Any, backward: Any, said: str) -> None:
    sentence = the_form(nn.verify(nn.Loss(forward, backward), (3,), show=False))
    assert re.search(said, sentence), sentence


def test_loss_of_a_network() -> None:
    found(nn.dense(3), r"pair \(J, residuals\)", loss=nn.Loss(LOSSES["only J"][0], dsquare))
    found(nn.dense(3), "dscores as an array of shape", loss=nn.Loss(square, LOSSES["a tuple"][1]))
    found(RIGHT._replace(backward=BACKWARD["three"][0]), "tuple of 3", loss=nn.mean_squared_error)


def test_loss_that_raises_says_so() -> None:
    with pytest.raises(
        ValueError, match=r"none of the default targets .*line \d+: return"
    ) as error:
        nn.verify(nn.Loss(lambda z, t: (nothing(z), z), dsquare), (3,), show=False)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None


# --- wrong use of verify --------------------------------------------------------------------------


@pytest.mark.parametrize("in_shape", [4, None, "4", (4.0,), (None, 4), (True,), (0,)], ids=repr)
def test_in_shape(in_shape: Any) -> None:
    with pytest.raises(ValueError, match=r"^verify\(in_shape\): expected the shape of one example"):
        nn.verify(nn.dense(3), in_shape, show=False)


@pytest.mark.parametrize("in_shape", [4, None, (4.0,)], ids=repr)
@pytest.mark.parametrize("layer", [nn.dense(3), nn.relu(), nn.serial(nn.lstm(2))], ids=repr)
def test_init_of_the_librarys_layers(layer: nn.Layer, in_shape: Any) -> None:
    with pytest.raises(ValueError, match=r"init\(in_shape\): expected the shape of one example"):
        layer.init(jax.random.key(0), in_shape)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"batch": 2.0}, ValueError, r"verify\(batch\): expected a whole number .*, got 2.0"),
        ({"loss": nn.huber}, TypeError, r"verify\(loss\): expected a loss.*as in nn\.huber"),
        ({"loss": nn.relu()}, TypeError, r"verify\(loss\): expected a loss, got relu\(\)"),
        ({"loss": nn.mean_squared_error, "penalty": nn.l2}, TypeError, r"as in nn\.l2\(0\.1\)"),
        ({"penalty": nn.l2(0.1)}, ValueError, "pass `loss` too"),
        ({"inputs": np.ones((4, 3))}, TypeError, "expected a function .*got an array"),
        ({"inputs": lambda rng, s: np.ones(2)}, ValueError, r"shape \(4, 3\), got \(2,\)"),
    ],
)
def test_arguments(arguments: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        nn.verify(nn.dense(3), (3,), show=False, **arguments)


# --- networks with such layers --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "place"),
    [
        (lambda layer: nn.serial(nn.dense(3), layer), "layer 1 of serial"),
        (lambda layer: nn.residual(layer), "residual"),
        (lambda layer: nn.parallel(nn.relu(), layer), "branch 1 of parallel"),
    ],
)
def test_combined(network: Any, place: str) -> None:
    for part in (
        {"backward": BACKWARD["only dx"][0]},
        {"forward": lambda params, x, key=None: x},
        {"init": lambda key, s: (init(key, s)[0], s[0])},
    ):
        ((role, function),) = part.items()
        found(network(RIGHT._replace(**{role: function})), f"^{place}: {role}: expected")
    with pytest.raises(ValueError, match=rf"^{place}: forward: expected the arguments"):
        network(RIGHT._replace(forward=lambda params, x: (x, ())))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"backward": BACKWARD["only dx"][0]}, r"backward: expected the pair \(dparams, dx\)"),
        ({"forward": lambda params, x, key=None: (x, x, x)}, "forward: expected the pair"),
    ],
)
def test_training(change: Any, said: str) -> None:
    layer, params, x = RIGHT._replace(**change), {"w": jnp.ones(3)}, jnp.ones((4, 3))
    with pytest.raises(ValueError, match=said):
        nn.value_and_grad(layer, nn.mean_squared_error)(params, x, x)
    if "backward" in change:
        with pytest.raises(ValueError, match=said):
            nn.fit(
                layer, nn.mean_squared_error, optax.sgd(0.1), params, (x, x), epochs=1, batch_size=4
            )
