"""The chapter on named entities: reading, windows, the two tests, baselines, tables, plots."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl
import pytest

from tests.chapters.conftest import load, settings
from workflow.lib import chapters

train, models, text = (load("entities", name) for name in ("train", "models", "text"))
summarise, scores = (load("entities", name) for name in ("summarise", "scores"))
plots = {name: load("entities", f"plot_{name}") for name in ("entities", "entities_name")}
PAD, UNKNOWN, TAGS = text.PAD, text.UNKNOWN, text.TAGS

TEXT = """# two roles
Paris/PER laughed
we met Paris/PER
in Paris/LOC it rains
near Paris/LOC
june/PER sang
since June/DATE it rained
"""
SETTINGS = settings(
    "entities",
    features=2,
    hidden_units=3,
    epochs=1,
    batch_size=8,
    seeds=2,
    folds=2,
    rarest=1,
    ambiguous=1,
    logistic={"C": [1.0], "folds": 2},
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture
def words(path: Path) -> Any:
    return text.read(path)


def test_text_is_read(words: Any) -> None:
    assert words.word[:5].tolist() == ["paris", "laughed", "we", "met", "paris"]
    assert [TAGS[tag] for tag in words.tag[:5]] == ["PER", "O", "O", "O", "PER"]
    assert words.sentence[:5].tolist() == [0, 0, 1, 1, 1]
    assert words.place[:5].tolist() == [0, 1, 0, 1, 2]
    assert text.ambiguous(words, 1) == {"june": "DATE", "paris": "LOC"}
    assert text.ambiguous(words, 2) == {"paris": "LOC"}


@pytest.mark.parametrize("line", ["in Paris/CITY", "/PER smiled", "Paris/ smiled"])
def test_a_wrong_line_is_named(line: str, path: Path) -> None:
    path.write_text(f"fine\n{line}\n")
    with pytest.raises(text.TextError, match=r"line 2: .* is neither a word nor word/TAG"):
        text.read(path)


def test_a_text_without_sentences_is_refused(path: Path) -> None:
    path.write_text("# nothing\n\n")
    with pytest.raises(text.TextError, match="has no sentence"):
        text.read(path)


def test_windows_end_where_the_sentence_ends(words: Any) -> None:
    known = set(words.word.tolist()) - {"laughed"}
    ids = {w: i + 2 for i, w in enumerate(np.unique(words.word).tolist())}
    x = text.windows(words, known, 1)
    assert x[:3].tolist() == [
        [PAD, ids["paris"], UNKNOWN],
        [ids["paris"], UNKNOWN, PAD],
        [PAD, ids["we"], ids["met"]],
    ]
    assert x[-1].tolist() == [ids["it"], ids["rained"], PAD]
    assert x.max() < text.vocabulary_size(words)
    assert text.windows(words, known, 9).shape == (len(words.word), 19)


def test_folds_hold_out_every_sentence_once(words: Any) -> None:
    splits = train.folds(words, SETTINGS)
    held_out = np.stack([mask for _, mask in splits])
    assert (held_out.sum(axis=0) == 1).all()
    for known, mask in splits:
        assert not set(words.sentence[known]) & set(words.sentence[mask])


def test_a_swapped_name_is_trained_in_the_other_role_only(words: Any) -> None:
    names = text.ambiguous(words, 1)
    first, second = train.swapped(words, names)
    for (known, held_out), roles in (
        (first, {"june": "PER", "paris": "LOC"}),
        (second, {"june": "DATE", "paris": "PER"}),
    ):
        for name, role in roles.items():
            of_name = words.word == name
            assert {TAGS[t] for t in words.tag[of_name & held_out]} == {role}
            assert role not in {TAGS[t] for t in words.tag[of_name & known]}
        assert not set(words.sentence[known]) & set(words.sentence[held_out])
    # Together they test every ambiguous name once in each of its places.
    assert (first[1].astype(int) + second[1]).sum() == 6


def test_baselines_count_the_training_words(words: Any) -> None:
    known = words.sentence < 3
    found = {model: p for model, _, _, p in models.baselines(words, known)}
    assert (found["majority"].argmax(axis=1) == TAGS.index("O")).all()
    tags = [TAGS[k] for k in found["word"].argmax(axis=1)]
    assert tags[words.word.tolist().index("paris")] == "PER"  # twice, and once LOC
    assert tags[words.word.tolist().index("june")] == "O"  # not seen


def test_hiding_spares_the_padding() -> None:
    x = np.array([[PAD, 5, 6]] * 500, np.int32)
    hidden, targets = models.hiding(0.25)(jax.random.key(0), x, "targets")
    assert targets == "targets"
    assert (hidden[:, 0] == PAD).all()
    share = float(np.mean(np.asarray(hidden)[:, 1:] == UNKNOWN))
    assert abs(share - 0.25) < 0.05
    assert set(np.unique(np.asarray(hidden)).tolist()) == {PAD, UNKNOWN, 5, 6}


def test_a_lookup_is_a_product_with_a_table(words: Any) -> None:
    assert models.lookup_error(words, SETTINGS) < 1e-12  # float64 here


def made_up(words: Any, right: dict[str, float]) -> pl.DataFrame:
    """Predictions: each model is right with the given probability, else says O."""
    rng = np.random.default_rng(0)
    names = text.ambiguous(words, SETTINGS.ambiguous)
    tests = {
        "folds": [np.ones(len(words.word), bool)],
        "swapped": [held_out for _, held_out in train.swapped(words, names)],
    }
    arms = [("network", w) for w in (0, 1, 2)] + [("network, words hidden", 2), ("logistic", 2)]
    arms += [("majority", 0), ("word", 0)]
    tables = []
    for test, masks in tests.items():
        for model, window in arms:
            for seed in range(2 if model.startswith("network") else 1):
                hit = rng.random(len(words.word)) < right.get(model, 0.5)
                p = np.eye(len(TAGS))[np.where(hit, words.tag, 0)]
                tables += [
                    train.as_table(words, names, mask, p).with_columns(
                        test=pl.lit(test),
                        model=pl.lit(model),
                        window=pl.lit(window),
                        seed=pl.lit(seed),
                    )
                    for mask in masks
                ]
    return pl.concat(tables)


def test_tables_and_figures(path: Path, words: Any, tmp_path: Path) -> None:
    predictions, losses = tmp_path / "p.parquet", tmp_path / "l.parquet"
    made_up(words, {"network": 1.0, "network, words hidden": 1.0, "majority": 0.0}).write_parquet(
        predictions
    )
    pl.DataFrame({"loss": [0.1, float("nan")], "lookup_error": [1e-7] * 2}).write_parquet(losses)
    names = ("entities.csv", "entities_name.csv", "numbers.csv")
    by_tag, by_sentence, numbers = (tmp_path / file for file in names)
    asked = SETTINGS.windows, SETTINGS.seeds, SETTINGS.ambiguous, "paris"
    summarise.main(*asked, path, predictions, losses, by_tag, by_sentence, numbers)
    found = {row["key"]: row for row in pl.read_csv(numbers).iter_rows(named=True)}
    # ORG does not occur, so it has F1 0: the mean of a perfect network is 4 of 5, less GPE.
    assert found["h4.f1_per"]["value"] == found["h4.f1_loc"]["value"] == 1
    assert found["h4.macro_f1"]["value"] == pytest.approx(3 / 5)
    assert found["h4.macro_f1_majority"]["value"] == 0
    # Without seeds n counts what is resampled: the sentences for F1, the names for accuracies.
    assert [found[f"h4.{key}_word"]["n"] for key in ("macro_f1", "ambiguous_accuracy")] == [6, 2]
    assert found["h4.macro_f1"]["n"] == found["h4.swapped_minus_logistic"]["n"] == 2
    assert found["h4.minus_majority"]["value"] == pytest.approx(3 / 5)
    assert found["h4.ambiguous_accuracy"]["value"] == found["h4.swapped_accuracy"]["value"] == 1
    assert (found["h4.diverged"]["value"], found["h4.diverged"]["n"]) == (1, 2)
    assert set(pl.read_csv(numbers)["data"]) == {"sentences"}

    for name, plot in plots.items():
        svg, png = tmp_path / "f.svg", tmp_path / "f.png"
        plot.main(tmp_path / f"{name}.csv", svg, png)
        assert svg.read_text().startswith("<?xml")
        assert png.read_bytes().startswith(b"\x89PNG")

    with pytest.raises(ValueError, match=r"'rome' is not an ambiguous .*choose one of june, paris"):
        summarise.one_name(pl.read_parquet(predictions), words, 2, "rome")


def test_names_are_what_is_resampled() -> None:
    """All sentences of a name are right or all are wrong: the interval is that of two names."""
    rows = pl.DataFrame(
        {
            "seed": [0] * 40,
            "sentence": range(40),
            "word": ["paris", "june"] * 20,
            "ambiguous": [True] * 40,
            "tag": ["PER"] * 40,
            "predicted": ["PER", "O"] * 20,
        }
    )
    assert scores.accuracy(rows) == (0.5, 0.0, 1.0, 2)
    two_seeds = pl.concat([rows, rows.with_columns(seed=pl.lit(1, pl.Int64))])
    found = scores.accuracy(two_seeds)
    assert (found.lo, found.hi, found.n) == (0.0, 1.0, 2)
    assert scores.accuracy(two_seeds, rows) == (0.0, 0.0, 0.0, 2)


def test_scores_by_hand() -> None:
    """3 right of 4 said and 6 there: precision 3/4, recall 1/2, F1 0.6."""
    found = scores.scores(np.array([[3.0, 4.0, 6.0], [0.0, 0.0, 2.0]]))
    assert found["precision"].tolist() == [0.75, 0.0]
    assert found["recall"].tolist() == [0.5, 0.0]
    assert found["f1"] == pytest.approx([0.6, 0.0])


def test_person_or_not_forgives_the_kind_of_place() -> None:
    rows = pl.DataFrame({"tag": ["LOC", "PER", "GPE"], "predicted": ["GPE", "O", "PER"]})
    found = scores.person_or_not(rows)
    assert (found["tag"] == found["predicted"]).to_list() == [True, False, False]


def test_training_end_to_end(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "lookup_error", lambda words, settings: 0.0)
    # One split of each test and two widths: what they share is tested above.
    for name in ("folds", "swapped"):
        every = getattr(train, name)
        monkeypatch.setattr(train, name, lambda *a, every=every: every(*a)[:1])
    small = SETTINGS.model_copy(update={"windows": [0, 2]})
    predictions, losses = tmp_path / "p.parquet", tmp_path / "l.parquet"
    # As the job runs: in the default precision.
    with jax.enable_x64(False):
        train.main(small, path, predictions, losses)
    rows = pl.read_parquet(predictions)
    assert set(rows["model"]) == {
        *("majority", "word", "logistic", "network", "network, words hidden")
    }
    probabilities = rows.select(f"p_{tag}" for tag in TAGS).sum_horizontal()
    assert probabilities.to_numpy() == pytest.approx(1, abs=1e-5)
    words = text.read(path)
    _, held_out = train.folds(words, SETTINGS)[0]
    assert rows.filter(model="network", window=0, seed=0, test="folds").height == held_out.sum()
    # Whoever sees the word alone cannot know a role that training lacked.
    assert rows.filter(test="swapped", model="word")["predicted"].is_in(["O"]).sum() == 0
    ends = pl.read_parquet(losses)
    assert ends["loss"].is_finite().all()
    assert ends.height == (1 + 1) * 3 * 2


def test_the_text_of_the_chapter() -> None:
    words = text.read(chapters.FOLDER / "entities/entities.txt")
    names = text.ambiguous(words, 3)
    assert len(names) >= 20
    assert names["paris"] == "LOC"
    assert {TAGS[tag] for tag in words.tag} == set(TAGS)
    sentences = [" ".join(words.word[words.sentence == s]) for s in range(words.sentence.max() + 1)]
    assert len(set(sentences)) == len(sentences), "a sentence occurs twice"
