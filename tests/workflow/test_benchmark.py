"""The benchmark's ratios, and that every implementation it times runs."""

import doctest
import json
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import jax
import polars as pl
import pytest

from tests.workflow.conftest import ROOT


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The modules of the room, which import each other by their short names."""
    monkeypatch.syspath_prepend(str(ROOT / "workflow/benchmark"))
    names = (
        "clock", "data", "trainings", "singles", "steps", "sweeps", "first", "growth", "study",
        "devices", "stream",
    )  # fmt: skip
    kept = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    yield {name: import_module(name) for name in names}
    for name in names:
        del sys.modules[name]
    sys.modules.update(kept)


def test_a_ratio_is_more_than_one_where_ours_is_better(benchmark: dict[str, ModuleType]) -> None:
    row = benchmark["clock"].row
    times = row("single", [1.0, 2.0, 4.0], [2.0, 2.0, 2.0], "ms", limit=1.0)
    assert (times["ours"], times["peer"], times["ratio"]) == (2.0, 2.0, 1.0)
    assert (times["least"], times["most"], times["n"]) == (0.5, 2.0, 3)
    rates = row("sweep", [70.0, 80.0], [100.0, 100.0], "GFLOP/s", limit=0.7)
    assert rates["ratio"] == pytest.approx(0.75)


# PyTorch's compiler calls functions that PyTorch deprecates.
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_every_implementation_is_timed(
    benchmark: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    singles, steps, sweeps = (benchmark[name] for name in ("singles", "steps", "sweeps"))
    monkeypatch.setattr(benchmark["clock"], "REPEATS", 1)
    monkeypatch.setattr(singles, "UNITS", (4,))
    monkeypatch.setattr(singles, "BATCHES", (2,))
    monkeypatch.setattr(singles, "STEPS", 2)
    monkeypatch.setattr(steps, "CASES", [case._replace(batches={2: 1}) for case in steps.CASES])
    few = [many._replace(units=4, rates=[1e-3, 1e-2], seeds=1) for many in sweeps.SWEEPS[:1]]
    monkeypatch.setattr(sweeps, "SWEEPS", few)
    # The settings of its processes: peers write what JAX allows by default.
    with (
        jax.enable_x64(False),
        jax.numpy_rank_promotion("allow"),
        jax.numpy_dtype_promotion("standard"),
    ):
        found = singles.measure(1) + steps.measure(1) + sweeps.measure(1)
    names = {row["name"].rsplit("over_", 1)[1] for row in found}
    optional = {"torch": ("torch_eager", "torch_compiled", "torch_vmap"), "equinox": ("equinox",)}
    installed = {name for package in optional if find_spec(package) for name in optional[package]}
    assert names == {"autodiff", "numpy", "scikit_learn", "grid_search"} | installed
    assert all(row["ratio"] > 0 for row in found)


@pytest.mark.exhaustive
def test_a_first_result_is_timed_in_fresh_processes(benchmark: dict[str, ModuleType]) -> None:
    rows = benchmark["first"].measure(1)
    assert rows[0]["name"] == "first.617-44-26.over_scikit_learn"
    assert all(row["ours"] > 100 for row in rows)  # ms: a process that imports JAX takes longer


@pytest.mark.exhaustive
def test_growth_has_points(
    benchmark: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    growth = benchmark["growth"]
    monkeypatch.setattr(growth, "VALUES", {"replicas": [1, 2]})
    found = growth.measure(1)
    assert [(point["size"], point["value"]) for point in found["points"]] == [
        ("replicas", 1),
        ("replicas", 2),
        ("cores", 1),
    ]
    assert all(point["memory"] > 0 for point in found["points"])
    assert found["exponents"] == []  # two points leave nothing to estimate a spread from


def test_devices_have_points(
    benchmark: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = benchmark["devices"]
    monkeypatch.setattr(benchmark["clock"], "REPEATS", 2)
    monkeypatch.setattr(devices, "DEVICES", (1,))
    small = {"units": 4, "rows": 16, "batch": 8, "epochs": 1, "seeds": 2}
    monkeypatch.setattr(devices, "BATCHES", small)
    monkeypatch.setattr(devices, "GROUPS", small)
    with jax.enable_x64(False):
        found = devices.measure()
    assert [(point["shared"], point["devices"], point["n"]) for point in found] == [
        ("batches", 1, 2),
        ("groups", 1, 2),
    ]
    assert all(point["speed_up"] == point["least"] == point["most"] == 1 for point in found)


def test_a_stream_is_compared_with_memory(
    benchmark: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = benchmark["stream"]
    monkeypatch.setattr(stream, "BLOCK", 100)
    monkeypatch.setattr(stream, "UNITS", {4: "stream"})
    with jax.enable_x64(False):
        found = stream.measure(250)
    assert [(row["name"], row["n"]) for row in found] == [("stream.share_of_in_memory", 3)]
    assert found[0]["ours"] > 0
    assert found[0]["peer"] > 0
    assert 0 < found[0]["peak_memory"] < 1000


def test_exponents_of_powers(benchmark: dict[str, ModuleType]) -> None:
    growth = benchmark["growth"]
    square = [{"size": "rows", "value": v, "seconds": v**2, "memory": 3 * v} for v in (1, 2, 4, 8)]
    seconds, memory = growth.exponents(square)
    assert (seconds["exponent"], seconds["n"]) == (pytest.approx(2.0), 4)
    assert (memory["exponent"], memory["hi"]) == (pytest.approx(1.0), pytest.approx(1.0))


@pytest.mark.parametrize("module", ["growth", "study"])
def test_examples(benchmark: dict[str, ModuleType], module: str) -> None:
    found = doctest.testmod(benchmark[module])
    assert found.attempted > 0
    assert not found.failed


def test_the_arithmetic_of_a_study_is_counted(benchmark: dict[str, ModuleType]) -> None:
    """By hand: one network of 617-44-26, one epoch of 48 batches of 128, measured on 1559 rows."""
    first, last = 617 * 44, 44 * 26
    expected = 48 * 128 * (4 * first + 6 * last) + 1559 * 2 * (first + last)
    assert benchmark["study"].operations(pl.DataFrame({"seed": [0]})) == expected
    # Two folds: half of the rows are trained on, the other half is held out; twice.
    halves = 24 * 128 * 4 * 617 * 26 + 3119 * 2 * 617 * 26
    folds = pl.DataFrame({"fold": [0, 1], "hidden_layers": [0, 0]})
    assert benchmark["study"].operations(folds) == 2 * halves


@pytest.mark.parametrize("measured", [False, True])
def test_the_page_says_what_a_gpu_does(
    benchmark: dict[str, ModuleType], tmp_path: Path, measured: bool
) -> None:
    """Or in a sentence that none was measured, and how one is."""
    file, output = tmp_path / "gpu.json", tmp_path / "benchmark.html"
    row = benchmark["clock"].row("gpu.step", [1.0, 2.0], [3.0, 6.0], "ms", None)
    missing = {"name": "gpu.other", "n": 0, "state": "not measured: time"}
    about = {
        "devices": {"gpu": "a made-up GPU", "cpu": "a CPU"},
        "cores": 1,
        "date": "2000-01-02T03:04",
        "versions": {"jax": "9.8.7", "torch": None},
        "precision": "TF32 is off",
    }
    gradient = {"network": "n", "platform": "gpu", "dtype": "float32", "implementation": "ours"}
    compared = [gradient | {"difference": 1e-7, "state": "measured"}]
    compared += [gradient | {"difference": None, "state": "not measured: memory"}]
    content = {"rows": [row, missing], "gradients": compared, "where": about}
    file.write_text(json.dumps(content), encoding="utf-8")
    import_module("write_benchmark").main(
        ROOT / "reports/benchmark.json",
        ROOT / "reports/benchmark_stream.json",
        [file] if measured else [],
        sorted((ROOT / "reports/figures").glob("benchmark_*.svg")),
        sorted((ROOT / "reports/tables").glob("benchmark_*.csv")),
        ROOT / "workflow/benchmark/benchmark.html",
        "full",
        output,
    )
    text = output.read_text(encoding="utf-8")
    shown = ["a made-up GPU", "jax 9.8.7", "3.00 [3.00, 3.00]", "not measured: time", "1.0e-07"]
    shown += ["not measured: memory"]
    assert [each in text for each in shown] == [measured] * len(shown)
    assert ("python -m nnjax.benchmark --gpu" in text) != measured


@pytest.mark.parametrize(
    ("figure", "title"),
    [
        ("single", "One network"),
        ("ratios", "Sweeps, steps"),
        ("growth", "Cost of a sweep"),
        ("devices", "Speed-up"),
    ],
)
def test_every_figure_is_drawn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, figure: str, title: str
) -> None:
    """By its script, and so it is in the reports: the rule takes the script of its figure."""
    svg = tmp_path / "drawn.svg"
    monkeypatch.syspath_prepend(str(ROOT / "workflow/benchmark/plots"))
    script = import_module(f"plot_{figure}")
    rows = "benchmark_devices" if figure == "devices" else "benchmark"
    script.main(ROOT / f"reports/{rows}.json", svg, tmp_path / "drawn.png")
    for file in (svg, ROOT / f"reports/figures/benchmark_{figure}.svg"):
        assert f"<dc:title>{title}" in file.read_text(encoding="utf-8")
