"""Verify the object that the command line names, such as `package.module:relu`."""

import importlib
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnjax.core import Layer, Loss, Shape
from nnjax.verify import verify
from nnjax.verify.function import verify_function
from nnjax.verify.report import Report


def verify_named(name: str, shapes: Sequence[str], batch: int | None = None) -> Report:
    """Verify a layer, a loss, a function that makes one, or any JAX function.

    Args:
        name: `package.module:name`; the module is looked for in the current folder too.
        shapes: of a layer or a loss: the shape of one example, such as "28,28,1"; of a function:
            the shape of each argument, "" for a number, with ":int" for whole numbers.
        batch: number of examples; for a layer or a loss.

    Raises:
        ValueError: if the name cannot be imported, if a shape cannot be read, or if the number of
            shapes does not fit.
    """
    found: Any = _imported(name)
    rule = isinstance(found, Layer | Loss)
    if isinstance(found, type) or not (rule or callable(found)):
        raise ValueError(f"{name}: expected a layer, a loss or a function, got {found!r}")
    if not rule and _makes_a_rule(found):
        found = found()
    called = name.rpartition(":")[2]
    if isinstance(found, Layer | Loss):
        if len(shapes) != 1:
            raise ValueError(
                f"{name}: expected one --shape, that of one example, got {len(shapes)}"
            )
        shape, _ = _shape(shapes[0])
        return verify(found, shape, batch=4 if batch is None else batch, name=called, show=False)
    if batch is not None:
        raise ValueError(f"{name}: --batch is for layers and losses; give a function whole shapes")
    if not shapes:
        raise ValueError(f"{name}: expected a --shape for each argument")
    rng = np.random.default_rng(2)
    return verify_function(found, *(_drawn(rng, text) for text in shapes), name=called, show=False)


def _imported(name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        found = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{name}: cannot be imported: {error}") from None
    return found


def _makes_a_rule(found: Any) -> bool:
    """Whether it is a function such as `nn.relu`, which returns a layer if called."""
    try:
        signature = inspect.signature(found, eval_str=True)
    except (TypeError, ValueError, NameError):
        return False
    made = signature.return_annotation
    return isinstance(made, type) and issubclass(made, Layer | Loss)


def _shape(text: str) -> tuple[Shape, bool]:
    """The shape, and whether the numbers are whole."""
    sizes, _, kind = text.partition(":")
    try:
        shape = tuple(int(size) for size in sizes.split(",") if size.strip())
    except ValueError:
        shape = (-1,)
    if kind not in ("", "int") or any(size < 1 for size in shape):
        raise ValueError(
            f"--shape: expected sizes such as 28,28,1, or 5:int for whole numbers, got {text!r}"
        )
    return shape, kind == "int"


def _drawn(rng: np.random.Generator, text: str) -> np.ndarray:
    shape, whole = _shape(text)
    # 0 and 1 are indices into any axis that has two entries.
    return rng.integers(2, size=shape, dtype=np.int32) if whole else rng.normal(size=shape)
