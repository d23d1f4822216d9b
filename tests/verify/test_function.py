"""`nn.verify_function` as a JAX developer meets it: right and wrong rules of many kinds."""

import functools
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import pallas as pl

import nnjax as nn

rng = np.random.default_rng(0)
X = rng.normal(size=(3, 4))
W, B = rng.normal(size=(4, 2)), rng.normal(size=2)
Rule = Callable[..., Any]


def ruled(f: Rule, derivative: Rule) -> Any:
    """A custom_vjp function of one argument with the rule dx = dy f′(x)."""

    def backward(x: Any, dy: Any) -> Any:
        return ((dy * derivative(x).astype(dy.dtype)).astype(x.dtype),)

    function = jax.custom_vjp(f)
    function.defvjp(lambda x: (f(x), x), backward)
    return function


def affine(factor: float = 1.0, bias: bool = True) -> Any:
    """tanh(x W + b); `factor` is a mistake in dW, without `bias` the rule forgets db."""

    @jax.custom_vjp
    def f(x: Any, w: Any, b: Any) -> Any:
        return jnp.tanh(x @ w + b[None])

    def backward(saved: Any, dy: Any) -> Any:
        x, w, y = saved
        d = dy * (1 - y * y)
        return d @ w.T, factor * (x.T @ d), d.sum(0) if bias else None

    f.defvjp(lambda x, w, b: (f(x, w, b), (x, w, f(x, w, b))), backward)
    return f


def tree(ignored: bool = False) -> Any:
    """Pytrees in and out, whole numbers, a static argument; `ignored`: one output is forgotten."""

    def f(params: Any, ids: Any, x: Any, mode: str) -> Any:
        y = jnp.tanh(x @ params["w"] + params["b"][ids])
        y = 2 * y if mode == "double" else y
        return {"y": y, "count": jnp.asarray(3), "sums": (y.sum(), jnp.ones(2, x.dtype) * x[0, 0])}

    def forward(params: Any, ids: Any, x: Any, mode: str) -> Any:
        return f(params, ids, x, mode), (params, ids, x)

    def backward(mode: str, saved: Any, dy: Any) -> Any:
        params, ids, x = saved
        _, vjp = jax.vjp(lambda p, x: {**f(p, ids, x, mode), "count": 0.0}, params, x)
        sums = jax.tree.map(jnp.zeros_like, dy["sums"]) if ignored else dy["sums"]
        dparams, dx = vjp({"y": dy["y"], "count": 0.0, "sums": sums})
        return dparams, None, dx

    function = jax.custom_vjp(f, nondiff_argnums=(3,))
    function.defvjp(forward, backward)
    return function


TREE = ({"w": W, "b": rng.normal(size=(5, 2))}, np.array([0, 1, 1]), X, "double")


def through_callback(dtype: Any = None) -> Rule:
    """sin by NumPy, which JAX can neither see nor differentiate."""

    def f(x: Any) -> Any:
        kind = dtype or x.dtype
        like = jax.ShapeDtypeStruct(x.shape, kind)
        return jax.pure_callback(
            lambda a: np.sin(np.asarray(a)).astype(kind), like, x, vmap_method="sequential"
        )

    return f


def through_kernel(dtype: Any = None) -> Rule:
    """sin by a Pallas kernel."""

    def kernel(x: Any, out: Any) -> None:
        out[...] = jnp.sin(x[...])

    def f(x: Any) -> Any:
        like = jax.ShapeDtypeStruct(x.shape, dtype or x.dtype)
        return pl.pallas_call(kernel, out_shape=like, interpret=True)(x)

    return f


def forward_mode(factor: float = 1.0) -> Any:
    function = jax.custom_jvp(jnp.sin)
    function.defjvp(lambda x, v: (jnp.sin(x[0]), factor * v[0] * jnp.cos(x[0])))
    return function


def in_float32_alone(x: Any) -> Any:
    """Twice x / (1 + x²), wrong in the fourth digit unless x has 64 bits."""
    return 2 * x / ((1 + x * x) * (1.0 if x.dtype == jnp.float64 else 1.0001))


def stable_cross_entropy(z: Any) -> Any:
    return jnp.maximum(z, 0) - 0.3 * z + jnp.log1p(jnp.exp(-jnp.abs(z)))


def clipped(x: Any) -> Any:
    return jnp.clip(x, -1, 1)


def inside(x: Any) -> Any:
    return ((x > -1) & (x < 1)).astype(x.dtype)


def dropped(key: Any, x: Any) -> Any:
    """The numbers that are drawn must not depend on the precision."""
    return jnp.where(jax.random.bernoulli(key, 0.5, x.shape), 2 * x, 0)


RIGHT: dict[str, tuple[Any, ...]] = {
    "three arguments": (affine(), X, W, B),
    "pytrees, whole numbers, static": (tree(), *TREE),
    "in jit": (jax.jit(affine()), X, W, B),
    "in partial": (functools.partial(lambda a, x: a * jnp.sin(x), 1.5), X),
    "plain": (lambda x: jnp.sin(x) * x, X),
    "with a key": (dropped, jax.random.key(0), X),
    "Python number": (lambda x, a: x * a, X, 1.5),
    "clip, 0 at the edge": (ruled(clipped, inside), X),
    "clip, 1 at the edge": (ruled(clipped, lambda x: (jnp.abs(x) <= 1).astype(x.dtype)), X),
    "custom_jvp": (forward_mode(), X),
    "callback": (ruled(through_callback(), jnp.cos), X),
    "smooth where autodiff is not": (
        ruled(stable_cross_entropy, lambda z: jax.nn.sigmoid(z) - 0.3), X,
    ),
}  # fmt: skip

WRONG: dict[str, tuple[str, tuple[Any, ...]]] = {
    "second argument": (r"^w\[0, 0\]: rule", (affine(1.01), X, W, B)),
    "in jit": (r"^w\[0, 0\]: rule", (jax.jit(affine(1.01)), X, W, B)),
    "no cotangent": (r"^b\[0\]: rule 0, jax.grad", (affine(bias=False), X, W, B)),
    "an output is ignored": (r"^params\.b\[0, 0\]: rule", (tree(ignored=True), *TREE)),
    "in float32 alone": (r"float32\)$", (ruled(lambda x: jnp.log1p(x * x), in_float32_alone), X)),
    "at an edge": (
        r"rule \S+, slopes \S+ and \S+ on either side of a kink",
        (ruled(clipped, lambda x: jnp.where(jnp.abs(x) == 1, 2.0, inside(x))), X),
    ),
    "NaN at 0": (r"rule nan", (ruled(lambda x: x * x, lambda x: 2 * x * x / x), X)),
    "custom_jvp": (r"^tangents", (forward_mode(1.01), X)),
    "callback": (r"central differences", (ruled(through_callback(), jnp.sin), X)),
    "rounding": (r"central differences 0", (ruled(lambda x: jnp.round(x), jnp.ones_like), X)),
    "automatic, of a smooth function": (r"central differences", (stable_cross_entropy, X)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right(name: str) -> None:
    nn.verify_function(*RIGHT[name], show=False).check()


@pytest.mark.parametrize("name", WRONG)
def test_wrong(name: str) -> None:
    said, (f, *args) = WRONG[name]
    report = nn.verify_function(f, *args, show=False)
    with pytest.raises(AssertionError, match="the rule is wrong"):
        report.check()
    assert any(re.search(said, row.detail) for row in report.wrong), report


@pytest.mark.parametrize("frequency", [10.0, 60.0, 100.0, 1e3, 1e5])
@pytest.mark.parametrize("factor", [1.0, 1.01])
def test_fast_oscillation(frequency: float, factor: float) -> None:
    """Differences fail by truncation and float32 by conditioning; neither counts against the rule,
    and a hundredth is still found, alone and inside a network."""

    def derivative(x: Any) -> Any:
        return factor * frequency * jnp.cos(frequency * x)

    function = ruled(lambda x: jnp.sin(frequency * x), derivative)
    layer = nn.Layer(
        lambda key, in_shape: ((), in_shape),
        lambda params, x, key=None: (jnp.sin(frequency * x), x),
        lambda params, x, dy: ((), dy * derivative(x)),
    )
    right = factor == 1
    assert nn.verify_function(function, X, show=False).passed == right
    assert nn.verify(layer, (3,), show=False).passed == right
    network = nn.serial(nn.dense(4), layer, nn.dense(2))
    assert nn.verify(network, (3,), show=False).passed == right


@pytest.mark.parametrize("factor", [1.0, 1.01])
def test_forward_that_computes_in_float32(factor: float) -> None:
    def narrow(x: Any) -> Any:
        return x.astype(jnp.float32)

    layer = nn.Layer(
        lambda key, in_shape: ((), in_shape),
        lambda params, x, key=None: (jnp.sin(narrow(x)).astype(x.dtype), x),
        lambda params, x, dy: ((), (narrow(dy) * factor * jnp.cos(narrow(x))).astype(dy.dtype)),
    )
    assert nn.verify(layer, (3,), show=False).passed == (factor == 1)


@pytest.mark.parametrize("dtype", [None, jnp.float32])
@pytest.mark.parametrize("primal", [through_callback, through_kernel])
def test_reference(primal: Callable[[Any], Rule], dtype: Any) -> None:
    """A kernel that JAX cannot differentiate, also one that gives float32 alone."""
    f = primal(dtype)
    right, wrong = ruled(f, jnp.cos), ruled(f, lambda x: 1.01 * jnp.cos(x))
    nn.verify_function(right, X, reference=jnp.sin, show=False).check()
    assert not nn.verify_function(wrong, X, reference=jnp.sin, show=False).passed
    other = nn.verify_function(right, X, reference=jnp.cos, show=False)
    assert other.wrong[0].oracle == "value"


def test_rule_as_a_pair() -> None:
    right = (lambda x: (jnp.sin(x), x), lambda x, dy: (dy * jnp.cos(x),))
    other = (lambda x: (1.001 * jnp.sin(x), x), right[1])
    nn.verify_function(jnp.sin, X, rule=right, show=False).check()
    report = nn.verify_function(jnp.sin, X, rule=other, show=False)
    assert report.wrong[0].oracle == "value", "the forward function gives another value"


def test_on_request() -> None:
    also = ("second order", "vmap", "jit", "cotangents", "bfloat16", "float16")
    report = nn.verify_function(tree(), *TREE, also=also, delicate=False, show=False)
    report.check()
    options = {row.options for row in report.rows}
    assert options == {
        "",
        *also[:3],
        "output 0 alone",
        "output 1 alone",
        "output 2 alone",
        *also[4:],
    }

    stopped = ruled(jnp.sin, lambda x: jax.lax.stop_gradient(jnp.cos(x)))
    assert nn.verify_function(stopped, X, show=False).passed
    assert not nn.verify_function(stopped, X, also=("second order",), show=False).passed

    rounded = ruled(
        jnp.sin, lambda x: jnp.cos(x) * jnp.where(x.dtype.itemsize == 2, 1.5, 1).astype(x.dtype)
    )
    wrong = nn.verify_function(rounded, X, also=("bfloat16", "float16"), show=False).wrong
    assert {row.options for row in wrong} == {"bfloat16", "float16"}


def test_convention_at_a_kink() -> None:
    """ReLU at 0: the report says which slope, instead of right or wrong."""
    for rule, side in ((lambda x: x > 0, "left"), (lambda x: x >= 0, "right")):
        relu = ruled(lambda x: jnp.maximum(x, 0), lambda x, rule=rule: rule(x).astype(x.dtype))
        report = nn.verify_function(relu, jnp.zeros((2, 3)), delicate=False, show=False)
        report.check()
        (row,) = [row for row in report.rows if row.verdict == "convention"]
        assert row.detail.startswith(f"the slope on the {side} at 6 kinks (x[0, 0], rule")
    middle = ruled(lambda x: jnp.maximum(x, 0), lambda x: (1 + jnp.sign(x)) / 2)
    report = nn.verify_function(middle, jnp.zeros(2), delicate=False, show=False)
    assert "mean of the slopes at 2 kinks" in report.rows[-1].detail
    strict = {"kinks": "the mean is the convention"}
    left = ruled(lambda x: jnp.maximum(x, 0), lambda x: (x > 0).astype(x.dtype))
    for f, passed in ((middle, True), (left, False)):
        report = nn.verify_function(f, jnp.zeros(2), delicate=False, unsuited=strict, show=False)
        assert report.passed == passed


def test_kinks_and_ties_given_as_inputs() -> None:
    def ones(rng: np.random.Generator, shape: Any) -> np.ndarray:
        return np.ones(shape)

    for layer, draw in ((nn.relu(), lambda rng, shape: np.zeros(shape)), (nn.max_pool(2), ones)):
        report = nn.verify(layer, (4, 4, 2), inputs=draw, show=False)
        report.check()
        assert {"convention"} == {row.verdict for row in report.rows if row.oracle == "kinks"}


def test_oracle_is_excused_with_a_reason() -> None:
    """A straight-through estimator is not the derivative, and is meant not to be."""
    straight = ruled(lambda x: jnp.round(x), jnp.ones_like)
    meant = "the rule passes the error signal straight through"
    oracles: tuple[str, ...] = ("jax.grad", "central differences", "complex step")
    unsuited: dict[str, str] = dict.fromkeys(oracles, meant)
    report = nn.verify_function(straight, X, unsuited=unsuited, show=False)
    assert {row.oracle for row in report.wrong} == {"dot test"}
    assert str(report).count(meant) == 1, "a reason is printed once"


def test_forward_that_contains_a_custom_rule() -> None:
    """Forward mode cannot go through a `custom_vjp` function; the oracles take the rule out."""
    tanh = nn.differentiable(nn.tanh())
    for slope, right in ((lambda x: 1 - jnp.tanh(x) ** 2, True), (jnp.cos, False)):
        layer = nn.Layer(
            lambda key, in_shape: ((), in_shape),
            lambda params, x, key=None: (tanh((), x), x),
            lambda params, x, dy, slope=slope: ((), dy * slope(x)),
        )
        report = nn.verify(layer, (3,), show=False)
        assert report.passed == right
        assert {row.verdict for row in report.rows if not row.options} == {
            "right" if right else "wrong"
        }


Zero = jax.custom_derivatives.SymbolicZero


def symbolic(backward: Callable[..., Any], forward: Callable[..., Any] | None = None) -> Any:
    """(x w, x + w), with a rule that sees which cotangents and arguments take part."""

    def plain_forward(x: Any, w: Any) -> Any:
        return (x.value * w.value, x.value + w.value), (x.value, w.value)

    function = jax.custom_vjp(lambda x, w: (x * w, x + w))
    function.defvjp(forward or plain_forward, backward, symbolic_zeros=True)
    return function


def test_cotangents_that_are_missing() -> None:
    def backward(saved: Any, dy: Any, wrong: bool = False) -> Any:
        x, w = saved
        a, b = (jnp.zeros_like(x) if isinstance(part, Zero) else part for part in dy)
        forgotten = wrong and isinstance(dy[1], Zero)
        return a * w + b, jnp.zeros_like(w) if forgotten else a * x + b

    args = X, X + 0.5
    right = symbolic(backward)
    nn.verify_function(right, *args, also=("cotangents", "arguments"), show=False).check()
    wrong = symbolic(functools.partial(backward, wrong=True))
    assert nn.verify_function(wrong, *args, show=False).passed
    report = nn.verify_function(wrong, *args, also=("cotangents",), show=False)
    assert {row.options for row in report.wrong} == {"output 0 alone"}


def test_each_argument_alone() -> None:
    def forward(x: Any, w: Any) -> Any:
        doubled = 2 if x.perturbed and not w.perturbed else 1
        return (x.value * w.value, x.value + w.value), (x.value, doubled * w.value)

    def backward(saved: Any, dy: Any) -> Any:
        x, w = saved
        a, b = (jnp.zeros_like(x) if isinstance(part, Zero) else part for part in dy)
        return a * w + b, a * x + b

    wrong = symbolic(backward, forward)
    assert nn.verify_function(wrong, X, X + 0.5, show=False).passed
    report = nn.verify_function(wrong, X, X + 0.5, also=("arguments",), show=False)
    assert {row.options for row in report.wrong} == {"x alone"}


def test_solver_that_stops_when_it_is_close_enough() -> None:
    """Newton's square root, with its exact derivative: the value is off by the solver's error."""

    def root(a: Any) -> Any:
        start = jnp.ones_like(a)
        return jax.lax.fori_loop(0, 2, lambda _, y: (y + a / y) / 2, start)

    f = jax.custom_vjp(root)
    f.defvjp(lambda a: (root(a), root(a)), lambda y, dy: (dy / (2 * y),))
    a = np.array([0.5, 1.5, 2.0])
    reference = {"reference": jnp.sqrt, "show": False}
    assert not nn.verify_function(f, a, delicate=False, **reference).passed
    nn.verify_function(f, a, tolerance=0.01, delicate=("equal rows",), **reference).check()
    f.defvjp(lambda a: (root(a), root(a)), lambda y, dy: (1.1 * dy / (2 * y),))
    assert not nn.verify_function(f, a, tolerance=0.01, delicate=False, **reference).passed


def test_straight_through_with_its_meaning_as_reference() -> None:
    straight = ruled(lambda x: jnp.round(x), jnp.ones_like)
    unsuited = {"value": "the function rounds, its gradient is meant to be that of x"}
    report = nn.verify_function(
        straight, X, reference=lambda x: x, unsuited=unsuited, show=False, delicate=("ties",)
    )
    report.check()
    assert {row.options for row in report.rows} == {"", "ties"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"delicate": ("tie",)}, "expected True, False, or names among wide inputs, zeros"),
        ({"delicate": "ties"}, "expected True, False, or names"),
        ({"tolerance": -1}, "tolerance\\): expected a number in"),
    ],
)
def test_points_that_do_not_exist(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        nn.verify_function(jnp.sin, X, **given)
