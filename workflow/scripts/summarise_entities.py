"""Scores of every tag, accuracy on ambiguous names, and what one name was taken for.

Intervals of F1: sentences and seeds are resampled together. Of ambiguous names: names and seeds, as
what was learned of a name holds in all of its sentences. Models are compared on the same draws.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import entity_text
import job
import numpy as np
import polars as pl
from chapter_numbers import number, single
from chapter_numbers import table as numbers_table
from entity_text import OUTSIDE, TAGS
from intervals import N_SEEDS, over_units
from tables import write_csv

from nnjax import stats

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

ENTITIES = [tag for tag in TAGS if tag != OUTSIDE]
RESAMPLES = 2_000
SENTENCES_AND_SEEDS = "95 % over sentences and seeds (bootstrap)" + N_SEEDS
SENTENCES = "95 % over sentences (bootstrap)"
NAMES_AND_SEEDS = "95 % over names and seeds (bootstrap)" + N_SEEDS
NAMES = "95 % over names (bootstrap)"
BASELINES = ("majority", "word", "logistic")
"""Models without chance: they have one seed."""


class Draws:
    """How often each sentence and each seed stands in each resample."""

    def __init__(self, sentences: int, seeds: int) -> None:
        rng = np.random.default_rng(0)
        self.sentences = rng.multinomial(
            sentences, np.full(sentences, 1 / sentences), size=RESAMPLES
        )
        self.seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=RESAMPLES)

    def totals(self, counts: np.ndarray) -> np.ndarray:
        """Sums of counts (seeds, sentences, ...) in each resample: (resamples, ...)."""
        seeds, sentences = counts.shape[:2]
        flat = counts.reshape(seeds, sentences, -1)
        # A model without seeds stands once for each of them.
        weights = self.seeds if seeds > 1 else np.ones((RESAMPLES, 1))
        mixed = np.einsum("bs,snk,bn->bk", weights, flat, self.sentences, optimize=True)
        return (mixed / weights.sum(1, keepdims=True)).reshape(RESAMPLES, *counts.shape[2:])


def counts(rows: pl.DataFrame, sentences: int) -> np.ndarray:
    """True positives, predicted and actual words of each entity tag.

    Args:
        rows: predictions of one model, one row per word and seed.
        sentences: how many there are.

    Returns:
        (seeds, sentences, tags, 3).
    """
    seed, sentence = rows["seed"].to_numpy(), rows["sentence"].to_numpy()
    tag, predicted = rows["tag"].to_numpy(), rows["predicted"].to_numpy()
    found = np.zeros((seed.max() + 1, sentences, len(ENTITIES), 3))
    for k, name in enumerate(ENTITIES):
        for j, hit in enumerate(
            ((tag == name) & (predicted == name), predicted == name, tag == name)
        ):
            np.add.at(found[:, :, k, j], (seed[hit], sentence[hit]), 1)
    return found


def scores(totals: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall and F1 from true positives, predicted and actual: (..., tags, 3).

    F1 is 2 tp / (predicted + actual), and 0 where nothing was predicted; so is the precision then.

    Example:
        >>> scores(np.array([[1.0, 2.0, 4.0]]))["f1"].round(3).tolist()
        [0.333]
    """
    tp, predicted, actual = np.moveaxis(totals, -1, 0)
    some = np.maximum(predicted + actual, 1e-12)
    return {
        "precision": tp / np.maximum(predicted, 1e-12),
        "recall": tp / np.maximum(actual, 1e-12),
        "f1": 2 * tp / some,
    }


def _interval(value: float, drawn: np.ndarray, n: int) -> stats.Interval:
    lo, hi = np.quantile(drawn, [0.025, 0.975])
    return stats.Interval(float(value), float(lo), float(hi), n)


class Measured:
    """One model in the test by folds: its scores and those of every resample."""

    def __init__(self, rows: pl.DataFrame, sentences: int, draws: Draws) -> None:
        found = counts(rows, sentences)
        # A model without seeds has the sentences alone to be resampled.
        self.n = len(found) if len(found) > 1 else sentences
        self.value = scores(found.sum(axis=(0, 1)))
        self.drawn = scores(draws.totals(found))

    def of(self, measure: str, tag: str) -> stats.Interval:
        """One measure of one tag, or its mean over the tags for `macro`."""
        if tag == "macro":
            return _interval(self.value[measure].mean(), self.drawn[measure].mean(-1), self.n)
        k = ENTITIES.index(tag)
        return _interval(self.value[measure][k], self.drawn[measure][:, k], self.n)

    def minus(self, other: "Measured") -> stats.Interval:
        """Difference of the macro F1 to a model without seeds, paired by sentences."""
        return _interval(
            self.value["f1"].mean() - other.value["f1"].mean(),
            (self.drawn["f1"] - other.drawn["f1"]).mean(-1),
            self.n,
        )


def hits(rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """How often each ambiguous name was taken for the right thing, and how often it occurs.

    Returns:
        (seeds, names) and (names,).
    """
    table = (
        rows.filter("ambiguous")
        .group_by("seed", "word")
        .agg(hits=(pl.col("tag") == pl.col("predicted")).sum(), words=pl.len())
        .sort("seed", "word")
    )
    seeds = table["seed"].n_unique()
    return (
        table["hits"].to_numpy().reshape(seeds, -1).astype(float),
        table["words"].to_numpy().reshape(seeds, -1)[0].astype(float),
    )


def person_or_not(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows with PER and "other" as the only tags."""
    return rows.with_columns(
        pl.when(pl.col(name) == "PER").then(pl.col(name)).otherwise(pl.lit("other")).alias(name)
        for name in ("tag", "predicted")
    )


def accuracy(rows: pl.DataFrame, other: pl.DataFrame | None = None) -> stats.Interval:
    """Accuracy on the ambiguous names, or its difference to another model's, paired by names."""
    correct, words = hits(rows)
    if other is not None:
        correct = correct - hits(other)[0]
    return over_units(correct, words)


def main(
    settings: dict[str, Any],
    text: Path,
    predictions: Path,
    losses: Path,
    table: Path,
    name: Path,
    numbers: Path,
) -> None:
    """Write the tables of both figures and the numbers.

    Args:
        settings: the chapter's section of the configuration.
        text: the tagged text.
        predictions: Parquet of train_entities.
        losses: Parquet of train_entities.
        table: CSV to write: measure (precision, recall, f1, folds, swapped; the last two are
            accuracies on ambiguous names), model, window, tag, value, lo, hi, n, data.
        name: CSV to write for one name: test, sentence, place, text, tag, guess, probability, lo,
            hi, n, data.
        numbers: CSV to write: key, value, lo, hi, n, unit, interval, what, data.
    """
    words = entity_text.read(text)
    sentences = int(words.sentence.max()) + 1
    all_rows, ends = pl.read_parquet(predictions), pl.read_parquet(losses)
    parts = {
        (str(test), str(model), int(window)): rows
        for (test, model, window), rows in all_rows.group_by(
            "test", "model", "window", maintain_order=True
        )
    }
    draws = Draws(sentences, settings["seeds"])
    measured = {
        (model, window): Measured(rows, sentences, draws)
        for (test, model, window), rows in parts.items()
        if test == "folds"
    }
    cells = []
    for (model, window), found in measured.items():
        for measure in ("precision", "recall", "f1"):
            for tag in [*ENTITIES, "macro"]:
                cells.append((measure, model, window, tag, *found.of(measure, tag)))
    cells += [
        (test, model, window, "ambiguous", *accuracy(rows))
        for (test, model, window), rows in parts.items()
    ]
    columns = ["measure", "model", "window", "tag", "value", "lo", "hi", "n"]
    data = pl.lit("sentences").alias("data")
    write_csv(pl.DataFrame(cells, schema=columns, orient="row").with_columns(data), table)
    write_csv(one_name(all_rows, words, settings).with_columns(data), name)
    entries = [
        *of_models(measured, parts, settings),
        *of_text(words, settings),
        *of_training(ends),
    ]
    write_csv(numbers_table(entries, "sentences"), numbers)


def of_models(
    measured: dict[tuple[str, int], Measured],
    parts: dict[tuple[str, str, int], pl.DataFrame],
    settings: dict[str, Any],
) -> list[dict[str, Any]]:
    """F1 by tag, differences to the baselines, and what the context does for ambiguous names."""
    wide = max(settings["windows"])
    network = measured["network", wide]
    entries = [
        number(
            f"h4.f1_{tag.lower()}",
            f"F1 of {tag}, {wide} words each side",
            network.of("f1", tag),
            "fraction",
            SENTENCES_AND_SEEDS,
        )
        for tag in ENTITIES
    ]
    said = {
        "network": f"the network, {wide} words each side",
        "majority": "the most frequent tag for every word",
        "word": "the most frequent tag of each word",
        "logistic": "logistic regression on the same one-hot window",
    }
    windows = {"network": wide, "majority": 0, "word": 0, "logistic": wide}
    for model, window in windows.items():
        end = "" if model == "network" else f"_{model}"
        fixed = model in BASELINES
        entries += [
            number(
                f"h4.macro_f1{end}",
                f"mean F1 of the five tags: {said[model]}",
                measured[model, window].of("f1", "macro"),
                "fraction",
                SENTENCES if fixed else SENTENCES_AND_SEEDS,
            ),
            number(
                f"h4.ambiguous_accuracy{end}",
                f"accuracy on ambiguous names: {said[model]}",
                accuracy(parts["folds", model, window]),
                "fraction",
                NAMES if fixed else NAMES_AND_SEEDS,
            ),
        ]
        if model != "network":
            entries.append(
                number(
                    f"h4.minus_{model}",
                    f"mean F1, the network minus {said[model]}",
                    network.minus(measured[model, window]),
                    "difference of fractions",
                    SENTENCES_AND_SEEDS,
                )
            )
    for width in sorted(set(settings["windows"]) - {wide}):
        entries.append(
            number(
                f"h4.ambiguous_accuracy_{width}",
                f"accuracy on ambiguous names: the network, {width} words each side",
                accuracy(parts["folds", "network", width]),
                "fraction",
                NAMES_AND_SEEDS,
            )
        )
    for key, test, (model, width), (other, less), what in (
        ("context_gain", "folds", ("network", 1), ("network", 0), "ambiguous names"),
        ("wider_gain", "folds", ("network", 2), ("network", 1), "ambiguous names"),
        ("swapped_context_gain", "swapped", ("network", 1), ("network", 0), "roles never seen"),
        (
            "hiding_gain",
            "swapped",
            ("network, words hidden", wide),
            ("network", wide),
            "roles never seen",
        ),
        (
            "swapped_minus_logistic",
            "swapped",
            ("network", wide),
            ("logistic", wide),
            "roles never seen",
        ),
    ):
        entries.append(
            number(
                f"h4.{key}",
                f"accuracy on {what}: {model}, window {width}, minus {other}, window {less}",
                accuracy(parts[test, model, width], parts[test, other, less]),
                "difference of fractions",
                NAMES_AND_SEEDS,
            )
        )
    for end, model, width in (
        ("", "network", wide),
        ("_hidden", "network, words hidden", wide),
        ("_logistic", "logistic", wide),
        ("_word", "word", 0),
    ):
        rows, seen = parts["swapped", model, width], f"{model}, window {width}"
        covers = NAMES if model in BASELINES else NAMES_AND_SEEDS
        entries += [
            number(
                f"h4.swapped_accuracy{end}",
                f"accuracy on names in a role never seen in training: {seen}",
                accuracy(rows),
                "fraction",
                covers,
            ),
            number(
                f"h4.swapped_person{end}",
                f"the same, counted right if a person is told from what is none: {seen}",
                accuracy(person_or_not(rows)),
                "fraction",
                covers,
            ),
        ]
    return entries


def of_text(words: entity_text.Words, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """What the text holds; counts without an interval."""
    names = entity_text.ambiguous(words, settings["ambiguous"])
    counts = {
        "sentences": (int(words.sentence.max()) + 1, "sentences of the text"),
        "words": (len(words.word), "words of the text"),
        "vocabulary": (len(np.unique(words.word)), "different words"),
        "entity_words": (
            int((words.tag != TAGS.index(OUTSIDE)).sum()),
            "words with an entity tag",
        ),
        "ambiguous_names": (len(names), "names used in two roles"),
    }
    return [single(f"h4.{key}", what, value, "count") for key, (value, what) in counts.items()]


def of_training(ends: pl.DataFrame) -> list[dict[str, Any]]:
    """Whether training went well, and the check of the lookup."""
    failed = int((~ends["loss"].is_finite()).sum())
    what = f"runs without a finite loss, of {ends.height}"
    gap = (
        "largest difference of the table's gradient, lookup against one-hot times table, relative "
        "to its largest entry (float32)"
    )
    return [
        single("h4.diverged", what, failed, "count", ends.height),
        single("h4.lookup_error", gap, ends["lookup_error"][0], "number"),
    ]


def one_name(
    rows: pl.DataFrame, words: entity_text.Words, settings: dict[str, Any]
) -> pl.DataFrame:
    """What the networks with the widest window take one name for, sentence by sentence."""
    asked = rows.filter(
        pl.col("model") == "network",
        pl.col("window") == max(settings["windows"]),
        pl.col("word") == settings["shown"],
        pl.col("ambiguous"),
    )
    if asked.is_empty():
        raise SystemExit(
            f"chapters.entities.shown: {settings['shown']!r} is no ambiguous name of the text"
        )
    found = []
    for (test, sentence, place, tag), part in asked.group_by(
        "test", "sentence", "place", "tag", maintain_order=True
    ):
        said = words.word[words.sentence == sentence].tolist()
        said[place] = said[place].upper()
        for guess in TAGS:
            interval = stats.mean_interval(part[f"p_{guess}"].to_numpy())
            found.append((test, sentence, place, " ".join(said), tag, guess, *interval))
    columns = ["test", "sentence", "place", "text", "tag", "guess", "probability", "lo", "hi", "n"]
    return pl.DataFrame(found, schema=columns, orient="row")


if "snakemake" in globals():
    job.report(snakemake.log[0])
    main(
        snakemake.params["settings"],
        Path(snakemake.input.text),
        Path(snakemake.input.predictions),
        Path(snakemake.input.losses),
        Path(snakemake.output.scores),
        Path(snakemake.output.name),
        Path(snakemake.output.numbers),
    )
