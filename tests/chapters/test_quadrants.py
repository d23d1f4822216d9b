"""The chapter on single samples: the article's rules by hand, and a tiny run."""

import abc
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import nnjax as nn
from tests.chapters.conftest import chapter, load, settings

train, checks, summarise = (load("quadrants", name) for name in ("train", "checks", "summarise"))
plots = {name: load("quadrants", f"plot_{name}") for name in ("zero_target", "quadrants")}

SMALL = settings(
    "quadrants",
    seeds=3,
    zero_target={"widths": [2, 2, 1], "learning_rate": 0.1, "steps": 20, "summed": 5, "every": 10},
    printed={"m1.before": 1.0, "m1.after": 0.01},
    quadrants={"steps": 20, "tested": 30, "every": 10, "grid": 5},
    gradient_check={"networks": 1},
)
TABLES = ("zero_target", "quadrants", "errors", "refused", "numbers")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run, summarised."""
    folder = tmp_path_factory.mktemp("quadrants")
    sections = SMALL.zero_target, SMALL.quadrants, SMALL.gradient_check
    with jax.enable_x64(False):
        train.main(SMALL.seeds, SMALL.slope, *sections, folder)
    tables = (folder / f"{name}.csv" for name in TABLES)
    summarise.main(SMALL.quadrants.tested, SMALL.printed, folder, *tables)
    return folder


def test_two_steps_by_hand() -> None:
    """One weight, samples 2 and -1, target 0, rate 0.1: f' counts on both sides of 0."""
    net = nn.serial(nn.dense(1), nn.leaky_relu(0.1))
    start = (nn.Dense(jnp.array([[0.5]]), jnp.array([0.0])), ())
    stacked = jax.tree.map(lambda leaf: leaf[None], start)
    frozen = net._replace(init=lambda key, in_shape: (start, (1,)))
    samples = jnp.array([[2.0], [-1.0]])
    seen = []

    def look(params: Any, key: jax.Array, step: int) -> None:
        seen.append((step, params))

    descent = train.Descent(widths=[1, 1], learning_rate=0.1, steps=2, every=2)
    trained = train.trained(frozen, lambda key, n: (samples, jnp.zeros((n, 1))), descent, 1, look)
    # y = 1: dW = 2 * 1 * 2 = 4, db = 2; then W = 0.1, b = -0.2, y = -0.3, v = -0.03,
    # dy = 2 * -0.03 * 0.1 = -0.006: dW = 0.006, db = -0.006.
    assert trained[0].weights.item() == pytest.approx(0.1 - 0.0006)
    assert trained[0].bias.item() == pytest.approx(-0.2 + 0.0006)
    assert [step for step, _ in seen] == [0, 2]
    assert jax.tree.map(jnp.shape, seen[0][1]) == jax.tree.map(jnp.shape, stacked)


def test_initial_parameters_are_the_articles() -> None:
    """Deviation 1 over the number of weights, or of biases."""
    for shape in ((50, 200), (10_000,)):
        drawn = np.asarray(train.article_init(jax.random.key(0), shape))
        assert drawn.std() * 10_000 == pytest.approx(1, abs=0.05)


def test_targets_of_the_quadrants() -> None:
    x, targets = train.quadrants(2)(jax.random.key(0), 50)
    assert ((targets[:, 0] == 1) == (x[:, 0] * x[:, 1] > 0)).all()
    assert (targets.sum(axis=1) == 1).all()
    assert float(jnp.abs(x).max()) <= 2


def test_the_final_code_is_right_and_what_is_printed_is_not() -> None:
    """One layer by hand, and all forms on one network."""
    layer = [(np.array([[2.0]]), np.array([[-3.0]]))]
    x, t = np.array([[1.0]]), np.array([[0.0]])
    # y = -1, v = -0.1, dv = -0.2, dy = 0.1 dv.
    ((weights, bias),) = checks.printed("final code", layer, x, t, 0.1)
    assert (weights.item(), bias.item()) == pytest.approx((-0.02, -0.02))
    ((_, loop),) = checks.printed("loop", layer, x, t, 0.1)
    assert loop.item() == pytest.approx(0.02)  # f(y) dv: even the sign is wrong
    assert checks.error([(weights, loop)], [(weights, bias)]) == pytest.approx(2)
    errors = {
        row["form"]: row["error"] for row in checks.gradient_errors(SMALL.gradient_check, 0.1)
    }
    assert errors["final_code"] < 1e-7
    assert errors["nnjax"] < 1e-7
    assert errors["loop_as_printed"] > 0.01
    assert errors["general_step_as_printed"] > 0.01


def test_a_class_is_abstract_only_if_it_inherits() -> None:
    """The article's program marks methods of plain classes as abstract, to no effect."""

    def incomplete(*base: type) -> type:
        above = type("Activation", base, {"df": abc.abstractmethod(lambda self, x: None)})
        return type("Half", (above,), {"f": lambda self, x: x})

    assert incomplete()().df(1.0) is None
    with pytest.raises(TypeError, match="abstract"):
        incomplete(abc.ABC)()


def test_misfits_are_refused_with_both_shapes() -> None:
    messages = [row["message"] for row in checks.refusals(SMALL.gradient_check, 0.1)]
    for message, shapes in zip(
        messages, [("(5, 2)", "(3, 4)"), ("(3, 2)", "(3, 3)"), ("(2,)", "(3,)")], strict=False
    ):
        assert all(shape in message for shape in shapes)
    assert len(messages) == 5


def test_the_best_straight_line() -> None:
    assert train.best_straight_line(60, 20) == pytest.approx(2 / 3, abs=0.01)


def test_a_run_gives_tables_and_figures(made: Path, tmp_path: Path) -> None:
    numbers = pl.read_csv(made / "numbers.csv")
    keys = set(numbers["key"])
    named = {
        check.published for claim in chapter("quadrants").claims.values() for check in claim.checks
    }
    assert named <= keys
    assert numbers["data"].unique().to_list() == ["points"]
    values = dict(zip(numbers["key"], numbers["value"], strict=True))
    assert values["m1.diverged"] == values["m2.diverged"] == 0
    assert values["m2.worst"] <= values["m2.median"] <= values["m2.best"]
    curve = pl.read_parquet(made / "curve.parquet")
    assert curve.group_by("step").len().sort("step").rows() == [(0, 3), (10, 3), (20, 3)]
    for name, plot in plots.items():
        svg, png = tmp_path / f"{name}.svg", tmp_path / f"{name}.png"
        plot.main(made / f"{name}.csv", svg, png)
        assert "n = 3 seeds" in svg.read_text()
        assert png.read_bytes().startswith(b"\x89PNG")


def test_diverged_seeds_are_counted_and_drawn(made: Path, tmp_path: Path) -> None:
    """A seed whose scores are NaN is right nowhere, and stays among the n."""
    pictures = pl.read_parquet(made / "pictures.parquet").with_columns(
        lead=pl.when(pl.col("seed") == 0).then(float("nan")).otherwise("lead")
    )
    curve = pl.read_parquet(made / "curve.parquet").with_columns(
        right=pl.when(pl.col("seed") == 0).then(0).otherwise("right")
    )
    rows = summarise.quadrants_numbers(curve, pictures, 30, 2 / 3)
    lost = {row["key"]: row for row in rows}["m2.diverged"]
    assert (lost["value"], lost["n"]) == (pytest.approx(1 / 3), 3)
    table = summarise.quadrants_figure(curve, pictures, 30)
    table.with_columns(data=pl.lit("points")).write_csv(tmp_path / "t.csv")
    plots["quadrants"].main(tmp_path / "t.csv", tmp_path / "t.svg", tmp_path / "t.png")
    assert "diverged" in (tmp_path / "t.svg").read_text()


def test_steps_that_leave_a_rest_are_refused() -> None:
    """The last measurement would come before the last step."""
    with pytest.raises(ValueError, match="steps must be a multiple of every, 1000"):
        settings("quadrants", quadrants={"steps": 1500})
