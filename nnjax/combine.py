"""Combinators: networks made of layers. They own the routing; layers know nothing of each other."""

import jax

from nnjax.core import Layer, Params, Residuals, Shape


def serial(*layers: Layer) -> Layer:
    """Layers one after another.

        y = f_n(... f_2(f_1(x)))        dx = J_1' J_2' ... J_n' dy

    with J_i' the transposed Jacobian of layer i: forward runs the layers from first to last,
    backward runs them from last to first, each turning the error signal of its output into its
    parameters' gradient and the error signal of its input.

    Args:
        layers: any number of layers; a `serial` is a layer and may stand inside another. Without
            layers it is the identity.

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
        if not isinstance(layer, Layer):
            raise TypeError(
                f"layer {i} of serial: expected a layer, got {layer!r}; layers are made by a call, "
                "as in nn.relu()"
            )

    def init(key: jax.Array, in_shape: Shape) -> tuple[Params, Shape]:
        params, shape = [], tuple(in_shape)
        for i, layer in enumerate(layers):
            try:
                layer_params, shape = layer.init(jax.random.fold_in(key, i), shape)
            except ValueError as error:
                raise ValueError(f"layer {i} of serial: {error}") from None
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
            x, layer_residuals = layer.forward(layer_params, x, layer_key)
            residuals.append(layer_residuals)
        return x, tuple(residuals)

    def backward(params: Params, residuals: Residuals, dy: jax.Array) -> tuple[Params, jax.Array]:
        grads = []
        for layer, layer_params, layer_residuals in zip(
            reversed(layers), reversed(params), reversed(residuals), strict=True
        ):
            layer_grads, dy = layer.backward(layer_params, layer_residuals, dy)
            grads.append(layer_grads)
        return tuple(reversed(grads)), dy

    return Layer(init, forward, backward)
