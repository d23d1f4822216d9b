"""Language models on one text: two networks, their samples, and counts of word sequences."""

import time
from pathlib import Path
from typing import Any

import models
import ngrams
import numpy as np
import polars as pl
from settings import Neighbours, Samples, TrainingSettings
from text import Corpus, joined, read, tokens, windows

import nnjax as nn
from workflow.lib import job
from workflow.lib.tables import write_parquet

ORDER = models.CONTEXT + 1
"""Words of a sequence that is counted: the network's four words of context and the next one."""


def counted(corpus: Corpus, parts: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """The models that count: model to part to the log probability of each of its words.

    Args:
        corpus: the text.
        parts: places of the words of the validation and the test text.
    """
    training, vocabulary = corpus.ids[: corpus.validation], len(corpus.words)
    rows = {part: windows(corpus.ids, at + 1, ORDER) for part, at in parts.items()}
    tuning = rows["validation"]
    fitted = {
        "unigram": lambda r: ngrams.jelinek_mercer(training, tuning[:, -1:], r[:, -1:], vocabulary),
        "jelinek_mercer": lambda r: ngrams.jelinek_mercer(training, tuning, r, vocabulary),
        "kneser_ney": lambda r: ngrams.kneser_ney(training, r, vocabulary),
    }
    return {
        name: {part: np.log(model(r)) for part, r in rows.items()} for name, model in fitted.items()
    }


def networks(
    corpus: Corpus, settings: TrainingSettings, parts: dict[str, np.ndarray]
) -> tuple[dict[str, pl.DataFrame], dict[str, float]]:
    """Both networks with every seed.

    Args:
        corpus: the text.
        settings: the chapter's settings.
        parts: places of the words of the validation and the test text.

    Returns:
        The tables words, curves, samples and neighbours of `main` by name; processor seconds and
        number of parameters of each network.
    """
    words, curves, samples, near, facts = [], [], [], [], {}
    validation = (corpus.validation, corpus.test)
    frequencies = corpus.frequencies()
    steps = settings.training.checkpoints * settings.training.checkpoint_steps
    both = {
        "feed_forward": (
            models.feed_forward(settings.feed_forward, frequencies),
            models.adam(settings.feed_forward.learning_rate, steps),
        ),
        "transformer": (
            models.transformer(settings.transformer, frequencies),
            models.adam(settings.transformer.learning_rate, steps),
        ),
    }
    for name, (model, optimizer) in both.items():
        seconds = 0.0
        for seed in range(settings.seeds):
            began = time.process_time()
            trained = models.train(
                model, optimizer, corpus.ids, validation, settings.training, seed
            )
            seconds += time.process_time() - began
            # With fewer words shown: what the longer memory of the transformer is worth.
            contexts = {name: None} | (
                {f"{name}_four_words": models.CONTEXT} if model.predicted > 1 else {}
            )
            for variant, context in contexts.items():
                shown = {
                    part: models.log_probabilities(
                        model, trained.params, corpus.ids, at[0], at[-1] + 1, context
                    )
                    for part, at in parts.items()
                }
                words.append(_word_rows(variant, seed, shown))
            curves.append(
                pl.DataFrame(
                    {
                        "tokens": trained.tokens,
                        "train_loss": trained.train_loss,
                        "validation_loss": trained.validation_loss,
                    }
                ).with_columns(model=pl.lit(name), seed=pl.lit(seed))
            )
            table = np.asarray(trained.params[0].table)
            near.append(_neighbours(corpus, table, settings.neighbours, name, seed))
            if seed == 0:
                samples.append(_samples(corpus, model, trained.params, settings.samples, name))
        facts[f"{name}_seconds"] = seconds
        facts[f"{name}_parameters"] = float(nn.summary(model.network, (model.window,)).parameters)
    parts_of = {"words": words, "curves": curves, "samples": samples, "neighbours": near}
    return {name: pl.concat(tables) for name, tables in parts_of.items()}, facts


def nearest(table: np.ndarray, word: int, among: np.ndarray, k: int) -> list[tuple[int, float]]:
    """The words whose vectors have the largest cosines with the vector of a word.

        cosine = e_iᵀ e_j / (|e_i| |e_j|)

    Args:
        table: one vector per word, (vocabulary, features).
        word: the word.
        among: ids of the candidates; the word itself is left out.
        k: how many words to return.

    Returns:
        Ids and cosines, the nearest first.

    Example:
        >>> vectors = np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [-1.0, 0.0]])
        >>> [(i, round(c, 2)) for i, c in nearest(vectors, 0, np.arange(4), 2)]
        [(1, 1.0), (2, 0.0)]
    """
    others = among[among != word]
    lengths = np.linalg.norm(table, axis=1)
    cosines = table[others] @ table[word] / (lengths[others] * lengths[word])
    order = np.argsort(-cosines, kind="stable")[:k]
    return [(int(others[i]), float(cosines[i])) for i in order]


def _neighbours(
    corpus: Corpus, table: np.ndarray, settings: Neighbours, model: str, seed: int
) -> pl.DataFrame:
    """The nearest neighbours of the chosen words, where these are frequent enough."""
    counts = corpus.frequencies()
    candidates = _nameable(corpus, settings.least_count)
    rows = [
        (model, seed, word, int(counts[i]), rank, corpus.words[j], cosine)
        for word in settings.words
        if word in corpus.words and (i := corpus.words.index(word)) in candidates
        for rank, (j, cosine) in enumerate(
            nearest(table, i, np.array(candidates), settings.shown), start=1
        )
    ]
    schema = {
        "model": pl.String,
        "seed": pl.Int64,
        "word": pl.String,
        "count": pl.Int64,
        "rank": pl.Int64,
        "neighbour": pl.String,
        "cosine": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _nameable(corpus: Corpus, least: int) -> list[int]:
    """Ids of the words that have neighbours and may be neighbours.

    Word 0 replaces many words; the vector of a rare word has hardly moved from its initial value.
    """
    common = np.flatnonzero(corpus.frequencies() >= least)
    return [int(i) for i in common if i and corpus.words[i][0].isalpha()]


def _samples(
    corpus: Corpus, model: models.Model, params: Any, settings: Samples, name: str
) -> pl.DataFrame:
    """How a network continues each prompt, at each temperature."""
    number = {word: i for i, word in enumerate(corpus.words)}
    rows = []
    for temperature in settings.temperatures:
        for prompt in settings.prompts:
            begin = [number.get(token, 0) for token in tokens(prompt)]
            rng = np.random.default_rng(settings.seed)
            ids = models.sample(model, params, begin, settings.tokens, temperature, rng)
            drawn = joined([corpus.words[i] for i in ids])
            rows.append((name, float(temperature), prompt, drawn))
    return pl.DataFrame(rows, schema=["model", "temperature", "prompt", "text"], orient="row")


def _word_rows(model: str, seed: int, shown: dict[str, np.ndarray]) -> pl.DataFrame:
    return pl.concat(
        pl.DataFrame({"log_probability": values}).select(
            model=pl.lit(model),
            seed=pl.lit(seed),
            part=pl.lit(part),
            place=pl.int_range(len(values)),
            log_probability="log_probability",
        )
        for part, values in shown.items()
    )


def _facts(corpus: Corpus) -> dict[str, float]:
    """Counts of the text."""
    test = corpus.ids[corpus.test :]
    return {
        "tokens": float(len(corpus.ids)),
        "training_tokens": float(corpus.validation),
        "validation_tokens": float(corpus.test - corpus.validation),
        "test_tokens": float(len(test)),
        "vocabulary": float(len(corpus.words)),
        "unknown_training": float((corpus.ids[: corpus.validation] == 0).mean()),
        "unknown_test": float((test == 0).mean()),
    }


def main(text: Path, settings: TrainingSettings, runs: Path) -> None:
    """Fit every model on the training text and let it predict the texts that are held out.

    Args:
        text: the text.
        settings: the chapter's settings, without those of the intervals.
        runs: folder to write. `words`: model, seed, part (validation, test), place (0, 1, ... in
            its part), log_probability; models without random numbers have seed 0 only. `curves`:
            model, seed, tokens, train_loss, validation_loss. `samples`: model, temperature, prompt,
            text. `neighbours`: model, seed, word, count, rank, neighbour, cosine. `facts`: key and
            value, of the text and of the training (`MODEL_seconds`: processor seconds of all seeds;
            `MODEL_parameters`).
    """
    content = text.read_text(encoding="utf-8")
    corpus = read(content, settings.vocabulary, settings.validation, settings.test)
    parts = {
        "validation": np.arange(corpus.validation, corpus.test),
        "test": np.arange(corpus.test, len(corpus.ids)),
    }
    by_counting = [_word_rows(name, 0, p) for name, p in counted(corpus, parts).items()]
    learned, of_training = networks(corpus, settings, parts)
    candidates = _nameable(corpus, settings.neighbours.least_count)
    facts = _facts(corpus) | {"nameable": float(len(candidates))} | of_training
    tables = learned | {
        "words": pl.concat([*by_counting, learned["words"]]),
        "facts": pl.DataFrame({"key": facts.keys(), "value": facts.values()}),
    }
    for name, table in tables.items():
        write_parquet(table, runs / f"{name}.parquet")


job.run(main, globals().get("snakemake"))
