"""Random networks over all public blocks against `jax.grad`: what no table of cases thinks of."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from promises import by_hand, layer_inputs
from trees import assert_close

import nnjax as nn
from nnjax.combine import Join
from nnjax.core import Params, Shape
from nnjax.verify.case import LayerCase

SAME_SHAPE = [
    nn.relu(),
    nn.leaky_relu(0.3),
    nn.elu(),
    nn.softplus(),
    nn.sigmoid(),
    nn.tanh(),
    nn.gelu(),
    nn.gelu(approximate=True),
    nn.silu(),
    nn.softmax(),
    nn.log_softmax(),
    nn.layer_norm(),
    nn.rms_norm(),
    nn.batch_norm(),
    nn.dropout(0.3),
    nn.serial(),
]


def after(layer: nn.Layer, shape: Shape) -> Shape:
    """The shape of one example behind a layer."""
    shapes: list[Shape] = []
    jax.eval_shape(lambda key: shapes.append(layer.init(key, shape)[1]), jax.random.key(0))
    return shapes[0]


def has_params(shape: Shape) -> Callable[[nn.Layer], bool]:
    """Whether a layer has parameters, which `shared` demands."""

    def found(layer: nn.Layer) -> bool:
        params = jax.eval_shape(lambda key: layer.init(key, shape)[0], jax.random.key(0))
        return bool(jax.tree.leaves(params))

    return found


@st.composite
def shape_keeping(draw: st.DrawFn, shape: Shape) -> nn.Layer:
    """A layer whose output has the shape of its input."""
    options = [st.sampled_from(SAME_SHAPE), st.just(nn.dense(shape[-1]))]
    groups = [g for g in (1, 2, 3) if shape[-1] % g == 0]
    options.append(st.sampled_from(groups).map(nn.group_norm))
    if len(shape) == 2:
        heads = st.sampled_from(groups)
        cells = st.sampled_from([nn.rnn, nn.lstm, nn.gru])
        options += [
            heads.map(lambda h: nn.multi_head_attention(shape[-1], h)),
            heads.map(lambda h: nn.transformer_block(shape[-1], h, hidden=3, dropout_rate=0.2)),
            cells.map(lambda cell: cell(shape[-1])),
            st.just(nn.position_embedding(shape[0])),
            st.builds(
                nn.conv1d,
                st.just(shape[-1]),
                st.sampled_from([1, 2, 3]),
                padding=st.just("SAME"),
                dilation=st.sampled_from([1, 2]),
                groups=st.sampled_from(groups),
            ),
        ]
    if len(shape) == 3:
        options.append(
            st.builds(
                nn.conv2d,
                st.just(shape[-1]),
                st.sampled_from([1, 2, (2, 3)]),
                padding=st.just("SAME"),
                dilation=st.sampled_from([1, 2, (1, 2)]),
                groups=st.sampled_from(groups),
            )
        )
    return draw(st.one_of(options))


@st.composite
def shape_changing(draw: st.DrawFn, shape: Shape) -> nn.Layer:
    """A layer whose output has another shape."""
    padding: Any = st.sampled_from(["SAME", ((1, 0),) * max(len(shape) - 1, 1)])
    strides = st.sampled_from([1, 2, 3])
    # A transposed convolution crops by its padding; of a single position nothing may be left.
    crops = min(shape[:-1], default=1) > 1
    options = [st.sampled_from([1, 2, 3]).map(nn.dense)]
    if len(shape) > 1:
        options.append(st.sampled_from([nn.flatten(), nn.global_avg_pool(), nn.global_max_pool()]))
        options += [
            st.builds(pool, st.just(2), stride=strides, padding=padding)
            for pool in (nn.max_pool, nn.avg_pool)
        ]
    if len(shape) == 2:
        one = st.sampled_from(["SAME", (1, 0)])
        options += [
            st.builds(conv, st.just(2), st.sampled_from([1, 2]), stride=strides, padding=pads)
            for conv, pads in (
                (nn.conv1d, one),
                (nn.conv1d_transpose, one if crops else st.just("SAME")),
            )
        ]
        cells = st.sampled_from([nn.rnn, nn.lstm, nn.gru])
        options.append(cells.map(lambda cell: cell(2, last=True)))
    if len(shape) == 3:
        options += [
            st.builds(conv, st.just(2), st.sampled_from([1, 2]), stride=strides, padding=pads)
            for conv, pads in (
                (nn.conv2d, padding),
                (nn.conv2d_transpose, padding if crops else st.just("SAME")),
            )
        ]
    return draw(st.one_of(options))


@st.composite
def networks(draw: st.DrawFn, shape: Shape, depth: int = 2, keep: bool = False) -> nn.Layer:
    """A tree of combinators; `keep`: its output has the shape of its input."""
    kinds = ["keep"] if keep else ["keep", "change"]
    if depth:
        kinds += ["serial", "residual", "parallel", "shared"]
    kind = draw(st.sampled_from(kinds))
    if kind == "keep":
        return draw(shape_keeping(shape))
    if kind == "change":
        return draw(shape_changing(shape))
    if kind == "residual":
        return nn.residual(draw(networks(shape, depth - 1, keep=True)))
    if kind == "shared":
        twice = draw(shape_keeping(shape).filter(has_params(shape)))
        between = draw(networks(shape, depth - 1, keep=True))
        return nn.shared(nn.serial(twice, between, twice), [0, 2])
    if kind == "parallel":
        joins: list[Join] = ["sum", "multiply"] if keep else ["sum", "concat", "multiply"]
        join = draw(st.sampled_from(joins))
        branch = networks(shape, depth - 1, keep=True)
        return nn.parallel(*draw(st.lists(branch, min_size=1, max_size=3)), join=join)
    layers = []
    for _ in range(draw(st.integers(1, 3))):
        layers.append(draw(networks(shape, depth - 1, keep)))
        shape = after(layers[-1], shape)
        if math.prod(shape) > 60:
            break
    return nn.serial(*layers)


@st.composite
def cases(draw: st.DrawFn) -> LayerCase:
    shape = draw(st.sampled_from([(3,), (1,), (4, 3), (3, 2), (1, 4), (3, 4, 2), (4, 1, 3)]))
    network = draw(networks(shape))
    batch, training = draw(st.sampled_from([1, 3])), draw(st.booleans())
    return LayerCase("random", "", network, shape, batch, training=training, at_init=True)


def agrees_with_jax(case: LayerCase) -> None:
    """Around what init gives, where a variance is positive, but not at it."""
    params, x, dy, key = layer_inputs(case)
    rng, network = np.random.default_rng(2), case.layer
    params = jax.tree.map(lambda leaf: leaf + 0.3 * rng.uniform(-1, 1, leaf.shape), params)

    @jax.jit
    def both(params: Params, x: jax.Array) -> Any:
        def weighted(params: Params, x: jax.Array) -> jax.Array:
            return jnp.sum(dy * network.forward(params, x, key)[0])

        return by_hand(network, params, x, dy, key)[1], jax.grad(weighted, (0, 1))(params, x)

    hand, oracle = both(params, x)
    largest = max(float(jnp.abs(leaf).max(initial=0)) for leaf in jax.tree.leaves(oracle))
    assert_close(hand, oracle, 1e-9, 1e-11 * max(largest, 1.0))


@settings(max_examples=30)
@given(case=cases())
def test_random_network(case: LayerCase) -> None:
    agrees_with_jax(case)


@pytest.mark.exhaustive
@settings(max_examples=300)
@given(case=cases())
def test_many_random_networks(case: LayerCase) -> None:
    agrees_with_jax(case)
