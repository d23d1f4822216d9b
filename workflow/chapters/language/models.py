"""Two networks that predict the next word: their training, predictions and samples."""

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from settings import FeedForward, Training, Transformer
from text import windows

import nnjax as nn

CONTEXT = 4
"""Words that the network of 2003 sees."""


class Model(NamedTuple):
    """A network from (rows, window) ids to scores (rows, predicted, vocabulary).

    The scores are those of `predicted` consecutive words, the last of which follows the window: 1
    for a network that reads the window as one input, `window` for one that predicts at every place.
    """

    network: nn.Layer
    window: int
    predicted: int


class Trained(NamedTuple):
    """The parameters with the lowest validation loss, and the learning curve.

    `tokens`, `train_loss` and `validation_loss` have one entry per checkpoint; the training loss is
    the mean since the previous one (NaN at the first, before any training).
    """

    params: Any
    tokens: np.ndarray
    train_loss: np.ndarray
    validation_loss: np.ndarray


def feed_forward(settings: FeedForward, frequencies: np.ndarray) -> Model:
    """The network of Bengio et al. 2003: the embeddings of the last words, a hidden layer, softmax.

        e = [C(w_1); ...; C(w_n)]        h = tanh(e W_1 + b_1)        scores = h W_2 + b_2

    Args:
        settings: its sizes.
        frequencies: of each word in the training text, (vocabulary,).
    """
    vocabulary = len(frequencies)
    network = nn.serial(
        nn.embedding(vocabulary, settings.features, nn.initializers.normal(settings.scale)),
        nn.flatten(),
        nn.dense(settings.hidden_units, nn.initializers.glorot()),
        nn.tanh(),
        _scores(frequencies),
        nn.reshape((1, vocabulary)),
    )
    return Model(network, CONTEXT, 1)


def transformer(settings: Transformer, frequencies: np.ndarray) -> Model:
    """Causal transformer blocks on embeddings of words and places; predicts at every place.

    Args:
        settings: its sizes.
        frequencies: of each word in the training text, (vocabulary,).
    """
    window, features = settings.window, settings.features
    block = nn.transformer_block(features, settings.heads, settings.hidden_units)
    network = nn.serial(
        nn.embedding(len(frequencies), features, nn.initializers.normal(settings.scale)),
        nn.position_embedding(window),
        *[block] * settings.blocks,
        nn.layer_norm(),
        _scores(frequencies),
    )
    return Model(network, window, window)


def _scores(frequencies: np.ndarray) -> nn.Layer:
    """The last layer; its bias starts at the logarithms of the frequencies.

    An untrained network is therefore the unigram model, and training starts from there.
    """
    known = np.maximum(frequencies, 1.0)
    bias = np.log(known / known.sum())
    return nn.dense(
        len(bias),
        nn.initializers.normal(0.01),
        bias=lambda key, shape: jnp.asarray(bias, jnp.result_type(float)),
    )


def batches(tokens: int, model: Model, rows: int, seed: int) -> Iterator[np.ndarray]:
    """Where the windows of each batch begin, (rows,) at a time, without end.

    Every pass predicts each word of the text once, except for a remainder shorter than a batch: the
    windows begin `predicted` words apart, from a place drawn for each pass, in a new order.

    Args:
        tokens: length of the training text.
        model: gives the length of the windows and their distance.
        rows: windows in a batch.
        seed: of places and orders.

    Raises:
        ValueError: if the text has no whole batch.
    """
    if (tokens - model.window) // model.predicted <= rows:
        raise ValueError(
            f"a training text of {tokens} tokens has no batch of {rows} windows of {model.window}; "
            "make batch_tokens smaller"
        )
    rng = np.random.default_rng(seed)
    while True:
        first = rng.integers(model.predicted)
        starts = rng.permutation(np.arange(first, tokens - model.window, model.predicted))
        for i in range(0, len(starts) - rows + 1, rows):
            yield starts[i : i + rows]


def adam(learning_rate: float, steps: int) -> optax.GradientTransformation:
    """Adam whose rate falls to zero as a cosine."""
    return optax.adam(optax.cosine_decay_schedule(learning_rate, steps))


def train(
    model: Model,
    optimizer: optax.GradientTransformation,
    ids: np.ndarray,
    validation: tuple[int, int],
    settings: Training,
    seed: int,
) -> Trained:
    """Train on mini-batches of the training text; keep the parameters of the best checkpoint.

    Args:
        model: what to train.
        optimizer: gives the updates. Use one for all seeds: another would be compiled anew.
        ids: the whole text, (tokens,); the training text comes before the validation text.
        validation: where the validation text begins and ends.
        settings: size of the batches and number of checkpoints.
        seed: of initial parameters and batches.
    """
    init_key, key = jax.random.split(jax.random.key(seed))
    params, memory = _start(model, optimizer, init_key)
    state = (params, memory, key)
    text = jnp.asarray(ids)
    rows = settings.batch_tokens // model.predicted
    order = batches(validation[0], model, rows, seed)
    span = settings.checkpoint_steps
    losses, held_out = [np.nan], [-log_probabilities(model, params, ids, *validation).mean()]
    best = params
    for _ in range(settings.checkpoints):
        starts = jnp.asarray(np.stack([next(order) for _ in range(span)]))
        state, J = _steps(model, optimizer, state, text, starts)
        losses.append(float(J))
        held_out.append(-log_probabilities(model, state[0], ids, *validation).mean())
        if held_out[-1] <= np.nanmin(held_out):
            best = state[0]
    tokens = np.arange(len(losses)) * span * rows * model.predicted
    return Trained(best, tokens, np.array(losses), np.array(held_out))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _start(
    model: Model, optimizer: optax.GradientTransformation, key: jax.Array
) -> tuple[Any, Any]:
    """Initial parameters and the optimizer's memory."""
    params, _ = model.network.init(key, (model.window,))
    return params, optimizer.init(params)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _steps(
    model: Model,
    optimizer: optax.GradientTransformation,
    state: tuple[Any, Any, jax.Array],
    text: jax.Array,
    starts: jax.Array,
) -> tuple[tuple[Any, Any, jax.Array], jax.Array]:
    """One update per row of `starts`, (steps, rows); the mean of the losses before each update."""
    gradient = nn.value_and_grad(model.network, nn.softmax_cross_entropy)

    def step(state: tuple[Any, Any, jax.Array], begin: jax.Array) -> tuple[Any, jax.Array]:
        params, memory, key = state
        key, used = jax.random.split(key)
        seen = text[begin[:, None] + jnp.arange(model.window + 1)[None]]
        x, targets = seen[:, :-1], seen[:, model.window + 1 - model.predicted :]
        J, grads = gradient(params, x, targets, used)
        with jax.numpy_dtype_promotion("standard"):
            updates, memory = optimizer.update(grads, memory, params)
        return (optax.apply_updates(params, updates), memory, key), J

    state, losses = jax.lax.scan(step, state, starts)
    return state, losses.mean()


def log_probabilities(
    model: Model,
    params: Any,
    ids: np.ndarray,
    begin: int,
    end: int,
    context: int | None = None,
    rows: int = 256,
) -> np.ndarray:
    """The log probability of each word of a part of the text, (end - begin,).

    A network that predicts at every place sees windows that overlap by half, and the second half of
    its predictions counts: each word then has at least half a window of words before it.

    Args:
        model: the network.
        params: its parameters.
        ids: the whole text, (tokens,).
        begin: the first word to predict, with at least a window of text before it.
        end: one after the last word to predict.
        context: words to show before each word, at most the window; default: as above.
        rows: windows at a time, to bound memory.

    Raises:
        ValueError: if there is less than a window of text before `begin`.
    """
    window, fresh = model.window, max(model.predicted // 2, 1)
    if context is not None:
        window, fresh = context, 1
    if begin < window:
        raise ValueError(f"a window of {window} words does not fit before word {begin}")
    ends = np.arange(begin + fresh - 1, end + fresh - 1, fresh)
    last = np.minimum(ends, end - 1)
    # The very last window ends with the text; copies of it fill up the last batch.
    last = np.concatenate([last, np.full(-len(last) % rows, end - 1)])
    text = windows(ids, last + 1, window + 1)
    pieces = [
        np.asarray(_read(model.network, fresh, params, jnp.asarray(text[i : i + rows])))
        for i in range(0, len(text), rows)
    ]
    found = np.empty(end - begin)
    places = last[:, None] - fresh + 1 + np.arange(fresh)[None]
    inside = places >= begin  # a part may be shorter than half a window
    found[places[inside] - begin] = np.concatenate(pieces)[inside]
    return found


@functools.partial(jax.jit, static_argnums=(0, 1))
def _read(network: nn.Layer, fresh: int, params: Any, text: jax.Array) -> jax.Array:
    """Log probabilities of the last `fresh` words of each row of text, (rows, fresh)."""
    scores = network.forward(params, text[:, :-1])[0][:, -fresh:]
    picked = jnp.take_along_axis(scores, text[:, -fresh:, None], axis=-1)[..., 0]
    return picked - jax.nn.logsumexp(scores, axis=-1)


def sample(
    model: Model,
    params: Any,
    begin: list[int],
    tokens: int,
    temperature: float,
    rng: np.random.Generator,
) -> list[int]:
    """Draw words one by one, each appended to the text before the next is drawn.

        p(word) ∝ exp(score / temperature), and 0 for the unknown word

    Args:
        model: the network.
        params: its parameters.
        begin: ids to continue, at least one; a window where the network predicts one word.
        tokens: how many to draw.
        temperature: 1 draws as the network predicts; lower values prefer the likely words.
        rng: the generator to draw from.

    Returns:
        The drawn ids.
    """
    ids = list(begin)
    if not ids or (model.predicted == 1 and len(ids) < model.window):
        raise ValueError(f"sample: {len(ids)} words are too few to begin with")
    for _ in range(tokens):
        seen = ids[-model.window :]
        # A word does not see what comes after it, so the padding has no effect.
        row = np.zeros((1, model.window), np.int32)
        row[0, : len(seen)] = seen
        scores = np.asarray(_forward(model.network, params, jnp.asarray(row)))[0]
        last = scores[min(len(seen), model.predicted) - 1].astype(float) / temperature
        last[0] = -np.inf
        p = np.exp(last - last.max())
        ids.append(int(rng.choice(len(p), p=p / p.sum())))
    return ids[len(begin) :]


@functools.partial(jax.jit, static_argnums=0)
def _forward(network: nn.Layer, params: Any, x: jax.Array) -> jax.Array:
    return network.forward(params, x)[0]
