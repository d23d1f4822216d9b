"""The verifier over other packages: its table is complete, and what it calls wrong is wrong."""

import json
import math
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from workflow.ecosystem import verify_field, write_field
from workflow.ecosystem.case import FieldCase
from workflow.ecosystem.cases import LEFT_OUT, PACKAGES
from workflow.ecosystem.finding import COLUMNS, Finding
from workflow.ecosystem.findings import FINDINGS
from workflow.ecosystem.limits import LIMITS, UNDECIDED

CASES = [case for cases in PACKAGES.values() for case in cases]
PAGE = Path(write_field.__file__).with_name("ecosystem.html")
REPORT = json.loads(
    (Path(__file__).parents[2] / "reports" / "ecosystem.json").read_text(encoding="utf-8")
)


@pytest.fixture
def same_versions() -> None:
    """The table is for certain versions; others may have more functions and fewer mistakes."""
    of_table = {name: v for run in REPORT["packages"] for name, v in run["versions"].items()}
    for name in ("jax", "optax"):
        if version(name) != of_table[name]:
            pytest.skip(f"the table is of {name} {of_table[name]}, not of {version(name)}")


@pytest.fixture
def as_users_do() -> Any:
    """The settings of other packages' functions: what JAX allows by default."""
    with (
        jax.enable_x64(False),
        jax.numpy_rank_promotion("allow"),
        jax.numpy_dtype_promotion("standard"),
    ):
        yield


# --- the table ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "package",
    ["jax.nn", "jax.numpy.linalg", "jax.scipy.linalg", "jax.scipy.special", "optax.losses"],
)
def test_every_public_function_has_a_row_or_a_reason(package: str, same_versions: None) -> None:
    module: Any = {"jax": jax, "optax": optax}[package.split(".")[0]]
    for name in package.split(".")[1:]:
        module = getattr(module, name)
    public = {name for name in dir(module) if not name.startswith("_")}
    rows = {case.name for case in PACKAGES[package]}
    left_out = {name.partition("(")[0] for name in LEFT_OUT[package]}
    assert public == rows | left_out


@pytest.mark.skipif(not find_spec("equinox"), reason="Equinox is not installed")
def test_every_layer_of_equinox_has_a_row_or_a_reason() -> None:
    public = {name for name in dir(import_module("equinox").nn) if not name.startswith("_")}
    assert public == {case.name for case in PACKAGES["equinox.nn"]} | {*LEFT_OUT["equinox.nn"]}


def test_a_package_that_is_not_installed_is_named(tmp_path: Path) -> None:
    assert verify_field.versions("not_installed.nn") == {"not_installed": None}
    run = {"package": "not_installed.nn", "functions": [], "left_out": {}}
    runs = [tmp_path / "run.json"]
    verify_field.write_text(_json(run | {"versions": {"not_installed": None}}), runs[0])
    text = _page(runs, tmp_path)
    assert "not_installed.nn: not installed here" in text


def test_rows_are_told_apart_by_their_names() -> None:
    names = [(case.package, str(case)) for case in CASES]
    assert len(names) == len({*names})


def test_what_was_checked_is_in_the_table() -> None:
    """A finding or a limit of a case that was renamed would explain nothing."""
    names = {(case.package, str(case)) for case in CASES}
    installed = {*PACKAGES} - {package for package, cases in PACKAGES.items() if not cases}
    for checked in (*FINDINGS, *LIMITS):
        assert {place for place in checked.seen if place[0] in installed} <= names
        assert {point for *_, point in checked.cells()} <= {*COLUMNS}


# --- the findings ---------------------------------------------------------------------------------


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.function)
def test_a_finding_can_be_repeated(
    finding: Finding, as_users_do: None, same_versions: None
) -> None:
    names: dict[str, Any] = {"jax": jax, "jnp": jnp, "np": np, "optax": optax}
    exec(finding.code, names)
    gives, right = float(names["gives"]), float(names["right"])
    assert gives == pytest.approx(finding.gives, rel=1e-5, nan_ok=True)
    assert right == pytest.approx(finding.right, rel=1e-5)
    assert math.isnan(gives) or abs(gives - right) > 1e-3 * abs(right)


# --- the run --------------------------------------------------------------------------------------


def _case(package: str, name: str) -> FieldCase:
    return next(case for case in PACKAGES[package] if str(case) == name)


def _json(run: Any) -> str:
    return verify_field.json.dumps(run)


def _page(runs: list[Path], folder: Path) -> str:
    files = [folder / f"ecosystem.{kind}" for kind in ("json", "csv", "html")]
    write_field.main(runs, PAGE, "full", *files)
    assert all(file.exists() for file in files)
    return files[-1].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("package", "name", "point", "verdict"),
    [
        ("jax.nn", "relu", "ordinary", "right"),
        ("jax.nn", "relu", "zeros", "convention"),
        ("jax.scipy.special", "i0", "ties", "wrong"),
        ("jax.numpy", "power, exponent 0.0", "zeros", "nan"),
        ("jax.scipy.linalg", "hessenberg, of a aᵀ + I", "ordinary", "no derivative"),
    ],
)
def test_a_cell(
    package: str, name: str, point: str, verdict: str, as_users_do: None, same_versions: None
) -> None:
    line = verify_field.verified(_case(package, name))
    assert line["points"][point]["verdict"] == verdict


def test_the_page_shows_every_kind_of_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_users_do: None
) -> None:
    few = {
        "jax.numpy": ("abs", "power, exponent 0.0"),
        "jax.scipy.special": ("i0",),
        "jax.scipy.linalg": ("qr_multiply",),
    }
    runs = []
    for package, names in few.items():
        monkeypatch.setitem(PACKAGES, package, [_case(package, name) for name in names])
        runs.append(tmp_path / f"{package}.json")
        verify_field.main(package, runs[-1])
    text = _page(runs, tmp_path)
    for expected in (">NaN<", ">right<", ">none", "#finding", "Differentiation rule for"):
        assert expected in text
    assert "nobody has checked" not in text


def test_what_is_wrong_is_explained() -> None:
    """In the committed run: every disagreement has a finding or a limit, and no limit is idle."""
    cells = {
        (run["package"], line["case"], point): cell
        for run in REPORT["packages"]
        for line in run["functions"]
        for point, cell in line["points"].items()
    }
    assert {where for where, c in cells.items() if c["verdict"] == "not checked"} == UNDECIDED
    set_aside = {where for where, c in cells.items() if "set_aside" in c}
    assert {cell for limit in LIMITS for cell in limit.cells()} == set_aside
