"""Run the tests with the lowest and the newest allowed dependencies, on each supported Python.

    python -m pip install uv
    python tests/matrix.py  # six environments, the default tests
    python tests/matrix.py --python 3.12 --dependencies lowest -- tests/library/layers

An environment is made anew for each run, in `build/matrix/`; what follows `--` goes to pytest.
Python versions that are not installed are named and left out. Style and types are not checked:
they depend on the tools' versions, not on the project's. With the lowest versions, deprecation
warnings are no errors: old packages use what newer ones, which they allow, deprecate. The exit
status is 0 if all that ran passed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = ROOT / "build" / "matrix"
PYTHONS = ["3.11", "3.12", "3.13"]
RESOLUTIONS = {"lowest": "lowest-direct", "newest": "highest"}
WARNINGS = {"lowest": ["-W", "ignore::DeprecationWarning"], "newest": []}
QUALITY = "tests/workflow/test_quality.py"

IMPORT_ALL = """
import importlib, pkgutil, nnjax
names = [module.name for module in pkgutil.walk_packages(nnjax.__path__, "nnjax.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names), "modules import")
"""


def uv_command() -> list[str]:
    """How to call uv, which knows how to resolve to the lowest versions."""
    if find_spec("uv"):
        return [sys.executable, "-m", "uv"]
    if found := shutil.which("uv"):
        return [found]
    raise SystemExit("matrix: uv is missing; install it with `python -m pip install uv`")


def interpreter(uv: list[str], version: str) -> str | None:
    """The path of an installed Python; None if there is none of this version."""
    command = [*uv, "python", "find", "--no-project", "--no-python-downloads", version]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def passes(
    uv: list[str], python: str, environment: Path, dependencies: str, arguments: list[str]
) -> bool:
    """Make one environment and run the tests in it."""
    inside = str(environment / "bin" / "python")
    install = [*uv, "pip", "install", "--python", inside]
    resolution = ["--resolution", RESOLUTIONS[dependencies]]
    tests = ["pytest", "-q", f"--ignore={QUALITY}", *WARNINGS[dependencies]]
    commands = [
        [*uv, "venv", "--quiet", "--clear", "--no-project", "--python", python, str(environment)],
        [*install, *resolution, "--quiet", "--editable", ".[test]"],
        [inside, "-c", IMPORT_ALL],
        [inside, "-m", *tests, *arguments],
    ]
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    # no shell activates the environment, but the workflow's jobs look for their tools on the path
    kept["PATH"] = f"{environment / 'bin'}{os.pathsep}{kept.get('PATH', '')}"
    return all(
        subprocess.run(command, cwd=ROOT, env=kept, check=False).returncode == 0
        for command in commands
    )


def main() -> int:
    """Run what the command line asks for; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python tests/matrix.py", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--python", nargs="+", choices=PYTHONS, default=PYTHONS)
    parser.add_argument(
        "--dependencies", nargs="+", choices=list(RESOLUTIONS), default=list(RESOLUTIONS)
    )
    parser.add_argument("pytest", nargs="*", help="arguments of pytest, after --")
    given = parser.parse_args()
    uv = uv_command()
    lines: list[str] = []
    passed: list[bool] = []
    for version in given.python:
        python = interpreter(uv, version)
        if python is None:
            lines.append(f"{version}: not installed")
            continue
        for dependencies in given.dependencies:
            name = f"{version}-{dependencies}"
            print(f"== {name}", flush=True)
            start = time.monotonic()
            passed.append(passes(uv, python, ENVIRONMENTS / name, dependencies, given.pytest))
            state = "passed" if passed[-1] else "FAILED"
            lines.append(f"{name}: {state}, {time.monotonic() - start:.0f} s")
    print(*lines, sep="\n")
    return 0 if passed and all(passed) else 1


if __name__ == "__main__":
    raise SystemExit(main())
