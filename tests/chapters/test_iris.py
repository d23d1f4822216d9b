"""The chapter on irises: exact small cases, formulas with planted mistakes, and a tiny run."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import nnjax as nn
from tests.chapters.conftest import chapter, load, settings

train, summarise, formulas, forks, likelihood, plot_iris, plot_iris_forks = (
    load("iris", name)
    for name in (
        "train", "summarise", "formulas", "forks", "likelihood", "plot_iris", "plot_iris_forks"
    )
)  # fmt: skip
SETTINGS = settings("iris")


def test_the_data_are_the_chosen_features() -> None:
    x, y, species = train.flowers(SETTINGS)
    assert x.shape == (150, 2)
    assert y.sum() == 50
    assert (species[y] == 1).all()
    assert x[0] == pytest.approx([1.4, 0.2])  # petal length and width of the first flower


def test_the_basis_is_that_of_the_rows_with_weight() -> None:
    """A row without weight changes nothing for the others; squares are standardised too."""
    x = np.array([[1.0, 5.0], [2.0, 3.0], [4.0, 1.0], [100.0, -50.0]])
    weights = np.array([1.0, 1.0, 1.0, 0.0])
    for model, width in (("logistic", 2), ("quadratic", 4), ("network", 2)):
        phi, mean, _ = (np.asarray(a) for a in train.basis(model, x, weights))
        alone = np.asarray(train.basis(model, x[:3], weights[:3])[0])
        assert phi.shape == (4, width)
        assert phi[:3] == pytest.approx(alone)
        assert alone.mean(axis=0) == pytest.approx(np.zeros(width))
        assert alone.std(axis=0) == pytest.approx(np.ones(width))
        assert mean == pytest.approx([7 / 3, 3])


def test_one_step_is_the_logistic_gradient_of_the_rows_with_weight() -> None:
    """From zeros, f = 1/2: w = rate * mean of (y - 1/2) x over the rows that are not left out."""
    x, y = jnp.array([[1.0], [2.0], [9.0]]), jnp.array([1.0, 0.0, 1.0])
    network = train.network_of("logistic", 0)
    descent = SETTINGS.regression.model_copy(
        update={"learning_rate": 0.1, "momentum": 0.0, "epochs": 1}
    )
    start, _ = network.init(jax.random.key(0), (1,))
    params = train.descended(network, descent, start, x, y, jnp.array([1.0, 1.0, 0.0]))
    assert params.weights.item() == pytest.approx(0.1 * (0.5 * 1 - 0.5 * 2) / 2)
    assert params.bias.item() == pytest.approx(0)


def test_rows_left_out() -> None:
    assert train.left_out_rows(150, 150).tolist() == list(range(150))
    assert train.left_out_rows(150, 3).tolist() == [0, 74, 149]


@pytest.mark.parametrize("key", formulas.FORMULAS)
def test_a_formula_is_right_unless_a_mistake_is_planted(key: str) -> None:
    group, _, formula = formulas.FORMULAS[key]
    errors = [formulas.error(formula(np.random.default_rng(case))) for case in range(5)]
    if group == "planted mistake":
        assert min(errors) > 0.01
    else:
        assert max(errors) < 1e-6


def test_slopes_are_in_the_denominator_layout() -> None:
    """f(x) = (x1 x2, x1 + 3 x2, 7): a row for each element of x, a column for each of f."""
    x = np.array([2.0, 5.0])
    (found,) = formulas.slopes(lambda x: np.array([x[0] * x[1], x[0] + 3 * x[1], 7]), x)
    assert found == pytest.approx(np.array([[5.0, 1, 0], [2, 3, 0]]), abs=1e-8)
    assert formulas.error(([found.T], [found])) == float("inf")


def test_nll_is_cross_entropy() -> None:
    rows = pl.DataFrame(likelihood.nll_errors(3, 4, [3]), infer_schema_length=None)
    assert rows.group_by("classes").len().sort("classes").rows() == [(2, 24), (3, 18)]
    assert rows["error64"].to_numpy().max() < 1e-12
    softmax = rows.filter(pl.col("way").is_in(summarise.SOFTMAX))
    assert softmax["ulps32"].to_numpy().max() < 32


def test_accuracies_and_differences_by_hand() -> None:
    """Four flowers: a diverged training is right nowhere; differences are paired by flowers."""
    flowers = pl.DataFrame({"row": [0, 1, 2, 3], "chosen": [True, True, False, False]})
    table = pl.DataFrame(
        {
            "model": ["a"] * 4 + ["b"] * 4,
            "seed": [0] * 8,
            "row": [3, 2, 1, 0] + [0, 1, 2, 3],
            "probability": [0.1, 0.9, 0.9, float("nan")] + [0.9, 0.9, 0.1, 0.1],
        }
    )
    right = summarise.hits(table, flowers)
    assert right["a"].tolist() == [[False, True, False, True]]
    found = summarise.difference(right["b"], right["a"])
    assert (found.value, found.n) == (0.5, 4)  # one seed: n counts the flowers
    assert found.lo < 0.5 < found.hi


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run on real irises without the verifier, which is tested elsewhere; summarised."""
    folder = tmp_path_factory.mktemp("iris")
    few = {"learning_rate": 1.0, "momentum": 0.9, "epochs": 30}
    small = settings(
        "iris",
        left_out=10,
        seeds=2,
        regression=few,
        network=few | {"hidden_units": 2},
        widths={"hidden_units": [1], "seeds": 2},
        peer_steps=3,
        grid=5,
        checks={"cases": 1, "nll_cases": 2, "items": 3, "classes": [3]},
    )
    row = {"options": "", "error64": 1e-9, "error32": 1e-7, "verdict": "right", "detail": ""}
    networks = ("residual", "residual, one branch alone")
    fake = [
        {"network": network, "oracle": oracle, **row}
        for network in networks
        for oracle in ("jax.grad", "central differences")
    ]
    with pytest.MonkeyPatch.context() as patch, jax.enable_x64(False):
        patch.setattr(forks, "fork_reports", lambda names: fake)
        train.main(small, folder)
    summarise.main(
        small, folder, *(folder / f"{name}.csv" for name in ("iris", "forks", "nll", "numbers"))
    )
    return folder


def test_a_run_gives_tables_and_figures(made: Path, tmp_path: Path) -> None:
    numbers = pl.read_csv(made / "numbers.csv")
    claims = chapter("iris").claims.values()
    named = {check.published for claim in claims for check in claim.checks}
    assert named <= set(numbers["key"])
    assert numbers["data"].unique().to_list() == ["iris"]
    left_out = pl.read_parquet(made / "left_out.parquet")
    assert left_out.filter(model="network").height == 20
    assert left_out.filter(model="network, scikit-learn").height == 10
    for plot, name, words in (
        (plot_iris, "iris", "10 flowers and, for the network, 2 seeds"),
        (plot_iris_forks, "forks", "n = 1 random cases"),
    ):
        svg, png = tmp_path / f"{name}.svg", tmp_path / f"{name}.png"
        plot.main(made / f"{name}.csv", svg, png)
        assert words in " ".join(svg.read_text().split())
        assert png.read_bytes().startswith(b"\x89PNG")


def test_the_verifier_sees_a_fork_that_does_not_add() -> None:
    """The residual block with the planted mistake, without the rest of the networks."""
    block = nn.serial(nn.dense(2), nn.tanh())
    planted = nn.residual(block)._replace(backward=block.backward)
    assert not nn.verify(planted, (2,), inputs=forks._normal, show=False).passed
