"""Language models: counts by hand, sums that are one, networks that cannot look ahead."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import polars as pl
import pytest

import nnjax as nn
from tests.chapters.conftest import load, settings
from workflow.lib.settings import SettingsError
from workflow.lib.tables import STAND_INS, write_parquet, write_text

models, ngrams, plot_language, summarise, text, train = (
    load("language", name)
    for name in ("models", "ngrams", "plot_language", "summarise", "text", "train")
)
SMALL: dict[str, Any] = {
    "feed_forward": {"features": 4, "hidden_units": 5, "scale": 0.1},
    "transformer": {"window": 6, "features": 4, "heads": 2, "hidden_units": 5, "blocks": 1},
    "intervals": {"blocks": 7, "resamples": 50, "seed": 0},
    "seeds": 2,
}
SETTINGS = settings("language", **SMALL)
COUNTS = np.array([2, 5, 4, 3, 2, 1, 1])
MODELS = {
    "feed_forward": models.feed_forward(SETTINGS.feed_forward, COUNTS),
    "transformer": models.transformer(SETTINGS.transformer, COUNTS),
}


def text_of(words: int, vocabulary: int = 7) -> np.ndarray:
    """Words of which each depends on the one before."""
    rng = np.random.default_rng(0)
    ids = [0]
    for _ in range(words - 1):
        ids.append(int((2 * ids[-1] + rng.integers(2)) % vocabulary))
    return np.array(ids, np.int32)


def all_rows(context: list[int], vocabulary: int) -> np.ndarray:
    """A context with each word behind it."""
    return np.array([[*context, word] for word in range(vocabulary)])


def moved(model: Any) -> Any:
    """Parameters of which none is small or in a place where it has no effect."""
    shapes = jax.eval_shape(
        lambda key: model.network.init(key, (model.window,))[0], jax.random.key(0)
    )
    return jax.tree.map(
        lambda a: jnp.asarray(0.5 * np.cos(np.arange(a.size)).reshape(a.shape)), shapes
    )


def test_rare_words_are_folded_and_held_out_words_are_not_counted() -> None:
    corpus = text.read("the cat, the cat. a dog " * 10 + "new " * 20, 5, 0.1, 0.1)
    assert corpus.words == ["<unk>", "cat", "the", ",", "."]
    assert corpus.ids[:8].tolist() == [2, 1, 3, 2, 1, 4, 0, 0]
    assert (corpus.validation, corpus.test, len(corpus.ids)) == (80, 90, 100)
    assert corpus.frequencies().tolist() == [20, 20, 20, 10, 10]
    # "new" occurs twenty times, but not in the training text.
    assert corpus.ids[corpus.test :].tolist() == [0] * 10
    with pytest.raises(ValueError, match="20 tokens is too short"):
        text.read("a " * 20, 5, 0.1, 0.1)


def test_em_finds_the_weights_that_make_the_words_most_probable() -> None:
    """Two models, each sure of its own words, are weighted by how often they are right."""
    parts = np.array([[1.0, 0.0]] * 3 + [[0.0, 1.0]])
    assert ngrams.mixture_weights(parts) == pytest.approx([4 / 6, 2 / 6])
    rng = np.random.default_rng(0)
    parts = rng.uniform(size=(50, 3))
    weights = ngrams.mixture_weights(parts)
    others = rng.dirichlet(np.ones(3), size=200)

    def worth(weights: np.ndarray) -> np.ndarray:
        """Log likelihood and log prior."""
        return np.log(parts @ weights.T).sum(axis=0) + np.log(weights).sum(axis=-1)

    assert weights.sum() == pytest.approx(1)
    assert (worth(others) <= worth(weights) + 1e-9).all()
    assert ngrams.mixture_weights(np.empty((0, 2))).tolist() == [0.5, 0.5]


def test_relative_frequencies_by_hand() -> None:
    """Text 0 1 0 1 2: after 0 always 1; after 1 once 0 and once 2; after 2 nothing is known."""
    ids = np.array([0, 1, 0, 1, 2])
    parts, longest = ngrams.relative_frequencies(ids, np.array([[0, 1], [1, 2], [2, 0]]), 3)
    assert parts.tolist() == pytest.approx(
        np.array([[1 / 3, 2 / 5, 1.0], [1 / 3, 1 / 5, 0.5], [1 / 3, 2 / 5, 2 / 5]])
    )
    assert longest.tolist() == [1, 1, 0]


def test_kneser_ney_by_hand() -> None:
    """Bigrams of 0 1 0 1 2: 01 twice, 10 and 12 once; D = (2 + 1/2) / (2 + 2 + 3/2) = 5/11.

    One kind of word comes before each of the words 0, 1, 2: their q is 1/3 for every D.
    """
    p = ngrams.kneser_ney(np.array([0, 1, 0, 1, 2]), all_rows([1], 3), 3)
    d = 5 / 11
    assert p.tolist() == pytest.approx(
        [(1 - d + 2 * d / 3) / 2, (2 * d / 3) / 2, (1 - d + 2 * d / 3) / 2]
    )
    # A context that does not occur gets the probabilities of the shorter one.
    unseen = ngrams.kneser_ney(np.array([0, 1, 0, 1, 2]), all_rows([2], 3), 3)
    assert unseen.tolist() == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("context", [[0, 1, 2, 4], [6, 6, 6, 6], [1, 2, 5, 3]])
def test_probabilities_of_all_words_sum_to_one(context: list[int]) -> None:
    ids, rows = text_of(200), all_rows(context, 7)
    tuning = ngrams.grams(text_of(60)[20:], 5)
    for p in (ngrams.kneser_ney(ids, rows, 7), ngrams.jelinek_mercer(ids, tuning, rows, 7)):
        assert p.sum() == pytest.approx(1)
        assert (p > 0).all()


def test_too_many_words_for_the_codes_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit into 64 bits"):
        ngrams.encode(np.zeros((1, 5), int), 7000)
    assert train.ORDER == 5
    assert 6000**train.ORDER < 2**63
    with pytest.raises(SettingsError, match=r"language\.vocabulary: 6001: .* at most 6000"):
        settings("language", vocabulary=6001)


@pytest.mark.parametrize("name", MODELS)
def test_the_gradient_is_that_of_autodiff(name: str) -> None:
    model = MODELS[name]
    rows = jnp.asarray(text_of(4 * (model.window + 1)).reshape(4, -1))
    x, targets = rows[:, :-1], rows[:, model.window + 1 - model.predicted :]

    def loss(params: Any) -> jax.Array:
        return nn.softmax_cross_entropy.forward(model.network.forward(params, x)[0], targets)[0]

    gradient = nn.value_and_grad(model.network, nn.softmax_cross_entropy)
    _, ours = jax.jit(gradient)(moved(model), x, targets)
    theirs = jax.jit(jax.grad(loss))(moved(model))
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert np.allclose(a, b, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", MODELS)
def test_every_word_is_predicted_from_the_words_before_it(name: str) -> None:
    """Changing a word changes no prediction before it; each prediction is the network's own."""
    model = MODELS[name]
    params = moved(model)
    ids = text_of(40)
    found = models.log_probabilities(model, params, ids, 11, 32, rows=4)
    for place in (11, 15, 31):
        changed = ids.copy()
        changed[place] = (changed[place] + 1) % 7
        other = models.log_probabilities(model, params, changed, 11, 32, rows=4)
        assert np.array_equal(other[: place - 11], found[: place - 11])
        assert other[place - 11] != found[place - 11]
        # All words in the place of this one: a distribution.
        total = 0.0
        for word in range(7):
            changed[place] = word
            total += np.exp(models.log_probabilities(model, params, changed, place, place + 1)[0])
        assert total == pytest.approx(1)
    scores = model.network.forward(params, jnp.asarray(ids[None, 31 - model.window : 31]))[0]
    assert found[-1] == pytest.approx(float(jax.nn.log_softmax(scores[0, -1])[ids[31]]))
    with pytest.raises(ValueError, match="does not fit before word 2"):
        models.log_probabilities(model, params, ids, 2, 5)


def test_a_pass_predicts_every_word_once() -> None:
    """Windows of six lie side by side; what is left over is shorter than a window or a batch."""
    model = MODELS["transformer"]
    order = models.batches(100, model, 3, seed=0)
    first = np.concatenate([next(order) for _ in range(5)])
    predicted = (first[:, None] + 1 + np.arange(6)[None]).ravel()
    assert len(set(predicted.tolist())) == len(predicted) == 90
    assert predicted.max() < 100
    again = models.batches(100, model, 3, seed=0)
    assert np.array_equal(np.concatenate([next(again) for _ in range(5)]), first)
    with pytest.raises(ValueError, match="make batch_tokens smaller"):
        next(models.batches(20, model, 3, seed=0))


def test_training_starts_as_the_unigram_and_keeps_the_best_checkpoint() -> None:
    ids = text_of(300)
    frequencies = np.bincount(ids[:250], minlength=7)
    model = models.feed_forward(SETTINGS.feed_forward, frequencies)
    training = settings(
        "language", training={"batch_tokens": 25, "checkpoints": 4, "checkpoint_steps": 10}
    ).training
    # The rate never falls and is far too large, so that later checkpoints are worse.
    trained = models.train(model, optax.adam(0.5), ids, (250, 300), training, seed=0)
    unigram = -np.log(frequencies / 250)[ids[250:]].mean()
    assert trained.validation_loss[0] == pytest.approx(unigram, abs=0.05)
    assert trained.tokens.tolist() == [0, 250, 500, 750, 1000]
    assert trained.validation_loss[-1] > trained.validation_loss.min()
    again = -models.log_probabilities(model, trained.params, ids, 250, 300).mean()
    assert again == pytest.approx(trained.validation_loss.min())


def test_samples_follow_the_seed_and_are_never_unknown() -> None:
    for model in MODELS.values():
        params, _ = model.network.init(jax.random.key(0), (model.window,))
        drawn = [
            models.sample(model, params, [1, 2, 3, 4], 12, 1.0, np.random.default_rng(seed))
            for seed in (0, 0, 1)
        ]
        assert drawn[0] == drawn[1] != drawn[2]
        assert 0 not in drawn[0]
        with pytest.raises(ValueError, match="too few to begin with"):
            models.sample(model, params, [], 1, 1.0, np.random.default_rng(0))


def test_at_a_low_temperature_the_likeliest_word_is_said() -> None:
    """The transformer reads the last word of a short beginning, not the padding behind it."""
    model = MODELS["transformer"]
    params = moved(model)
    scores = model.network.forward(params, jnp.array([[1, 2, 3]], jnp.int32))[0][0, -1]
    said = models.sample(model, params, [1, 2, 3], 1, 1e-4, np.random.default_rng(0))
    assert said == [int(scores[1:].argmax()) + 1]


def made_up(folder: Path, data: str) -> None:
    """Runs of two seeds with known probabilities: unigram 1/8, networks 1/4, Kneser-Ney 1/2."""
    chances = {
        "unigram": (0.125,),
        "jelinek_mercer": (0.5,),
        "kneser_ney": (0.5,),
        "feed_forward": (0.25, 0.25),
        "transformer": (0.25, 0.25),
        "transformer_four_words": (0.25, 0.25),
    }
    words = [
        {"model": m, "seed": s, "part": part, "place": i, "log_probability": np.log(p)}
        for m, values in chances.items()
        for s, p in enumerate(values)
        for part in ("validation", "test")
        for i in range(60)
    ]
    curves = [
        {"model": m, "seed": s, "tokens": t, "train_loss": 1.0, "validation_loss": 2.0 - t / 100}
        for m in MODELS
        for s in (0, 1)
        for t in (0, 100)
    ]
    near = [
        {
            "model": m,
            "seed": s,
            "word": "king",
            "count": 9,
            "rank": r,
            "neighbour": n,
            "cosine": 0.5,
        }
        for m in MODELS
        for s, names in enumerate((["lord", "duke"], ["duke", "dog"]))
        for r, n in enumerate(names, start=1)
    ]
    samples = [{"model": m, "temperature": 1.0, "prompt": "my", "text": "lord <b>"} for m in MODELS]
    tables = {
        "words": pl.DataFrame(words),
        "curves": pl.DataFrame(curves),
        "samples": pl.DataFrame(samples),
        "neighbours": pl.DataFrame(near),
        "facts": pl.DataFrame(
            {"key": list(summarise.FACTS), "value": [4.0] * len(summarise.FACTS)}
        ),
    }
    for name, table in tables.items():
        write_parquet(table, folder / f"runs/{name}.parquet")
    write_text(json.dumps({"data": data}), folder / "text.json")


def summarised(folder: Path, **overrides: Any) -> dict[str, Path]:
    """The tables of the runs in a folder."""
    kinds = ("perplexities", "samples", "neighbours", "numbers", "clocks")
    tables = {kind: folder / f"{kind}.csv" for kind in kinds}
    chosen = settings("language", **SMALL | overrides)
    summarise.main(chosen, folder / "runs", folder / "text.json", **tables)
    return tables


@pytest.mark.parametrize("data", ["shakespeare", "own-text"])
def test_summary_and_figure_of_made_up_runs(tmp_path: Path, data: str) -> None:
    made_up(tmp_path, data)
    out = summarised(tmp_path, neighbours={"words": ["king", "cat"], "shown": 2})
    numbers = {row["key"]: row for row in pl.read_csv(out["numbers"]).iter_rows(named=True)}
    assert set(pl.read_csv(out["numbers"])["data"]) == {data}
    assert numbers["h5.perplexity"]["value"] == pytest.approx(4)
    assert numbers["h5.perplexity"]["n"] == 2
    assert numbers["h5.unigram_perplexity"]["n"] == 7
    assert numbers["h5.minus_unigram"]["value"] == pytest.approx(-np.log(2))
    assert numbers["h5.minus_kneser_ney"]["value"] == pytest.approx(np.log(2))
    # The 5-gram is better on every validation word: the network gets no weight.
    assert numbers["h5.feed_forward_weight"]["value"] < 0.05
    assert numbers["h5.mixture_perplexity"]["value"] == pytest.approx(2, rel=0.05)
    assert numbers["h5.feed_forward_neighbours"]["value"] == pytest.approx(0.5)
    clocks = {row["key"]: row["value"] for row in pl.read_csv(out["clocks"]).to_dicts()}
    assert clocks == {"h5.feed_forward_seconds": 2, "h5.transformer_seconds": 2}
    assert numbers["h5.diverged"]["value"] == 0
    assert pl.read_csv(out["neighbours"])["neighbours"].to_list() == ["lord, duke"] * 2
    plot_language.main(out["perplexities"], tmp_path / "a.svg", tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000
    marked = STAND_INS["own-text"] in (tmp_path / "a.svg").read_text()
    assert marked == (data == "own-text")


def test_blocks_of_unequal_length_count_by_their_words() -> None:
    nats = np.arange(10.0)[None]
    intervals = settings("language", intervals={"blocks": 3, "resamples": 200}).intervals
    found = summarise.interval(nats, intervals)
    assert found.value == pytest.approx(4.5)
    assert found.n == 3
    assert found.lo < 4.5 < found.hi


def test_a_diverged_run_is_counted(tmp_path: Path) -> None:
    made_up(tmp_path, "shakespeare")
    path = tmp_path / "runs/curves.parquet"
    lost = (pl.col("model") == "transformer") & (pl.col("seed") == 1) & (pl.col("tokens") == 100)
    curves = pl.read_parquet(path).with_columns(
        train_loss=pl.when(lost).then(float("nan")).otherwise("train_loss")
    )
    write_parquet(curves, path)
    found = pl.read_csv(summarised(tmp_path)["numbers"]).row(
        by_predicate=pl.col("key") == "h5.diverged", named=True
    )
    assert (found["value"], found["n"]) == (1, 4)


def test_networks_are_made_of_public_rules_only() -> None:
    """Same parameters as the layers named in the text."""
    model = MODELS["feed_forward"]
    params, _ = model.network.init(jax.random.key(0), (4,))
    assert [type(p) for p in params] == [nn.Embedding, tuple, nn.Dense, tuple, nn.Dense, tuple]
    summary = nn.summary(model.network, (model.window,))
    assert summary.parameters == 7 * 4 + 16 * 5 + 5 + 5 * 7 + 7
