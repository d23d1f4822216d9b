"""What the settings of the chapter mean, with their bounds."""

from typing import Annotated

from pydantic import Field, field_validator

from workflow.lib.settings import Positive, Strict


class Logistic(Strict):
    """Logistic regression, its strength chosen by cross-validation."""

    C: list[Positive] = Field(min_length=1, description="inverse strengths of the penalty")
    folds: int = Field(ge=2, le=20, description="folds of the training sentences, 2 to 20")


class Training(Strict):
    """All settings on which the predictions depend."""

    windows: list[Annotated[int, Field(ge=0, le=5, description="words on each side, 0 to 5")]]
    features: int = Field(ge=1, le=256, description="numbers for each word, 1 to 256")
    hidden_units: int = Field(ge=1, le=1024, description="1 to 1024")
    init: float = Field(gt=0, le=10, description="a standard deviation above 0, at most 10")
    learning_rate: float = Field(gt=0, le=1, description="above 0, at most 1")
    epochs: int = Field(ge=1, le=1000, description="1 to 1000")
    batch_size: int = Field(ge=1, le=10_000, description="1 to 10000")
    seeds: int = Field(ge=1, le=1000, description="1 to 1000")
    folds: int = Field(ge=2, le=20, description="folds of sentences, 2 to 20")
    fold_seed: int = Field(ge=0, le=2**31 - 1, description="a whole number from 0")
    rarest: int = Field(ge=1, le=10, description="1 to 10; 1 keeps every word")
    hidden_words: float = Field(gt=0, lt=1, description="a probability above 0, below 1")
    ambiguous: int = Field(ge=1, le=100, description="occurrences in each role, 1 to 100")
    logistic: Logistic

    @field_validator("windows")
    @classmethod
    def compared(cls, windows: list[int]) -> list[int]:
        """The numbers compare no context with one word and with two."""
        if not {0, 1, 2} <= set(windows) or len(set(windows)) < len(windows):
            raise ValueError("needs 0, 1 and 2, and no width twice")
        return windows


class Settings(Training):
    """The settings of the chapter."""

    shown: str = Field(pattern="^[a-z]+$", description="a word of the text in small letters")
