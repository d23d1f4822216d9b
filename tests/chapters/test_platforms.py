"""The platform comparison: the same gradient everywhere, and what is missing is named."""

import importlib.util
import math
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl
import pytest

import nnjax as nn
from tests.chapters.conftest import load, settings

clock, convolutions, im2col, implementations, measure, names, networks, plot, summarise, torch = (
    load("platforms", name)
    for name in (
        "clock",
        "convolutions",
        "im2col",
        "implementations",
        "measure",
        "names",
        "networks",
        "plot_platforms",
        "summarise",
        "torch_networks",
    )
)
OURS, AUTODIFF, TORCH = names.OURS, names.AUTODIFF, names.TORCH
SMALL: dict[str, Any] = {
    "image": [10, 9, 2],
    "classes": 3,
    "networks": {"mlp": {"hidden_units": 4}, "cnn": {"filters": [3, 2], "kernel": 2, "pool": 2}},
    "learning_rate": 0.1,
    "batch_sizes": [1, 2],
    "repeats": 6,
    "seconds": 1e-6,
    "gradients": {"batch_size": 3, "seeds": 6},
    "convolutions": {"batch_size": 2},
}
SETTINGS = settings("platforms", **SMALL)
HAS_TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is the extra 'torch'")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The measurement without PyTorch and, as here, without a GPU."""
    folder = tmp_path_factory.mktemp("platforms")
    one = {"mlp": {"hidden_units": 4}, "cnn": {"filters": [3], "kernel": 2, "pool": 2}}
    measure.main(settings("platforms", **{**SMALL, "networks": one}), None, folder)
    return folder


# --- a convolution as a matrix product ------------------------------------------------------------


@pytest.mark.parametrize(("extent", "channels"), [((2, 3), (2, 3)), ((3, 1), (1, 2))])
def test_every_form_of_a_convolution_is_the_same(
    extent: tuple[int, int], channels: tuple[int, int]
) -> None:
    rng = np.random.default_rng(0)
    shapes = [(2, 5, 6, channels[0]), (*extent, *channels), (channels[1],)]
    shapes += [(2, 6 - extent[0], 7 - extent[1], channels[1])]
    x, kernel, bias, dy = (rng.standard_normal(shape) for shape in shapes)
    inputs: Any = (x, kernel, bias, dy)
    forms = convolutions.forms_of(
        nn.conv2d(channels[1], extent), implementations.available(None)[0]
    )
    assert len(forms) == 4
    by_rule = forms["cpu", "nn.conv2d"](inputs)[1]()
    for form in (make(inputs)[1]() for make in forms.values()):
        for found, expected in zip(form, by_rule, strict=True):
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


def test_columns_by_hand() -> None:
    """Two by two windows of a 2 x 3 image, and the count of windows that meet each pixel."""
    x = np.arange(6.0).reshape(1, 2, 3, 1)
    columns = im2col.columns(x, (2, 2), np)
    assert columns.tolist() == [[0, 1, 3, 4], [1, 2, 4, 5]]
    added = im2col.added_up(np.ones((1, 1, 2, 2, 2, 1)), np)
    assert added.reshape(2, 3).tolist() == [[1, 2, 1], [1, 2, 1]]
    one = {"filters": [1], "kernel": 2, "pool": 2}
    cnn = settings("platforms", networks={"cnn": one}).networks.cnn
    factors = summarise.column_factors([2, 3, 1], cnn)
    assert factors == [columns.size / x.size]


# --- the implementations --------------------------------------------------------------------------


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = jax.devices("cpu")[0]
    found, where = implementations.available(None)
    assert found == [("cpu", OURS, cpu), ("cpu", AUTODIFF, cpu)]
    states = summarise.states(where)
    assert states["cpu", TORCH] == states["gpu", TORCH] == names.NO_TORCH
    assert states["gpu", OURS] == states["gpu", AUTODIFF] == names.NO_GPU
    # A second device plays the GPU: it has its own implementations.
    monkeypatch.setattr(implementations, "jax_devices", lambda: {"cpu": cpu, "gpu": cpu})
    found, where = implementations.available(None)
    assert [each[:2] for each in found] == [
        (platform, name) for platform in ("cpu", "gpu") for name in (OURS, AUTODIFF)
    ]
    if HAS_TORCH:
        _, where = implementations.available("2")
        states = summarise.states(where)
        assert states["cpu", TORCH] == "measured"
        assert states["gpu", TORCH] in ("measured", "not measured: PyTorch finds no GPU")


def test_the_rules_and_jax_grad_are_not_the_same_code() -> None:
    """jax.grad follows the forward pass only: a broken backward pass does not affect it."""
    network = networks.networks(SETTINGS)["mlp"]
    broken = network._replace(backward=lambda *_: 1 / 0)  # type: ignore[arg-type]
    inputs = measure.start(network, 0, 2, SETTINGS)
    grads = jax.eval_shape(measure.gradient_of(broken, AUTODIFF), *inputs)
    assert jax.tree.structure(grads) == jax.tree.structure(inputs[0])
    with pytest.raises(ZeroDivisionError):
        jax.eval_shape(measure.gradient_of(broken, OURS), *inputs)


def test_a_step_is_gradient_descent() -> None:
    """Two timed steps end where two steps by hand do."""
    network = networks.networks(SETTINGS)["mlp"]
    params, x, labels = measure.start(network, 0, 2, SETTINGS)
    gradient = jax.jit(measure.gradient_of(network, OURS))
    by_hand = params
    for _ in range(2):
        by_hand = jax.tree.map(
            lambda p, g: p - np.float32(0.1) * g, by_hand, gradient(by_hand, x, labels)
        )
    step, placed = measure.jax_step(
        network,
        implementations.Implementation("cpu", OURS, jax.devices("cpu")[0]),
        (params, x, labels),
        0.1,
    )
    trained = step(step(*placed), *placed[1:])
    for ours, theirs in zip(jax.tree.leaves(trained), jax.tree.leaves(by_hand), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


@needs_torch
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_torch_has_the_same_gradient_and_the_same_step(name: str) -> None:
    """Kernels are transposed, and the rows after the flatten (of two channels) reordered."""
    network = networks.networks(SETTINGS)[name]
    params, x, labels = measure.start(network, 0, 5, SETTINGS)
    params, x = jax.tree.map(lambda a: a.astype(np.float64), (params, x))
    gradient = jax.jit(measure.gradient_of(network, OURS))
    expected = jax.tree.leaves(gradient(params, x, labels))
    theirs = torch.build(params, 2, 2, "cpu")
    batch = torch.batch(x, labels, "cpu")
    for ours, grad in zip(expected, torch.gradients(theirs, *batch), strict=True):
        np.testing.assert_allclose(grad, ours, rtol=0, atol=1e-14)
    before = [p.detach().numpy().copy() for p in theirs.parameters()]
    grads = [p.grad.numpy().copy() for p in theirs.parameters()]
    torch.training(theirs, *batch, 0.1)(1)
    for p, old, grad in zip(theirs.parameters(), before, grads, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), old - 0.1 * grad, rtol=0, atol=1e-15)


@needs_torch
def test_torch_has_the_same_convolution() -> None:
    inputs = convolutions.inputs(SETTINGS, 0)["convolution 2"]
    doubles = tuple(a.astype(np.float64) for a in inputs)
    _, result = torch.convolution(doubles, "cpu")
    for found, expected in zip(result(), im2col.by_definition(*doubles), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


def test_nan_is_the_largest_difference() -> None:
    found, exact = np.array([1.0, np.nan]), np.array([1.0, 2.0])
    assert math.isnan(convolutions.relative_difference(found, exact))


# --- the clock ------------------------------------------------------------------------------------


def test_cells_are_timed_in_turn_and_in_both_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that a piece of work moves by 1 s or 3 s; at least 2 s each measurement."""
    now, done = [0.0], []
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])

    def work(name: str, seconds: float) -> Any:
        def run(times: int) -> None:
            now[0] += seconds * times
            done.append(name)

        return clock.Cell({"name": name}, run)

    rows = clock.interleaved([work("a", 1.0), work("b", 3.0)], 2, 2.0)
    assert [(r["name"], r["repeat"], r["times"], r["seconds"]) for r in rows] == [
        ("a", 0, 2, 1.0),
        ("b", 0, 1, 3.0),
        ("b", 1, 1, 3.0),
        ("a", 1, 2, 1.0),
    ]
    assert done[:2] == ["a", "b"]  # once beforehand, to compile


# --- the tables -----------------------------------------------------------------------------------


def test_the_measurement(measured: Path) -> None:
    steps, grads, worst, forms = (
        pl.read_parquet(measured / f"{name}.parquet")
        for name in ("steps", "gradients", "differences", "convolutions")
    )
    assert steps.height == 2 * 2 * 2 * 6  # networks, batch sizes, implementations, repeats
    assert steps["seconds"].min() > 0  # type: ignore[operator]
    exact = grads.filter(dtype="float64")
    assert exact.filter(implementation=OURS)["difference"].max() < 1e-13  # type: ignore[operator]
    assert (exact.filter(implementation=AUTODIFF)["difference"] == 0).all()
    rounded = grads.filter(dtype="float32", implementation=OURS)["difference"]
    assert 0 < rounded.max() < 1e-4  # type: ignore[operator]
    assert exact.filter(implementation=OURS, network="cnn", seed=0)["parameter"].to_list() == [
        "convolution 1: kernel",
        "convolution 1: bias",
        "dense 1: weights",
        "dense 1: bias",
    ]
    assert worst["difference"].max() < 1e-13  # type: ignore[operator]
    assert forms["form"].unique(maintain_order=True).to_list() == [
        "definition, NumPy",
        "im2col, NumPy",
        "im2col, compiled",
        "nn.conv2d",
    ]


def test_the_tables_say_what_was_not_measured(measured: Path, tmp_path: Path) -> None:
    kinds = (
        "throughput",
        "ratios",
        "gradients",
        "convolutions",
        "milliseconds",
        "numbers",
        "clocks",
    )
    tables = {kind: tmp_path / f"{kind}.csv" for kind in kinds}
    summarise.main(SETTINGS, measured, **tables)
    table = pl.read_csv(tables["throughput"])
    assert table.height == 2 * 6 * 2  # networks, implementations on two platforms, batch sizes
    assert set(table.filter(platform="gpu", implementation=OURS)["state"]) == {names.NO_GPU}
    assert set(table.filter(implementation=TORCH)["state"]) == {names.NO_TORCH}
    assert table.filter(pl.col("state") != "measured")["value"].null_count() == 2 * 4 * 2
    numbers, clocks = (
        {row["key"]: row for row in pl.read_csv(tables[kind]).to_dicts()}
        for kind in ("numbers", "clocks")
    )
    assert not [key for key in numbers | clocks if "gpu" in key or "torch" in key]
    assert numbers["s4.gradients_hand_derived_float64"]["hi"] < 1e-13
    # Speeds and their ratios; the memory of im2col and the differences are not of a clock.
    assert {row["unit"] for row in clocks.values()} == {"ratio of times"}
    assert {"s4.mlp_over_autodiff", "s4.cnn_batching", "s4.convolution_1_over_im2col"} <= set(
        clocks
    )
    assert {"s4.convolution_1_memory", "s4.convolution_forms"} <= set(numbers)
    assert "value" not in pl.read_csv(tables["convolutions"]).columns
    assert pl.read_csv(tables["milliseconds"])["value"].to_numpy().min() > 0
    for row in [*numbers.values(), *clocks.values()]:
        assert row["n"] >= 1
        assert row["lo"] is None or row["lo"] <= row["value"] <= row["hi"]
    svg = tmp_path / "platforms.svg"
    plot.main(tables["throughput"], svg, tmp_path / "platforms.png")
    drawn = svg.read_text()
    assert "no GPU here" in drawn
    assert "PyTorch is not installed" in drawn
    assert (tmp_path / "platforms.png").read_bytes().startswith(b"\x89PNG")


def made_up() -> tuple[pl.DataFrame, pl.DataFrame]:
    """The GPU takes a fifth of the CPU's time, jax.grad twice ours; one repeat is slow."""
    sides = {("cpu", OURS): 1.0, ("cpu", AUTODIFF): 2.0, ("gpu", OURS): 0.2, ("gpu", AUTODIFF): 0.4}
    steps = [
        {"network": network, "platform": platform, "implementation": name, "batch_size": size}
        | {"repeat": repeat, "times": 1, "seconds": factor * drift}
        for network in ("mlp", "cnn")
        for (platform, name), factor in sides.items()
        for size in (1, 2)
        for repeat, drift in enumerate((1.0, 7.0, 1.0, 1.0, 1.0, 1.0))
    ]
    where = [
        {"platform": platform, "implementation": name, "device": "a device", "library": "a library"}
        | {"state": "measured" if (platform, name) in sides else names.NO_TORCH}
        for platform in ("cpu", "gpu")
        for name in (OURS, AUTODIFF, TORCH)
    ]
    return pl.DataFrame(steps), pl.DataFrame(where)


def test_with_a_gpu_the_ratios_are_taken_within_a_repeat(tmp_path: Path) -> None:
    steps, where = made_up()
    rows = summarise.ratio_rows(steps, where, SETTINGS)
    numbers = {row["key"]: row for row in summarise.ratio_numbers(rows, 2)}
    expected = {"gpu_over_cpu": 5.0, "over_autodiff": 2.0, "gpu_over_autodiff": 2.0}
    assert set(numbers) == {f"s4.{net}_{key}" for net in ("mlp", "cnn") for key in expected}
    for key, value in expected.items():
        row = numbers[f"s4.cnn_{key}"]
        ends = (row["value"], row["lo"], row["hi"])
        assert ends == pytest.approx((value, value, value))
        assert row["n"] == 6
    assert {row["state"] for row in rows if TORCH in (row["implementation"], row["over"])} == {
        names.NO_TORCH
    }
    # Twice the images in the same time.
    (gain, _) = summarise.batching_numbers(steps, SETTINGS)
    assert gain["value"] == pytest.approx(2.0)

    speeds = pl.DataFrame(
        summarise.throughput_rows(steps, where, SETTINGS), infer_schema_length=None
    ).with_columns(threads=1, data=pl.lit("random"))
    speeds.write_csv(tmp_path / "t.csv")
    plot.main(tmp_path / "t.csv", tmp_path / "t.svg", tmp_path / "t.png")
    drawn = (tmp_path / "t.svg").read_text()
    assert "<!-- hand-derived, GPU -->" in drawn
    assert "no GPU here" not in drawn
