"""Combinators: networks made of layers. They route values; layers know nothing of each other.

In the backward pass a fork adds up the error signals of its branches, because J depends on the
forked value through each of them. The join decides what each branch receives: a sum copies the
error signal, a concatenation splits it, a product multiplies it by the other factors.
"""

import operator
from functools import reduce
from itertools import accumulate
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp

from nnjax.calls import recorded
from nnjax.contract import LAYER, ContractError, check_functions, initialised, pair
from nnjax.core import Layer, Params, Residuals, Shape

Join = Literal["sum", "concat", "multiply"]


@recorded
def serial(*layers: Layer) -> Layer:
    """Layers one after another.

        x_1 = x,    x_(i+1) = f_i(w_i, x_i),    y = x_(n+1)
        dw_i = E_iᵀ dx_(i+1),    dx_i = D_iᵀ dx_(i+1),    dx_(n+1) = dy

    with w_i the parameters of layer i, and E_i and D_i its Jacobians with respect to w_i and x_i.

    Derivation. J depends on w_i and x_i only through x_(i+1), so by the chain rule their error
    signals are that of x_(i+1) times the transposed Jacobians. Forward runs the layers from first
    to last, backward from last to first: dx = D_1ᵀ D_2ᵀ ... D_nᵀ dy, multiplied from the right. No
    Jacobian is formed: a layer's backward pass is the product with its transposed Jacobian.

    Args:
        layers: any number of layers, including other `serial`s. Without layers it is the identity.

    Returns:
        A layer whose params are the tuple of the layers' params.

    Raises:
        TypeError: if something is not a layer.
        ValueError: (init) if a layer cannot take the shape before it, naming the layer; (forward)
            if the params are those of another network.

    Example:
        >>> import jax, nnjax as nn
        >>> net = nn.serial(nn.dense(44), nn.relu(), nn.dense(26))
        >>> params, out_shape = net.init(jax.random.key(0), (617,))
        >>> out_shape, [w.shape for w, b in (params[0], params[2])]
        ((26,), [(617, 44), (44, 26)])

    Source: the chain rule; Goodfellow, Bengio & Courville, Deep Learning, 2016, section 6.5.
    """
    for i, layer in enumerate(layers):
        _check_layer(layer, f"layer {i} of serial")

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        params, shape = [], tuple(in_shape)
        for i, layer in enumerate(layers):
            layer_key = jax.random.fold_in(key, i)
            layer_params, shape = _init(layer, layer_key, shape, f"layer {i} of serial")
            params.append(layer_params)
        return tuple(params), shape

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, Residuals]:
        if len(params) != len(layers):
            raise ValueError(
                f"serial of {len(layers)} layers got params for {len(params)}; "
                "are they those of another network?"
            )
        residuals = []
        for i, (layer, layer_params) in enumerate(zip(layers, params, strict=True)):
            layer_key = None if key is None else jax.random.fold_in(key, i)
            x, layer_residuals = _forward(layer, layer_params, x, layer_key, f"layer {i} of serial")
            residuals.append(layer_residuals)
        return x, tuple(residuals)

    def backward(params: Params, residuals: Residuals, dy: jax.Array) -> tuple[Params, jax.Array]:
        grads = []
        for i, layer_params, layer_residuals in zip(
            reversed(range(len(layers))), reversed(params), reversed(residuals), strict=True
        ):
            layer_grads, dy = _backward(
                layers[i], layer_params, layer_residuals, dy, f"layer {i} of serial"
            )
            grads.append(layer_grads)
        return tuple(reversed(grads)), dy

    return Layer(init, forward, backward)


@recorded
def residual(branch: Layer) -> Layer:
    """The sum of the input and a branch.

        y = x + f(x)        dx = dy + Dᵀ dy

    with D the Jacobian of the branch.

    Derivation. x forks into the sum and the branch. The sum copies dy to both paths; the direct
    path returns it unchanged, the branch multiplies it by Dᵀ, and the fork adds the two. However
    small D is, dy reaches dx undiminished: this is why very deep networks of such blocks can be
    trained.

    Args:
        branch: a layer that keeps the shape.

    Returns:
        A layer that keeps the shape, with the params and residuals of the branch: the block adds no
        level to either.

    Raises:
        TypeError: if the branch is not a layer.
        ValueError: (init, forward) if the branch changes the shape; the message names both.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> layer = nn.residual(nn.relu())
        >>> y, residuals = layer.forward((), jnp.array([[-1.0, 2.0]]))
        >>> print(y, layer.backward((), residuals, jnp.ones((1, 2)))[1])
        [[-1.  4.]] [[1. 2.]]

    Source: He, Zhang, Ren & Sun, Deep residual learning for image recognition, CVPR 2016; Identity
    mappings in deep residual networks, ECCV 2016, eq. 5.
    """
    _check_layer(branch, "residual")

    def check(in_shape: Shape, out_shape: Shape) -> None:
        if in_shape != out_shape:
            raise ValueError(
                f"residual: x of shape {in_shape} cannot be added to branch(x) of shape {out_shape}"
            )

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        params, out_shape = _init(branch, key, tuple(in_shape), "residual")
        check(tuple(in_shape), out_shape)
        return params, out_shape

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, Residuals]:
        y, residuals = _forward(branch, params, x, key, "residual")
        check(x.shape, y.shape)
        return x + y, residuals

    def backward(params: Params, residuals: Residuals, dy: jax.Array) -> tuple[Params, jax.Array]:
        grads, dx = _backward(branch, params, residuals, dy, "residual")
        return grads, dy.astype(dx.dtype) + dx

    return Layer(init, forward, backward)


class _Joined(NamedTuple):
    """Residuals of `parallel`: those of the branches, and what the join needs of the outputs."""

    branches: tuple[Residuals, ...]
    outputs: tuple[jax.Array, ...]


@recorded
def parallel(*branches: Layer, join: Join = "sum") -> Layer:
    """Layers side by side: each receives all of x, and their outputs are joined.

        y = y_1 + ... + y_n           dy_i = dy                         join="sum"
        y = [y_1, ..., y_n]           dy_i = the part of dy at y_i      join="concat"
        y = y_1 ⊙ ... ⊙ y_n           dy_i = dy ⊙ Π_(j ≠ i) y_j         join="multiply"
        with y_i = f_i(x)             dx   = Σ_i D_iᵀ dy_i

    and D_i the Jacobian of branch i.

    Derivation. Element by element. Sum: ∂y/∂y_i = 1, so each branch receives a copy of dy. Concat:
    each element of y is one element of one y_i, so each branch receives its part of dy. Multiply:
    ∂y/∂y_i is the product of the other factors; it is computed as such, since y / y_i would be 0/0
    at a factor of 0. Fork: J depends on x through every branch, so by the chain rule the error
    signals that the branches return add up.

    Args:
        branches: one or more layers that take the same input.
        join: "sum" and "multiply" act element by element and need branches of one shape; "concat"
            concatenates the outputs along the last axis, in the order of the branches.

    Returns:
        A layer whose params are the tuple of the branches' params. The residuals are those of the
        branches, in the same order; then the outputs for "multiply", or empty arrays that keep the
        outputs' widths for "concat".

    Raises:
        TypeError: if something is not a layer.
        ValueError: if there is no branch or no such join; (init) if a branch cannot take the
            shape, naming the branch; (init, forward) if the outputs' shapes do not fit together,
            naming them; (forward) if the params are those of another network.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> x = jnp.array([[-1.0, 2.0]])
        >>> for join in ("sum", "concat", "multiply"):
        ...     layer = nn.parallel(nn.serial(), nn.relu(), join=join)
        ...     y, residuals = layer.forward(((), ()), x)
        ...     print(y, layer.backward(((), ()), residuals, jnp.ones_like(y))[1])
        [[-1.  4.]] [[1. 2.]]
        [[-1.  2.  0.  2.]] [[1. 2.]]
        [[-0.  4.]] [[0. 4.]]

    Source: the chain rule; Goodfellow, Bengio & Courville, Deep Learning, 2016, section 6.5.2.
    Concatenated branches: Szegedy et al., Going deeper with convolutions, CVPR 2015; multiplied
    ones: Dauphin, Fan, Auli & Grangier, Language modeling with gated convolutional networks, ICML
    2017.
    """
    if not branches:
        raise ValueError("parallel: expected at least one branch, got none")
    for i, branch in enumerate(branches):
        _check_layer(branch, f"branch {i} of parallel")
    if join not in get_args(Join):
        raise ValueError(f"parallel(join): expected one of {get_args(Join)}, got {join!r}")

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        params, shapes = [], []
        for i, branch in enumerate(branches):
            branch_key, where = jax.random.fold_in(key, i), f"branch {i} of parallel"
            branch_params, shape = _init(branch, branch_key, tuple(in_shape), where)
            params.append(branch_params)
            shapes.append(shape)
        return tuple(params), _joined_shape(shapes, join)

    def forward(
        params: Params, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, _Joined]:
        if len(params) != len(branches):
            raise ValueError(
                f"parallel of {len(branches)} branches got params for {len(params)}; "
                "are they those of another network?"
            )
        outputs, residuals = [], []
        for i, (branch, branch_params) in enumerate(zip(branches, params, strict=True)):
            branch_key = None if key is None else jax.random.fold_in(key, i)
            y, branch_residuals = _forward(
                branch, branch_params, x, branch_key, f"branch {i} of parallel"
            )
            outputs.append(y)
            residuals.append(branch_residuals)
        _joined_shape([y.shape for y in outputs], join)
        if join == "sum":
            return reduce(operator.add, outputs), _Joined(tuple(residuals), ())
        if join == "multiply":
            return reduce(operator.mul, outputs), _Joined(tuple(residuals), tuple(outputs))
        # Arrays without examples: they hold no numbers, only the width in their shape.
        widths = tuple(y[:0] for y in outputs)
        return jnp.concatenate(outputs, axis=-1), _Joined(tuple(residuals), widths)

    def backward(params: Params, residuals: _Joined, dy: jax.Array) -> tuple[Params, jax.Array]:
        if join == "sum":
            signals = [dy] * len(branches)
        elif join == "multiply":
            signals = _times_the_others(dy, residuals.outputs)
        else:
            signals = _split(dy, residuals.outputs)
        grads, dxs = [], []
        each = zip(branches, params, residuals.branches, signals, strict=True)
        for i, (branch, its, saved, signal) in enumerate(each):
            branch_grads, branch_dx = _backward(
                branch, its, saved, signal, f"branch {i} of parallel"
            )
            grads.append(branch_grads)
            dxs.append(branch_dx)
        return tuple(grads), reduce(operator.add, dxs)

    return Layer(init, forward, backward)


def _joined_shape(shapes: list[Shape], join: Join) -> Shape:
    """The shape of the joined outputs; ValueError if the branches' shapes do not fit."""
    first = shapes[0]
    if join != "concat":
        if any(shape != first for shape in shapes):
            raise ValueError(f"parallel, join={join!r}: branches of different shapes {shapes}")
        return first
    if any(not shape or shape[:-1] != first[:-1] for shape in shapes):
        raise ValueError(
            f"parallel, join='concat': branches of shapes {shapes}, which may differ only in the "
            "last axis"
        )
    return (*first[:-1], sum(shape[-1] for shape in shapes))


def _split(dy: jax.Array, outputs: tuple[jax.Array, ...]) -> list[jax.Array]:
    """Cut dy along the last axis into the parts of the outputs."""
    ends = list(accumulate(y.shape[-1] for y in outputs))
    return jnp.split(dy, ends[:-1], axis=-1)


def _times_the_others(dy: jax.Array, outputs: tuple[jax.Array, ...]) -> list[jax.Array]:
    """For each output, dy times the product of all other outputs.

    Computed from the products of those before and of those after it: n outputs cost 3n products,
    and nothing is divided by an output, which may be 0.
    """
    before = list(accumulate(outputs[:-1], operator.mul, initial=dy))
    after = list(accumulate(reversed(outputs[1:]), operator.mul))[::-1]
    return [*map(operator.mul, before[:-1], after), before[-1]]


def _init(layer: Layer, key: jax.Array, in_shape: Shape, place: str) -> tuple[Params, Shape]:
    try:
        return initialised(layer, key, in_shape)
    except ContractError as error:
        raise ContractError(f"{place}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _forward(
    layer: Layer, params: Params, x: jax.Array, key: jax.Array | None, place: str
) -> tuple[jax.Array, Residuals]:
    return pair(layer.forward(params, x, key), f"{place}: forward", "(y, residuals)")


def _backward(
    layer: Layer, params: Params, residuals: Residuals, dy: jax.Array, place: str
) -> tuple[Params, jax.Array]:
    return pair(layer.backward(params, residuals, dy), f"{place}: backward", "(dparams, dx)")


def _check_layer(layer: Layer, place: str) -> None:
    if not isinstance(layer, Layer):
        raise TypeError(
            f"{place}: expected a layer, got {layer!r}; call the function that makes it, as in "
            "nn.relu()"
        )
    try:
        check_functions(layer, LAYER)
    except ContractError as error:
        raise ContractError(f"{place}: {error}") from None
