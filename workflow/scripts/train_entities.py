"""Named entities by a window of words: networks, baselines and the check of the lookup.

Two tests. `folds`: sentences are dealt into folds, each predicted by what the others taught.
`swapped`: half of the ambiguous names are never seen as people in training, the other half never as
anything else, then the reverse; each is tested in the role that it was never seen in.
"""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import entity_text
import job
import numpy as np
import polars as pl
from entity_text import TAGS, Words
from tables import write_parquet

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

Split = tuple[np.ndarray, np.ndarray]
"""Which words are trained on and which are predicted: two masks (words,)."""


def main(settings: dict[str, Any], text: Path, predictions: Path, losses: Path) -> None:
    """Train, predict, and write what every word was taken for.

    Args:
        settings: the chapter's section of the configuration.
        text: the tagged text.
        predictions: Parquet to write: test, model, window, seed, sentence, place, word, tag,
            ambiguous, predicted and the probability of each tag (p_O, p_PER, ...).
        losses: Parquet to write: test, model, window, split, seed, loss (of the last epoch), and
            the check of the lookup as `lookup_error` on every row.
    """
    words = entity_text.read(text)
    names = entity_text.ambiguous(words, settings["ambiguous"])
    # One object for all splits: another would be compiled again.
    network = network_of(entity_text.vocabulary_size(words), settings)
    tests = {"folds": folds(words, settings), "swapped": swapped(words, names)}
    widest = max(settings["windows"])
    # Model, words on each side, and how many words are hidden from it while it learns.
    arms = [("network", window, 0.0) for window in settings["windows"]]
    arms.append(("network, words hidden", widest, settings["hidden"]))
    tables, ends = [], []
    for test, splits in tests.items():
        for number, (train, held_out) in enumerate(splits):
            known = entity_text.frequent(words, train, settings["rarest"])
            found = list(baselines(words, train))
            x = entity_text.windows(words, known, widest)
            found.append(("logistic", widest, 0, logistic(x, words, train, settings)))
            for model, window, hidden in arms:
                # All windows have the same shape, and so the same program and initial weights: a
                # narrow one is a wide one that sees nothing at its ends.
                seen = np.abs(np.arange(-widest, widest + 1)) <= window
                narrowed = np.where(seen, x, np.int32(entity_text.PAD))
                scores, loss = networks(network, narrowed, words, train, hidden, settings)
                found += [(model, window, seed, p) for seed, p in enumerate(scores)]
                ends.append(
                    pl.DataFrame({"seed": range(len(loss)), "loss": loss}).with_columns(
                        test=pl.lit(test),
                        model=pl.lit(model),
                        window=pl.lit(window),
                        split=pl.lit(number),
                    )
                )
            tables += [
                as_table(words, names, held_out, p).with_columns(
                    test=pl.lit(test),
                    model=pl.lit(model),
                    window=pl.lit(window),
                    seed=pl.lit(seed),
                )
                for model, window, seed, p in found
            ]
    error = lookup_error(words, settings)
    write_parquet(pl.concat(tables), predictions)
    write_parquet(pl.concat(ends).with_columns(lookup_error=pl.lit(error)), losses)


def folds(words: Words, settings: dict[str, Any]) -> list[Split]:
    """Sentences dealt into folds at random; every fold is held out once."""
    sentences = int(words.sentence.max()) + 1
    order = np.random.default_rng(settings["fold_seed"]).permutation(sentences)
    fold = np.empty(sentences, int)
    fold[order] = np.arange(sentences) % settings["folds"]
    held_out = [fold[words.sentence] == number for number in range(settings["folds"])]
    return [(~mask, mask) for mask in held_out]


def swapped(words: Words, names: dict[str, str]) -> list[Split]:
    """Every ambiguous name tested in the role that training lacks.

    Args:
        words: the text.
        names: ambiguous names and their roles beside PER.

    Returns:
        Two splits. In the first the names at even places are held out as people and the others in
        their other role; in the second the reverse. A sentence with a held out name is not trained
        on at all.
    """
    splits = []
    for first in (0, 1):
        held_out = np.zeros(len(words.word), bool)
        for place, (name, other) in enumerate(names.items()):
            role = "PER" if place % 2 == first else other
            held_out |= (words.word == name) & (words.tag == TAGS.index(role))
        removed = np.isin(words.sentence, words.sentence[held_out])
        splits.append((~removed, held_out))
    return splits


def baselines(words: Words, train: np.ndarray) -> Iterator[tuple[str, int, int, np.ndarray]]:
    """The most frequent tag for every word, and for each word its own most frequent tag."""
    counts = np.bincount(words.tag[train], minlength=len(TAGS))
    most = np.eye(len(TAGS))[counts.argmax()]
    yield "majority", 0, 0, np.tile(most, (len(words.word), 1))
    table = {
        word: np.bincount(words.tag[train & (words.word == word)], minlength=len(TAGS))
        for word in set(words.word[train].tolist())
    }
    rows = [np.eye(len(TAGS))[table[w].argmax()] if w in table else most for w in words.word]
    yield "word", 0, 0, np.stack(rows)


def logistic(
    x: np.ndarray, words: Words, train: np.ndarray, settings: dict[str, Any]
) -> np.ndarray:
    """Probabilities (words, tags) of a logistic regression on the one-hot window.

    Its strength is chosen by folds of the training sentences.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder
    from threadpoolctl import threadpool_limits

    search = GridSearchCV(
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression(max_iter=1000)),
        {"logisticregression__C": settings["logistic"]["C"]},
        cv=GroupKFold(settings["logistic"]["folds"]),
        scoring="accuracy",
    )
    # The job has one thread; more would only wait for each other in so small a problem.
    with threadpool_limits(1):
        search.fit(x[train], words.tag[train], groups=words.sentence[train])
    probabilities = np.zeros((len(x), len(TAGS)))
    probabilities[:, search.classes_] = search.predict_proba(x)
    return probabilities


def network_of(vocabulary: int, settings: dict[str, Any]) -> Any:
    """Embedding, concatenation of the window, one hidden layer, scores of the tags."""
    import nnjax as nn

    return nn.serial(
        nn.embedding(vocabulary, settings["features"], nn.initializers.normal(settings["init"])),
        nn.flatten(),
        nn.dense(settings["units"], nn.initializers.glorot()),
        nn.tanh(),
        nn.dense(len(TAGS), nn.initializers.glorot()),
    )


def networks(
    network: Any,
    x: np.ndarray,
    words: Words,
    train: np.ndarray,
    hidden: float,
    settings: dict[str, Any],
) -> tuple[np.ndarray, np.ndarray]:
    """Networks of all seeds, trained on the words of the mask.

    The words left out have weight 0 instead of being cut away: every split has the same shapes and
    is trained by the same compiled program.

    Args:
        network: embedding first.
        x: windows of all words.
        words: the text.
        train: the mask.
        hidden: the probability of each word of a window to be replaced by the unknown word, drawn
            anew for every batch.
        settings: seeds, learning_rate, epochs, batch_size.

    Returns:
        Probabilities (seeds, words, tags) of all words, and the loss of the last epoch (seeds,).
    """
    import jax
    import optax

    import nnjax as nn

    params, history = nn.sweep(
        network,
        nn.softmax_cross_entropy,
        optax.adam,
        (x, nn.Weighted(words.tag, train.astype(np.float32))),
        seeds=list(range(settings["seeds"])),
        arms={"learning_rate": [settings["learning_rate"]]},
        epochs=settings["epochs"],
        batch_size=settings["batch_size"],
        metric=None,
        augment=hiding(hidden) if hidden else None,
    )
    of_seed = jax.tree.map(lambda leaf: leaf[0], params)
    scores = jax.vmap(lambda p: nn.predict(network, p, x))(of_seed)
    return np.asarray(jax.nn.softmax(scores, axis=-1)), np.asarray(history.train_loss[0, :, -1])


@functools.cache
def hiding(probability: float) -> Any:
    """An augmentation that hides words; one object for each probability, as it is compiled once."""
    import jax
    import jax.numpy as jnp

    def hide(key: jax.Array, x: jax.Array, targets: Any) -> tuple[jax.Array, Any]:
        hidden = jax.random.bernoulli(key, probability, x.shape) & (x != entity_text.PAD)
        return jnp.where(hidden, entity_text.UNKNOWN, x), targets

    return hide


def lookup_error(words: Words, settings: dict[str, Any]) -> float:
    """Largest difference between the gradients of a lookup and of one-hot words times the table.

    Both networks have the same parameters and see the windows of all words; the difference is
    relative to the largest entry of the table's gradient.
    """
    import jax
    import jax.numpy as jnp

    import nnjax as nn

    vocabulary = entity_text.vocabulary_size(words)
    x = entity_text.windows(words, set(words.word.tolist()), max(settings["windows"]))
    lookup = network_of(vocabulary, settings)
    params, _ = lookup.init(jax.random.key(0), x.shape[1:])
    _, grads = jax.jit(nn.value_and_grad(lookup, nn.softmax_cross_entropy))(params, x, words.tag)
    product = nn.serial(
        nn.dense(settings["features"]),
        nn.flatten(),
        nn.dense(settings["units"]),
        nn.tanh(),
        nn.dense(len(TAGS)),
    )
    as_weights = nn.Dense(params[0].table, jnp.zeros(settings["features"]))
    one_hot = jax.nn.one_hot(x, vocabulary)
    _, others = jax.jit(nn.value_and_grad(product, nn.softmax_cross_entropy))(
        (as_weights, *params[1:]), one_hot, words.tag
    )
    difference = jnp.abs(grads[0].table - others[0].weights).max()
    return float(difference / jnp.abs(others[0].weights).max())


def as_table(
    words: Words, names: dict[str, str], held_out: np.ndarray, probabilities: np.ndarray
) -> pl.DataFrame:
    """One row for each predicted word.

    Args:
        words: the text.
        names: the ambiguous names.
        held_out: the words that are predicted.
        probabilities: (words, tags).
    """
    rows = np.flatnonzero(held_out)
    p = probabilities[rows].astype(np.float32)
    in_role = [
        word in names and TAGS[tag] in ("PER", names[word])
        for word, tag in zip(words.word[rows], words.tag[rows], strict=True)
    ]
    tags = np.array(TAGS)
    return pl.DataFrame(
        {
            "sentence": words.sentence[rows],
            "place": words.place[rows],
            "word": words.word[rows],
            "tag": tags[words.tag[rows]],
            "ambiguous": in_role,
            "predicted": tags[p.argmax(axis=1)],
            **{f"p_{tag}": p[:, k] for k, tag in enumerate(TAGS)},
        }
    )


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(
        snakemake.params["settings"],
        Path(snakemake.input.text),
        Path(snakemake.output.predictions),
        Path(snakemake.output.losses),
    )
