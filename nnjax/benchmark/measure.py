"""All measurements in order: what matters most comes first, in case time is short.

On every platform: sweeps, and training steps of three networks, by this library, by `jax.grad` and
by PyTorch, in turn with a large product of matrices.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nnjax.benchmark import cases, gradients, ours, peers
from nnjax.benchmark.cases import Case
from nnjax.benchmark.clock import MEASURED, NO_TIME, Budget, Measured, Row, Run, in_turn, row
from nnjax.benchmark.peers import Many, Place
from nnjax.benchmark.where import Machine

OURS, AUTODIFF, PRODUCT = "hand-derived", "jax.grad", "matrix product"
RULES = {OURS: ours.by_hand, AUTODIFF: ours.autodiff}
EAGER, COMPILED = "PyTorch", "PyTorch, compiled"
LOOP, ENSEMBLE = "PyTorch, loop", "PyTorch, vmap"
BOTH = {PRODUCT: "share_of_matmul", AUTODIFF: "over_autodiff"}
PEERS = {
    "sweep": BOTH | {ENSEMBLE: "over_torch_vmap", LOOP: "over_torch_eager"},
    "step": BOTH | {EAGER: "over_torch_eager", COMPILED: "over_torch_compiled"},
}
"""What ours is compared with, by kind of training, and the ends of the rows' names."""

LEFT_OUT = "not measured: with --gpu, no bfloat16 on the CPU"

Programs = dict[str, Callable[[], Run]]


BOTH_PRECISIONS = ("float32", "bfloat16")


class Step(NamedTuple):
    """Training steps of a network on batches of one size, in some precisions."""

    case: Case
    batch_size: int
    dtypes: tuple[str, ...] = BOTH_PRECISIONS


class Size(NamedTuple):
    """How much is measured."""

    sweeps: list[Many]
    rows: int
    """Of the data of a sweep."""
    steps: list[Step]
    """The most important first."""
    sides: dict[str, int]
    """Rows and columns of the multiplied matrices, by platform."""
    examples: int
    """In the batches for the gradients."""


MLP, CNN, TRANSFORMER = (cases.case(name) for name in ("mlp", "cnn", "transformer"))
FULL = Size(
    cases.SWEEPS,
    cases.ROWS,
    # A batch that fills a device, then one of the usual size; the rest are the networks and batch
    # sizes of the study's chapter `platforms`.
    [
        *(Step(*of) for of in ((CNN, 1024), (TRANSFORMER, 128), (CNN, 64), (TRANSFORMER, 16))),
        *(Step(*of, ("float32",)) for of in ((MLP, 1024), (MLP, 64), (MLP, 1), (CNN, 1))),
    ],
    {"cpu": 2048, "gpu": 8192},
    8,
)


class Part(NamedTuple):
    """Programs that are timed in turn: what they train, where, and the operations of one time."""

    platform: str
    dtype: str
    kind: str
    network: str
    batch_size: int
    programs: Programs
    operations: Callable[[], float]

    @property
    def name(self) -> str:
        """The beginning of the names of its rows."""
        return f"{self.platform}.{self.dtype}.{self.kind}.{self.network}.batch{self.batch_size}"


class Results(NamedTuple):
    """All that was measured, and why the rest was not."""

    rows: list[Row]
    """As `clock.row` returns them, with their `state`; numbers that were not measured are None."""
    steps: list[dict[str, Any]]
    """kind, network, platform, dtype, implementation, batch_size (of a product: the side), repeat,
    times, seconds (of one step, one sweep or one product)."""
    gradients: list[dict[str, Any]]
    """As `gradients.compared` returns them."""


def measure(
    machine: Machine, seconds: float, say: Callable[[str], None], size: Size = FULL
) -> Results:
    """Measure everything that fits into the time.

    Args:
        machine: as `where.machine` finds it.
        seconds: time limit of all measurements.
        say: called with a line for each part that says what was found.
        size: how much to measure.
    """
    if machine.torch:
        peers.begin(machine.cores)
    parts = {platform: list(_parts(machine, platform, size)) for platform in machine.jax}
    timed = sum(not _left_out(part, machine) for each in parts.values() for part in each)
    results, budget = Results([], [], []), Budget(seconds, timed + len(parts))
    done: dict[str, Measured] = {}
    references = gradients.References(_compared(size), machine.jax["cpu"])
    with jax.default_matmul_precision("highest"), jax.enable_x64(False):
        for platform, device in machine.jax.items():
            with jax.default_device(device):
                found = gradients.compared(references, platform, RULES, budget)
                results.gradients.extend(found)
                say(f"{budget} {platform}.gradients: {gradients.summary(found)}")
                for part in parts[platform]:
                    if _left_out(part, machine):
                        measured = Measured(dict.fromkeys(part.programs, LEFT_OUT), {})
                    else:
                        measured = in_turn(part.programs, budget)
                        say(f"{budget} {part.name}: {_summary(measured)}")
                    done[part.name] = measured
                    results.rows.extend(_rows(part, measured, machine, size))
                    results.steps.extend(_steps(part, measured, size))
    results.rows.extend(_over_cpu(done))
    return results


def _left_out(part: Part, machine: Machine) -> bool:
    """bfloat16 on the CPU would take the time that the GPU needs, and is seldom used."""
    return "gpu" in machine.jax and (part.platform, part.dtype) == ("cpu", "bfloat16")


def _compared(size: Size) -> dict[str, tuple[Any, Any]]:
    """Networks and data of the comparison of gradients, by name."""
    many = size.sweeps[0]
    found: dict[str, tuple[Any, Any]] = {
        step.case.name: (step.case.network, step.case.data(size.examples)) for step in size.steps
    }
    return {cases.name(many): (cases.dense(many), cases.letters(size.examples))} | found


# --- what is timed in turn ------------------------------------------------------------------------


def _parts(machine: Machine, platform: str, size: Size) -> Iterator[Part]:
    """float32 first."""
    for dtype in BOTH_PRECISIONS:
        place = Place(machine.torch[platform], dtype) if platform in machine.torch else None
        first: Programs = {
            PRODUCT: lambda dtype=dtype: product(size.sides[platform], dtype),
        }
        threads = machine.cores if platform == "cpu" else None
        for many in size.sweeps:
            programs = first | _sweeps(many, size.rows, dtype, threads, place)
            work = cases.operations(many, size.rows)
            name, batch_size = cases.name(many), many.batch_size
            yield Part(platform, dtype, "sweep", name, batch_size, programs, lambda work=work: work)
        for case, batch_size, dtypes in size.steps:
            if dtype not in dtypes:
                continue
            data = case.data(batch_size)
            programs = first | _trainings(case, data, dtype, place)
            yield Part(
                platform, dtype, "step", case.name, batch_size, programs,
                lambda given=(case.network, data, dtype): ours.operations_of_step(*given),
            )  # fmt: skip


def _sweeps(
    many: Many, rows: int, dtype: str, threads: int | None, place: Place | None
) -> Programs:
    network, data = ours.in_dtype(cases.dense(many), dtype), cases.letters(rows)
    found: Programs = {
        name: lambda rules=rules: ours.sweep(rules(network), many, ours.put(data, dtype), threads)
        for name, rules in RULES.items()
    }
    if place is not None:
        found |= {
            ENSEMBLE: lambda: peers.ensemble(many, data, place),
            LOOP: lambda: peers.loop(many, data, place),
        }
    return found


def _trainings(case: Case, data: cases.Data, dtype: str, place: Place | None) -> Programs:
    found: Programs = {
        name: lambda rules=rules: ours.training(rules(case.network), data, dtype)
        for name, rules in RULES.items()
    }
    if place is not None:
        found |= {
            EAGER: lambda: peers.training(case.peer(), data, place),
            COMPILED: lambda: peers.training(case.peer(), data, place, compiled=True),
        }
    return found


def product(side: int, dtype: Any) -> Run:
    """A product of two square matrices, 2 side³ operations.

    Args:
        side: rows and columns.
        dtype: of the numbers.
    """
    matrix, multiply = jnp.ones((side, side), dtype), jax.jit(jnp.matmul)

    def run(times: int) -> None:
        found = None
        for _ in range(times):
            found = multiply(matrix, matrix)
        jax.block_until_ready(found)

    return run


# --- what was found -------------------------------------------------------------------------------


def _rows(part: Part, measured: Measured, machine: Machine, size: Size) -> Iterator[Row]:
    """A row for each peer: rates for the product of matrices, times for the others."""
    rates = measured.states.get(OURS) == measured.states.get(PRODUCT) == MEASURED
    operations = part.operations() if rates else 0.0
    for peer, end in PEERS[part.kind].items():
        name, unit = f"{part.name}.{end}", "GFLOP/s" if peer == PRODUCT else "ms"
        # A share has no limit; a peer should not be faster.
        limit = None if peer == PRODUCT else 1.0
        states = [measured.states.get(each, machine.torch_missing) for each in (OURS, peer)]
        missing = [state for state in states if state != MEASURED]
        if missing:
            yield _missing(name, limit, unit, missing[0])
            continue
        own, theirs = measured.seconds(OURS), measured.seconds(peer)
        if peer == PRODUCT:
            own = [operations / each / 1e9 for each in own]
            theirs = [2 * size.sides[part.platform] ** 3 / each / 1e9 for each in theirs]
        else:
            own, theirs = ([1e3 * each for each in several] for several in (own, theirs))
        yield row(name, own, theirs, unit, limit) | {"state": MEASURED}


def _over_cpu(done: dict[str, Measured]) -> Iterator[Row]:
    """A row for each part trained on both platforms: the GPU against its CPU, not in turn.

    Small batches need not be faster on a GPU, so these rows have no limit.

    Args:
        done: all parts by name.
    """
    for name, measured in done.items():
        on_cpu = done.get(name.replace("gpu.", "cpu.", 1))
        if on_cpu is None or on_cpu is measured or on_cpu.states.get(OURS) == LEFT_OUT:
            continue
        states = [each.states.get(OURS, NO_TIME) for each in (measured, on_cpu)]
        missing = [state for state in states if state != MEASURED]
        if missing:
            yield _missing(f"{name}.over_cpu", None, "ms", missing[0])
            continue
        gpu, cpu = ([1e3 * each for each in part.seconds(OURS)] for part in (measured, on_cpu))
        n = min(len(gpu), len(cpu))
        yield row(f"{name}.over_cpu", gpu[:n], cpu[:n], "ms", None) | {"state": MEASURED}


def _missing(name: str, limit: float | None, unit: str, state: str) -> Row:
    numbers = dict.fromkeys(("ours", "peer", "ratio", "least", "most"))
    return {"name": name, **numbers, "limit": limit, "unit": unit, "n": 0, "state": state}


def _steps(part: Part, measured: Measured, size: Size) -> Iterator[dict[str, Any]]:
    for implementation, times in measured.times.items():
        is_product = implementation == PRODUCT
        labels = {
            "kind": "product" if is_product else part.kind,
            "network": part.network,
            "platform": part.platform,
            "dtype": part.dtype,
            "implementation": implementation,
            "batch_size": size.sides[part.platform] if is_product else part.batch_size,
        }
        yield from (labels | each for each in times)


def _summary(measured: Measured) -> str:
    """The best time of each program, or its state, in one line."""
    parts = [
        f"{name} {1e3 * min(measured.seconds(name)):.3g} ms" if state == MEASURED else f"{name} -"
        for name, state in measured.states.items()
    ]
    return ", ".join(parts)
