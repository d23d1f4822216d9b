"""Experiments: a network, an optimizer and batches, with the values that are varied."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from workflow.lib.settings import Count, Decay, Name, Positive, Rate, Strict, checked

Activation = Literal["relu", "sigmoid", "tanh"]
Initializer = Literal["uniform_fan_in", "glorot", "he", "lecun"] | Positive
"""A name, or the standard deviation of normal weights."""
Optimizer = Literal["sgd", "sgd_momentum", "adagrad", "rmsprop", "adam"]
OPTIMIZER_NAMES = {
    "sgd": "SGD",
    "sgd_momentum": "SGD with momentum",
    "adagrad": "Adagrad",
    "rmsprop": "RMSprop",
    "adam": "Adam",
}
Layers = Annotated[int, Field(ge=0, le=20, description="hidden layers, from 0 to 20")]


class Arms(Strict):
    """Hyper-parameters of the optimizer, trained side by side in one program."""

    learning_rate: list[Rate] = Field(min_length=1)
    momentum: list[Decay] | None = Field(default=None, min_length=1)
    beta1: list[Decay] | None = Field(default=None, min_length=1)

    def columns(self) -> dict[str, list[float]]:
        """Every combination of the values, as columns of one length.

        Example:
            >>> Arms(learning_rate=[0.1, 1.0], momentum=[0.0, 0.9]).columns()
            {'learning_rate': [0.1, 0.1, 1.0, 1.0], 'momentum': [0.0, 0.9, 0.0, 0.9]}
        """
        rows: list[dict[str, float]] = [{}]
        for name, values in self.model_dump(exclude_none=True).items():
            rows = [{**row, name: value} for row in rows for value in values]
        return {name: [row[name] for row in rows] for name in rows[0]}


ARMS_OF = {"sgd": ["momentum"], "adam": ["beta1"]}
"""Hyper-parameters that an optimizer takes besides the learning rate."""


class Program(Strict):
    """One training program: all arms and seeds of one network, compiled once."""

    hidden_units: Count = Field(description="units of each hidden layer")
    hidden_layers: Layers
    activation: Activation
    init: Initializer
    optimizer: Optimizer
    arms: Arms
    epochs: Count
    batch_size: Count
    shuffle: bool = Field(description="false: batches in file order")
    seeds: Count = Field(description="seeds 0 to seeds - 1, the same in every arm")

    @model_validator(mode="after")
    def fitting(self) -> "Program":
        """The optimizer takes the hyper-parameters; another one would be a different optimizer."""
        allowed = ["learning_rate", *ARMS_OF.get(self.optimizer, [])]
        for name in self.arms.model_dump(exclude_none=True):
            if name not in allowed:
                raise ValueError(f"{self.optimizer} has no arm {name}; it has {', '.join(allowed)}")
        return self


class Experiment(Strict):
    """A program, or several that differ in one setting: `vary` lists its values."""

    hidden_units: Count | None = None
    hidden_layers: Layers | None = None
    activation: Activation | None = None
    init: Initializer | None = None
    optimizer: Optimizer | None = None
    arms: Arms
    epochs: Count
    batch_size: Count | None = None
    shuffle: bool
    seeds: Count
    vary: dict[Name, list[Any]] = Field(
        default={}, max_length=1, description="one setting: its values"
    )
    # It changes no number, so what depends on an experiment does not depend on it.
    jobs: Count = Field(
        default=1,
        exclude=True,
        description="that share the values of `vary`, at most one a value",
    )

    @model_validator(mode="after")
    def complete(self) -> "Experiment":
        """Every program has all its settings, and none twice; no two programs or arms are equal."""
        for name in self.vary:
            if getattr(self, name, None) is not None:
                raise ValueError(f"{name} is both fixed and varied; keep one of them")
        self.programs()
        for name, values in self.values().items():
            if len(set(values)) < len(values):
                raise ValueError(f"{name} has a value twice; keep one of them")
        return self

    def values(self) -> dict[str, list[Any]]:
        """The values of every setting that may have several.

        Example:
            >>> common = dict(activation="relu", init="he", optimizer="adam", epochs=1, seeds=1,
            ...     batch_size=8, shuffle=True, hidden_layers=1, arms=Arms(learning_rate=[0.1]))
            >>> Experiment(vary={"hidden_units": [4, 8]}, **common).values()
            {'learning_rate': [0.1], 'hidden_units': [4, 8]}
        """
        return self.arms.model_dump(exclude_none=True) | self.vary

    def programs(self) -> list[tuple[dict[str, Any], Program]]:
        """The varied setting of each program, and the program.

        Example:
            >>> common = dict(activation="relu", init="he", optimizer="adam", epochs=1, seeds=1,
            ...     batch_size=8, shuffle=True, hidden_layers=1, arms=Arms(learning_rate=[0.1]))
            >>> experiment = Experiment(vary={"hidden_units": [4, 8]}, **common)
            >>> for varied, program in experiment.programs():
            ...     print(varied, program.hidden_units)
            {'hidden_units': 4} 4
            {'hidden_units': 8} 8
        """
        # An experiment says more than a program needs.
        fixed = self.model_dump(include=set(Program.model_fields), exclude_none=True)
        values = [{name: value} for name, values in self.vary.items() for value in values]
        return [(varied, checked(Program, fixed | varied, "")) for varied in values or [{}]]

    def parts(self) -> dict[str, "Experiment"]:
        """What each job trains, by a suffix for its results; an experiment with one job is whole.

        Every job takes each `jobs`-th value: what a program costs grows or falls along the values,
        so the jobs take about as long as each other.

        Example:
            >>> common = dict(activation="relu", init="he", optimizer="adam", epochs=1, seeds=1,
            ...     batch_size=8, shuffle=True, hidden_layers=1, arms=Arms(learning_rate=[0.1]))
            >>> experiment = Experiment(vary={"hidden_units": [4, 8, 16]}, jobs=2, **common)
            >>> {suffix: part.vary for suffix, part in experiment.parts().items()}
            {'/part1': {'hidden_units': [4, 16]}, '/part2': {'hidden_units': [8]}}
        """
        jobs = min(self.jobs, len(self.programs()))
        if jobs == 1:
            return {"": self}
        return {
            f"/part{k + 1}": self.model_copy(
                update={"vary": {name: values[k::jobs] for name, values in self.vary.items()}}
            )
            for k in range(jobs)
        }
