"""Cells: combinations of settings that a declared number names; `found` has their runs.

A cell names an experiment, as published or of the clean protocol, and every setting that has
several values there: `{experiment: fig7, hidden_layers: 1, beta1: 0.9}`, `{clean: momentum,
momentum: 0.0}`. In place of a value it may say

- `least`, `greatest`: the smallest or largest value in the experiment;
- `best`, `worst`: the value with the highest or lowest accuracy, on the test rows as published, in
  cross-validation in the clean protocol;
- `all`, `[2, 16]`, `{at_most: 256}`: several values; the accuracy of the cell is their mean.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, model_validator

from workflow.lib.runs.experiments import OPTIMIZER_NAMES
from workflow.lib.settings import Count, Name


def _named(value: Any) -> list[Any]:
    """The values that a cell names in place of one."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else [value]


def _setting(value: Any) -> Any:
    """What a cell may say of a setting."""
    bounded = not isinstance(value, dict) or list(value) == ["at_most"]
    several = _named(value)
    if not (bounded and several and all(type(each) in (str, int, float) for each in several)):
        raise ValueError("expected a value, a list of values, or {at_most: VALUE}")
    return value


Setting = Annotated[Any, PlainValidator(_setting)]


class Cell(BaseModel):
    """A combination of settings of an experiment, or several that are averaged."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    __pydantic_extra__: dict[str, Setting]  # pyright: ignore[reportIncompatibleVariableOverride]

    experiment: Name | None = Field(default=None, description="an experiment as published")
    clean: Name | None = Field(default=None, description="an experiment of the clean protocol")
    epoch: Count | Literal["last"] | None = Field(
        default=None,
        description="after so many epochs, or after the last of a shorter run; default: last, in "
        "the clean protocol the epoch of the choice",
    )
    chosen_at: Count | Literal["last", "all"] | None = Field(
        default=None, description="at which epoch the choice was made, where there are several"
    )
    other_than: dict[Name, Setting] | None = Field(
        default=None, description="settings of the cells that best and worst pass over"
    )

    @property
    def protocol(self) -> str:
        """published or clean."""
        return "clean" if self.clean else "published"

    @property
    def name(self) -> str:
        """The name of its experiment."""
        return self.clean or self.experiment or ""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that the cell names."""
        return self.__pydantic_extra__

    @property
    def picked(self) -> list[str]:
        """The settings whose value the accuracy picks."""
        return [name for name, value in self.settings.items() if value in ("best", "worst")]

    @model_validator(mode="after")
    def consistent(self) -> "Cell":
        """The best or the worst cell is a single one; choices belong to the clean protocol."""
        if bool(self.experiment) == bool(self.clean):
            raise ValueError("name an experiment or a clean one, not both")
        picks = {self.settings[name] for name in self.picked}
        several = any(v == "all" or isinstance(v, list | dict) for v in self.settings.values())
        if len(picks) + several > 1:
            raise ValueError("best or worst picks one cell; give every other setting one value")
        if self.other_than and not picks:
            raise ValueError("other_than needs a setting that is best or worst")
        if self.chosen_at and not self.clean:
            raise ValueError("chosen_at needs a clean experiment")
        return self

    def at(self, setting: str, value: Any) -> "Cell":
        """The same with one value of a setting."""
        return self.model_copy(update={setting: value})

    def mistakes(self, known: dict[str, list[Any]]) -> list[str]:
        """What does not fit the experiment, one sentence each.

        Args:
            known: the settings that may have several values, with their values in ascending order.

        Example:
            >>> cell = Cell(experiment="fig5", hidden_units=20)
            >>> cell.mistakes({"learning_rate": [0.01], "hidden_units": [16, 64]})
            ['fig5 has no hidden_units 20; known: 16, 64']
        """
        unknown = {**self.settings, **(self.other_than or {})}.keys() - known.keys()
        if unknown:
            varied = ", ".join(known)
            return [f"{self.name} does not vary {n}; it may vary {varied}" for n in sorted(unknown)]
        lines = []
        for name, values in known.items():
            listed, asked = ", ".join(map(str, values)), self.settings.get(name)
            if asked is None and len(values) > 1:
                lines.append(f"{self.name} has several values of {name}; name {listed} or all")
            # 16.0 equals 16, but is no whole number.
            real = {type(value) for value in values} == {int} and any(
                isinstance(each, float) for each in _named(asked)
            )
            if real or (
                asked is not None and not set() < set(selected(asked, values)) <= set(values)
            ):
                lines.append(f"{self.name} has no {name} {asked}; known: {listed}")
        return lines


def selected(value: Any, known: list[Any]) -> list[Any]:
    """The values of a setting that a cell asks for; all of them if the accuracy picks one.

    Args:
        value: what the cell says.
        known: the values of the experiment, in ascending order.

    Example:
        >>> selected("least", [2, 16, 8192]), selected({"at_most": 256}, [2, 16, 8192])
        ([2], [2, 16])
    """
    if value in ("all", "best", "worst"):
        return known
    if value in ("least", "greatest"):
        return [known[0 if value == "least" else -1]]
    if isinstance(value, dict):
        return [each for each in known if each <= value["at_most"]]
    return value if isinstance(value, list) else [value]


def word(value: Any) -> str:
    """The value of a setting in words.

    Example:
        >>> word("sgd_momentum"), word(0.001)
        ('SGD with momentum', '0.001')
    """
    if isinstance(value, str):
        return OPTIMIZER_NAMES.get(value, value.replace("_", " "))
    return f"{value:g}"
