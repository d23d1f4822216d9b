"""What the settings of the chapter mean, with their bounds."""

from pydantic import Field, model_validator

from workflow.lib.runs.experiments import Activation, Arms
from workflow.lib.settings import Count, Decay, Positive, Rate, Strict


class Reference(Strict):
    """The setting whose results are the chapter's numbers."""

    activation: Activation
    learning_rate: Rate
    momentum: Decay


class Settings(Strict):
    """The settings of the chapter."""

    activations: list[Activation] = Field(min_length=1)
    init: Positive = Field(description="standard deviation of normal weights, above 0")
    arms: Arms
    epochs: Count = Field(description="steps of full-batch gradient descent")
    seeds: Count = Field(description="seeds 0 to seeds - 1, the same in every setting")
    reference: Reference
    printed: dict[str, str] = Field(description="what the source says, by the number's key")

    @model_validator(mode="after")
    def trains_the_reference(self) -> "Settings":
        """The numbers are those of the reference, so it must be trained."""
        asked = self.reference
        arms = self.arms.columns()
        pairs = zip(arms["learning_rate"], arms.get("momentum", []), strict=False)
        if asked.activation not in self.activations or (
            (asked.learning_rate, asked.momentum) not in set(pairs)
        ):
            raise ValueError("reference must be one of the settings in activations and arms")
        return self
