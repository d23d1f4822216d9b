"""What the settings of the chapter mean, with their bounds."""

from typing import Annotated

from pydantic import Field

from workflow.lib.settings import Count, Positive, Strict

Seeds = Annotated[int, Field(ge=1, le=100, description="1 to 100")]
Epochs = Annotated[int, Field(ge=1, le=100, description="1 to 100")]
BatchSize = Annotated[int, Field(ge=1, le=60000, description="1 to 60000")]
Rate = Annotated[float, Field(gt=0, le=1, description="a learning rate above 0, at most 1")]


class Perceptron(Strict):
    """One hidden layer with LeakyReLU."""

    hidden_units: Count
    slope: float = Field(ge=0, lt=1, description="of LeakyReLU below 0, from 0 to below 1")


class Convolutional(Strict):
    """Two stages of convolution, ReLU and max pooling, and a dense layer."""

    filters: list[Count] = Field(min_length=2, max_length=2, description="of the two convolutions")
    kernel: int = Field(ge=1, le=7, description="extent of both kernels, 1 to 7")
    pool: int = Field(ge=1, le=3, description="extent and stride of both poolings, 1 to 3")


class Training(Strict):
    """How often and how a network is trained."""

    seeds: Seeds
    epochs: Epochs
    batch_size: BatchSize
    learning_rate: Rate


class Change(Strict):
    """Settings of a training that the search replaces; the others stay."""

    epochs: Epochs | None = None
    batch_size: BatchSize | None = None
    learning_rate: Rate | None = None


class TrainingOfEach(Strict):
    """The training of each network."""

    sample_by_sample: Training
    perceptron: Training
    convolutional: Training


class LogisticRegression(Strict):
    """scikit-learn's linear classifier."""

    C: Positive
    max_iter: Count


class Peers(Strict):
    """The classifiers of scikit-learn."""

    logistic_regression: LogisticRegression
    mlp_classifier: Training


class SeedsOfEach(Strict):
    """Seeds of each network in the search."""

    sample_by_sample: Seeds
    perceptron: Seeds
    convolutional: Seeds


class ChangesOfEach(Strict):
    """The candidates of each network, as changes of its training."""

    sample_by_sample: list[Change] = Field(min_length=1)
    perceptron: list[Change] = Field(min_length=1)
    convolutional: list[Change] = Field(min_length=1)


class Search(Strict):
    """The search for rates, batch sizes and epochs."""

    held_out: int = Field(ge=1, le=30000, description="training rows to choose on, 1 to 30000")
    seeds: SeedsOfEach
    changes: ChangesOfEach


class Settings(Strict):
    """The settings of the chapter."""

    rows: int = Field(ge=100, le=60000, description="training rows at most, 100 to 60000")
    digits_times: Count = Field(description="factor for the epochs on the stand-in")
    perceptron: Perceptron
    convolutional: Convolutional
    training: TrainingOfEach
    peers: Peers
    shown_errors: int = Field(ge=1, le=60, description="images in the figure of errors, 1 to 60")
    resamples: int = Field(ge=100, le=20000, description="bootstrap samples, 100 to 20000")
    search: Search
