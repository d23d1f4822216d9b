"""What the settings of the chapter mean, with their bounds."""

from typing import Annotated

from pydantic import Field

from workflow.lib.settings import Count, Strict

Several = Annotated[
    int, Field(ge=6, description="from 6: the median of fewer has no 95 % interval")
]


class Mlp(Strict):
    """The fully connected network."""

    hidden_units: Count


class Cnn(Strict):
    """The convolutional network."""

    filters: list[Count] = Field(min_length=1, description="of each convolution, one or more")
    kernel: Count
    pool: Count


class Networks(Strict):
    """Both networks."""

    mlp: Mlp
    cnn: Cnn


class Gradients(Strict):
    """The comparison of gradients."""

    batch_size: Count
    seeds: Several


class Convolutions(Strict):
    """The comparison of the forms of a convolution."""

    batch_size: Count


class Settings(Strict):
    """The settings of the chapter."""

    image: list[Count] = Field(
        min_length=3, max_length=3, description="height, width and channels of an image"
    )
    classes: int = Field(ge=2, description="a whole number from 2")
    networks: Networks
    learning_rate: float = Field(gt=0, le=1, description="above 0, at most 1")
    batch_sizes: list[Count] = Field(min_length=2, description="two batch sizes or more")
    threads: Count = Field(description="of every implementation on the CPU")
    repeats: Several
    seconds: float = Field(gt=0, le=10, description="of a measurement, above 0, at most 10")
    gradients: Gradients
    convolutions: Convolutions
