"""Figures of the chapter on ISOLET draw from their tables alone: the same table, the same bytes."""

import doctest
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.chapters.conftest import chapter, load

Rows = pl.DataFrame
BANNER = "STAND-IN DATA: synthetic, not ISOLET"
FIGURES = chapter("isolet").page.figures
SKETCHES = [name for name, figure in FIGURES.items() if not figure.table]


def curve(loss: bool, splits: tuple[str, ...], epochs: int, n: int) -> Rows:
    """Curves that fall (loss) or rise (accuracy) and level off, with a band unless n is 1."""
    epoch = np.arange(1, epochs + 1)
    parts = []
    for place, split in enumerate(splits):
        fall = np.exp(-epoch / 6)
        mean = 3.2 * fall + 0.15 * (place + 1) if loss else 0.953 - 0.7 * fall
        half = (0.3 * fall + 0.004) * (n > 1)
        parts.append(
            pl.DataFrame({"epoch": epoch, "mean": mean, "q05": mean - half, "q95": mean + half})
            .with_columns(split=pl.lit(split), n=pl.lit(n))
            .with_columns(printed=pl.lit(0.95))
        )
    return pl.concat(parts)


def grid(across: str, xs: list[float], up: str, ys: list[float], n: int) -> Rows:
    """Cells from chance level to 96 %, better to the right and to the top."""
    pairs = [(x, y) for x in range(len(xs)) for y in range(len(ys))]
    level = [(x + y + 1) / (len(xs) + len(ys)) for x, y in pairs]
    mean = np.array([0.965 - 0.92 * (1 - share) ** 3 for share in level])
    sd = np.full(len(pairs), 0.004 if n > 1 else np.nan)
    return pl.DataFrame(
        {
            across: [xs[x] for x, _ in pairs],
            up: [ys[y] for _, y in pairs],
            "mean": mean,
            "sd": sd,
            "lo": mean - 0.01,
            "hi": mean + 0.01,
            "n": n,
            "diverged": 0,
        }
    )


def optimizers(n: int) -> Rows:
    """Four groups of seeds, SGD far below the others."""
    levels = {"adam": 0.956, "sgd": 0.71, "rmsprop": 0.954, "adagrad": 0.939}
    noise = np.random.default_rng(0).normal(0, 0.003, (4, n))
    return pl.concat(
        pl.DataFrame({"optimizer": name, "seed": np.arange(n), "test_accuracy": level + row})
        for (name, level), row in zip(levels.items(), noise, strict=True)
    )


RATES: list[float] = [1e-5, 1e-4, 1e-3, 0.01, 0.1]
BETAS: list[float] = [0.0, 0.5, 0.9, 0.99]
TABLES: dict[str, Callable[[int], Rows]] = {
    "fig1": lambda n: curve(True, ("train", "test"), 12, n),
    "fig2": lambda n: curve(False, ("test",), 12, n),
    "fig3": lambda n: curve(True, ("train", "test"), 12, n),
    "fig4": lambda n: curve(False, ("test",), 40, n),
    "fig5": lambda n: grid("learning_rate", RATES, "hidden_units", [16, 64, 512], n),
    "fig6": lambda n: grid("batch_size", [2, 64, 8192], "epoch", list(range(1, 21)), n),
    "fig7": lambda n: grid("beta1", BETAS, "hidden_layers", [0, 1, 7], n),
    "fig8": optimizers,
}
VALUES = {"mean", "q05", "q95", "sd", "test_accuracy"}


def draw(name: str, svg: Path, png: Path, **table: Path) -> tuple[bytes, bytes]:
    """Draw a figure as its settings say, and return the bytes of SVG and PNG."""
    figure = FIGURES[name]
    script = load("isolet", figure.script or f"plot_{name}")
    drawing = {"drawing": script.Drawing(**figure.drawing)} if figure.drawing else {}
    script.main(**table, **drawing, svg=svg, png=png)
    return svg.read_bytes(), png.read_bytes()


def plot(name: str, folder: Path, rows: Rows, source: str = "isolet") -> tuple[bytes, bytes]:
    """Write the rows as the figure's table and draw it."""
    table, svg, png = (folder / f"{name}.{kind}" for kind in ("csv", "svg", "png"))
    rows.with_columns(data=pl.lit(source)).write_csv(table)
    return draw(name, svg, png, table=table)


@pytest.mark.parametrize("name", TABLES)
def test_same_table_same_bytes(name: str, tmp_path: Path) -> None:
    """Two runs agree to the byte, and neither file carries a date, version or stand-in mark."""
    rows = TABLES[name](10)
    svg, png = plot(name, tmp_path, rows)
    assert (svg, png) == plot(name, tmp_path, rows)
    assert png.startswith(b"\x89PNG")
    assert svg.startswith(b"<?xml")
    assert b"n = 10 seeds; data: ISOLET" in svg
    for unwanted in (b"<dc:date>", b"Matplotlib", b"Software", bytes(tmp_path), BANNER.encode()):
        assert unwanted not in svg + png
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".svg", ".png"}


@pytest.mark.parametrize("name", SKETCHES)
def test_sketches_same_bytes(name: str, tmp_path: Path) -> None:
    """The sketches need no table and come out the same twice."""
    svg, png = tmp_path / "a.svg", tmp_path / "a.png"
    assert draw(name, svg, png) == draw(name, svg, png)


@pytest.mark.parametrize("name", TABLES)
def test_stand_in_is_marked_and_one_seed_is_enough(name: str, tmp_path: Path) -> None:
    """Stand-in data shows as banner, watermark and description; n = 1 has no band and no sd."""
    svg = plot(name, tmp_path, TABLES[name](1), "stand-in")[0].decode()
    assert f"<!-- {BANNER} -->" in svg
    assert "<!-- STAND-IN DATA -->" in svg
    assert re.search(rf"<dc:description>{BANNER}", svg)
    assert "n = 1 seed; data: synthetic stand-in, not ISOLET" in svg


@pytest.mark.parametrize("name", ["fig1", "fig2", "fig6", "fig8"])
@pytest.mark.parametrize("share", ["half", "all"])
def test_diverged_values_do_not_crash(name: str, share: str, tmp_path: Path) -> None:
    """NaN and empty values are drawn as gaps or said in words, in part of a table or all of it."""
    rows = TABLES[name](10).with_row_index("row")
    lost = pl.col("row") % 2 == 0 if share == "half" else pl.lit(True)
    bad = pl.when(pl.col("row") % 4 == 0).then(float("nan")).otherwise(None)
    rows = rows.with_columns(
        pl.when(lost).then(bad).otherwise(pl.col(column)).alias(column)
        for column in VALUES.intersection(rows.columns)
    )
    if "diverged" in rows.columns:
        rows = rows.with_columns(pl.when(lost).then(10).otherwise(3).alias("diverged"))
    svg = plot(name, tmp_path, rows.drop("row"))[0].decode()
    if "diverged" in rows.columns:
        assert "10/10 div." in svg
        assert ("3/10 div." in svg) == (share == "half")
    if name == "fig8":
        assert f"{5 if share == 'half' else 10}/10 div." in svg


def test_heat_map_says_what_it_shows(tmp_path: Path) -> None:
    """Mean and sd in percent, log axes named, missing cells hatched and explained."""
    rows = TABLES["fig5"](10)
    svg = plot("fig5", tmp_path, rows.slice(1))[0].decode()
    first, last = rows["mean"][1], rows["mean"][-1]
    for text in (f"{100 * first:.1f}", f"{100 * last:.1f}", "± 0.4", "learning rate (log-spaced)"):
        assert f"<!-- {text} -->" in svg
    assert "Hatched: not run." in svg
    assert "Hatched" not in plot("fig5", tmp_path, rows)[0].decode()


def test_fig6_shows_first_round_and_last_epochs(tmp_path: Path) -> None:
    """Of sixty epochs twelve are drawn, and the axis says so."""
    rows = grid("batch_size", [2, 64], "epoch", list(range(1, 61)), 10)
    svg = plot("fig6", tmp_path, rows)[0].decode()
    assert "<!-- epochs of training (12 of 60 shown) -->" in svg
    assert all(f"<!-- {epoch} -->" in svg for epoch in (1, 5, 10, 20, 30, 40, 50, 60))
    assert "<!-- 33 -->" not in svg


def test_published_value_is_named(tmp_path: Path) -> None:
    """Figures 2 and 4 say what the dashed line is."""
    for name, text in (("fig2", "published for momentum 0.9: 95 %"), ("fig4", "published: 95 %")):
        assert f"<!-- {text} -->" in plot(name, tmp_path, TABLES[name](10))[0].decode()


@pytest.mark.parametrize("name", ["plot_heatmap", "plot_sketch", "errorscale"])
def test_examples(name: str) -> None:
    """The examples in the drawing modules hold."""
    failed, attempted = doctest.testmod(load("isolet", name))
    assert failed == 0
    assert attempted > 0


def test_fig8_keeps_a_stray_seed_in_sight(tmp_path: Path) -> None:
    """A seed at chance level stays in the full panel and is counted under the enlarged one."""
    adam = (pl.col("optimizer") == "adam") & (pl.col("seed") == 3)
    rows = optimizers(10).filter(pl.col("optimizer").is_in(["adam", "rmsprop"]))
    stray = rows.with_columns(test_accuracy=pl.when(adam).then(0.04).otherwise("test_accuracy"))
    assert b"enlarged" not in plot("fig8", tmp_path, rows)[0]
    assert b"1/10 below" in plot("fig8", tmp_path, stray)[0]
