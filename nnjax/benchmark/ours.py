"""Training with this library, with its own backward passes or with those of `jax.grad`."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

import nnjax as nn
from nnjax.benchmark.clock import Run
from nnjax.benchmark.peers import RATE, Many
from nnjax.epoch import State, train_step
from nnjax.training.optimizers import begin

Data = tuple[Any, Any]
"""Inputs and labels."""


class Rules(NamedTuple):
    """A network and its loss, with their backward passes."""

    network: nn.Layer
    loss: nn.Loss


def by_hand(network: nn.Layer) -> Rules:
    """The backward passes of the library."""
    return Rules(network, nn.softmax_cross_entropy)


def autodiff(network: nn.Layer) -> Rules:
    """JAX's derivatives of the same forward passes, as `jax.grad` composes them.

    The error signal of the network's input is not computed, as by `jax.grad` with respect to the
    parameters. All else, such as the loop over the batches, stays the same.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> network, loss = autodiff(nn.dense(2))
        >>> params, _ = network.init(jax.random.key(0), (3,))
        >>> J, grads = nn.value_and_grad(network, loss)(params, jnp.zeros((1, 3)), jnp.array([0]))
        >>> print(grads.bias)
        [-0.5  0.5]
    """
    loss = nn.softmax_cross_entropy

    def forward(params: Any, x: jax.Array, key: jax.Array | None = None) -> Any:
        return jax.vjp(lambda params: network.forward(params, x, key)[0], params)

    def backward(_: Any, pull: Any, dy: jax.Array) -> Any:
        return pull(dy)[0], None

    def loss_forward(scores: jax.Array, labels: Any) -> Any:
        J, pull = jax.vjp(lambda scores: loss.forward(scores, labels)[0], scores)
        return J, (pull, jnp.ones_like(J))

    def loss_backward(residuals: Any) -> jax.Array:
        pull, one = residuals
        return pull(one)[0]

    return Rules(nn.Layer(network.init, forward, backward), nn.Loss(loss_forward, loss_backward))


def in_dtype(network: nn.Layer, dtype: Any) -> nn.Layer:
    """The network with initial parameters in a dtype."""

    def init(key: jax.Array, shape: tuple[int, ...]) -> Any:
        params, out_shape = network.init(key, shape)
        return jax.tree.map(lambda p: p.astype(dtype), params), out_shape

    return network._replace(init=init)


def put(data: Data, dtype: Any) -> Data:
    """Inputs and labels where JAX computes; whole numbers stay whole."""
    x, labels = map(jnp.asarray, data)
    return x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x, labels


def step(rules: Rules, data: Data, dtype: Any) -> tuple[Any, State]:
    """A training step with Adam as one compiled program, and the state that it starts from.

    Args:
        rules: network and loss.
        data: inputs (batch, ...) and labels of a batch, as `put` returns them.
        dtype: of the parameters.

    Returns:
        (state, inputs, labels) -> state; and the initial state.
    """
    optimizer = optax.adam(RATE)
    params, _ = in_dtype(rules.network, dtype).init(jax.random.key(0), data[0].shape[1:])

    @jax.jit
    def once(state: State, x: jax.Array, labels: jax.Array) -> State:
        return train_step(*rules, optimizer, state, x, labels, None)[0]

    return once, State(params, begin(optimizer, params))


def training(rules: Rules, data: Data, dtype: Any) -> Run:
    """Steps on one batch, from the same parameters every time; see `step`."""
    batch = put(data, dtype)
    once, start = step(rules, batch, dtype)

    def run(times: int) -> None:
        state = start
        for _ in range(times):
            state = once(state, *batch)
        jax.block_until_ready(state)

    return run


def operations_of_step(network: nn.Layer, data: Data, dtype: Any) -> float:
    """Operations of a training step with `jax.grad`, by XLA's analysis of the program.

    Counted for one implementation, since others may reach the same gradient differently; and on the
    CPU, since JAX analyses a program for a GPU only after compiling it.
    """
    with jax.default_device(jax.devices("cpu")[0]):
        batch = put(data, dtype)
        once, start = step(autodiff(network), batch, dtype)
        cost: Any = once.lower(start, *batch).cost_analysis()
    return float(cost["flops"])


def sweep(rules: Rules, many: Many, data: Data, threads: int | None = None) -> Run:
    """`nn.sweep` with Adam over rates and seeds, for one epoch.

    Args:
        rules: network and loss.
        many: rates, seeds and batch size.
        data: inputs (rows, features) and labels.
        threads: groups of networks trained at the same time; None for the choice of `nn.sweep`.
    """

    def run(times: int) -> None:
        for _ in range(times):
            nn.sweep(
                *rules, optax.adam, data, seeds=list(range(many.seeds)),
                arms={"learning_rate": many.rates}, epochs=1, batch_size=many.batch_size,
                drop_last=True, metric=None, progress=False, threads=threads,
            )  # fmt: skip

    return run
