"""The benchmark's ratios, and that every implementation it times runs."""

import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import jax
import pytest

from tests.workflow.conftest import ROOT


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The modules of the room, which import each other by their short names."""
    monkeypatch.syspath_prepend(str(ROOT / "workflow/benchmark"))
    names = ("clock", "data", "singles", "sweeps")
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
    singles, sweeps = benchmark["singles"], benchmark["sweeps"]
    monkeypatch.setattr(benchmark["clock"], "REPEATS", 1)
    monkeypatch.setattr(singles, "UNITS", (4,))
    monkeypatch.setattr(singles, "BATCHES", (2,))
    monkeypatch.setattr(singles, "STEPS", 2)
    monkeypatch.setattr(sweeps, "CASES", {4: (2, 1)})
    # The settings of its processes: peers write what JAX allows by default.
    with (
        jax.enable_x64(False),
        jax.numpy_rank_promotion("allow"),
        jax.numpy_dtype_promotion("standard"),
    ):
        found = singles.measure(1) + sweeps.measure(1)
    names = {row["name"].rsplit("over_", 1)[1] for row in found}
    torch = {"torch_eager", "torch_compiled", "torch_vmap"} if find_spec("torch") else set()
    assert names == {"autodiff", "numpy", "scikit_learn"} | torch
    assert all(row["ratio"] > 0 for row in found)
