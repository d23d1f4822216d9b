"""Mistakes in the rule of a function, and wrong use of `verify_function`: one sentence each."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from forms import the_form

import nnjax as nn


def nothing(*arguments: Any) -> Any:
    return arguments[-1].nothing


A, B = jnp.array([1.0, 2.0, 3.0]), jnp.array([3.0, 4.0, 5.0])


def times(x: Any, w: Any) -> Any:
    return x * w


def saved(x: Any, w: Any) -> Any:
    return x * w, (x, w)


def dtimes(residuals: Any, dy: Any) -> Any:
    x, w = residuals
    return dy * w, dy * x


RULES = {
    "y only": (times, dtimes, r"pair \(y, residuals\), got an array of shape \(3,\)"),
    "three": (lambda x, w: (x * w, x, w), dtimes, r"pair \(y, residuals\), got a tuple of 3"),
    "y in a tuple": (lambda x, w: ((x * w,), (x, w)), dtimes, r"y like the output.*tree \(\*,\)"),
    "y of another shape": (lambda x, w: ((x * w).sum(), (x, w)), dtimes, r"\(3,\), got .*\(\)"),
    "arguments of forward": (lambda x: (x, x), dtimes, r"forward: .* \(x, w\), got \(x\)"),
    "arguments of backward": (saved, lambda dy: (dy, dy), r"\(residuals, dy\), got \(dy\)"),
    "one gradient": (saved, lambda r, dy: dy, "tuple of 2.*arguments x, w, got an array"),
    "three gradients": (saved, lambda r, dy: (dy, dy, dy), "arguments x, w, got a tuple of 3"),
    "no gradient": (saved, lambda r, dy: None, "arguments x, w, got None"),
    "a tree": (saved, lambda r, dy: ((dy,), dy), "x: expected the gradient as an array, got a tup"),
    "another shape": (
        saved,
        lambda r, dy: (dy, dy.sum()),
        r"w: expected the shape \(3,\), got \(\)",
    ),
    "another dtype": (
        saved,
        lambda r, dy: (dy * r[1], (dy * r[0]).astype("float32")),
        r"w: expected float64\(3,\), got float32\(3,\)",
    ),
    "an error": (saved, nothing, r"AttributeError: .*functions\.py, line \d+: return"),
}


@pytest.mark.parametrize("custom", [False, True], ids=["rule", "custom_vjp"])
@pytest.mark.parametrize(("forward", "backward", "said"), RULES.values(), ids=RULES)
def test_rule(forward: Any, backward: Any, said: str, custom: bool) -> None:
    if custom:
        ruled = jax.custom_vjp(times)
        ruled.defvjp(forward, backward)
        report = nn.verify_function(ruled, A, B, show=False)
    else:
        report = nn.verify_function(times, A, B, rule=(forward, backward), show=False)
    sentence = the_form(report)
    assert re.search(said, sentence), sentence


def test_rule_of_a_tree() -> None:
    def product(p: Any) -> Any:
        return p["a"] * p["b"]

    rule = (lambda p: (product(p), p), lambda p, dy: ({"a": dy * p["b"]},))
    report = nn.verify_function(product, {"a": A, "b": B}, rule=rule, show=False)
    assert re.search(r"backward: p: .*: p\.b is missing", the_form(report))


def test_forms_that_jax_accepts() -> None:
    """Lists for tuples, None for a gradient of a whole number, a kernel of float32 alone."""
    lists = (lambda x, w: [*saved(x, w)], lambda r, dy: [*dtimes(r, dy)])
    scaled = (lambda x, n: (x * n, n), lambda n, dy: (dy * n, None))

    @jax.custom_vjp
    def kernel(x: Any) -> Any:
        if x.dtype != jnp.float32:
            raise TypeError("float32 alone")
        return 2 * x

    kernel.defvjp(lambda x: (kernel(x), ()), lambda residuals, dy: (2 * dy,))
    assert nn.verify_function(times, A, B, rule=lists, delicate=False, show=False).passed  # pyright: ignore[reportArgumentType]
    assert nn.verify_function(times, A, 3, rule=scaled, delicate=False, show=False).passed
    assert nn.verify_function(kernel, A, delicate=False, show=False).passed


@pytest.mark.parametrize(
    ("f", "args", "arguments", "error", "said"),
    [
        (times, (A, B), {"rule": saved}, ValueError, r"two functions \(forward, backward\), got"),
        (times, (A, B), {"rule": (saved,) * 3}, ValueError, r"two functions \(forward, backward\)"),
        (times, (A, B), {"rule": (saved, None)}, ValueError, r"two functions .*, None\)"),
        (times, (A, B), {"reference": 3}, TypeError, r"\(reference\): expected a function, got 3"),
        (
            times,
            (A, B),
            {"reference": lambda x, w: x.sum()},
            ValueError,
            r"\(3,\), got .*shape \(\)",
        ),
        (times, (A, B), {"reference": saved}, ValueError, r"\(reference\): .*got the tree"),
        (
            times,
            (A, B),
            {"reference": lambda x: x},
            TypeError,
            r"\(reference\): .*2 arguments given",
        ),
        (times, (A, B), {"also": ("third",)}, ValueError, "also: expected any of .*third"),
        (times, (A, B), {"also": None}, ValueError, "also: expected any of .*None"),
        (times, (A, B), {"nondiff_argnums": (5,)}, ValueError, r"positions of the 2 arguments"),
        (times, (), {}, TypeError, r"times\(x.* cannot be called with the 0 arguments given"),
        (times, (A,), {}, TypeError, "the 1 arguments given: missing a required argument: 'w'"),
        (None, (A,), {}, TypeError, "expected a function, got None"),
        (nn.relu(), (A,), {}, TypeError, r"got relu\(\); use nn\.verify"),
        (times, (A, B.at[0].set(jnp.nan)), {}, ValueError, "w is not finite"),
        (times, (A, B * 1j), {}, TypeError, "w is complex"),
        (jnp.exp, (jnp.arange(3),), {}, TypeError, "no argument has a derivative"),
        (jnp.sum, (A[:0],), {}, TypeError, "no argument has a derivative"),
        (lambda x: x > 0, (A,), {}, TypeError, "no output has a derivative"),
        (lambda x: jax.lax.complex(x, x), (A,), {}, TypeError, "an output is complex"),
        (
            nothing,
            (A,),
            {},
            ValueError,
            r"raises AttributeError: .*functions\.py, line \d+: return",
        ),
        (jax.custom_vjp(times), (A, B), {}, ValueError, "call its defvjp"),
    ],
)
def test_arguments_of_verify_function(
    f: Any, args: Any, arguments: Any, error: Any, said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        nn.verify_function(f, *args, show=False, **arguments)
    assert "\n" not in str(caught.value)
