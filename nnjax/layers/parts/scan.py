"""Backpropagation through time, common to all recurrent layers.

A recurrent layer applies the same step to each position. With x_t the input and h_t the state after
step t (h_0 = 0), a step computes pre-activations by two products, then the new state elementwise:

    a_t = x_t W + b,    p_t = h_(t-1) U,    z_t = a_t + p_t,    state_t = step(z_t, state_(t-1))

(the GRU does not add all parts of a_t and p_t). Unrolled in time this is a deep network whose
layers share W, U and b. The error signal of state_t is the sum of that of the output, dy_t, and
that of the next step, so backward runs from the last step to the first:

    dz_t         = (∂step/∂z)ᵀ dstate_t                  elementwise, by the rule of the cell
    dstate_(t-1) = (∂step/∂state)ᵀ dstate_t + dz_t Uᵀ    the direct path and the path through p_t

(the term dz_t Uᵀ is for h only, which U multiplies). All steps and examples share W, U and b, so
their gradients are summed over both:

    dW = Σ_t x_tᵀ dz_t,    dU = Σ_t h_(t-1)ᵀ dz_t,    db = Σ_t 1ᵀ dz_t,    dx_t = dz_t Wᵀ

Only dstate requires a loop over the steps. Each sum is one matrix product over all steps and
examples outside of the loop, as is x W in forward.

With a mask m (1 at real steps, 0 at padding) the state is kept where m = 0:

    state_t = m_t new_t + (1 - m_t) state_(t-1)      new_t = step(z_t, state_(t-1))
    dnew_t  = m_t dstate_t
    dm_t    = Σ_units (new_t - state_(t-1)) ⊙ dstate_t
    dstate_(t-1) += (1 - m_t) dstate_t

Source: Werbos, Backpropagation through time: what it does and how to do it, Proc. IEEE 78, 1990.
"""

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nnjax.checks import check_whole
from nnjax.core import Layer, Params, Shape
from nnjax.initializers import Initializer, glorot
from nnjax.layers.parts.precision import as_dtype_of

Arrays = tuple[jax.Array, ...]


def _sum(params: Any, a: jax.Array, p: jax.Array) -> Arrays:
    return (a + p,)


def _copies(dz: Arrays) -> tuple[jax.Array, jax.Array]:
    return dz[0], dz[0]


class Cell(NamedTuple):
    """One step of a recurrent layer, without the products.

    A state is a tuple of arrays (batch, units), h first. `step` and `backward` act elementwise on
    the pre-activations z, a tuple of arrays (batch, multiples of units).

        step:     (z, before)        -> new state
        backward: (z, before, dnew)  -> (dz, dbefore)     dbefore by the direct path only
        join:     (params, a, p)     -> z                 a = x W + b, p = h U
        fork:     (dz)               -> (da, dp)          for any number of leading axes
        collect:  (dW, dU, da, dp)   -> dparams           adds the gradients of the biases
    """

    name: str
    gates: int
    states: int
    params: Callable[[jax.Array, jax.Array], Params]
    step: Callable[[Arrays, Arrays], Arrays]
    backward: Callable[[Arrays, Arrays, Arrays], tuple[Arrays, Arrays]]
    collect: Callable[[jax.Array, jax.Array, jax.Array, jax.Array], Params]
    join: Callable[[Any, jax.Array, jax.Array], Arrays] = _sum
    fork: Callable[[Arrays], tuple[jax.Array, jax.Array]] = _copies


class Unrolled(NamedTuple):
    """Residuals: x (batch, time, ...); z and the states after each step, (time, batch, ...)."""

    x: jax.Array
    z: Arrays
    states: Arrays


def sigmoid_slope(z: jax.Array) -> jax.Array:
    """s′(z) = s(z) s(-z) = e / (1 + e)² with e = exp(-|z|): s′ is even, and e cannot overflow."""
    e = jnp.exp(-jnp.abs(z))
    return e / (1 + e) ** 2


def tanh_slope(z: jax.Array) -> jax.Array:
    """tanh′(z) = 4 s′(2 z), which keeps its digits where 1 - tanh(z)² is rounded to 0."""
    return 4 * sigmoid_slope(2 * z)


def unroll(cell: Cell, units: int, last: bool, masked: bool, init: Initializer | None) -> Layer:
    """The layer that repeats a cell over time; see the docstrings of the module and the cells."""
    check_whole(units, f"{cell.name}(units)")
    draw = glorot() if init is None else init
    extra = 1 if masked else 0

    def forward(
        params: Any, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, Unrolled]:
        channels = params.input.shape[0] + extra
        if x.ndim != 3 or x.shape[-1] != channels:
            raise ValueError(
                f"{cell.name}({units}) has input weights of shape {params.input.shape} and takes x "
                f"of shape (batch, time, {channels}){' with the mask' if masked else ''}, "
                f"got {x.shape}"
            )
        features, mask = parts(x)
        a = jnp.einsum("btf,fg->tbg", features, params.input) + params.bias.reshape(1, 1, -1)
        start = (jnp.zeros((x.shape[0], units), a.dtype),) * cell.states

        def step(
            before: Arrays, inputs: tuple[jax.Array, jax.Array | None]
        ) -> tuple[Arrays, tuple[Arrays, Arrays]]:
            a, m = inputs
            z = cell.join(params, a, before[0] @ params.recurrent)
            after = cell.step(z, before)
            if m is not None:
                after = tuple(m * n + (1 - m) * b for n, b in zip(after, before, strict=True))
            return after, (z, after)

        end, (z, states) = jax.lax.scan(step, start, (a, mask))
        y = end[0] if last else jnp.swapaxes(states[0], 0, 1)
        return y, Unrolled(x, z, states)

    def backward(params: Any, residuals: Unrolled, dy: jax.Array) -> tuple[Params, jax.Array]:
        x, z, states = residuals
        features, mask = parts(x)
        befores = tuple(jnp.concatenate([jnp.zeros_like(s[:1]), s[:-1]]) for s in states)
        dys = None if last else jnp.swapaxes(dy, 0, 1)
        end = tuple(jnp.zeros(s.shape[1:], s.dtype) for s in states)
        if last:
            end = (dy.astype(end[0].dtype), *end[1:])

        def step(
            dafter: Arrays, inputs: tuple[Arrays, Arrays, jax.Array | None, jax.Array | None]
        ) -> tuple[Arrays, tuple[Arrays, jax.Array | None]]:
            z, before, m, dy = inputs
            if dy is not None:
                dafter = (dafter[0] + dy, *dafter[1:])
            dnew, dm = dafter, None
            if m is not None:
                new = cell.step(z, before)
                gains = (d * (n - b) for d, n, b in zip(dafter, new, before, strict=True))
                dm = reduce(operator.add, gains).sum(axis=-1, keepdims=True)
                dnew = tuple(m * d for d in dafter)
            dz, dbefore = cell.backward(z, before, dnew)
            _, dp = cell.fork(dz)
            dbefore = (dbefore[0] + dp @ params.recurrent.T, *dbefore[1:])
            if m is not None:
                dbefore = tuple(b + (1 - m) * d for b, d in zip(dbefore, dafter, strict=True))
            return dbefore, (dz, dm)

        _, (dz, dmask) = jax.lax.scan(step, end, (z, befores, mask, dys), reverse=True)
        da, dp = cell.fork(dz)
        dinput = jnp.einsum("btf,tbg->fg", features, da)
        # The initial state is 0, so the sum starts at the second step.
        drecurrent = jnp.einsum("tbh,tbg->hg", states[0][:-1], dp[1:])
        dx = jnp.einsum("tbg,fg->btf", da, params.input)
        if dmask is not None:
            dx = jnp.concatenate([dx, jnp.swapaxes(dmask, 0, 1)], axis=-1)
        grads = jax.tree.map(
            lambda g, p: g.astype(p.dtype), cell.collect(dinput, drecurrent, da, dp), params
        )
        return grads, as_dtype_of(x, dx)

    def init_params(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        if len(in_shape) != 2 or in_shape[-1] <= extra:
            raise ValueError(
                f"{cell.name}({units}) takes examples of shape (time, features"
                f"{' + 1 with the mask' if masked else ''}), got {tuple(in_shape)}"
            )
        time, channels = in_shape
        input_key, recurrent_key = jax.random.split(key)
        params = cell.params(weights(input_key, channels - extra), weights(recurrent_key, units))
        return params, (units,) if last else (time, units)

    def weights(key: jax.Array, n_in: int) -> jax.Array:
        keys = jax.random.split(key, cell.gates)
        return jnp.concatenate([draw(k, (n_in, units)) for k in keys], axis=-1)

    def parts(x: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        """The features (batch, time, features) and the mask (time, batch, 1)."""
        return (x[..., :-1], jnp.swapaxes(x[..., -1:], 0, 1)) if masked else (x, None)

    return Layer(init_params, forward, backward)
