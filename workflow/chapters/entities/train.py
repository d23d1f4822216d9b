"""Named entities by a window of words: two tests, each predicted by all models.

`folds` deals the sentences into folds; each fold is predicted after training on the others.
`swapped` removes, for half of the ambiguous names, every sentence in which they are people from
training, and for the other half every sentence in which they are something else, then the reverse;
each name is tested in the role that its training lacked.
"""

from pathlib import Path

import models
import numpy as np
import polars as pl
import text
from settings import Training
from text import TAGS, Words

from workflow.lib import job
from workflow.lib.tables import write_parquet

Split = tuple[np.ndarray, np.ndarray]
"""Which words are trained on and which are predicted: two masks (words,)."""


def folds(words: Words, settings: Training) -> list[Split]:
    """Deal the sentences into folds at random; each fold is held out once."""
    sentences = int(words.sentence.max()) + 1
    order = np.random.default_rng(settings.fold_seed).permutation(sentences)
    fold = np.empty(sentences, int)
    fold[order] = np.arange(sentences) % settings.folds
    held_out = [fold[words.sentence] == number for number in range(settings.folds)]
    return [(~mask, mask) for mask in held_out]


def swapped(words: Words, names: dict[str, str]) -> list[Split]:
    """Every ambiguous name tested in the role that training lacks.

    Args:
        words: the text.
        names: ambiguous names and their roles other than PER.

    Returns:
        Two splits. In the first, the names at even places are held out as people, the others in
        their other role; in the second, the reverse. A sentence with a held-out name is not trained
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


def main(settings: Training, tagged: Path, predictions: Path, losses: Path) -> None:
    """Train all models on all splits, and write what they take every word for.

    Args:
        settings: on which the predictions depend.
        tagged: the tagged text.
        predictions: Parquet to write: test, model, window, seed, sentence, place, word, tag,
            ambiguous, predicted and the probability of each tag (p_O, p_PER, ...).
        losses: Parquet to write: test, model, window, split, seed, loss (of the last epoch), and
            the check of the lookup as `lookup_error` in every row.
    """
    words = text.read(tagged)
    names = text.ambiguous(words, settings.ambiguous)
    # One object for all splits: another would be compiled again.
    network = models.network_of(text.vocabulary_size(words), settings)
    tests = {"folds": folds(words, settings), "swapped": swapped(words, names)}
    widest = max(settings.windows)
    # Model, words on each side, and the share of the words hidden from it in training.
    networks = [("network", window, 0.0) for window in settings.windows]
    networks.append(("network, words hidden", widest, settings.hidden_words))
    tables, ends = [], []
    for test, splits in tests.items():
        for number, (train, held_out) in enumerate(splits):
            known = text.frequent(words, train, settings.rarest)
            found = list(models.baselines(words, train))
            x = text.windows(words, known, widest)
            logistic = models.logistic(x, words, train, settings.logistic)
            found.append(("logistic", widest, 0, logistic))
            for model, window, hidden in networks:
                # All windows have the same shape, and so the same program and initial weights: a
                # narrow one is a wide one with padding at its ends.
                seen = np.abs(np.arange(-widest, widest + 1)) <= window
                narrowed = np.where(seen, x, np.int32(text.PAD))
                scores, loss = models.networks(network, narrowed, words, train, hidden, settings)
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
    error = models.lookup_error(words, settings)
    write_parquet(pl.concat(tables), predictions)
    write_parquet(pl.concat(ends).with_columns(lookup_error=pl.lit(error)), losses)


job.run(main, globals().get("snakemake"))
