"""What the settings of the chapter mean, with their bounds."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from workflow.lib.settings import Count, Positive, Seed, Strict


def _different(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise ValueError("has a value twice; keep one of them")
    return values


Different = AfterValidator(_different)
Rates = Annotated[
    list[Positive], Field(min_length=1, description="learning rates above 0"), Different
]
Seeds = Annotated[int, Field(ge=2, description="a whole number from 2")]
BinaryProblem = Literal["breast cancer", "odd digits"]
CodingName = Literal[
    "one-hot, cross-entropy",
    "one-hot, squared error",
    "label number",
    "label number, renumbered",
]
Init = Literal["uniform_fan_in", "glorot", "he", "lecun"]
Network = Annotated[
    tuple[Literal["sigmoid", "relu"], Literal["glorot", "he", "4 x glorot", "0.01"]],
    # A YAML list.
    Field(strict=False, description="activation and initialisation"),
]
Depths = Annotated[
    list[Annotated[int, Field(ge=1, le=30)]],
    Field(min_length=2, description="numbers of hidden layers, 1 to 30, ascending"),
    Different,
]


class Equations(Strict):
    """Checks of single equations."""

    networks: Count = Field(description="random 2-3-1 networks")
    points: Count = Field(description="points at which the sigmoid's slope is taken")
    reach: float = Field(gt=0, le=15, description="largest size of such a point, at most 15")
    draws: Count = Field(description="random scores")
    rate: Positive = Field(description="learning rate of the one step that is checked")
    seed: Seed


class Crossfit(Strict):
    """A network with one hidden layer, measured by cross-validation."""

    hidden_units: Count
    init: Init
    folds: int = Field(ge=2, description="a whole number from 2")
    fold_seed: Seed
    seeds: Seeds
    epochs: Count
    batch_size: int = Field(ge=0, description="rows of a batch; 0 for all")


class Binary(Crossfit):
    """One hidden layer on binary labels, and scikit-learn's classifiers."""

    rates: dict[BinaryProblem, Rates] = Field(min_length=2)
    penalties: Annotated[list[Positive], Different] = Field(
        min_length=1, description="C of the logistic regression"
    )
    peer_seeds: Count


class Coding(Crossfit):
    """One-hot rows or label numbers."""

    rates: dict[CodingName, Rates] = Field(min_length=4)
    renumber_seed: Seed


class Losses(Strict):
    """Losses before training."""

    probabilities: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        min_length=1, description="of the right class, between 0 and 1"
    )
    init: Init
    hidden_units: Count
    seeds: Seeds


class Gradients(Strict):
    """Gradients before training."""

    networks: list[Network] = Field(min_length=1)
    hidden_layers: Depths
    hidden_units: Count
    seeds: Seeds


class Training(Gradients):
    """Training of shallow and deep networks."""

    rates: Rates
    epochs: Count
    batch_size: Count


class Settings(Strict):
    """The settings of the chapter."""

    equations: Equations
    binary: Binary
    losses: Losses
    gradients: Gradients
    training: Training
    coding: Coding
