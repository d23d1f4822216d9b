"""The form of a rule: what breaks the contract before any number is compared, in one sentence."""

import textwrap
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jaxlib
import numpy as np

from nnjax.contract import ContractError, check_takes, described, initialised, pair
from nnjax.core import Layer, Loss, Shape
from nnjax.verify.problem import Problem, cast
from nnjax.verify.programs import low_precision

LIBRARIES = (
    str(Path(__file__).parents[1]),
    *(str(Path(str(module.__file__)).parent) for module in (jax, jaxlib, np)),
)
"""The folders whose lines are not those of the author of a rule."""


def misfit(problem: Problem, low: Any) -> str:
    """How trees, shapes or dtypes violate the contract in either precision; else empty."""
    for dtype in (jnp.float64, low):
        inputs = cast(problem.inputs, dtype)
        try:
            with jax.enable_x64(True) if dtype == jnp.float64 else low_precision():
                broken = problem.broken()
                if broken:
                    return broken
                gradient = jax.eval_shape(problem.gradient, inputs)
        except ContractError as error:
            return str(error)
        except Exception as error:  # any error raised by a rule under test is a finding
            return f"the rule cannot be traced: {said(error)}"
        for name, expected in inputs.items():
            found = gradient[name]
            wrong = _other_tree(name, found, expected) or _other_arrays(name, found, expected)
            if wrong:
                return wrong
    return ""


def _other_tree(name: str, found: Any, expected: Any) -> str:
    trees = jax.tree.structure(found), jax.tree.structure(expected)
    if trees[0] == trees[1]:
        return ""
    if "*" in map(_bare, trees):  # a single array on one side: there are no names to compare
        wanted = f"gradients with the tree {_tree(trees[1])}"
        wanted = "the gradient as an array" if _bare(trees[1]) == "*" else wanted
        return f"{name}: expected {wanted}, got {described(found)}"
    names, given = (_names(name, tree) for tree in (expected, found))
    missing = [leaf for leaf in names if leaf not in given]
    more = [leaf for leaf in given if leaf not in names]
    which = ", ".join(
        f"{leaves[0]} is {what}" + (f" (and {len(leaves) - 1} more)" if leaves[1:] else "")
        for leaves, what in ((missing, "missing"), (more, "not expected"))
        if leaves
    )
    trees_of = f"expected gradients with the tree {_tree(trees[1])}, got {_tree(trees[0])}"
    return f"{name}: {trees_of}" + (f": {which}" if which else "")


def _other_arrays(name: str, found: Any, expected: Any) -> str:
    arrays = map(jax.tree.leaves, (found, expected))
    for leaf, a, b in zip(_names(name, found), *arrays, strict=True):
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            return f"{leaf}: expected {b.dtype}{b.shape}, got {a.dtype}{a.shape}"
    return ""


def _names(name: str, tree: Any) -> list[str]:
    paths = (path for path, _ in jax.tree_util.tree_leaves_with_path(tree))
    return [
        f"{name}.{jax.tree_util.keystr(path, simple=True, separator='.')}" if path else name
        for path in paths
    ]


def _tree(structure: Any) -> str:
    """A tree as one would write it, with * for each array."""
    return textwrap.shorten(_bare(structure), 80, placeholder=" ...")


def _bare(structure: Any) -> str:
    return str(structure).removeprefix("PyTreeDef(").removesuffix(")")


def said(error: Exception) -> str:
    """An error of a rule: its type, its first line, and the line of the author that raised it."""
    first = (str(error).strip().splitlines() or [""])[0].strip()
    parts = [type(error).__name__, *([first] if first else [])]
    line = own_line(error)
    if isinstance(error, jax.errors.JAXTypeError):
        parts[-1] += "; a rule is compiled, so use jax.numpy and no float(), if or NumPy on arrays"
    return ": ".join(parts) + (f" ({line})" if line else "")


def own_line(error: Exception) -> str:
    """The last line of code outside of this library, JAX and NumPy; empty if there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith((*LIBRARIES, "<frozen"))]
    if not own:
        return ""
    place = f"{Path(own[-1].filename).name}, line {own[-1].lineno}"
    return f"{place}: {own[-1].line}" if own[-1].line else place


def blamed(what: str, error: Exception) -> Exception:
    """An error of the author's code as a sentence; any other as it is.

    What the library's own layers say of shapes that do not fit is for the user, and stays.
    """
    return ContractError(f"{what} raises {said(error)}") if own_line(error) else error


def drawn_params(layer: Layer, in_shape: Shape) -> tuple[Any, Shape]:
    """The parameters and the output shape of a layer, if they are what the contract says."""
    try:
        params, out_shape = initialised(layer, jax.random.key(0), in_shape)
    except ValueError:  # by convention, that the shape does not fit the layer
        raise
    except Exception as error:
        raise blamed("init", error) from None
    for name, leaf in zip(_names("params", params), jax.tree.leaves(params), strict=True):
        if not jnp.issubdtype(getattr(leaf, "dtype", type(leaf)), jnp.floating):
            kind = getattr(leaf, "dtype", type(leaf).__name__)
            raise ContractError(
                f"init: {name}: expected an array of floats, got {kind}; params are what training "
                "changes, so keep anything else in the function that makes the layer"
            )
    return params, out_shape


def output(layer: Layer, params: Any, x: Any, key: Any) -> jax.Array:
    """The output of a layer, if it is an array of floats."""
    what = f"forward {'in evaluation (key=None)' if key is None else 'with a key'}"

    try:
        y, _ = pair(layer.forward(params, x, key), "forward", "(y, residuals)")
    except ContractError:
        raise
    except Exception as error:
        raise blamed(what, error) from None
    _check_floats(y, "forward", "y")
    return y


def value(loss: Loss, scores: Any, targets: Any) -> jax.Array:
    """The value of a loss, if it is an array of floats."""
    J, _ = pair(loss.forward(scores, targets), "the loss's forward", "(J, residuals)")
    _check_floats(J, "the loss's forward", "J")
    return J


def _check_floats(y: Any, function: str, name: str) -> None:
    if not isinstance(y, jax.Array | np.ndarray | np.generic):
        raise ContractError(f"{function}: expected {name} as an array, got {described(y)}")
    if not jnp.issubdtype(y.dtype, jnp.floating):
        raise ContractError(f"{function}: expected {name} of floats, got {y.dtype}")


def rule_misfit(
    of: Callable[[Callable[..., Any]], Callable[[Any], Any]],
    inputs: Any,
    f: Callable[..., Any],
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    static: Sequence[int],
    names: Sequence[str],
) -> str:
    """How the functions of a rule violate what `jax.custom_vjp` expects of them; else empty.

    `of` makes of a function of the named arguments one of the inputs.
    """

    def check(*args: Any) -> None:
        _check_rule(f, forward, backward, static, args, names)

    try:
        jax.eval_shape(of(check), inputs)
    except ContractError as error:
        return str(error)
    except Exception:  # any other error is said where the rule runs as it will
        return ""
    return ""


def _check_rule(
    f: Callable[..., Any],
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    static: Sequence[int],
    args: Sequence[Any],
    names: Sequence[str],
) -> None:
    check_takes(forward, "forward", names)
    check_takes(backward, "backward", [*(names[i] for i in static), "residuals", "dy"])
    returned = forward(*args)
    # JAX takes a list too.
    returned = tuple(returned) if isinstance(returned, list) else returned
    y, residuals = pair(returned, "forward", "(y, residuals)")
    expected = f(*args)
    if _arrays(y) != _arrays(expected):
        raise ContractError(
            f"forward: expected y like the output of the function, {_shapes(expected)}, got "
            f"{_shapes(y)}"
        )
    dy = jax.tree.map(_zero, y)
    grads = backward(*(args[i] for i in static), residuals, dy)
    kept = [(n, arg) for i, (n, arg) in enumerate(zip(names, args, strict=True)) if i not in static]
    if not isinstance(grads, tuple | list) or len(grads) != len(kept):
        raise ContractError(
            f"backward: expected a tuple of {len(kept)}, a gradient for each of the arguments "
            f"{', '.join(name for name, _ in kept)}, got {described(grads)}"
        )
    for (name, arg), gradient in zip(kept, grads, strict=True):
        wrong = "" if gradient is None else _other_tree(name, gradient, arg)
        if wrong:
            raise ContractError(f"backward: {wrong}")
        arrays = () if gradient is None else map(jax.tree.leaves, (gradient, arg))
        for leaf, a, b in zip(_names(name, gradient), *arrays, strict=True):
            if np.shape(a) != np.shape(b):
                raise ContractError(
                    f"backward: {leaf}: expected the shape {np.shape(b)}, got {np.shape(a)}"
                )


def _zero(y: Any) -> Any:
    if jnp.issubdtype(jnp.result_type(y), jnp.inexact):
        return jnp.zeros_like(y)
    return np.zeros(np.shape(y), jax.dtypes.float0)


def _arrays(tree: Any) -> tuple[Any, list[tuple[int, ...]]]:
    return jax.tree.structure(tree), [np.shape(leaf) for leaf in jax.tree.leaves(tree)]


def _shapes(tree: Any) -> str:
    """What a function returns: its tree, with the shape of each array."""
    if jax.tree.structure(tree) == jax.tree.structure(0):
        return described(tree)
    return f"the tree {_tree(jax.tree.structure(tree))} with shapes {_arrays(tree)[1]}"


def same_outputs(f: Callable[..., Any], reference: Callable[..., Any], inputs: Any) -> None:
    """Refuse a reference whose outputs cannot be compared with those of the function.

    Raises:
        ValueError: naming the outputs of both.
    """
    try:
        with jax.enable_x64(True):
            ys = [jax.eval_shape(call, inputs) for call in (f, reference)]
    except Exception:  # what either says of its arguments is said where it is run
        return
    if _arrays(ys[0])[1] != _arrays(ys[1])[1]:
        raise ValueError(
            f"verify_function(reference): expected outputs like those of the function, "
            f"{_shapes(ys[0])}, got {_shapes(ys[1])}"
        )
