"""What predicts tags: counting baselines, logistic regression, and networks of word vectors."""

import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import text
from settings import Logistic, Training
from text import TAGS, Words

import nnjax as nn


def baselines(words: Words, train: np.ndarray) -> Iterator[tuple[str, int, int, np.ndarray]]:
    """The most frequent tag of all, and the most frequent tag of each word.

    Yields:
        Model, words on each side, seed, and probabilities (words, tags) of all words.
    """
    counts = np.bincount(words.tag[train], minlength=len(TAGS))
    most = np.eye(len(TAGS))[counts.argmax()]
    yield "majority", 0, 0, np.tile(most, (len(words.word), 1))
    table = {
        word: np.bincount(words.tag[train & (words.word == word)], minlength=len(TAGS))
        for word in set(words.word[train].tolist())
    }
    rows = [np.eye(len(TAGS))[table[w].argmax()] if w in table else most for w in words.word]
    yield "word", 0, 0, np.stack(rows)


def logistic(x: np.ndarray, words: Words, train: np.ndarray, settings: Logistic) -> np.ndarray:
    """Probabilities (words, tags) of logistic regression on the one-hot window.

    The strength of its penalty is chosen by cross-validation over the training sentences.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder
    from threadpoolctl import threadpool_limits

    search = GridSearchCV(
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression(max_iter=1000)),
        {"logisticregression__C": settings.C},
        cv=GroupKFold(settings.folds),
        scoring="accuracy",
    )
    # The job has one thread; in so small a problem, more would only wait for each other.
    with threadpool_limits(1):
        search.fit(x[train], words.tag[train], groups=words.sentence[train])
    probabilities = np.zeros((len(x), len(TAGS)))
    probabilities[:, search.classes_] = search.predict_proba(x)
    return probabilities


def network_of(vocabulary: int, settings: Training) -> nn.Layer:
    """Embedding, concatenation of the window, one hidden layer, scores of the tags."""
    return nn.serial(
        nn.embedding(vocabulary, settings.features, nn.initializers.normal(settings.init)),
        nn.flatten(),
        nn.dense(settings.hidden_units, nn.initializers.glorot()),
        nn.tanh(),
        nn.dense(len(TAGS), nn.initializers.glorot()),
    )


def networks(
    network: nn.Layer,
    x: np.ndarray,
    words: Words,
    train: np.ndarray,
    hidden: float,
    settings: Training,
) -> tuple[np.ndarray, np.ndarray]:
    """Networks of all seeds, trained on the words of the mask.

    Words to leave out have weight 0 and stay in the arrays: all splits have the same shapes and
    are trained by the same compiled program.

    Args:
        network: embedding first.
        x: windows of all words.
        words: the text.
        train: the mask.
        hidden: the probability that a word of a window is replaced by the unknown word, drawn anew
            for every batch.
        settings: seeds, learning rate, epochs and batch size.

    Returns:
        Probabilities (seeds, words, tags) of all words, and the loss of the last epoch (seeds,).
    """
    params, history = nn.sweep(
        network,
        nn.softmax_cross_entropy,
        optax.adam,
        (x, nn.Weighted(words.tag, train.astype(np.float32))),
        seeds=list(range(settings.seeds)),
        arms={"learning_rate": [settings.learning_rate]},
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        drop_last=True,
        metric=None,
        augment=hiding(hidden) if hidden else None,
    )
    of_seed = jax.tree.map(lambda leaf: leaf[0], params)
    scores = jax.vmap(lambda p: nn.predict(network, p, x))(of_seed)
    return np.asarray(jax.nn.softmax(scores, axis=-1)), np.asarray(history.train_loss[0, :, -1])


@functools.cache
def hiding(probability: float) -> Any:
    """An augmentation that hides words; one object for each probability, to be compiled once."""

    def hide(key: jax.Array, x: jax.Array, targets: Any) -> tuple[jax.Array, Any]:
        hidden = jax.random.bernoulli(key, probability, x.shape) & (x != text.PAD)
        return jnp.where(hidden, text.UNKNOWN, x), targets

    return hide


def lookup_error(words: Words, settings: Training) -> float:
    """Largest difference between the gradients of a lookup and of one-hot words times the table.

    Both networks have the same parameters and get the windows of all words; the difference is
    relative to the largest entry of the table's gradient.
    """
    vocabulary = text.vocabulary_size(words)
    x = text.windows(words, set(words.word.tolist()), max(settings.windows))
    lookup = network_of(vocabulary, settings)
    params, _ = lookup.init(jax.random.key(0), x.shape[1:])
    _, grads = jax.jit(nn.value_and_grad(lookup, nn.softmax_cross_entropy))(params, x, words.tag)
    product = nn.serial(
        nn.dense(settings.features),
        nn.flatten(),
        nn.dense(settings.hidden_units),
        nn.tanh(),
        nn.dense(len(TAGS)),
    )
    as_weights = nn.Dense(params[0].table, jnp.zeros(settings.features))
    one_hot = jax.nn.one_hot(x, vocabulary)
    _, others = jax.jit(nn.value_and_grad(product, nn.softmax_cross_entropy))(
        (as_weights, *params[1:]), one_hot, words.tag
    )
    difference = jnp.abs(grads[0].table - others[0].weights).max()
    return float(difference / jnp.abs(others[0].weights).max())
