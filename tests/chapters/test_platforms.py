"""The platform comparison: the same gradient in every hand, and what is missing is named."""

import importlib.util
import math
from pathlib import Path
from typing import Any

import convolution_forms
import im2col
import image_networks
import jax
import numpy as np
import platform_arms
import plot_platforms
import polars as pl
import pytest
import stopwatch
import summarise_platforms
import train_platforms
from figtable import TableError
from platform_arms import AUTODIFF, NO_GPU, NO_TORCH, OURS, TORCH, Arm

import nnjax as nn

SETTINGS: dict[str, Any] = {
    "image": [10, 9, 2],
    "classes": 3,
    "networks": {"mlp": {"units": 4}, "cnn": {"filters": [3, 2], "kernel": 2, "pool": 2}},
    "learning_rate": 0.1,
    "batch_sizes": [1, 2],
    "threads": 1,
    "repeats": 6,
    "seconds": 1e-6,
    "gradients": {"batch_size": 3, "seeds": 6},
    "convolutions": {"batch_size": 2},
}
HAS_TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is the extra 'torch'")
pytestmark = pytest.mark.usefixtures("quick_compiler")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The measurement without PyTorch and, as here, without a GPU."""
    folder = tmp_path_factory.mktemp("platforms")
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    networks = {"mlp": {"units": 4}, "cnn": {"filters": [3], "kernel": 2, "pool": 2}}
    train_platforms.main(SETTINGS | {"networks": networks}, None, folder)
    jax.config.update("jax_disable_most_optimizations", before)
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
    forms = convolution_forms.forms_of(nn.conv2d(channels[1], extent), platform_arms.arms(None)[0])
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
    factors = summarise_platforms.column_factors(
        {"image": [2, 3, 1], "networks": {"cnn": {"filters": [1], "kernel": 2, "pool": 2}}}
    )
    assert factors == [columns.size / x.size]


# --- the arms -------------------------------------------------------------------------------------


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = jax.devices("cpu")[0]
    found, where = platform_arms.arms(None)
    assert found == [Arm("cpu", OURS, cpu), Arm("cpu", AUTODIFF, cpu)]
    states = summarise_platforms.states(where)
    assert states["cpu", TORCH] == states["gpu", TORCH] == NO_TORCH
    assert states["gpu", OURS] == states["gpu", AUTODIFF] == NO_GPU
    # A second device stands for the GPU: it is an arm of its own.
    monkeypatch.setattr(platform_arms, "jax_devices", lambda: {"cpu": cpu, "gpu": cpu})
    found, where = platform_arms.arms(None)
    assert [arm[:2] for arm in found] == [
        (platform, name) for platform in ("cpu", "gpu") for name in (OURS, AUTODIFF)
    ]
    if HAS_TORCH:
        _, where = platform_arms.arms("2")
        states = summarise_platforms.states(where)
        assert states["cpu", TORCH] == "measured"
        assert states["gpu", TORCH] in ("measured", "not measured: PyTorch finds no GPU")


def test_the_rules_and_jax_grad_are_not_the_same_code() -> None:
    """The peer follows the forward pass alone: a broken backward pass does not touch it."""
    network = image_networks.networks(SETTINGS)["mlp"]
    broken = network._replace(backward=lambda *_: 1 / 0)  # type: ignore[arg-type]
    inputs = train_platforms.start(network, 0, 2, SETTINGS)
    grads = jax.eval_shape(train_platforms.gradient_of(broken, AUTODIFF), *inputs)
    assert jax.tree.structure(grads) == jax.tree.structure(inputs[0])
    with pytest.raises(ZeroDivisionError):
        jax.eval_shape(train_platforms.gradient_of(broken, OURS), *inputs)


def test_a_step_is_gradient_descent() -> None:
    """Two timed steps end where two steps by hand do."""
    network = image_networks.networks(SETTINGS)["mlp"]
    params, x, labels = train_platforms.start(network, 0, 2, SETTINGS)
    gradient = jax.jit(train_platforms.gradient_of(network, OURS))
    by_hand = params
    for _ in range(2):
        by_hand = jax.tree.map(
            lambda p, g: p - np.float32(0.1) * g, by_hand, gradient(by_hand, x, labels)
        )
    step, placed = train_platforms.jax_step(
        network, Arm("cpu", OURS, jax.devices("cpu")[0]), (params, x, labels), 0.1
    )
    trained = step(step(*placed), *placed[1:])
    for ours, theirs in zip(jax.tree.leaves(trained), jax.tree.leaves(by_hand), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


@needs_torch
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_torch_has_the_same_gradient_and_the_same_step(name: str) -> None:
    """Kernels are transposed and the rows behind the flatten (of two channels) reordered."""
    import torch_images

    network = image_networks.networks(SETTINGS)[name]
    params, x, labels = train_platforms.start(network, 0, 5, SETTINGS)
    params, x = jax.tree.map(lambda a: a.astype(np.float64), (params, x))
    gradient = jax.jit(train_platforms.gradient_of(network, OURS))
    expected = jax.tree.leaves(gradient(params, x, labels))
    theirs = torch_images.build(params, 2, 2, "cpu")
    batch = torch_images.batch(x, labels, "cpu")
    for ours, grad in zip(expected, torch_images.gradients(theirs, *batch), strict=True):
        np.testing.assert_allclose(grad, ours, rtol=0, atol=1e-14)
    before = [p.detach().numpy().copy() for p in theirs.parameters()]
    grads = [p.grad.numpy().copy() for p in theirs.parameters()]
    torch_images.training(theirs, *batch, 0.1)(1)
    for p, old, grad in zip(theirs.parameters(), before, grads, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), old - 0.1 * grad, rtol=0, atol=1e-15)


@needs_torch
def test_torch_has_the_same_convolution() -> None:
    import torch_images

    inputs = convolution_forms.inputs(SETTINGS, 0)["convolution 2"]
    doubles = tuple(a.astype(np.float64) for a in inputs)
    _, result = torch_images.convolution(doubles, "cpu")
    for found, expected in zip(result(), im2col.by_definition(*doubles), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


def test_a_number_that_is_none_is_the_worst_difference() -> None:
    found, exact = np.array([1.0, np.nan]), np.array([1.0, 2.0])
    assert math.isnan(convolution_forms.relative_difference(found, exact))


# --- the clock ------------------------------------------------------------------------------------


def test_cells_are_timed_in_turn_and_in_both_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that a piece of work moves by 1 s or 3 s; at least 2 s each measurement."""
    now, done = [0.0], []
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: now[0])

    def work(name: str, seconds: float) -> stopwatch.Cell:
        def run(times: int) -> None:
            now[0] += seconds * times
            done.append(name)

        return stopwatch.Cell({"name": name}, run)

    rows = stopwatch.interleaved([work("a", 1.0), work("b", 3.0)], 2, 2.0)
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
    assert steps.height == 2 * 2 * 2 * 6  # networks, batch sizes, arms, repeats
    assert steps["seconds"].min() > 0  # type: ignore[operator]
    exact = grads.filter(dtype="float64")
    assert exact.filter(arm=OURS)["difference"].max() < 1e-13  # type: ignore[operator]
    assert (exact.filter(arm=AUTODIFF)["difference"] == 0).all()
    rounded = grads.filter(dtype="float32", arm=OURS)["difference"]
    assert 0 < rounded.max() < 1e-4  # type: ignore[operator]
    assert exact.filter(arm=OURS, network="cnn", seed=0)["parameter"].to_list() == [
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
    summarise_platforms.main(measured, SETTINGS, tmp_path)
    table = pl.read_csv(tmp_path / "platforms.csv")
    assert table.height == 2 * 6 * 2  # networks, arms on two platforms, batch sizes
    assert set(table.filter(platform="gpu", arm=OURS)["state"]) == {NO_GPU}
    assert set(table.filter(arm=TORCH)["state"]) == {NO_TORCH}
    assert table.filter(pl.col("state") != "measured")["value"].null_count() == 2 * 4 * 2
    numbers = {
        row["key"]: row for row in pl.read_csv(tmp_path / "numbers_platforms.csv").to_dicts()
    }
    assert not [key for key in numbers if "gpu" in key or "torch" in key]
    assert numbers["s4.gradients_hand_derived_float64"]["hi"] < 1e-13
    for row in numbers.values():
        assert row["n"] >= 1
        assert row["lo"] is None or row["lo"] <= row["value"] <= row["hi"]
    svg = tmp_path / "platforms.svg"
    plot_platforms.main(tmp_path / "platforms.csv", svg, tmp_path / "platforms.png")
    drawn = svg.read_text()
    assert "no GPU here" in drawn
    assert "PyTorch is not installed" in drawn
    assert (tmp_path / "platforms.png").read_bytes().startswith(b"\x89PNG")


def made_up() -> tuple[pl.DataFrame, pl.DataFrame]:
    """The GPU takes a fifth of the CPU's time, jax.grad double of ours; one repeat is slow."""
    sides = {("cpu", OURS): 1.0, ("cpu", AUTODIFF): 2.0, ("gpu", OURS): 0.2, ("gpu", AUTODIFF): 0.4}
    steps = [
        {"network": network, "platform": platform, "arm": arm, "batch_size": size}
        | {"repeat": repeat, "times": 1, "seconds": factor * drift}
        for network in ("mlp", "cnn")
        for (platform, arm), factor in sides.items()
        for size in (1, 2)
        for repeat, drift in enumerate((1.0, 7.0, 1.0, 1.0, 1.0, 1.0))
    ]
    where = [
        {"platform": platform, "arm": arm, "device": "a device", "library": "a library"}
        | {"state": "measured" if (platform, arm) in sides else NO_TORCH}
        for platform in ("cpu", "gpu")
        for arm in (OURS, AUTODIFF, TORCH)
    ]
    return pl.DataFrame(steps), pl.DataFrame(where)


def test_with_a_gpu_the_ratios_are_taken_within_a_repeat(tmp_path: Path) -> None:
    steps, where = made_up()
    rows = summarise_platforms.ratios(steps, where, SETTINGS)
    numbers = {row["key"]: row for row in summarise_platforms.ratio_numbers(rows, 2)}
    expected = {"gpu_over_cpu": 5.0, "over_autodiff": 2.0, "gpu_over_autodiff": 2.0}
    assert set(numbers) == {f"s4.{net}_{key}" for net in ("mlp", "cnn") for key in expected}
    for key, value in expected.items():
        row = numbers[f"s4.cnn_{key}"]
        ends = (row["value"], row["lo"], row["hi"])
        assert ends == pytest.approx((value, value, value))
        assert row["n"] == 6
    assert {row["state"] for row in rows if TORCH in (row["arm"], row["over"])} == {NO_TORCH}
    # Twice the images in the same time.
    (gain, _) = summarise_platforms.batching_numbers(steps, SETTINGS)
    assert gain["value"] == pytest.approx(2.0)

    speeds = pl.DataFrame(
        summarise_platforms.throughput(steps, where, SETTINGS), infer_schema_length=None
    ).with_columns(threads=1, data=pl.lit("random"))
    speeds.write_csv(tmp_path / "t.csv")
    plot_platforms.main(tmp_path / "t.csv", tmp_path / "t.svg", tmp_path / "t.png")
    drawn = (tmp_path / "t.svg").read_text()
    assert "<!-- hand-derived, GPU -->" in drawn
    assert "no GPU here" not in drawn


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arm": pl.lit("TensorFlow")}, "unknown arm"),
        ({"platform": pl.lit("tpu")}, "unknown platform"),
        ({"network": pl.lit("rnn")}, "unknown network"),
        ({"state": pl.lit(NO_GPU)}, "nothing was measured"),
        ({"device": pl.lit(None)}, "empty value in column device"),
    ],
)
def test_a_wrong_table_is_refused(change: dict[str, pl.Expr], message: str, tmp_path: Path) -> None:
    steps, where = made_up()
    rows = pl.DataFrame(
        summarise_platforms.throughput(steps, where, SETTINGS)[:1], infer_schema_length=None
    ).with_columns(threads=1, data=pl.lit("random"))
    rows.with_columns(**change).write_csv(tmp_path / "t.csv")
    with pytest.raises(TableError, match=message):
        plot_platforms.main(tmp_path / "t.csv", tmp_path / "t.svg", tmp_path / "t.png")
