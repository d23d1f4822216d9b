"""What the settings of the chapter mean, with their bounds."""

from typing import Annotated

from pydantic import Field

from workflow.lib.settings import Count, Name, Positive, Rate, Seed, Strict

Part = Annotated[float, Field(gt=0, le=0.4, description="a fraction of the text, at most 0.4")]


class Training(Strict):
    """Mini-batches and checkpoints, the same for both networks."""

    batch_tokens: Count = Field(description="words predicted in a batch")
    checkpoint_steps: Count = Field(description="batches between two checkpoints")
    checkpoints: Count = Field(description="evaluations on the validation text while training")


class FeedForward(Strict):
    """The network on the embeddings of four words."""

    features: Count = Field(description="of an embedding")
    hidden_units: Count
    scale: Positive = Field(description="standard deviation of the first embeddings")
    learning_rate: Rate


class Transformer(Strict):
    """Causal transformer blocks."""

    window: int = Field(ge=4, description="words, at least the four that the other network sees")
    features: Count = Field(description="of an embedding")
    heads: Count
    hidden_units: Count = Field(description="of the feed-forward part of a block")
    blocks: Count
    scale: Positive = Field(description="standard deviation of the first embeddings")
    learning_rate: Rate


class Samples(Strict):
    """Text drawn from the networks."""

    seed: Seed
    tokens: Count = Field(description="words to draw")
    temperatures: list[Positive] = Field(min_length=1)
    prompts: list[Name] = Field(min_length=1)


class Neighbours(Strict):
    """Words with similar embeddings."""

    words: list[Name] = Field(min_length=1)
    shown: Count = Field(description="neighbours of each word")
    least_count: Count = Field(description="in the training text, of a word and its neighbours")


class Intervals(Strict):
    """The bootstrap over blocks of the test text."""

    blocks: int = Field(ge=2, description="contiguous pieces of the test text, at least 2")
    resamples: Count
    seed: Seed


class TrainingSettings(Strict):
    """What the training depends on."""

    vocabulary: int = Field(
        ge=2, le=6000, description="words kept, at most 6000: sequences of five fit into 64 bits"
    )
    validation: Part
    test: Part
    seeds: Count
    training: Training
    feed_forward: FeedForward
    transformer: Transformer
    samples: Samples
    neighbours: Neighbours


class Settings(TrainingSettings):
    """The settings of the chapter."""

    intervals: Intervals
