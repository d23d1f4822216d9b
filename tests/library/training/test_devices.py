"""Training on eight simulated devices, and on two processes, against one device."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import pytest
from training_problem import replicate, train

TESTS = Path(__file__).resolve().parents[2]
# XLA ends a process whose devices wait for each other, so that a test fails instead of hanging.
LIMITS = (
    "--xla_cpu_collective_call_warn_stuck_timeout_seconds=10 "
    "--xla_cpu_collective_call_terminate_timeout_seconds=60"
)
STRICT = {
    "JAX_ENABLE_X64": "1",
    "JAX_NUMPY_DTYPE_PROMOTION": "strict",
    "JAX_NUMPY_RANK_PROMOTION": "raise",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
}
SECONDS = 600


def child(*arguments: str, devices: int) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    # With fewer threads than devices, those that wait leave none for those that they wait for.
    own = {"PYTHONPATH": path, "NPROC": "16", "JAX_NUM_CPU_DEVICES": str(devices)}
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(TESTS / "on_devices.py"), *arguments],
        env=os.environ | STRICT | own | {"XLA_FLAGS": LIMITS},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def results(children: list[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    try:
        said = [each.communicate(timeout=SECONDS) for each in children]
    finally:
        for each in children:
            each.kill()
            each.wait()
    for each, (_, errors) in zip(children, said, strict=True):
        assert each.returncode == 0, errors[-3000:]
    return [json.loads(output.splitlines()[-1]) for output, _ in said]


@pytest.fixture(scope="module")
def eight() -> dict[str, Any]:
    return results([child(devices=8)])[0]


@pytest.fixture(scope="module")
def two() -> list[dict[str, Any]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    return results([child(str(process), port, devices=1) for process in range(2)])


def test_fit_is_that_of_one_device_up_to_rounding(eight: dict[str, Any]) -> None:
    assert len(eight["fit"]) == 10
    for name, found in eight["fit"].items():
        assert found["difference"] < 1e-13, (name, found)
        assert found["same_nans"], name
        assert found["local"], name


def test_sweep_is_that_of_one_device_to_the_last_bit(eight: dict[str, Any]) -> None:
    assert len(eight["sweep"]) == 3
    for name, found in eight["sweep"].items():
        assert found["difference"] == 0, (name, found)
        assert found["same_nans"], name
        assert found["local"], name


def test_the_devices_share_out_the_work(eight: dict[str, Any]) -> None:
    assert eight["shares"]
    assert eight["shares"] == [[1, 2]] * len(eight["shares"])
    assert eight["places"] == list(range(8))


@pytest.mark.exhaustive
def test_two_processes_have_the_same_numbers(two: list[dict[str, Any]]) -> None:
    assert two[0] == two[1]
    assert len(two[0]["fit"]) == 3
    assert len(two[0]["sweep"]) == 3
    assert all(found["difference"] < 1e-13 for found in two[0]["fit"].values())
    assert all(found["difference"] == 0 for found in two[0]["sweep"].values())
    assert all(found["same_nans"] for kind in two[0].values() for found in kind.values())


@pytest.mark.parametrize("devices", [8, [], [0], "cpu", jax.devices()[:1] * 2, jax.devices()[0]])
def test_what_is_no_device_is_refused(devices: Any) -> None:
    message = r"\(devices\): expected different devices, such as jax.devices\(\), got "
    with pytest.raises(ValueError, match="fit" + message):
        train(devices=devices)
    with pytest.raises(ValueError, match="sweep" + message):
        replicate(devices=devices)


def test_threads_and_devices_exclude_each_other() -> None:
    with pytest.raises(ValueError, match=r"sweep\(threads, devices\).*pass one of the two"):
        replicate(threads=2, devices=jax.devices())
