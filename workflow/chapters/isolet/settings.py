"""What the settings of the chapter mean, with their bounds."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from workflow.lib.runs.experiments import Experiment, Optimizer
from workflow.lib.settings import Count, Name, Strict

BEST_EPOCH = "best epoch"

Experiments = dict[str, dict[str, set[Any]]]
"""Experiments that figures and claims name: the settings that each may vary, and the values among
them that must be there."""

ALL = set(get_args(Optimizer))
PUBLISHED: Experiments = {
    "long": {},
    "high_rate": {},
    "sigmoid": {"learning_rate": {0.01}},
    "standard_normal": {},
    "fig5": {"learning_rate": {0.001}, "hidden_units": {16}},
    "fig7": {"hidden_layers": {0, 1}, "beta1": {0.0, 0.9}},
    "fig8": {"optimizer": ALL},
}
CLEAN: Experiments = {
    "momentum": {"learning_rate": set(), "momentum": {0.0, 0.9}},
    "sigmoid": {"learning_rate": set()},
    "hidden_units": {"learning_rate": set(), "hidden_units": set()},
    "batch_size": {"learning_rate": set(), "batch_size": set()},
    "depth": {"learning_rate": set(), "hidden_layers": {0, 1}, "beta1": {0.0, 0.9}},
    "optimizers": {"learning_rate": set(), "optimizer": ALL},
}


def check(found: dict[str, Experiment], expected: Experiments) -> None:
    """Every expected experiment is there, varies what it may, and has the values it needs.

    Raises:
        ValueError: if not.
    """
    if found.keys() != expected.keys():
        raise ValueError(f"expected exactly the experiments {', '.join(expected)}")
    for name, experiment in found.items():
        values = experiment.values()
        for setting, several in values.items():
            if len(several) > 1 and setting not in expected[name]:
                raise ValueError(f"{name} has several values of {setting}; keep one of them")
        for setting, needed in expected[name].items():
            missing = needed - set(values.get(setting, []))
            if missing:
                words = ", ".join(map(str, sorted(missing)))
                raise ValueError(f"{name} needs the {setting} {words}, which claims are about")


class Refit(Strict):
    """The training with a chosen learning rate, on all training speakers."""

    seeds: Count
    epochs: Count = Field(
        description="of a choice at the last epoch; others are trained as long as they were judged"
    )


class Tuned(Experiment):
    """An experiment of the clean protocol: its learning rates are the trials of every cell."""

    choose_at: Literal["best epoch"] | Annotated[list[Count], Field(min_length=1)] = Field(
        description="best epoch, or a list of epochs"
    )
    refit: Refit

    @model_validator(mode="after")
    def judged(self) -> "Tuned":
        """A trial is judged at an epoch that it has."""
        if self.choose_at != BEST_EPOCH and max(self.choose_at) > self.epochs:
            raise ValueError(f"choose_at names an epoch after the last, {self.epochs}")
        return self


class Clean(Strict):
    """The clean protocol."""

    folds: int = Field(ge=2, le=120, description="2 to 120, the training speakers")
    experiments: dict[Name, Tuned]

    @model_validator(mode="after")
    def complete(self) -> "Clean":
        """Claims compare certain cells."""
        check(dict(self.experiments), CLEAN)
        return self


class Settings(Strict):
    """The settings of the chapter."""

    printed: dict[Name, float | str] = Field(
        description="key of a number: the source's number, or its words where it gives none"
    )
    experiments: dict[Name, Experiment]
    clean: Clean

    @model_validator(mode="after")
    def complete(self) -> "Settings":
        """Figures and claims compare certain cells, and two figures show a printed accuracy."""
        check(self.experiments, PUBLISHED)
        if not isinstance(self.printed.get("k3.test_accuracy"), float):
            raise ValueError("printed needs the accuracy k3.test_accuracy, which figure 4 shows")
        return self
