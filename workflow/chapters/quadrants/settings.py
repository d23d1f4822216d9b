"""What the settings of the chapter mean, with their bounds."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from workflow.lib.settings import Count, Positive, Strict

Widths = Annotated[
    list[Count], Field(min_length=2, description="inputs, then the outputs of each layer")
]


class Descent(Strict):
    """Gradient descent, one new sample for each step."""

    widths: Widths
    learning_rate: float = Field(gt=0, le=10, description="a learning rate above 0, at most 10")
    steps: Count = Field(description="samples to learn from, a multiple of `every`")
    every: Count = Field(description="steps between two measurements")

    @model_validator(mode="after")
    def whole_blocks(self) -> "Descent":
        """The last measurement is made after the last step."""
        if self.steps % self.every:
            raise ValueError(f"steps must be a multiple of every, {self.every}")
        return self


class ZeroTarget(Descent):
    """The first program: teach the network to answer 0."""

    summed: Count = Field(description="samples whose losses are summed")


class Quadrants(Descent):
    """The second program: tell points whose coordinates have the same sign from the others."""

    tested: int = Field(ge=10, description="points on which guesses are counted, from 10")
    half_side: Positive = Field(description="half the side of the square of points, above 0")
    grid: int = Field(ge=3, le=201, description="points along each side of the regions, 3 to 201")


class GradientCheck(Strict):
    """Random networks on which the article's formulas are checked."""

    networks: Count = Field(description="random networks for each form")
    widths: Widths
    equal_widths: Widths


class Settings(Strict):
    """The settings of the chapter."""

    seeds: int = Field(ge=3, description="a whole number from 3")
    slope: float = Field(ge=0, le=1, description="of LeakyReLU on the negative side, 0 to 1")
    zero_target: ZeroTarget
    printed: dict[Literal["m1.before", "m1.after"], Positive] = Field(
        min_length=2, description="what the source prints, by the number's key"
    )
    quadrants: Quadrants
    gradient_check: GradientCheck
