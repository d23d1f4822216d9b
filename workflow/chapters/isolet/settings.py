"""What the settings of the chapter mean, with their bounds."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from workflow.lib.runs.experiments import Experiment
from workflow.lib.settings import Count, Name, Strict

BEST_EPOCH = "best epoch"


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


class Settings(Strict):
    """The settings of the chapter."""

    printed: dict[Name, float | str] = Field(
        description="key of a number: the source's number, or its words where it gives none"
    )
    experiments: dict[Name, Experiment]
    clean: Clean

    @model_validator(mode="after")
    def complete(self) -> "Settings":
        """Two figures show a printed accuracy."""
        if not isinstance(self.printed.get("k3.test_accuracy"), float):
            raise ValueError("printed needs the accuracy k3.test_accuracy for figures 2 and 4")
        return self
