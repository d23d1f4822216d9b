"""Named entities: the tables of both figures, and the numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import text
from scores import ENTITIES, Draws, Measured, accuracy, person_or_not
from text import OUTSIDE, TAGS, Words

from nnjax import stats
from workflow.lib import job
from workflow.lib.estimates import N_SEEDS, number, single
from workflow.lib.estimates import table as numbers_table
from workflow.lib.tables import write_csv

SENTENCES_AND_SEEDS = "95 % over sentences and seeds (bootstrap)" + N_SEEDS
SENTENCES = "95 % over sentences (bootstrap)"
NAMES_AND_SEEDS = "95 % over names and seeds (bootstrap)" + N_SEEDS
NAMES = "95 % over names (bootstrap)"
BASELINES = ("majority", "word", "logistic")
"""Models without chance: they have one seed."""

DATA = pl.lit("sentences").alias("data")


Measures = dict[tuple[str, int], Measured]
"""The test by folds, by model and width of the window."""

Parts = dict[tuple[str, str, int], pl.DataFrame]
"""Predictions by test, model and width of the window."""


def of_models(measured: Measures, parts: Parts, wide: int) -> list[dict[str, Any]]:
    """F1 by tag; mean F1, accuracy on ambiguous names, and differences from the baselines."""
    network = measured["network", wide]
    entries = [
        number(f"h4.f1_{tag.lower()}", f"F1 of {tag}, {wide} words each side",
               network.of("f1", tag), "fraction", SENTENCES_AND_SEEDS)
        for tag in ENTITIES
    ]  # fmt: skip
    models = {
        "network": (wide, f"the network, {wide} words each side"),
        "majority": (0, "the most frequent tag for every word"),
        "word": (0, "the most frequent tag of each word"),
        "logistic": (wide, "logistic regression on the same one-hot window"),
    }
    for model, (window, what) in models.items():
        end = "" if model == "network" else f"_{model}"
        sentences, names = covered(model)
        entries += [
            number(f"h4.macro_f1{end}", f"mean F1 of the five tags: {what}",
                   measured[model, window].of("f1", "macro"), "fraction", sentences),
            number(f"h4.ambiguous_accuracy{end}", f"accuracy on ambiguous names: {what}",
                   accuracy(parts["folds", model, window]), "fraction", names),
        ]  # fmt: skip
        if model != "network":
            entries.append(
                number(f"h4.minus_{model}", f"mean F1, the network minus {what}",
                       network.minus(measured[model, window]), "difference of fractions",
                       SENTENCES_AND_SEEDS)
            )  # fmt: skip
    return entries


def of_windows(parts: Parts, windows: list[int]) -> list[dict[str, Any]]:
    """Accuracy on ambiguous names by width, and what context and hidden words add."""
    wide = max(windows)
    entries = [
        number(f"h4.ambiguous_accuracy_{width}",
               f"accuracy on ambiguous names: the network, {width} words each side",
               accuracy(parts["folds", "network", width]), "fraction", NAMES_AND_SEEDS)
        for width in sorted(set(windows) - {wide})
    ]  # fmt: skip
    one, none = ("network", 1), ("network", 0)
    hidden, widest = ("network, words hidden", wide), ("network", wide)
    for key, test, (model, width), (other, less) in (
        ("context_gain", "folds", one, none),
        ("wider_gain", "folds", ("network", 2), one),
        ("swapped_context_gain", "swapped", one, none),
        ("hiding_gain", "swapped", hidden, widest),
        ("swapped_minus_logistic", "swapped", widest, ("logistic", wide)),
    ):
        what = {"folds": "ambiguous names", "swapped": "names in unseen roles"}[test]
        entries.append(
            number(f"h4.{key}",
                   f"accuracy on {what}: {model}, window {width}, minus {other}, window {less}",
                   accuracy(parts[test, model, width], parts[test, other, less]),
                   "difference of fractions", NAMES_AND_SEEDS)
        )  # fmt: skip
    return entries


def of_roles(parts: Parts, wide: int) -> list[dict[str, Any]]:
    """Names in a role that training never showed: right tags, and person or not."""
    entries = []
    for end, model, width in (
        ("", "network", wide),
        ("_hidden", "network, words hidden", wide),
        ("_logistic", "logistic", wide),
        ("_word", "word", 0),
    ):
        rows, seen = parts["swapped", model, width], f"{model}, window {width}"
        _, names = covered(model)
        entries += [
            number(f"h4.swapped_accuracy{end}",
                   f"accuracy on names in a role unseen in training: {seen}",
                   accuracy(rows), "fraction", names),
            number(f"h4.swapped_person{end}",
                   f"the same, only person or not person: {seen}",
                   accuracy(person_or_not(rows)), "fraction", names),
        ]  # fmt: skip
    return entries


def covered(model: str) -> tuple[str, str]:
    """What a model's intervals of F1 and of accuracies on names cover."""
    if model in BASELINES:
        return SENTENCES, NAMES
    return SENTENCES_AND_SEEDS, NAMES_AND_SEEDS


def of_text(words: Words, names: dict[str, str]) -> list[dict[str, Any]]:
    """Counts of the text, without an interval."""
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
    """How many runs diverged, and the check of the lookup."""
    failed = int((~ends["loss"].is_finite()).sum())
    what = f"runs without a finite loss, of {ends.height}"
    gap = (
        "largest difference of the table's gradient, lookup minus one-hot product, relative "
        "to its largest entry (float32)"
    )
    return [
        single("h4.diverged", what, failed, "count", ends.height),
        single("h4.lookup_error", gap, ends["lookup_error"][0], "number"),
    ]


def one_name(rows: pl.DataFrame, words: Words, wide: int, name: str) -> pl.DataFrame:
    """What the networks with the widest window take one name for, sentence by sentence.

    Raises:
        JobError: if the name is not ambiguous.
    """
    asked = rows.filter(
        pl.col("model") == "network",
        pl.col("window") == wide,
        pl.col("word") == name,
        pl.col("ambiguous"),
    )
    if asked.is_empty():
        known = rows.filter("ambiguous")["word"].unique().sort()
        raise job.JobError(
            f"entities.shown: {name!r} is not an ambiguous name of the text; choose one of "
            f"{', '.join(known)}"
        )
    found = []
    for (test, sentence, place, tag), part in asked.group_by(
        "test", "sentence", "place", "tag", maintain_order=True
    ):
        spelled = words.word[words.sentence == sentence].tolist()
        spelled[place] = spelled[place].upper()
        for guess in TAGS:
            interval = stats.mean_interval(part[f"p_{guess}"].to_numpy())
            found.append((test, sentence, place, " ".join(spelled), tag, guess, *interval))
    columns = ["test", "sentence", "place", "text", "tag", "guess", "probability", "lo", "hi", "n"]
    return pl.DataFrame(found, schema=columns, orient="row")


def main(
    windows: list[int],
    seeds: int,
    ambiguous: int,
    shown: str,
    tagged: Path,
    predictions: Path,
    losses: Path,
    scores: Path,
    by_sentence: Path,
    numbers: Path,
) -> None:
    """Write the tables of both figures and the numbers.

    Args:
        windows: words on each side, of the networks.
        seeds: of the networks.
        ambiguous: occurrences in each of two roles that make a name ambiguous.
        shown: the name of the second figure.
        tagged: the tagged text.
        predictions: Parquet of `train`.
        losses: Parquet of `train`.
        scores: CSV to write: measure (precision, recall, f1, folds, swapped; the last two are
            accuracies on ambiguous names), model, window, tag, value, lo, hi, n, data.
        by_sentence: CSV to write for the shown name: test, sentence, place, text, tag, guess,
            probability, lo, hi, n, data.
        numbers: CSV of the chapter's numbers.
    """
    words = text.read(tagged)
    sentences = int(words.sentence.max()) + 1
    rows, ends = pl.read_parquet(predictions), pl.read_parquet(losses)
    parts = {
        (str(test), str(model), int(window)): part
        for (test, model, window), part in rows.group_by(
            "test", "model", "window", maintain_order=True
        )
    }
    draws = Draws(sentences, seeds)
    measured = {
        (model, window): Measured(part, sentences, draws)
        for (test, model, window), part in parts.items()
        if test == "folds"
    }
    cells = [
        (measure, model, window, tag, *found.of(measure, tag))
        for (model, window), found in measured.items()
        for measure in ("precision", "recall", "f1")
        for tag in [*ENTITIES, "macro"]
    ]
    cells += [
        (test, model, window, "ambiguous", *accuracy(part))
        for (test, model, window), part in parts.items()
    ]
    columns = ["measure", "model", "window", "tag", "value", "lo", "hi", "n"]
    write_csv(pl.DataFrame(cells, schema=columns, orient="row").with_columns(DATA), scores)
    write_csv(one_name(rows, words, max(windows), shown).with_columns(DATA), by_sentence)
    entries = [
        *of_models(measured, parts, max(windows)),
        *of_windows(parts, windows),
        *of_roles(parts, max(windows)),
        *of_text(words, text.ambiguous(words, ambiguous)),
        *of_training(ends),
    ]
    write_csv(numbers_table(entries, "sentences"), numbers)


job.run(main, globals().get("snakemake"))
