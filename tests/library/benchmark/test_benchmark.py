"""The prepared benchmark: all that it promises is measured, or named with the reason."""

import json
import math
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import nnjax as nn
from nnjax.benchmark import __main__ as command
from nnjax.benchmark import cases, clock, gradients, measure, ours, peers, where
from nnjax.benchmark.cases import Case
from nnjax.benchmark.clock import MEASURED, NO_TIME, Budget
from nnjax.benchmark.measure import AUTODIFF, OURS, PEERS, PRODUCT, Size, Step
from nnjax.benchmark.peers import Many, Place

needs_torch = pytest.mark.skipif(not find_spec("torch"), reason="PyTorch is the extra 'torch'")

CONFIG: Any = jax.config
FEW = Many(units=2, classes=26, rates=[1e-3, 1e-2], seeds=1, batch_size=4)


def torch_dense() -> Any:
    layers = import_module("torch").nn
    return layers.Sequential(layers.Linear(617, 2), layers.ReLU(), layers.Linear(2, 26))


CASE = Case("dense", cases.dense(FEW), torch_dense, cases.letters, {})
SMALL = Size([FEW], 9, [Step(CASE, 3), Step(CASE, 2, ("float32",))], {"cpu": 8, "gpu": 16}, 5)


@pytest.fixture(autouse=True)
def as_users_run(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """JAX's defaults, two repeats, and no work to fill a measurement."""
    monkeypatch.setattr(clock, "REPEATS", 2)
    monkeypatch.setattr(clock, "SECONDS", 0.0)
    with (
        jax.enable_x64(False),
        jax.numpy_rank_promotion("allow"),
        jax.numpy_dtype_promotion("standard"),
    ):
        yield


def played(**found: Any) -> where.Machine:
    """A machine whose CPU plays the GPU too, without PyTorch."""
    cpu = jax.devices("cpu")[0]
    machine = where.Machine({"gpu": cpu, "cpu": cpu}, {}, where.NO_TORCH, 1)
    return machine._replace(**found)


def expected(platform: str, dtype: str) -> list[str]:
    parts = [("sweep.617-2-26.batch4", "sweep"), ("step.dense.batch3", "step")]
    parts += [("step.dense.batch2", "step")] if dtype == "float32" else []
    return [
        f"{platform}.{dtype}.{start}.{end}" for start, kind in parts for end in PEERS[kind].values()
    ]


OVER_CPU = [
    f"gpu.float32.{part}.over_cpu"
    for part in ("sweep.617-2-26.batch4", "step.dense.batch3", "step.dense.batch2")
]


# --- the command ----------------------------------------------------------------------------------


def test_gpu_and_cpu_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(where, "machine", lambda gpu: played())
    output = tmp_path / "gpu.json"
    assert command.main(["--gpu", "--minutes", "60", "-o", str(output)], SMALL) == 0
    content = json.loads(output.read_text())

    rows = {row["name"]: row for row in content["rows"]}
    names = [expected(p, d) for p in ("gpu", "cpu") for d in ("float32", "bfloat16")]
    assert list(rows) == [*(name for each in names for name in each), *OVER_CPU]
    for name, row in rows.items():
        if name.startswith("cpu.bfloat16"):
            assert row["state"] in (measure.LEFT_OUT, where.NO_TORCH)
        elif "torch" in name:
            assert row["state"] == where.NO_TORCH
        else:
            assert row["state"] == MEASURED
            assert row["n"] == 2
            assert 0 < row["least"] <= row["ratio"] <= row["most"]
            assert row["limit"] == (None if name.endswith(("share_of_matmul", "over_cpu")) else 1.0)
    assert rows["gpu.float32.step.dense.batch3.over_torch_eager"]["ours"] is None

    steps = content["steps"]
    assert {step["implementation"] for step in steps} == {OURS, AUTODIFF, PRODUCT}
    assert {(s["platform"], s["dtype"]) for s in steps} == {
        ("gpu", "float32"),
        ("gpu", "bfloat16"),
        ("cpu", "float32"),
    }
    assert {s["batch_size"] for s in steps if s["kind"] == "product"} == {8, 16}
    assert all(step["seconds"] > 0 for step in steps)

    assert all(row["state"] == MEASURED for row in content["gradients"])
    bounds = {"float64": 1e-13, "float32": 1e-5, "bfloat16": 0.1}
    assert all(row["difference"] < bounds[row["dtype"]] for row in content["gradients"])
    rounded = [r["difference"] for r in content["gradients"] if r["dtype"] != "float64"]
    assert min(rounded) > 0  # the precision is the one that is named
    assert content["where"]["devices"].keys() == {"gpu", "cpu"}
    assert content["where"]["versions"]["jax"] == jax.__version__

    shown = capsys.readouterr()
    assert all(name in shown.out for name in rows)
    assert "gpu.float64.dense.hand-derived" in shown.out
    assert "gpu.float32.step.dense.batch3: matrix product" in shown.err  # the progress


def test_without_a_gpu_one_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def devices(_: str) -> None:
        raise RuntimeError("Unknown backend gpu")

    monkeypatch.setattr(jax, "devices", devices)
    assert command.main(["--gpu"], SMALL) == 1
    said = capsys.readouterr().err
    assert said.startswith("nnjax.benchmark: JAX finds no GPU")
    assert "--gpu" in said
    assert said.count("\n") == 1


def test_a_named_gpu_does_not_hide_the_cpu() -> None:
    """The references are computed there. That JAX has started already keeps its devices here."""
    jax.devices()
    before = CONFIG.jax_platforms
    try:
        CONFIG.update("jax_platforms", "cuda")
        where.machine(gpu=False)
        assert CONFIG.jax_platforms == "cuda,cpu"
    finally:
        CONFIG.update("jax_platforms", before)


def test_wrong_options_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is measured."""
    assert command.main(["-o", str(tmp_path / "none" / "gpu.json")], SMALL) == 1
    assert "expected a file in an existing folder" in capsys.readouterr().err
    for minutes in ("0", "-1", "nan", "four"):
        with pytest.raises(SystemExit, match="2"):
            command.main(["--minutes", minutes], SMALL)
        assert "expected a number of minutes above 0" in capsys.readouterr().err


def test_what_fails_gives_an_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(side: int, dtype: Any) -> clock.Run:
        raise ValueError("no memory\nand more")

    monkeypatch.setattr(measure, "product", broken)
    monkeypatch.setattr(where, "machine", lambda gpu: played(jax={"cpu": jax.devices("cpu")[0]}))
    monkeypatch.setattr(measure, "RULES", {OURS: ours.by_hand})
    assert command.main([], SMALL._replace(steps=[])) == 1
    assert "failed: ValueError: no memory\n" in capsys.readouterr().out


def test_a_gradient_that_is_not_finite_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON has no NaN."""
    monkeypatch.setattr(gradients, "relative_difference", lambda found, reference: math.nan)
    results = measure.measure(
        played(), 1000.0, lambda line: None, SMALL._replace(sweeps=[FEW], steps=[])
    )
    assert {row["state"] for row in results.gradients} == {"failed: the gradient is not finite"}
    assert {row["difference"] for row in results.gradients} == {None}


def test_a_pytorch_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with libraries of another CUDA."""

    def broken() -> dict[str, str]:
        raise OSError("libcudart.so: cannot open shared object file")

    monkeypatch.setattr(where, "find_spec", lambda name: "found")
    monkeypatch.setattr(peers, "devices", broken)
    found = where.machine(gpu=False)
    assert (found.torch, found.torch_missing) == (
        {},
        "failed: OSError: libcudart.so: cannot open shared object file",
    )


def test_without_time_everything_is_named() -> None:
    results = measure.measure(played(), 0.0, lambda line: None, SMALL)
    states = {row["name"]: row["state"] for row in results.rows}
    each = [len(expected("gpu", dtype)) for dtype in ("float32", "bfloat16")]
    assert len(states) == 2 * sum(each) + len(OVER_CPU)
    assert {states[name] for name in OVER_CPU} == {NO_TIME}
    assert states["gpu.bfloat16.step.dense.batch3.share_of_matmul"] == NO_TIME
    assert {row["state"] for row in results.gradients} == {NO_TIME}
    assert len(results.gradients) == 2 * 2 * 3 * 2  # platforms, rules, dtypes, networks
    assert results.steps == []


# --- the clock ------------------------------------------------------------------------------------


def work(now: list[float], seconds: float, done: list[str], name: str) -> Callable[[], clock.Run]:
    """A program that moves a clock."""

    def run(times: int) -> None:
        now[0] += seconds * times
        done.append(name)

    return lambda: run


def test_programs_are_timed_in_turn_and_in_both_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    now, done = [0.0], list[str]()
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(clock, "SECONDS", 2.0)
    programs = {"a": work(now, 1.0, done, "a"), "b": work(now, 3.0, done, "b")}
    found = clock.in_turn(programs, Budget(1000.0, 1))
    assert found.states == {"a": MEASURED, "b": MEASURED}
    assert found.times["a"] == [{"repeat": r, "times": 2, "seconds": 1.0} for r in (0, 1)]
    assert found.seconds("b") == [3.0, 3.0]
    assert done == ["a", "a", "a", "b", "b", "a", "b", "b", "a"]  # starts and counts, repeats


def test_no_program_starts_that_may_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 30 s the first program starts in 11 s and runs in as many: then 8 s are left."""
    now, done = [0.0], list[str]()
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])
    slow, fast = work(now, 11.0, done, "slow"), work(now, 1.0, done, "fast")
    budget = Budget(30.0, 2)
    found = clock.in_turn({"slow": slow, "fast": fast}, budget)
    assert found.states == {"slow": NO_TIME, "fast": MEASURED}
    # In the next part it is known that it would not fit.
    assert clock.in_turn({"slow": slow}, budget).states == {"slow": NO_TIME}
    assert done.count("slow") == 2
    # Nor is a program timed that takes longer than what is left; the others are.
    now[0] = 0.0
    found = clock.in_turn({"fast": fast, "slow": slow}, Budget(30.0, 1))
    assert found.states == {"fast": MEASURED, "slow": NO_TIME}
    assert len(found.seconds("fast")) == 2
    assert now[0] <= 30.0


def test_what_fails_later_is_named_and_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a GPU does whose memory was just enough for the first run."""
    now, done = [0.0], list[str]()
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])

    def run(times: int) -> None:
        done.append("b")
        if len(done) > 4:
            raise MemoryError("no memory")

    programs = {"a": work(now, 1.0, done, "a"), "b": lambda: run}
    found = clock.in_turn(programs, Budget(1000.0, 1))
    assert found.states == {"a": MEASURED, "b": "failed: MemoryError: no memory"}
    assert (len(found.times["a"]), found.times["b"]) == (2, [])


def test_a_late_round_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start, a count and one round of 4 s each; a second round would end after 15 s."""
    now, done = [0.0], list[str]()
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])
    found = clock.in_turn({"a": work(now, 4.0, done, "a")}, Budget(15.0, 1))
    assert found.times["a"] == [{"repeat": 0, "times": 1, "seconds": 4.0}]
    assert now[0] == 12.0


def test_a_part_has_twice_its_even_share(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])
    budget = Budget(100.0, 4)
    assert budget.part() == 50.0
    now[0] = 40.0
    assert budget.part() == 80.0
    now[0] = 90.0
    assert budget.part() == budget.part() == 100.0


# --- the implementations --------------------------------------------------------------------------


def test_autodiff_does_not_use_the_backward_passes() -> None:
    def broken(*_: Any) -> Any:
        raise AssertionError

    network = cases.dense(FEW)
    params, _ = network.init(jax.random.key(0), (617,))
    x, labels = ours.put(cases.letters(3), "float32")
    J, grads = nn.value_and_grad(*ours.by_hand(network))(params, x, labels)
    rules = ours.autodiff(network._replace(backward=broken))
    theirs = nn.value_and_grad(*rules)(params, x, labels)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), (J, grads), theirs)


def test_operations_by_formula_and_by_xla_agree() -> None:
    """XLA counts bias, activation, loss and Adam too, which are small here."""
    one = Many(units=44, classes=26, rates=[0.1], seeds=1, batch_size=128)
    by_formula = cases.operations(one, 200)  # one batch; the other rows are left over
    by_xla = ours.operations_of_step(cases.dense(one), cases.letters(128), "float32")
    assert 1 < by_xla / by_formula < 1.1


def test_operations_are_counted_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a GPU, JAX returns None: it analyses no program there before it is compiled."""
    counted = jax.stages.Lowered.cost_analysis

    def on_cpu_only(lowered: jax.stages.Lowered) -> Any:
        return counted(lowered) if CONFIG.jax_default_device == cpu else None

    cpu = jax.devices("cpu")[0]
    monkeypatch.setattr(jax.stages.Lowered, "cost_analysis", on_cpu_only)
    assert ours.operations_of_step(cases.dense(FEW), cases.letters(3), "float32") > 0


def test_a_difference_is_relative_to_the_largest_element_of_its_array() -> None:
    reference = [np.array([1.0, -4.0]), np.array([100.0])]
    assert gradients.relative_difference([np.array([1.0, -3.0]), np.array([101.0])], reference) == (
        0.25
    )
    found = gradients.relative_difference([np.array([1.0, np.nan]), np.array([1.0])], reference)
    assert math.isnan(found)


@needs_torch
def test_pytorch_is_measured_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """In both precisions. What its compiler makes is measured in the tests of the workflow."""
    torch = import_module("torch")
    monkeypatch.setattr(torch, "compile", lambda network, dynamic: network)
    monkeypatch.setattr(gradients, "compared", lambda *_: [])  # they do without PyTorch
    machine = played(jax={"cpu": jax.devices("cpu")[0]}, torch={"cpu": "cpu"})
    results = measure.measure(machine, 3600.0, lambda line: None, SMALL)
    assert {row["name"] for row in results.rows} == {
        *expected("cpu", "float32"),
        *expected("cpu", "bfloat16"),
    }
    assert {row["state"] for row in results.rows} == {MEASURED}


@needs_torch
def test_pytorch_computes_in_the_precision() -> None:
    torch = import_module("torch")
    place = Place("cpu", "bfloat16")
    network = torch_dense()
    before = [p.detach().clone() for p in network.parameters()]
    peers.training(network, cases.letters(3), place)(1)
    for old, new in zip(before, network.parameters(), strict=True):
        assert new.dtype == torch.bfloat16
        # Adam's first step is the rate in the direction of the gradient, up to rounding.
        assert 0 < (new.detach() - old).abs().max() < 0.01
    assert place.put(np.arange(2, dtype="int32")).dtype == torch.int64


@needs_torch
def test_every_network_of_pytorch_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the ninth `Sequential` on, PyTorch would run them uncompiled without an error."""
    torch = import_module("torch")
    compiled, kept = torch.compile, list[Any]()

    def noted(program: Any, _: Any) -> Any:
        kept.append(program)
        return program.forward

    monkeypatch.setattr(
        torch, "compile", lambda network, dynamic: compiled(network, backend=noted, dynamic=dynamic)
    )
    for rows in range(2, 12):
        peers.training(torch_dense(), cases.letters(rows), Place(), compiled=True)(1)
    assert len(kept) == 10


# --- who imports it -------------------------------------------------------------------------------


def test_the_library_does_not_import_its_benchmark() -> None:
    root = Path(nn.__file__).parent
    others = [path for path in root.rglob("*.py") if root / "benchmark" not in path.parents]
    assert [path for path in others if "nnjax.benchmark" in path.read_text(encoding="utf-8")] == []
