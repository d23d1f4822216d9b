"""The nouns of the library, `Layer`, `Loss` and `Penalty`, and the gradient of a network.

A layer is three pure functions, a loss two, a penalty two. The gradient of a network is its
backward pass, started from the backward pass of the loss. There is no other machinery.

Notation. J is the loss. `dv` is ∂J/∂v for any value v, as in dx, dy, dW; all other partial
derivatives are written out, as in ∂y_k/∂x_i. Aᵀ is the transpose of a matrix A, f′ the derivative
of a function f, 1ᵀ a row of ones. ⊙ multiplies element by element, Σ_i sums over i, and [i = k] is
1 if i = k, else 0.
"""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nnjax.calls import text_of
from nnjax.contract import pair

Params = Any
"""A pytree of arrays; a layer without parameters has the empty tuple `()`."""

Residuals = Any
"""A pytree of what `forward` saves for `backward`."""

Shape = tuple[int, ...]
"""The shape of one example: an array's shape without its batch axis."""


class Layer(NamedTuple):
    """A differentiable function with parameters, as three pure functions.

    With J the loss and dy = ∂J/∂y the error signal (δ in textbooks, the cotangent in JAX):

        init:     (key, in_shape)          -> (params, out_shape)   shapes without the batch axis
        forward:  (params, x, key=None)    -> (y, residuals)        key=None means evaluation
        backward: (params, residuals, dy)  -> (dparams, dx)

    `dparams` has exactly the tree, shapes and dtypes of `params`. Layers sum over the batch axis;
    only the loss takes a mean.

    Layers made by equal calls are equal, so equal networks share compiled programs; they print as
    the call. A layer put together by hand, as below, equals those with the same three functions.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> double = nn.Layer(
        ...     init=lambda key, in_shape: ((), in_shape),
        ...     forward=lambda params, x, key=None: (2 * x, ()),
        ...     backward=lambda params, residuals, dy: ((), 2 * dy),
        ... )
        >>> y, residuals = double.forward((), jnp.ones((1, 3)))
        >>> print(double.backward((), residuals, y)[1])
        [[4. 4. 4.]]
        >>> nn.dense(44) == nn.dense(44), nn.serial(nn.dense(44), nn.relu())
        (True, serial(dense(44), relu()))
    """

    init: Callable[[jax.Array, Shape], tuple[Params, Shape]]
    forward: Callable[..., tuple[jax.Array, Residuals]]
    backward: Callable[[Params, Residuals, jax.Array], tuple[Params, jax.Array]]

    def __repr__(self) -> str:
        return text_of(self)


class _Loss(NamedTuple):
    forward: Callable[[jax.Array, Any], tuple[jax.Array, Residuals]]
    backward: Callable[[Residuals], jax.Array]


class Loss(_Loss):
    """A scalar measure of error, as two pure functions.

        forward:  (scores, targets) -> (J, residuals)   a scalar, the mean over the batch
        backward: (residuals)       -> dscores          ∂J/∂scores, the shape of scores

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> J, residuals = nn.mean_squared_error.forward(jnp.array([[3.0]]), jnp.array([[1.0]]))
        >>> print(J, nn.mean_squared_error.backward(residuals))
        4.0 [[4.]]
    """

    # A subclass, since instances of a bare NamedTuple cannot carry a name and docstring.
    def __repr__(self) -> str:
        return getattr(self, "__name__", "") or text_of(self)

    def __reduce__(self) -> Any:
        """Pickle a loss of the library by its name: its functions are closures."""
        name = getattr(self, "__name__", "")
        return (_by_name, (name,)) if name else (Loss, tuple(self))


def _by_name(name: str) -> Loss:
    """A loss read from a pickle."""
    # By its text: the package imports this module, and who uses a loss does not use all of it.
    return getattr(importlib.import_module("nnjax"), name)


class Penalty(NamedTuple):
    """A scalar function of the parameters alone, as two pure functions.

        forward:  (params)    -> (P, residuals)   a scalar, to be added to the loss
        backward: (residuals) -> dparams          ∂P/∂params, the tree, shapes and dtypes of params

    The parameters fork into the network and the penalty, whose outputs are summed:
    J = loss(network(params, x), targets) + P(params). Each term receives the error signal 1, and
    the gradients that come back add up.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> P, residuals = nn.l2(0.5).forward(nn.Dense(jnp.array([[3.0]]), jnp.array([4.0])))
        >>> print(P, nn.l2(0.5).backward(residuals).weights)
        4.5 [[3.]]
    """

    forward: Callable[[Params], tuple[jax.Array, Residuals]]
    backward: Callable[[Residuals], Params]

    def __repr__(self) -> str:
        return text_of(self)


def value_and_grad(
    network: Layer, loss: Loss, penalty: Penalty | None = None
) -> Callable[..., tuple[jax.Array, Params]]:
    """The loss of a network and its gradient, by the hand-derived backward passes.

        J = loss(network(params, x), targets) + penalty(params)        grads = ∂J/∂params

    The chain rule in one line: the loss gives ∂J/∂scores, and the network turns ∂J/∂scores into
    ∂J/∂params. The error signal that reaches the input x is not returned. With a penalty the
    parameters fork into network and penalty, and the gradients of both branches add up.

    Args:
        network: the layer (usually a `serial`) to differentiate.
        loss: the loss on its output.
        penalty: a term of the parameters alone, such as `l2`, or None.

    Returns:
        A pure function `(params, x, targets, key=None) -> (J, grads)`; `x` is (batch, ...),
        `grads` has the tree, shapes and dtypes of `params`. `key` is for layers that draw random
        numbers; None means evaluation.

    Raises:
        ValueError: (the returned function) if shapes do not fit, naming both, or if a function of
            the network or the loss does not return a pair.

    Example:
        >>> import jax, jax.numpy as jnp, nnjax as nn
        >>> net = nn.serial(nn.dense(4), nn.tanh(), nn.dense(2))
        >>> params, _ = net.init(jax.random.key(0), (3,))
        >>> J, grads = nn.value_and_grad(net, nn.softmax_cross_entropy)(
        ...     params, jnp.ones((5, 3)), jnp.array([0, 1, 0, 1, 0])
        ... )
        >>> J.shape, grads[0].weights.shape
        ((), (3, 4))

    Source: Rumelhart, Hinton & Williams, Learning representations by back-propagating errors,
    Nature 323, 1986.
    """

    def value_and_gradients(
        params: Params, x: jax.Array, targets: Any, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params]:
        scores, residuals = pair(network.forward(params, x, key), "forward", "(y, residuals)")
        J, loss_residuals = pair(
            loss.forward(scores, targets), "the loss's forward", "(J, residuals)"
        )
        dscores = loss.backward(loss_residuals)
        grads, _ = pair(network.backward(params, residuals, dscores), "backward", "(dparams, dx)")
        if penalty is not None:
            P, penalty_residuals = penalty.forward(params)
            J = J + P.astype(J.dtype)
            grads = jax.tree.map(jnp.add, grads, penalty.backward(penalty_residuals))
        return J, grads

    return value_and_gradients
