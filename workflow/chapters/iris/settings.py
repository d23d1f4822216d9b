"""What the settings of the chapter mean, with their bounds."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from workflow.lib.settings import Count, Decay, Fraction, Rate, Strict

Network = Literal[
    "no fork",
    "residual",
    "parallel, sum",
    "parallel, concat",
    "parallel, multiply",
    "shared weights",
    "L2",
    "residual, one branch alone",
]


class Descent(Strict):
    """Full-batch gradient descent with momentum."""

    learning_rate: Rate
    momentum: Decay
    epochs: Count = Field(description="steps of full-batch gradient descent")


class NetworkDescent(Descent):
    """The same, for the network with one hidden layer."""

    hidden_units: Count


class Widths(Strict):
    """How many hidden units a network needs to fit all flowers."""

    hidden_units: list[Count] = Field(min_length=1)
    seeds: Count
    reached: Fraction = Field(description="the accuracy on all flowers that counts as separated")


class Checks(Strict):
    """Random cases of the formulas."""

    cases: Count = Field(description="random cases of every formula")
    nll_cases: Count = Field(description="random cases for each number of classes")
    items: int = Field(ge=1, le=50, description="1 to 50; more underflow")
    classes: list[Annotated[int, Field(ge=3)]] = Field(min_length=1)
    networks: list[Network]

    @model_validator(mode="after")
    def compares(self) -> "Checks":
        """The page compares a residual block with one that passes on a single branch."""
        needed = {"residual", "residual, one branch alone"}
        if not needed <= set(self.networks):
            raise ValueError(f"networks must contain {' and '.join(sorted(needed))}")
        return self


class Settings(Strict):
    """The settings of the chapter."""

    species: Literal["versicolor"] = Field(description="as the page says")
    features: list[Literal["petal length (cm)", "petal width (cm)"]] = Field(
        min_length=2, max_length=2, description="the axes of the figure; the claim names them"
    )
    left_out: int = Field(ge=10, le=150, description="flowers left out in turn, 10 to 150")
    seeds: int = Field(ge=2, description="seeds of the network, from 2")
    regression: Descent
    network: NetworkDescent
    widths: Widths
    peer_steps: Count = Field(description="steps of scikit-learn's network, at most")
    grid: int = Field(ge=3, le=201, description="points along each side of the regions, 3 to 201")
    checks: Checks
