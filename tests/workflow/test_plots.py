"""Every figure draws from its table alone: any table it may get, the same bytes twice."""

import doctest
import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

Rows = pl.DataFrame
BANNER = "STAND-IN DATA: synthetic, not ISOLET"
SKETCHES = ["sketch_neuron", "sketch_xor", "sketch_isolet"]


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
            .with_columns(published=pl.lit(None if loss else 0.95, dtype=pl.Float64))
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
    "fig5": lambda n: grid("learning_rate", RATES, "hidden", [16, 64, 512], n),
    "fig6": lambda n: grid("batch_size", [2, 64, 8192], "epoch", list(range(1, 21)), n),
    "fig7": lambda n: grid("beta1", BETAS, "hidden_layers", [0, 1, 7], n),
    "fig8": optimizers,
}
VALUES = {"mean", "q05", "q95", "sd", "test_accuracy"}


def plot(name: str, folder: Path, rows: Rows, source: str = "isolet") -> tuple[bytes, bytes]:
    """Write the rows as the figure's table, draw it, and return the bytes of SVG and PNG."""
    table, svg, png = (folder / f"{name}.{kind}" for kind in ("csv", "svg", "png"))
    rows.with_columns(data=pl.lit(source)).write_csv(table)
    importlib.import_module(f"plot_{name}").main(table, svg, png)
    return svg.read_bytes(), png.read_bytes()


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
    draw = importlib.import_module(f"plot_{name}").main
    draw(svg, png)
    first = svg.read_bytes(), png.read_bytes()
    draw(svg, png)
    assert first == (svg.read_bytes(), png.read_bytes())


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


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: rows.drop("mean"), "no column mean"),
        (lambda rows: rows.head(0), "no rows"),
        (lambda rows: rows.with_columns(n=pl.lit(None)), "empty value in column n"),
        (lambda rows: pl.concat([rows, rows.head(1)]), "two rows share the same epoch, split"),
        (lambda rows: rows.with_columns(mean=pl.lit("good")), "wrong type"),
        (lambda rows: rows.with_columns(data=pl.lit("cifar")), "column data holds"),
    ],
)
def test_wrong_table_is_refused(
    change: Callable[[Rows], Rows], reason: str, tmp_path: Path
) -> None:
    """A wrong table ends the job with a sentence that names the file, and writes nothing."""
    table, svg, png, log = (tmp_path / name for name in ("t.csv", "t.svg", "t.png", "t.log"))
    change(TABLES["fig1"](2).with_columns(data=pl.lit("isolet"))).write_csv(table)
    job = SimpleNamespace(
        input={"table": str(table)}, output={"svg": str(svg), "png": str(png)}, log=[str(log)]
    )
    run = importlib.import_module("plotjob").run
    with pytest.raises(SystemExit, match=reason):
        run(importlib.import_module("plot_fig1").main, job)
    assert str(table) in log.read_text()
    assert not svg.exists()
    assert not png.exists()


def test_absent_table_is_refused(tmp_path: Path) -> None:
    """No table: the sentence says which file."""
    figtable = importlib.import_module("figtable")
    with pytest.raises(figtable.TableError, match=r"absent\.csv"):
        figtable.read(tmp_path / "absent.csv", {}, [])


@pytest.mark.parametrize("name", ["style", "heatmap", "sketch"])
def test_examples(name: str) -> None:
    """The examples in the drawing modules hold."""
    failed, attempted = doctest.testmod(importlib.import_module(name))
    assert failed == 0
    assert attempted > 0


def test_fig8_keeps_a_stray_seed_in_sight(tmp_path: Path) -> None:
    """A seed at chance level stays in the full panel and is counted under the enlarged one."""
    adam = (pl.col("optimizer") == "adam") & (pl.col("seed") == 3)
    rows = optimizers(10).filter(pl.col("optimizer").is_in(["adam", "rmsprop"]))
    stray = rows.with_columns(test_accuracy=pl.when(adam).then(0.04).otherwise("test_accuracy"))
    assert b"enlarged" not in plot("fig8", tmp_path, rows)[0]
    assert b"1/10 below" in plot("fig8", tmp_path, stray)[0]
