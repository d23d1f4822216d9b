"""Language models on one text: two networks, what they say, and counts of word sequences."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import job
import language_models as lm
import language_text
import ngrams
import numpy as np
import polars as pl
from tables import write_parquet

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

ORDER = lm.CONTEXT + 1
"""Words of a sequence that is counted: the network's four words of context and the next one."""


def main(
    text: Path,
    settings: dict[str, Any],
    words: Path,
    curves: Path,
    said: Path,
    neighbours: Path,
    facts: Path,
) -> None:
    """Fit every model on the training text and let it predict the texts that are held out.

    Args:
        text: the text.
        settings: the chapter's settings.
        words: Parquet to write: model, seed, part (validation, test), place (0, 1, ... in its
            part), log_probability. Models without random numbers have seed 0 alone.
        curves: Parquet to write: model, seed, tokens, train_loss, validation_loss.
        said: Parquet to write: model, temperature, prompt, text.
        neighbours: Parquet to write: model, seed, word, count, rank, neighbour, cosine.
        facts: Parquet to write: key, value of the text, and of the training: `MODEL_seconds` (CPU
            seconds of all seeds), `MODEL_parameters`.
    """
    corpus = language_text.read(
        text.read_text(encoding="utf-8"),
        settings["vocabulary"],
        settings["validation"],
        settings["test"],
    )
    parts = {
        "validation": np.arange(corpus.validation, corpus.test),
        "test": np.arange(corpus.test, len(corpus.ids)),
    }
    tables = [_word_rows(name, 0, p) for name, p in counted(corpus, parts).items()]
    learned = networks(corpus, settings, parts)
    write_parquet(pl.concat([*tables, learned["words"]]), words)
    write_parquet(learned["curves"], curves)
    write_parquet(learned["said"], said)
    write_parquet(learned["neighbours"], neighbours)
    candidates = _nameable(corpus, settings["neighbours"]["least_count"])
    measured = _facts(corpus) | {"nameable": float(len(candidates))} | learned["facts"]
    write_parquet(pl.DataFrame({"key": measured.keys(), "value": measured.values()}), facts)


def counted(
    corpus: language_text.Corpus, parts: dict[str, np.ndarray]
) -> dict[str, dict[str, np.ndarray]]:
    """The models that count: model to part to the log probability of each of its words.

    Args:
        corpus: the text.
        parts: places of the words of the validation and the test text.
    """
    training, vocabulary = corpus.ids[: corpus.validation], len(corpus.words)
    rows = {part: language_text.windows(corpus.ids, at + 1, ORDER) for part, at in parts.items()}
    tuning = rows["validation"]
    models = {
        "unigram": lambda r: ngrams.jelinek_mercer(training, tuning[:, -1:], r[:, -1:], vocabulary),
        "jelinek_mercer": lambda r: ngrams.jelinek_mercer(training, tuning, r, vocabulary),
        "kneser_ney": lambda r: ngrams.kneser_ney(training, r, vocabulary),
    }
    return {
        name: {part: np.log(model(r)) for part, r in rows.items()} for name, model in models.items()
    }


def networks(
    corpus: language_text.Corpus, settings: dict[str, Any], parts: dict[str, np.ndarray]
) -> dict[str, Any]:
    """Both networks with every seed.

    Args:
        corpus: the text.
        settings: the chapter's settings.
        parts: places of the words of the validation and the test text.

    Returns:
        The tables of `main` by name, and the facts of the training.
    """
    words, curves, said, near, facts = [], [], [], [], {}
    validation = (corpus.validation, corpus.test)
    for name, make in lm.MODELS.items():
        model = make(settings[name], corpus.frequencies())
        steps = settings["training"]["checkpoints"] * settings["training"]["checkpoint_steps"]
        optimizer = lm.adam(settings[name]["learning_rate"], steps)
        seconds = 0.0
        for seed in range(settings["seeds"]):
            began = time.process_time()
            trained = lm.train(model, optimizer, corpus.ids, validation, settings["training"], seed)
            seconds += time.process_time() - began
            # A window of fewer words: what the longer memory of the transformer is worth.
            contexts = {name: None} | (
                {f"{name}_four_words": lm.CONTEXT} if model.predicted > 1 else {}
            )
            for variant, context in contexts.items():
                shown = {
                    part: lm.log_probabilities(
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
            near.append(_neighbours(corpus, table, settings["neighbours"], name, seed))
            if seed == 0:
                said.append(_said(corpus, model, trained.params, settings["samples"], name))
                facts[f"{name}_parameters"] = float(lm.size(trained.params))
        facts[f"{name}_seconds"] = seconds
    return {
        "words": pl.concat(words),
        "curves": pl.concat(curves),
        "said": pl.concat(said),
        "neighbours": pl.concat(near),
        "facts": facts,
    }


def nearest(table: np.ndarray, word: int, among: np.ndarray, k: int) -> list[tuple[int, float]]:
    """The words whose vectors point most nearly where the word's own does.

        cosine = e_i' e_j / (|e_i| |e_j|)

    Args:
        table: one vector per word, (vocabulary, features).
        word: the word asked about.
        among: ids of the words that may be named; the word itself never is.
        k: how many to name.

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
    corpus: language_text.Corpus,
    table: np.ndarray,
    settings: dict[str, Any],
    model: str,
    seed: int,
) -> pl.DataFrame:
    """The nearest neighbours of the chosen words that the text has often enough."""
    counts = corpus.frequencies()
    letters = _nameable(corpus, settings["least_count"])
    rows = [
        (model, seed, word, int(counts[i]), rank, corpus.words[j], cosine)
        for word in settings["words"]
        if word in corpus.words and (i := corpus.words.index(word)) in letters
        for rank, (j, cosine) in enumerate(
            nearest(table, i, np.array(letters), settings["shown"]), start=1
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


def _nameable(corpus: language_text.Corpus, least: int) -> list[int]:
    """Ids of the words that have neighbours and may be named as such.

    Word 0 stands for many words; a word that is rare has hardly moved from where it began.
    """
    common = np.flatnonzero(corpus.frequencies() >= least)
    return [int(i) for i in common if i and corpus.words[i][0].isalpha()]


def _said(
    corpus: language_text.Corpus, model: lm.Model, params: Any, settings: dict[str, Any], name: str
) -> pl.DataFrame:
    """What a network says after each prompt, at each temperature."""
    number = {word: i for i, word in enumerate(corpus.words)}
    rows = []
    for temperature in settings["temperatures"]:
        for prompt in settings["prompts"]:
            begin = [number.get(token, 0) for token in language_text.tokens(prompt)]
            rng = np.random.default_rng(settings["seed"])
            ids = lm.sample(model, params, begin, settings["tokens"], temperature, rng)
            spoken = language_text.spoken([corpus.words[i] for i in ids])
            rows.append((name, float(temperature), prompt, spoken))
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


def _facts(corpus: language_text.Corpus) -> dict[str, float]:
    """What the text holds."""
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


if "snakemake" in globals():
    job.begin(snakemake.log[0], snakemake.threads)
    main(
        Path(snakemake.input.text),
        snakemake.params["settings"],
        Path(snakemake.output.words),
        Path(snakemake.output.curves),
        Path(snakemake.output.said),
        Path(snakemake.output.neighbours),
        Path(snakemake.output.facts),
    )
