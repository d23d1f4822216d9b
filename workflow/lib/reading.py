"""Settings files and `--config`, read strictly: what cannot be used is one line with its place.

Snakemake itself keeps the last of two equal keys, reads every value within `--config` as text, and
names neither file nor line of a mistake.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

SHOWN = 20
"""A message has at most so many lines, besides the number of the others."""


class SettingsError(ValueError):
    """Settings that cannot be used: one line for each mistake; the message has the first of them.

    Args:
        lines: of all mistakes.

    Example:
        >>> print(SettingsError("  a: is missing", "  b: is missing"))
          a: is missing
          b: is missing
    """

    def __init__(self, *lines: str):
        super().__init__(*lines)
        # A key or a text may contain line breaks.
        self.lines = [" ".join(line.splitlines()) for line in lines]

    def __str__(self) -> str:
        more = len(self.lines) - SHOWN
        return "\n".join([*self.lines[:SHOWN], *([f"  and {more} more"] if more > 0 else [])])


def read(path: Path) -> dict[str, Any]:
    """The content of a YAML file.

    Raises:
        SettingsError: if it cannot be read, is not valid YAML or not a mapping, has a key twice or
            one that is not text, or contains itself.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SettingsError(f"  {path}: is not text in UTF-8; save it in this encoding") from None
    except OSError as error:
        raise SettingsError(f"  {path}: {error.strerror}") from None
    content = parsed(text, str(path))
    if not isinstance(content, dict):
        raise SettingsError(f"  {path}: expected keys with values, found {content!r}")
    return content


def entry(text: str) -> dict[str, Any]:
    """The settings of a `KEY=VALUE` after `--config`.

    Raises:
        SettingsError: as `read`; if there is no key, or one that names a place within a section.

    Example:
        >>> entry("data={standin: false}")
        {'data': {'standin': False}}
    """
    key, _, value = text.partition("=")
    if not key.replace("-", "_").isidentifier() or "=" not in text:
        raise SettingsError(f"  --config {text}: expected KEY=VALUE or KEY='{{KEY: VALUE, ...}}'")
    return {key: parsed(value, f"--config {key}")}


def parsed(text: str, name: str) -> Any:
    """The content of a YAML text.

    Args:
        text: YAML.
        name: begins every message.

    Raises:
        SettingsError: as `read`.
    """
    mistakes, content = list[str](), None
    try:
        loader = yaml.SafeLoader(text)
        if node := loader.get_single_node():
            mistakes = list(_mistakes(loader, node, "", []))
            content = None if mistakes else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reasons = ", ".join(filter(None, [error.context, error.problem]))
        mistakes = [f"{_line(mark) if mark else ''}: is not valid YAML: {reasons}"]
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        mistakes = [f", line {line}: is not valid YAML: {error.reason}"]
    except RecursionError:
        mistakes = [": is nested too deeply"]
    if mistakes:
        raise SettingsError(*(f"  {name}{mistake}" for mistake in mistakes))
    return content


def _mistakes(
    loader: yaml.SafeLoader, node: yaml.Node, place: str, above: list[yaml.Node]
) -> Iterator[str]:
    """What YAML allows and settings do not, each with its line."""
    if any(node is each for each in above):
        yield f"{_line(node.start_mark)}: {place} contains itself"
    elif isinstance(node, yaml.SequenceNode):
        for number, inner in enumerate(node.value):
            yield from _mistakes(loader, inner, f"{place}.{number}", [*above, node])
    elif isinstance(node, yaml.MappingNode):
        known = set[str]()
        for key, value in node.value:
            line, here = _line(key.start_mark), f"{place}.{key.value}" if place else str(key.value)
            if key.tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"):
                found = f"the key {here}" if isinstance(key, yaml.ScalarNode) else "a key"
                yield f"{line}: {found} is not text"
                continue
            if key.value in known:
                yield f"{line}: the key {here} is given twice"
            known.add(key.value)
            yield from _mistakes(loader, value, here, [*above, node])
    else:
        try:
            loader.construct_object(node)
        except ValueError as error:  # a date that does not exist, a number of thousands of digits
            yield f"{_line(node.start_mark)}: {place}: {error}"


def _line(mark: yaml.Mark) -> str:
    return f", line {mark.line + 1}"
