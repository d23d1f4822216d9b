"""The code of a rule: how it is called, its source without the docstring, and what it calls."""

import ast
import builtins
import importlib
import inspect
import io
import keyword
import textwrap
import tokenize
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from markupsafe import Markup, escape

import nnjax

SHARED = ("nnjax.layers.parts.", "nnjax.losses.reduction")
"""Modules that several rules use; the page shows each of them once."""


class Code(NamedTuple):
    """Source without docstrings, and the shared modules and public rules that it uses."""

    text: str
    modules: list[str]
    rules: list[str]


def definition(value: Any) -> ast.FunctionDef | ast.ClassDef:
    """The syntax of a function or class, without decorators that only record the call."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(value))))
    (node,) = tree.body
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    return node


def call(name: str, value: Any) -> str:
    """How a function, class or loss is called, as its author wrote it.

    Args:
        name: the name to write.
        value: what it names.

    Returns:
        Python, on several lines if it is long.

    Example:
        >>> print(call("nn.relu", nnjax.relu), call("nn.hinge", nnjax.hinge), sep="; ")
        nn.relu() -> Layer; nn.hinge: Loss
    """
    if isinstance(value, property):
        return f"{name}: {ast.unparse(_returns(value.fget))}"
    if isinstance(value, nnjax.Loss):
        return f"{name}: Loss"
    node = definition(value)
    if isinstance(node, ast.ClassDef):
        return _wrapped(name, _fields(value, node), "")
    arguments = node.args
    if arguments.args and arguments.args[0].arg == "self":
        arguments.args = arguments.args[1:]
    parts = _arguments(arguments)
    return _wrapped(name, parts, f" -> {ast.unparse(node.returns)}" if node.returns else "")


def _returns(function: Callable[..., Any] | None) -> ast.expr:
    node = definition(function)
    assert isinstance(node, ast.FunctionDef)
    return node.returns or ast.Constant(None)


def _fields(value: type, node: ast.ClassDef) -> list[str]:
    """The fields of a NamedTuple or dataclass, or the arguments of `__init__`."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            item.args.args = item.args.args[1:]
            return _arguments(item.args)
    fields = [ast.unparse(item) for item in node.body if isinstance(item, ast.AnnAssign)]
    bases = [base for base in value.__mro__[1:] if base.__module__.startswith("nnjax")]
    return fields or [f for base in bases for f in _fields(base, _class(base))]


def _class(value: type) -> ast.ClassDef:
    node = definition(value)
    assert isinstance(node, ast.ClassDef)
    return node


def _arguments(arguments: ast.arguments) -> list[str]:
    """The arguments one by one, with stars and defaults."""
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [*[None] * (len(plain) - len(arguments.defaults)), *arguments.defaults]
    parts = [_argument(a, d) for a, d in zip(plain, defaults, strict=True)]
    if arguments.vararg:
        parts.append(f"*{ast.unparse(arguments.vararg)}")
    elif arguments.kwonlyargs:
        parts.append("*")
    each = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    parts += [_argument(a, d) for a, d in each]
    return parts + ([f"**{ast.unparse(arguments.kwarg)}"] if arguments.kwarg else [])


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    if default is None:
        return ast.unparse(argument)
    equals = " = " if argument.annotation else "="
    return f"{ast.unparse(argument)}{equals}{ast.unparse(default)}"


def _wrapped(name: str, parts: list[str], result: str) -> str:
    line = f"{name}({', '.join(parts)}){result}"
    if len(line) <= 72:
        return line
    return "\n".join([f"{name}(", *(f"    {part}," for part in parts), f"){result}"])


def code(value: Any, public: set[str]) -> Code:
    """The source of a rule, with the private functions of its module that it uses.

    Args:
        value: the function that makes a layer or a loss, or a loss.
        public: names of the public rules, which are shown elsewhere.

    Returns:
        The code.

    Example:
        >>> print(code(nnjax.residual, {"serial"}).text.splitlines()[0])
        def residual(branch: Layer) -> Layer:
    """
    function = inspect.unwrap(value)
    module = importlib.import_module(function.__module__)
    own, imported = _top_level(module)
    wanted, seen = [function.__name__], {function.__name__}
    used: set[str] = set()
    for name in wanted:  # grows while it is read
        names = {n.id for n in ast.walk(own[name]) if isinstance(n, ast.Name)} - seen
        used |= names - own.keys() | (names & public)
        more = [n for n in own if n in names and n not in public]
        seen |= {*more}
        wanted += more
    shown = [function.__name__, *(name for name in own if name in seen - {function.__name__})]
    modules = {imported[n] for n in used if n in imported and imported[n].startswith(SHARED)}
    lines = inspect.getsource(module).splitlines()
    return Code(
        "\n\n\n".join(_source(own[name], lines) for name in shown),
        sorted(modules),
        sorted((used & public) - vars(builtins).keys() - {function.__name__}),
    )


def module_code(module: ModuleType) -> str:
    """The source of a module, without its docstring and those of its functions."""
    lines = inspect.getsource(module).splitlines()
    own, _ = _top_level(module)
    return "\n\n\n".join(_source(node, lines) for node in own.values())


def _top_level(module: ModuleType) -> tuple[dict[str, ast.stmt], dict[str, str]]:
    """What a module defines, and where the names that it imports come from."""
    own: dict[str, ast.stmt] = {}
    imported: dict[str, str] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            own[node.name] = node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            own[node.targets[0].id] = node
        elif isinstance(node, ast.ImportFrom):
            imported |= {alias.asname or alias.name: node.module or "" for alias in node.names}
    return own, imported


def _source(node: ast.stmt, lines: list[str]) -> str:
    """The lines of a definition without its docstring; comments stay."""
    start = node.lineno
    last = node.end_lineno or start
    left = set(range(start, last + 1))
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(inner):
            docstring = inner.body[0]
            left -= set(range(docstring.lineno, (docstring.end_lineno or 0) + 1))
            after = docstring.end_lineno or 0
            if after < len(lines) and not lines[after].strip():
                left.discard(after + 1)
    return "\n".join(lines[i - 1] for i in sorted(left))


def highlighted(text: str) -> Markup:
    """Python with its keywords and comments marked.

    Args:
        text: Python.

    Returns:
        HTML.

    Example:
        >>> print(highlighted("return x < 1  # why"))
        <b>return</b> x &lt; 1  <i># why</i>
    """
    lines, html, at = text.splitlines(keepends=True), Markup(""), (1, 0)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        tag = "b" if token.type == tokenize.NAME and keyword.iskeyword(token.string) else ""
        tag = "i" if token.type == tokenize.COMMENT else tag
        if tag:
            html += _between(lines, at, token.start)
            html += Markup("<{0}>{1}</{0}>").format(Markup(tag), token.string)
            at = token.end
    return html + _between(lines, at, (len(lines) + 1, 0))


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> Markup:
    """The text between two places of a tokenizer."""
    if start[0] == end[0]:
        return escape(lines[start[0] - 1][start[1] : end[1]])
    first, middle = lines[start[0] - 1][start[1] :], lines[start[0] : end[0] - 1]
    last = lines[end[0] - 1][: end[1]] if end[1] else ""
    return escape(first + "".join(middle) + last)


def place(module: str) -> str:
    """A module as the file that it is, relative to the project.

    Example:
        >>> place("nnjax.layers.lstm"), place("nnjax.stats")
        ('nnjax/layers/lstm.py', 'nnjax/stats/__init__.py')
    """
    file = Path(importlib.import_module(module).__file__ or "")
    return str(file.relative_to(Path(nnjax.__file__).parents[1]))
