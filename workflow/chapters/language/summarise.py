"""Perplexities of all language models and their differences, with intervals; samples, neighbours.

Every model gives the log probability of every word, so all are compared on the same words. Nearby
words are alike: intervals come from resampling contiguous blocks of the test text, and seeds where
there are several.
"""

import json
from itertools import combinations
from pathlib import Path

import ngrams
import numpy as np
import polars as pl
from settings import Intervals, Settings

from nnjax import stats
from workflow.lib import job
from workflow.lib.estimates import N_SEEDS, exp, number, single
from workflow.lib.estimates import table as numbers_table
from workflow.lib.numbers import Number, parted
from workflow.lib.tables import write_csv

NAMES = {
    "unigram": "word frequencies (unigram)",
    "jelinek_mercer": "5-gram, Jelinek-Mercer",
    "kneser_ney": "5-gram, Kneser-Ney",
    "feed_forward": "network of 2003, four words",
    "transformer": "transformer",
    "transformer_four_words": "the same transformer, shown four words",
    "mixture": "network of 2003 with Kneser-Ney",
    "transformer_mixture": "transformer with Kneser-Ney",
}
"""Names of the models, in the order of the figure."""

MIXED = {"mixture": "feed_forward", "transformer_mixture": "transformer"}
"""Mixtures with the Kneser-Ney 5-gram, and the network in each."""

DIFFERENCES = {
    "minus_unigram": ("feed_forward", "unigram"),
    "minus_jelinek_mercer": ("feed_forward", "jelinek_mercer"),
    "minus_kneser_ney": ("feed_forward", "kneser_ney"),
    "mixture_minus_feed_forward": ("mixture", "feed_forward"),
    "mixture_minus_kneser_ney": ("mixture", "kneser_ney"),
    "transformer_minus_kneser_ney": ("transformer", "kneser_ney"),
    "transformer_minus_feed_forward": ("transformer", "feed_forward"),
    "four_words_minus_all": ("transformer_four_words", "transformer"),
    "transformer_mixture_minus_mixture": ("transformer_mixture", "mixture"),
}
"""Differences of log perplexity that are reported: the first model minus the second."""

FACTS = {
    "tokens": ("tokens", "tokens of the text"),
    "training_tokens": ("tokens", "training tokens"),
    "validation_tokens": ("tokens", "validation tokens"),
    "test_tokens": ("tokens", "test tokens"),
    "vocabulary": ("tokens", "vocabulary, including the unknown word"),
    "unknown_training": ("fraction", "training tokens that are the unknown word"),
    "unknown_test": ("fraction", "test tokens that are the unknown word"),
    "nameable": ("tokens", "candidates for neighbours"),
    "feed_forward_parameters": ("count", "parameters of the network of 2003"),
    "transformer_parameters": ("count", "parameters of the transformer"),
    "feed_forward_seconds": ("s", "network of 2003: processor time per seed"),
    "transformer_seconds": ("s", "transformer: processor time per seed"),
    "diverged": ("runs", "runs of the networks that diverged"),
}
"""Counts and other numbers without an interval: unit and meaning."""


def by_model(words: pl.DataFrame, part: str) -> dict[str, np.ndarray]:
    """Log probabilities of one part of the text, model to (seeds, words)."""
    found = words.filter(part=part).sort("model", "seed", "place")
    return {
        str(model): rows["log_probability"].to_numpy().reshape(rows["seed"].n_unique(), -1)
        for (model,), rows in found.group_by("model", maintain_order=True)
    }


def mixtures(
    validation: dict[str, np.ndarray], test: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Each network mixed with the Kneser-Ney 5-gram, with weights fitted on the validation text.

    Args:
        validation: log probabilities of the validation text by model, (seeds, words).
        test: those of the test text.

    Returns:
        The mixtures' log probabilities of the test text, (seeds, words), and the weights of the
        networks in them, (seeds,).
    """
    mixed, weights = {}, {}
    for name, network in MIXED.items():
        tuned = np.exp(validation[network]), np.exp(validation["kneser_ney"][0])
        weights[name] = np.array(
            [ngrams.mixture_weights(np.stack([p, tuned[1]], axis=1))[0] for p in tuned[0]]
        )
        share = weights[name][:, None]
        mixed[name] = np.log(
            share * np.exp(test[network]) + (1 - share) * np.exp(test["kneser_ney"])
        )
    return mixed, weights


def interval(nats: np.ndarray, settings: Intervals) -> stats.Interval:
    """The mean of the nats of some words, with an interval over blocks of words and over seeds.

    Args:
        nats: of each word, (seeds, words).
        settings: number of blocks, resamples and seed of the bootstrap.

    Returns:
        The mean with its interval; n: seeds, or blocks where the model has no seeds.
    """
    pieces = np.array_split(nats, settings.blocks, axis=1)
    sums = np.stack([piece.sum(axis=1) for piece in pieces], axis=1)
    lengths = [piece.shape[1] for piece in pieces]
    rng = np.random.default_rng(settings.seed)
    found = stats.two_level_interval(sums, lengths, rng, resamples=settings.resamples)
    return found._replace(n=len(nats) if len(nats) > 1 else len(pieces))


def covers(nats: np.ndarray, settings: Intervals) -> str:
    """What `interval` covers, in words."""
    blocks = f"95 % over {settings.blocks} blocks of the text"
    if len(nats) == 1:
        return f"{blocks} (bootstrap)"
    return f"{blocks} and seeds (bootstrap){N_SEEDS}"


def perplexity(log_probability: np.ndarray, settings: Intervals) -> stats.Interval:
    """exp of the mean of minus the log probabilities, (seeds, words), with its interval."""
    return exp(interval(-log_probability, settings))


def curve_rows(curves: pl.DataFrame) -> pl.DataFrame:
    """Validation perplexity by words seen: from the mean loss over seeds, and from its range."""
    return (
        curves.group_by("model", "tokens", maintain_order=True)
        .agg(
            value=pl.col("validation_loss").mean().exp(),
            lo=pl.col("validation_loss").min().exp(),
            hi=pl.col("validation_loss").max().exp(),
            n=pl.len().cast(pl.Int64),
        )
        .select(pl.lit("curve").alias("part"), pl.all())
    )


def agreement(neighbours: pl.DataFrame, shown: int) -> pl.DataFrame:
    """How many of a word's neighbours two seeds have in common, the mean over pairs of seeds.

    Args:
        neighbours: model, seed, word, neighbour.
        shown: neighbours of each word.

    Returns:
        model, word, shared (fraction).
    """
    rows = []
    for (model, word), found in neighbours.group_by("model", "word", maintain_order=True):
        seeds = found.group_by("seed", maintain_order=True)
        of_seed = [set(part["neighbour"]) for _, part in seeds]
        shares = [len(a & b) / shown for a, b in combinations(of_seed, 2)]
        rows.append((model, word, float(np.mean(shares)) if shares else None))
    schema = {"model": pl.String, "word": pl.String, "shared": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def perplexity_key(model: str) -> str:
    """The key of a model's perplexity."""
    return "h5.perplexity" if model == "feed_forward" else f"h5.{model}_perplexity"


def number_rows(
    test: dict[str, np.ndarray],
    weights: dict[str, np.ndarray],
    runs: dict[str, pl.DataFrame],
    settings: Settings,
) -> list[Number]:
    """All numbers of the chapter.

    Args:
        test: log probabilities of the test text by model, mixtures included, (seeds, words).
        weights: of the networks in the mixtures, (seeds,).
        runs: as `train` writes them, by name.
        settings: the chapter's settings.
    """
    intervals, rows = settings.intervals, []
    for model, name in NAMES.items():
        what = f"{name}: perplexity of the test text"
        found = perplexity(test[model], intervals)
        over = covers(test[model], intervals)
        rows.append(number(perplexity_key(model), what, found, "perplexity", over))
    for key, (a, b) in DIFFERENCES.items():
        what = f"{NAMES[a]} minus {NAMES[b]}: log perplexity"
        nats = test[b] - test[a]
        found = interval(nats, intervals)
        rows.append(number(f"h5.{key}", what, found, "nats", covers(nats, intervals)))
    for mixture, network in MIXED.items():
        found = stats.mean_interval(weights[mixture])
        what = f"{NAMES[mixture]}: weight of the network, fitted on the validation text"
        over = "95 % over seeds (Student's t, cut at 0 and 1)"
        rows.append(number(f"h5.{network}_weight", what, found, "fraction", over))
    shared = agreement(runs["neighbours"], settings.neighbours.shown)
    for (model,), part in shared.group_by("model", maintain_order=True):
        if part["shared"].null_count() == 0:
            found = stats.mean_interval(part["shared"].to_numpy())
            what = f"{NAMES[str(model)]}: fraction of neighbours shared by two seeds"
            over = "95 % over words (Student's t, cut at 0 and 1)"
            rows.append(number(f"h5.{model}_neighbours", what, found, "fraction", over))
    known = dict(runs["facts"].select("key", "value").iter_rows())
    known["diverged"] = diverged(runs["curves"])
    return rows + [_fact(key, known[key], settings.seeds) for key in FACTS]


def diverged(curves: pl.DataFrame) -> float:
    """How many runs had a loss that is not a number, after the start."""
    lost = curves.filter(pl.col("tokens") > 0).group_by("model", "seed").agg(
        pl.col("train_loss").is_nan().any() | pl.col("validation_loss").is_nan().any()
    )  # fmt: skip
    return float(lost["train_loss"].sum())


def neighbours_table(neighbours: pl.DataFrame, words: list[str]) -> pl.DataFrame:
    """The neighbours in one line: word, count, model, neighbours (of the first seed).

    Args:
        neighbours: as `train` writes them.
        words: gives the order.
    """
    first = neighbours.filter(seed=0).sort("rank")
    named = first.group_by("word", "count", "model", maintain_order=True).agg(
        neighbours=pl.col("neighbour").str.join(", ")
    )
    order = pl.col("word").replace_strict(
        {word: i for i, word in enumerate(words)}, return_dtype=pl.Int64
    )
    return named.sort(order, "model")


def _fact(key: str, value: float, seeds: int) -> Number:
    unit, what = FACTS[key]
    per_seed = key.endswith("_seconds")
    n = 2 * seeds if key == "diverged" else seeds if per_seed else 1
    return single(f"h5.{key}", what, value / seeds if per_seed else value, unit, n)


def figure_rows(numbers: list[Number], curves: pl.DataFrame) -> pl.DataFrame:
    """The figure's rows: part (perplexity, curve), model, tokens, value, lo, hi, n.

    Args:
        numbers: of the chapter.
        curves: as `train` writes them.
    """
    by_key = {row["key"]: row for row in numbers}
    perplexities = pl.DataFrame(
        [
            {"part": "perplexity", "model": model, "tokens": 0}
            | {name: by_key[perplexity_key(model)][name] for name in ("value", "lo", "hi", "n")}
            for model in NAMES
        ]
    )
    return pl.concat([perplexities, curve_rows(curves).select(perplexities.columns)])


def main(
    settings: Settings,
    runs: Path,
    origin: Path,
    perplexities: Path,
    samples: Path,
    neighbours: Path,
    numbers: Path,
    clocks: Path,
) -> None:
    """Write the tables.

    Args:
        settings: the chapter's settings.
        runs: folder that `train` wrote.
        origin: JSON with the origin of the text.
        perplexities: CSV of the figure: part (perplexity, curve), model, tokens (0 for a
            perplexity), value, lo, hi, n.
        samples: CSV of the samples: model, temperature, prompt, text.
        neighbours: CSV of the neighbours, see `neighbours_table`.
        numbers: CSV of the chapter's numbers.
        clocks: CSV of its clocks.
    """
    source = json.loads(origin.read_text(encoding="utf-8"))["data"]
    data = pl.lit(source).alias("data")
    read = {path.stem: pl.read_parquet(path) for path in runs.glob("*.parquet")}
    test = by_model(read["words"], "test")
    mixed, weights = mixtures(by_model(read["words"], "validation"), test)
    rows = number_rows(test | mixed, weights, read, settings)
    same, clocked = parted(rows)
    write_csv(numbers_table(same, source), numbers)
    write_csv(numbers_table(clocked, source), clocks)
    drawn = figure_rows(rows, read["curves"])
    write_csv(drawn.with_columns(pl.col("value", "lo", "hi").round(4), data), perplexities)
    write_csv(read["samples"].with_columns(data), samples)
    named = neighbours_table(read["neighbours"], settings.neighbours.words)
    write_csv(named.with_columns(data), neighbours)


job.run(main, globals().get("snakemake"))
