"""What the settings of the chapter mean, with their bounds."""

from pydantic import Field, field_validator

from workflow.lib.settings import Count, Decay, Fraction, Positive, Rate, Strict


class Descent(Strict):
    """An optimizer's hyper-parameters, and the order of the rows."""

    learning_rate: Rate
    momentum: Decay | None = None
    shuffle: bool = Field(description="false: batches in file order")

    def hyperparams(self) -> dict[str, float]:
        """What the optimizer takes."""
        return self.model_dump(exclude={"shuffle"}, exclude_none=True)


class Optimizers(Strict):
    """The two that are compared."""

    sgd: Descent
    adam: Descent


class Parity(Strict):
    """How the implementations are compared."""

    optimizers: Optimizers
    peer_seeds: Count = Field(description="seeds of jax.grad and scikit-learn")
    margin: Positive = Field(description="accuracies that differ by less are on a par")
    limit: Positive = Field(description="on the difference of any parameter at any step")


class Short(Strict):
    """The short training that the source recommends."""

    batch_size: Count
    epochs: Count


class Timing(Strict):
    """How epochs are timed."""

    repeats: Count
    peer_batch_sizes: list[Count] = Field(description="batch sizes of the peers, 128 among them")
    target: Fraction = Field(description="a test accuracy")
    short: Short

    @field_validator("peer_batch_sizes")
    @classmethod
    def has_128(cls, sizes: list[int]) -> list[int]:
        """The claim about PyTorch is about batches of 128."""
        if 128 not in sizes:
            raise ValueError("must contain 128, the batch size of the claim about PyTorch")
        return sizes


class Settings(Strict):
    """The settings of the chapter."""

    parity: Parity
    timing: Timing
