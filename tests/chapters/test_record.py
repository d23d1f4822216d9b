"""The record: judged by folds of speakers, counted right, and never tuned on a test row."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from isolet_files import REAL

from nnjax import stats
from nnjax.datasets import isolet
from nnjax.datasets.standin import standin
from tests.chapters.conftest import load, settings
from workflow.lib import chapters
from workflow.lib.settings import SettingsError

network, augmentations, train, search, ablate, summarise, plot_record = (
    load("record", name)
    for name in (
        "network",
        "augmentations",
        "train",
        "search",
        "ablate",
        "summarise",
        "plot_record",
    )
)
SETTINGS = settings("record")
SMALL = SETTINGS.network.changed({"hidden_units": 4, "epochs": 1, "batch_size": 64})


@pytest.fixture(autouse=True)
def float32() -> Iterator[None]:
    """As the jobs run, not as the library is tested."""
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Some training speakers of the stand-in in two files, to train on and to judge."""
    folder = tmp_path_factory.mktemp("data")
    table = standin(seed=0).filter(pl.col("split") == "train")
    parts = {"train": pl.col("speaker") <= 6, "judged": pl.col("speaker").is_between(7, 9)}
    for name, rows in parts.items():
        table.filter(rows).write_parquet(folder / f"{name}.parquet")
    (folder / "origin.json").write_text(json.dumps({"data": "stand-in"}))
    return {name: folder / f"{name}.parquet" for name in parts} | {"origin": folder / "origin.json"}


# --- the network ----------------------------------------------------------------------------------


def test_spectra_are_columns_of_isolet() -> None:
    assert network.SPECTRA.shape == (14, 32)
    assert len(np.unique(network.SPECTRA)) == 14 * 32
    assert 0 <= network.SPECTRA.min() <= network.SPECTRA.max() < isolet.FEATURES


@pytest.mark.skipif(not REAL.exists(), reason="needs ISOLET beside the project")
def test_spectra_end_where_neighbours_stop_to_agree() -> None:
    """Residuals of neighbouring columns correlate inside a spectrum and not across its ends."""
    table = isolet.load(REAL).filter(pl.col("split") == "train")
    rest, _ = augmentations.residuals(isolet.examples(table))
    rest = (rest - rest.mean(axis=0)) / rest.std(axis=0)
    agree = (rest[:, 1:] * rest[:, :-1]).mean(axis=0)
    inside = np.zeros(616, bool)
    inside[network.SPECTRA[:, :-1]] = True
    ends = [place for place in network.SPECTRA[:, -1] if place < 616]
    starts = [place - 1 for place in network.SPECTRA[:, 0] if place]
    assert agree[inside].min() > 0.2
    assert np.abs(agree[[*ends, *starts]]).max() < 0.2


@pytest.mark.parametrize(
    "change",
    [{}, {"momentum": 0.9}, {"code_bits": 30}, {"batch_norm": True, "hidden_layers": 2}],
    ids=["recipe", "momentum", "code", "batch norm"],
)
def test_probabilities_are_those_of_held_out_rows(
    change: dict[str, Any], voices: dict[str, Path]
) -> None:
    rows = isolet.examples(pl.read_parquet(voices["train"]))
    p = network.probabilities(SMALL.changed(change), rows, rows.x[:5], [0, 1])
    assert p.shape == (2, 5, 26)
    np.testing.assert_allclose(p.sum(axis=2), 1, rtol=1e-5)
    assert not np.allclose(p[0], p[1])


# --- further augmentations ------------------------------------------------------------------------


@pytest.mark.parametrize("name", augmentations.MAKERS)
def test_further_augmentation(name: str) -> None:
    """What each may do to a row, by its definition."""
    rng = np.random.default_rng(0)
    labels, speakers = np.repeat(np.arange(26), 2), np.tile([1, 2], 26)
    x = rng.normal(size=(52, 6)).astype(np.float32)
    spectra = np.array([[0, 1], [2, 3]])
    amount = {"band_mask": 1, "spectrum_dropout": 0.5}.get(name, 0.25)
    given = augmentations.Augmentations(**{name: amount})
    (augment,) = augmentations.named(given, spectra, (x, labels, speakers))
    y, t = augment(jax.random.key(0), jnp.asarray(x), jnp.asarray(labels))
    change = np.asarray(y) - x
    assert np.abs(change).max() > 0
    if name == "mixup":
        assert t.shape == (52, 26)
        return
    np.testing.assert_array_equal(t, labels)
    rest, mean = augmentations.residuals((x, labels, speakers))
    if name == "residual_noise":
        gaps = np.abs(change[:, None] - 0.25 * rest).max(axis=2).min(axis=1)
        np.testing.assert_allclose(gaps, 0, atol=1e-6)
    if name == "speaker_shift":
        step = 0.25 * (mean[0] - mean[1])
        gaps = [min(np.abs(row - k * step).max() for k in (-1, 0, 1)) for row in change]
        np.testing.assert_allclose(gaps, 0, atol=1e-6)
    if name == "within_letter":
        other = x.reshape(26, 2, 6)[:, ::-1].reshape(52, 6)
        share = change[:, 0] / (other - x)[:, 0]
        np.testing.assert_allclose(change, share[:, None] * (other - x), atol=1e-5)
        assert share.min() >= -1e-6
        assert share.max() <= 0.25 + 1e-6
    if name in ("band_mask", "spectrum_dropout"):
        np.testing.assert_array_equal(change[:, 4:], 0)
        lost = np.asarray(y)[:, spectra] == 0
        # A band is lost in all spectra of a row, a spectrum with all its bins.
        axis = 1 if name == "band_mask" else 2
        np.testing.assert_array_equal(lost.any(axis=axis), lost.all(axis=axis))
        assert lost.any()
        assert not lost.all()


def test_unknown_augmentation_is_refused() -> None:
    with pytest.raises(SettingsError, match="stretch: unknown key"):
        settings("record", network={"augmentations": {"stretch": 1.0}})


# --- training -------------------------------------------------------------------------------------


def test_predictions_recount_to_the_counts(voices: dict[str, Path], tmp_path: Path) -> None:
    paths = tmp_path / "speakers.parquet", tmp_path / "predictions.parquet"
    train.main(voices["train"], voices["judged"], 2, SMALL, *paths)
    counts, predictions = (pl.read_parquet(path) for path in paths)
    judged = pl.read_parquet(voices["judged"])
    assert counts["seed"].unique().sort().to_list() == [train.ENSEMBLE, 0, 1]
    for (seed,), rows in predictions.group_by("seed"):
        np.testing.assert_array_equal(rows.sort("row")["letter"], judged["letter"])
        for speaker, n, correct in (
            counts.filter(seed=seed).select("speaker", "rows", "correct").rows()
        ):
            said = rows.filter(speaker=speaker)
            assert n == said.height == 52
            assert correct == sum(a == b for a, b in said.select("letter", "predicted").rows())


def test_ensemble_is_the_mean_of_the_probabilities(
    voices: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two are unsure of the right letter, one is rather sure of a wrong one: the two lose."""
    labels = isolet.examples(pl.read_parquet(voices["judged"])).labels
    right, wrong = np.eye(26)[labels], np.eye(26)[(labels + 1) % 26]
    members = np.stack([0.55 * right + 0.45 * wrong] * 2 + [0.2 * right + 0.8 * wrong])
    monkeypatch.setattr(train, "probabilities", lambda *given: members)
    paths = tmp_path / "speakers.parquet", tmp_path / "predictions.parquet"
    train.main(voices["train"], voices["judged"], 3, SMALL, *paths)
    right_share = (
        pl.read_parquet(paths[0]).group_by("seed").agg(pl.col("correct").sum()).sort("seed")
    )
    assert right_share["correct"].to_list() == [0, 156, 156, 0]


# --- the search -----------------------------------------------------------------------------------


def test_search_holds_out_speakers_and_pairs_differences(
    voices: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Networks that know as many of the letters, from A on, as they have hidden units."""
    seen = []

    def known(recipe: Any, training: Any, x: np.ndarray, seeds: list[int]) -> Any:
        np.testing.assert_allclose(training[0].mean(axis=0), 0, atol=1e-5)
        seen.append(set(training[2]))
        # Held-out rows come speaker by speaker, A A B B ... Z Z.
        letters = np.arange(len(x)) % 52 // 2
        p = np.eye(26)[np.where(letters < recipe.hidden_units, letters, 25 - letters)]
        return np.stack([p] * len(seeds))

    monkeypatch.setattr(search, "probabilities", known)
    stages = [
        {"base": {}, "changes": [{"hidden_units": 20}]},
        {"base": {"hidden_units": 20}, "changes": []},
    ]
    trial = search.Search(
        folds=3,
        seeds=2,
        ablation_seeds=3,
        start=SMALL.changed({"hidden_units": 13}),
        stages=stages,
        ablation={"plain": {"hidden_units": 13}},
    )
    files = tmp_path / "search.csv", tmp_path / "ablation.csv"
    recipe = SMALL.changed({"hidden_units": 26})
    search.main(voices["train"], voices["origin"], trial, files[0])
    ablate.main(voices["train"], voices["origin"], recipe, "r", trial, files[1])
    assert all(len(speakers) == 4 for speakers in seen)
    trials, ablation = (pl.read_csv(file) for file in files)
    assert trials["arm"].to_list() == ["start", "hidden units 20", "hidden units 20"]
    assert trials["stage"].to_list() == [1, 1, 2]
    np.testing.assert_allclose(trials["accuracy"], np.array([13, 20, 20]) / 26)
    np.testing.assert_allclose(trials["difference"], np.array([0, 7, 0]) / 26)
    np.testing.assert_allclose(trials["errors"], np.array([13, 6, 6]) * 2 * 6)
    assert ablation["arm"].to_list() == ["the recipe", "plain"]
    assert ablation["n"].to_list() == [3, 3]
    # All speakers are alike here, so nothing is uncertain.
    np.testing.assert_allclose(ablation["difference_lo"], [0, -0.5])
    np.testing.assert_allclose(ablation["ensemble_difference_hi"], [0, -0.5])
    assert set(ablation["data"]) == {"stand-in"}


RULES = (chapters.FOLDER / "record/rules.smk").read_text(encoding="utf-8")


def test_the_search_has_no_test_rows() -> None:
    """Only the job that runs once, with the recipe as chosen, takes both files."""
    rules = dict(
        re.findall(r"^rule:\n +name:\n +([^\n]+)\n(.*?)(?=^rule|\Z)", RULES, flags=re.M | re.S)
    )
    assert len(rules) == 5
    assert [name for name, body in rules.items() if "output.test" in body] == [
        'f"train_{CHAPTER.name}"'
    ]


def test_the_default_run_does_not_search() -> None:
    """The search's table is an input of `snakemake record` alone, and so is the ablation's."""
    assert RULES.count("search.csv") == 2  # an output, and an input
    assert RULES.count("        ABLATION,") == 1
    assert RULES.count("ablation=ABLATION,") == 1  # an output
    assert RULES.count("ablation=of_project(ABLATION),") == 1  # the path of a file read as it is


# --- the tables -----------------------------------------------------------------------------------


def counts(seeds: list[int], correct: list[list[int]], rows: list[int]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "seed": seed,
                "speaker": 121 + k,
                "rows": rows[k],
                "correct": line[k],
                "diverged": seed == 1,
            }
            for seed, line in zip(seeds, correct, strict=True)
            for k in range(len(rows))
        ]
    )


@pytest.fixture
def result(tmp_path: Path) -> Path:
    counts([-1, 0, 1], [[52, 50, 50], [51, 49, 50], [51, 49, 48]], [52, 52, 51]).write_parquet(
        tmp_path / "speakers.parquet"
    )
    study = counts([0, 1], [[50, 48, 48], [50, 48, 48]], [52, 52, 51])
    pl.concat(
        [
            study.with_columns(momentum=pl.lit(0.9), epoch=pl.lit(2)),
            # Another arm, and an epoch before the last.
            study.with_columns(momentum=pl.lit(0.0), epoch=pl.lit(2), correct=pl.lit(0, pl.Int64)),
            study.with_columns(momentum=pl.lit(0.9), epoch=pl.lit(1), correct=pl.lit(0, pl.Int64)),
        ]
    ).write_parquet(tmp_path / "reference.parquet")
    summarised(tmp_path)
    return tmp_path / "record.csv"


def summarised(
    folder: Path, reference: str = "reference", data: str = "isolet", recipe: str = "r"
) -> None:
    """Run the summary in a folder with the counts, for an ablation of recipe "r"."""
    (folder / "origin.json").write_text(json.dumps({"data": data}))
    summarise.main(
        folder / "speakers.parquet",
        folder / f"{reference}.parquet",
        folder / "origin.json",
        0.9,
        SETTINGS.literature,
        recipe,
        ablation_table(folder, data),
        folder / "record.csv",
        folder / "numbers.csv",
    )


def test_record_table(result: Path) -> None:
    rows = {row["what"]: row for row in pl.read_csv(result).iter_rows(named=True)}
    assert rows["single"]["value"] == pytest.approx(298 / 310)
    assert rows["single"]["errors"] == 6
    assert (rows["single"]["n"], rows["single"]["diverged"]) == (2, 1)
    assert rows["ensemble"]["value"] == pytest.approx(152 / 155)
    assert (rows["ensemble"]["errors"], rows["ensemble"]["n"]) == (3, 1)
    assert rows["study"]["errors"] == 9
    assert rows["literature"]["value"] == pytest.approx(1508 / 1559)
    # No predictions of the published network: no interval and no test.
    assert [rows["literature"][name] for name in ("lo", "hi", "p")] == [None] * 3
    difference = rows["ensemble - study"]
    assert difference["value"] == pytest.approx(6 / 155)
    assert difference["errors"] == -6
    # Differences 2, 2, 2 of three speakers: two of the eight signs are as extreme.
    assert difference["p"] == pytest.approx(2 / 8)
    expected = stats.two_level_interval(
        [[2, 2, 2], [2, 2, 2]], [52, 52, 51], np.random.default_rng(0)
    )
    assert difference["lo"] == pytest.approx(expected.lo)


def test_record_table_refuses_other_speakers(result: Path) -> None:
    folder = result.parent
    other = counts([0], [[1]], [9]).with_columns(momentum=pl.lit(0.9), epoch=pl.lit(1))
    other.write_parquet(folder / "other.parquet")
    with pytest.raises(ValueError, match="same speakers"):
        summarised(folder, reference="other")


def test_numbers_are_those_of_the_table(result: Path) -> None:
    numbers = {row["key"]: row for row in pl.read_csv(result.parent / "numbers.csv").to_dicts()}
    assert numbers["record.single_errors"]["value"] == 6
    assert numbers["record.ensemble_accuracy"]["interval"] == "95 % over speakers (bootstrap)"
    assert numbers["record.ensemble_minus_study"]["p"] == pytest.approx(2 / 8)
    assert "record.literature_errors" not in numbers


# --- the figure -----------------------------------------------------------------------------------


def ablation_table(folder: Path, data: str = "isolet") -> Path:
    pl.DataFrame(
        {
            "arm": ["the recipe", "no warp", "plain"],
            "n": 3,
            "difference": [0.0, -0.004, -0.02],
            "difference_lo": [0.0, -0.006, -0.03],
            "difference_hi": [0.0, -0.002, -0.01],
            "recipe": "r",
            "data": data,
        }
    ).write_csv(folder / "ablation.csv")
    return folder / "ablation.csv"


def test_record_figure(result: Path, tmp_path: Path) -> None:
    svg, png = tmp_path / "record.svg", tmp_path / "record.png"
    plot_record.main(result, svg, png)
    text = svg.read_text(encoding="utf-8")
    for words in ("no warp", "published: 51 errors", "3.0 errors", "n = 3 seeds"):
        assert words in text
    assert "the recipe<" not in text
    assert "STAND-IN" not in text
    assert "DIFFERENT RECIPE" not in text
    summarised(tmp_path, recipe="s")
    plot_record.main(result, svg, png)
    assert "DIFFERENT RECIPE" in svg.read_text(encoding="utf-8")
    summarised(tmp_path, data="stand-in")
    plot_record.main(result, svg, png)
    assert "STAND-IN DATA" in svg.read_text(encoding="utf-8")


# --- the settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mistake", "line"),
    [
        ({"network": {"hidden_unit": 1}}, "record.network.hidden_unit: unknown key; did you mean"),
        (
            {"search": {"ablation": {"plain": {"warpp": 0}}}},
            "warpp: unknown key; did you mean warp",
        ),
    ],
)
def test_a_mistake_in_a_recipe_or_a_change_is_one_line(mistake: dict[str, Any], line: str) -> None:
    """A misspelt change would be a trial of nothing."""
    with pytest.raises(SettingsError) as error:
        settings("record", **mistake)
    assert line in str(error.value)
    assert len(str(error.value).splitlines()) == 1
