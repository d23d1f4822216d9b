"""Tables of learned vectors, for whole-number ids and for positions in a sequence."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from nnjax.calls import recorded
from nnjax.checks import check_whole
from nnjax.core import Layer, Shape
from nnjax.initializers import Initializer, normal
from nnjax.layers.parts.precision import as_dtype_of


class Embedding(NamedTuple):
    """Parameters of an embedding: a table (vocabulary, features), one row per id.

    Example:
        >>> import jax, nnjax as nn
        >>> nn.embedding(65, 16).init(jax.random.key(0), (32,))[0].table.shape
        (65, 16)
    """

    table: jax.Array


class PositionEmbedding(NamedTuple):
    """Parameters of a position embedding: a table (length, features), one row per position.

    Example:
        >>> import jax, nnjax as nn
        >>> nn.position_embedding(32).init(jax.random.key(0), (20, 16))[0].table.shape
        (32, 16)
    """

    table: jax.Array


@recorded
def embedding(vocabulary: int, features: int, init: Initializer | None = None) -> Layer:
    """Replace each id by a row of a learned table.

        y_b = E[x_b]            dE[i] = Σ_b [x_b = i] dy_b

    Derivation. The row of an id is its one-hot row times the table, y = H E with H_bi = [x_b = i]:
    a dense layer without bias on one-hot inputs. Hence dE = Hᵀ dy, that is
    dE_ij = Σ_b [x_b = i] dy_bj: each row gets the sum of the error signals of all positions of its
    id, which is 0 for an id that does not occur. H is not computed: forward selects rows, backward
    adds to rows. Half-precision numbers are summed in float32, because an id may occur thousands of
    times.

    Ids have no derivative: dx is zeros of the shape of x in the dtype of dy, so that forks can add
    error signals.

    An id outside 0 ... vocabulary - 1 raises an error. Under tracing (`jit`, `vmap`, `scan`) ids
    are unknown; there such an id gives NaN, because JAX would select another row (the last) and the
    network would silently learn from it. Its error signal is added to no row.

    Args:
        vocabulary: number of ids.
        features: length of each row.
        init: initialiser of the table; default normal with standard deviation 0.02.

    Returns:
        A layer from whole numbers (batch, ...) to (batch, ..., features) with params
        `Embedding(table)`. The residual is x in 32 bits, -1 for ids out of range.

    Raises:
        ValueError: if `vocabulary` or `features` is not a positive whole number; (forward) if x
            does not have a whole-number dtype, if an id is out of range and not traced (the message
            gives the id and its position), or if the table has another shape.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> params = nn.Embedding(jnp.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))
        >>> layer = nn.embedding(3, 2)
        >>> y, residuals = layer.forward(params, jnp.array([2, 0, 2]))
        >>> print(y.tolist())
        [[4.0, 5.0], [0.0, 1.0], [4.0, 5.0]]
        >>> grads, dx = layer.backward(params, residuals, jnp.ones((3, 2)))
        >>> print(grads.table.tolist(), dx)
        [[1.0, 1.0], [0.0, 0.0], [2.0, 2.0]] [0. 0. 0.]

    Source: Bengio, Ducharme, Vincent & Jauvin, A neural probabilistic language model, JMLR 3, 2003;
    the standard deviation 0.02: Radford et al., Improving language understanding by generative
    pre-training, 2018.
    """
    name = f"embedding({vocabulary}, {features})"
    check_whole(vocabulary, f"{name}: vocabulary")
    check_whole(features, f"{name}: features")
    init_table = normal(0.02) if init is None else init

    def forward(
        params: Embedding, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        if params.table.shape != (vocabulary, features):
            raise ValueError(
                f"{name} needs a table of shape {(vocabulary, features)}, got {params.table.shape}"
            )
        if not jnp.issubdtype(x.dtype, jnp.integer) or x.ndim < 1:
            raise ValueError(
                f"{name} takes whole-number ids of shape (batch, ...), got dtype {x.dtype} and "
                f"shape {x.shape}"
            )
        if not isinstance(x, Tracer):
            _all_known(np.asarray(x), vocabulary, name)
        ids = _known_or_minus_1(jnp.asarray(x), vocabulary)
        rows = (
            jnp.asarray(params.table)
            .at[ids]
            .get(mode="fill", fill_value=jnp.nan, wrap_negative_indices=False)
        )
        return rows, ids

    def backward(
        params: Embedding, residuals: jax.Array, dy: jax.Array
    ) -> tuple[Embedding, jax.Array]:
        ids, table = residuals, params.table
        wide = dy.dtype if dy.dtype.itemsize >= 4 else jnp.float32
        dtable = jnp.zeros(table.shape, wide)
        dtable = dtable.at[ids].add(dy.astype(wide), mode="drop", wrap_negative_indices=False)
        return Embedding(dtable.astype(table.dtype)), jnp.zeros(ids.shape, dy.dtype)

    def init_params(key: jax.Array, in_shape: Shape) -> tuple[Embedding, Shape]:
        return Embedding(init_table(key, (vocabulary, features))), (*in_shape, features)

    return Layer(init_params, forward, backward)


@recorded
def position_embedding(length: int, init: Initializer | None = None) -> Layer:
    """Add a learned vector to each position of a sequence.

        y_bt = x_bt + P[t]          dP[t] = Σ_b dy_bt,  0 for t ≥ time          dx = dy

    Derivation. A sum passes the error signal to both of its terms. Row t of the table is added at
    position t of every sequence of the batch, so its gradient is the sum over the batch. Rows
    beyond the time of x are not used.

    Args:
        length: number of positions, the length of the longest sequence.
        init: initialiser of the table; default normal with standard deviation 0.02.

    Returns:
        A layer from (batch, time, features) to the same shape, time <= length, with params
        `PositionEmbedding(table)`. The residual is an empty array that carries the dtype of x.

    Raises:
        ValueError: if the length is not a positive whole number; (init, forward) if x is not
            (batch, time, features) with time <= length and the features of the table.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> params = nn.PositionEmbedding(jnp.array([[1.0], [2.0], [3.0]]))
        >>> layer = nn.position_embedding(3)
        >>> y, residuals = layer.forward(params, jnp.zeros((4, 2, 1)))
        >>> print(y[0].tolist())
        [[1.0], [2.0]]
        >>> print(layer.backward(params, residuals, jnp.ones((4, 2, 1)))[0].table.tolist())
        [[4.0], [4.0], [0.0]]

    Source: Gehring, Auli, Grangier, Yarats & Dauphin, Convolutional sequence to sequence learning,
    ICML 2017, section 3.1.
    """
    name = f"position_embedding({length})"
    check_whole(length, f"{name}: length")
    init_table = normal(0.02) if init is None else init

    def forward(
        params: PositionEmbedding, x: jax.Array, key: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        table = params.table
        if x.ndim != 3 or x.shape[1] > length or table.shape != (length, x.shape[2]):
            raise ValueError(
                f"{name} has a table of shape {table.shape} and takes inputs of shape "
                f"(batch, time <= {length}, {table.shape[-1]}), got {x.shape}"
            )
        return x + table[None, : x.shape[1]], jnp.zeros(0, x.dtype)

    def backward(
        params: PositionEmbedding, residuals: jax.Array, dy: jax.Array
    ) -> tuple[PositionEmbedding, jax.Array]:
        table = params.table
        unused = table.shape[0] - dy.shape[1]
        dtable = jnp.pad(dy.sum(0).astype(table.dtype), ((0, unused), (0, 0)))
        return PositionEmbedding(dtable), as_dtype_of(residuals, dy)

    def init_params(key: jax.Array, in_shape: Shape) -> tuple[PositionEmbedding, Shape]:
        if len(in_shape) != 2 or in_shape[0] > length:
            raise ValueError(
                f"{name} takes examples of shape (time, features) with time <= {length}, "
                f"got {in_shape}"
            )
        return PositionEmbedding(init_table(key, (length, in_shape[1]))), in_shape

    return Layer(init_params, forward, backward)


def _all_known(ids: np.ndarray, vocabulary: int, name: str) -> None:
    unknown = np.argwhere((ids < 0) | (ids >= vocabulary))
    if len(unknown):
        place = tuple(int(i) for i in unknown[0])
        raise ValueError(
            f"{name}: expected ids 0 ... {vocabulary - 1}, got {ids[place]} at position {place}"
        )


def _known_or_minus_1(ids: jax.Array, vocabulary: int) -> jax.Array:
    """The ids in 32 bits; -1 for those out of range.

    Ids of 64 bits are compared before the conversion, which turns 2^32 into 0; narrow ones after
    it, because their dtype may not represent the size of the vocabulary.
    """
    wide = ids if ids.dtype.itemsize >= 4 else ids.astype(jnp.int32)
    return jnp.where((wide >= 0) & (wide < vocabulary), wide.astype(jnp.int32), jnp.int32(-1))
