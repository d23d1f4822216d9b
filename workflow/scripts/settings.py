"""The configuration: checked against its schema, and unfolded into training programs."""

import json
from pathlib import Path
from typing import Any

import jsonschema

SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"


def checked(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration, if it fits the schemas: one for each file below workflow/config.

    Args:
        config: what Snakemake read.

    Returns:
        The same.

    Raises:
        SystemExit: with one line per mistake that names the key, what stands there and what may.
    """
    schemas = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(SCHEMAS.rglob("*.json"))
    ]
    faults = sorted(
        (
            fault
            for schema in schemas
            for fault in jsonschema.Draft202012Validator(schema).iter_errors(config)
        ),
        key=_place,
    )
    lines = [f"  {_place(fault)}: {_sentence(fault)}" for fault in faults]
    if not lines:
        for name, experiment in config["experiments"].items():
            twice = set(experiment.get("vary", {})) & set(experiment)
            lines += [f"  experiments.{name}.{key}: stands beside vary.{key}" for key in twice]
            missing = _REQUIRED - set(experiment) - set(experiment.get("vary", {}))
            lines += [f"  experiments.{name}.{key}: is missing" for key in sorted(missing)]
    if lines:
        raise SystemExit("The configuration cannot be used:\n" + "\n".join(lines))
    return config


_REQUIRED = {
    "units",
    "layers",
    "activation",
    "init",
    "optimizer",
    "arms",
    "epochs",
    "batch_size",
    "shuffle",
    "seeds",
}


def part(settings: dict[str, Any], *names: str, **within: Any) -> dict[str, Any]:
    """What a job depends on: some settings, and of a section only some of its entries.

    Args:
        settings: a section of the configuration.
        names: settings that are kept.
        within: section to the names of its entries that are kept.

    Example:
        >>> part({"a": 1, "b": 2, "c": {"d": 3, "e": 4}}, "a", c=["d"])
        {'a': 1, 'c': {'d': 3}}
    """
    kept = {name: settings[name] for name in names}
    return kept | {
        section: {name: settings[section][name] for name in entries}
        for section, entries in within.items()
    }


def programs(
    experiments: dict[str, dict[str, Any]],
) -> dict[str, list[tuple[dict[str, Any], dict[str, Any]]]]:
    """Unfold every experiment into its training programs, one per value of what it varies.

    Args:
        experiments: the configuration's section, checked.

    Returns:
        experiment to (the varied setting, all settings) of its programs; a single one, that varies
        nothing, where there is no `vary`.

    Example:
        >>> programs({"fig5": {"vary": {"units": [16, 32]}, "layers": 1}})["fig5"][1]
        ({'units': 32}, {'layers': 1, 'units': 32})
    """
    unfolded = {}
    for name, experiment in experiments.items():
        fixed = {key: value for key, value in experiment.items() if key != "vary"}
        varied = [
            {key: value} for key, values in experiment.get("vary", {}).items() for value in values
        ]
        unfolded[name] = [(setting, fixed | setting) for setting in varied or [{}]]
    return unfolded


def _place(fault: jsonschema.ValidationError) -> str:
    return ".".join(map(str, fault.absolute_path)) or "(top level)"


def _sentence(fault: jsonschema.ValidationError) -> str:
    """The validator's message, with what is allowed where that helps, on one line."""
    message = " ".join(fault.message.split())
    if fault.validator == "additionalProperties":
        known = sorted(fault.schema.get("properties", {}))  # type: ignore[union-attr]
        return f"{message}; known keys: {', '.join(known)}"
    description = fault.schema.get("description") if isinstance(fault.schema, dict) else None
    return f"{message} (expected: {description})" if description else message
