"""Settings: read, overridden and checked, with one line for each mistake.

A setting is written once, in a YAML file. Its type, bounds and meaning are written once, in a
pydantic model: the `settings.py` of a chapter, or `Study` for what all chapters share.
"""

import difflib
import functools
import math
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workflow.lib.reading import SettingsError, entry, read

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """A section of the settings: unknown keys are errors, and values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Name = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1, description="a whole number from 1")]
Seed = Annotated[int, Field(ge=0, description="a whole number from 0")]
Rate = Annotated[float, Field(gt=0, le=100, description="a learning rate above 0")]
Decay = Annotated[float, Field(ge=0, lt=1, description="from 0 to below 1")]
Fraction = Annotated[float, Field(gt=0, le=1, description="above 0, at most 1")]
Positive = Annotated[float, Field(gt=0, description="above 0")]


def gathered(files: Iterable[Path], entries: Iterable[str]) -> dict[str, Any]:
    """The settings of files and, over them, those of the command line; what comes later counts.

    Args:
        files: YAML.
        entries: what follows `--config`, `KEY=VALUE` each.

    Raises:
        SettingsError: if one cannot be read.
    """
    return functools.reduce(merged, [*map(read, files), *map(entry, entries)], {})


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """The settings `base` with those of `over` in their place, section by section.

    Example:
        >>> merged({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": 4}})
        {'a': 1, 'b': {'c': 4, 'd': 3}}
    """
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def hint(name: str, known: Collection[str]) -> str:
    """What may have been meant by a name that is not known.

    Example:
        >>> hint("sedes", ["seeds", "epochs"]), hint("x", ["seeds", "epochs"])
        ('did you mean seeds?', 'known: epochs, seeds')
    """
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"


def checked(model: type[Model], values: dict[str, Any], section: str) -> Model:
    """The values as the model, if they fit.

    A whole number is accepted for a real one, but 3.0 is not accepted for a whole number.

    Args:
        model: a pydantic model.
        values: what the files and the command line give.
        section: begins the name of every key in a message.

    Raises:
        SettingsError: one line for each mistake: the key, what it holds, what is allowed.

    Example:
        >>> class Example(Strict):
        ...     seeds: Count
        >>> try:
        ...     checked(Example, {"sedes": 3, "seeds": 0}, "example")
        ... except SettingsError as error:
        ...     print(error)
          example.seeds: 0: input should be greater than or equal to 1 (expected: ...)
          example.sedes: unknown key; did you mean seeds?
    """
    if lines := [f"  {line}" for line in _not_finite(values, section)]:
        raise SettingsError(*lines)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        # All members of a union fail at one place: that is one mistake.
        found: dict[str, tuple[str, list[str], str]] = {}
        for fault in error.errors():
            for key, start, message, end in _lines(model, fault, section):
                first, messages, last = found.setdefault(key, (start, [], end))
                if (first, last) == (start, end) and message not in messages:
                    messages.append(message)
        lines = [f"  {start}{' or '.join(each)}{end}" for start, each, end in found.values()]
        raise SettingsError(*lines) from None


def _not_finite(values: Any, place: str) -> Iterator[str]:
    """The numbers that are infinite or NaN, for which no model has a use."""
    if isinstance(values, float) and not math.isfinite(values):
        yield f"{place}: {values}: expected a finite number"
    elif isinstance(values, dict | list | tuple):
        for key, inner in values.items() if isinstance(values, dict) else enumerate(values):
            yield from _not_finite(inner, f"{place}.{key}" if place else str(key))


def _lines(model: type[BaseModel], fault: Any, section: str) -> list[tuple[str, str, str, str]]:
    """One mistake as a line: the key, the start of the line, the message, and its end.

    Several lines where a validator has checked another model.
    """
    place, description, known = _walk(model, [str(part) for part in fault["loc"]])
    key = ".".join(filter(None, [section, *place]))
    inner = fault.get("ctx", {}).get("error")
    if isinstance(inner, SettingsError):
        lines = [line.strip() for line in inner.lines]
        # A mistake of the section as a whole has no further key.
        whole = [f"{key}{'' if line[0] == ':' else '.'}{line}" for line in lines]
        return [(line, line, "", "") for line in whole]
    if fault["type"] == "missing":
        return [(key, f"{key}: ", "is missing", "")]
    if fault["type"] == "extra_forbidden":
        return [(key, f"{key}: ", f"unknown key; {hint(place[-1], known)}", "")]
    message = fault["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if fault["type"] in ("model_type", "dict_type"):
        message = "expected keys with values"
    # A message about a whole section repeats neither the section nor its description.
    whole = isinstance(fault["input"], dict)
    described = description and not (whole and fault["type"] == "value_error")
    start = f"{key}: " if whole else f"{key}: {fault['input']!r}: "
    return [(key, start, message, f" (expected: {description})" if described else "")]


def _walk(model: type[BaseModel], place: list[str]) -> tuple[list[str], str, list[str]]:
    """Follow a place through nested models, mappings and lists.

    Returns:
        the parts of the place that a file has (pydantic also names the members of unions), the
        description of what is expected there, and the known keys at the level of the last part.
    """
    annotation: Any = model
    parts, description, known = [], "", []
    for part in place:
        members = _members(annotation)
        models = [member for member in members if hasattr(member, "model_fields")]
        known = [name for member in models for name in member.model_fields]
        fields = [member.model_fields[part] for member in models if part in member.model_fields]
        inner = [get_args(m)[-1] for m in members if get_origin(m) in (dict, list, tuple)]
        if fields:
            annotation, description = fields[0].annotation, fields[0].description or ""
        elif inner:
            annotation = inner[0]
            description = _described(annotation) or description
        elif models:
            description = ""
        else:
            continue
        parts.append(part)
    return parts, description, known


def _members(annotation: Any) -> list[Any]:
    """The types that an annotation allows, without `Annotated`."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [member for part in get_args(annotation) for member in _members(part)]
    return [annotation]


def _described(annotation: Any) -> str:
    """The description in an annotation's own `Field`."""
    extras = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return next((e.description for e in extras if getattr(e, "description", None)), "")
