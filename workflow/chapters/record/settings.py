"""What the settings of the chapter mean, with their bounds."""

from typing import Any, Literal

from pydantic import Field, model_validator

from workflow.lib.runs.experiments import Initializer, Layers
from workflow.lib.settings import Count, Decay, Name, Positive, Strict, checked

Share = Decay


class Augmentations(Strict):
    """Amounts of the further augmentations; what they mean is in augmentations.py."""

    white_noise: float | None = Field(default=None, ge=0)
    residual_noise: float | None = Field(default=None, ge=0)
    speaker_shift: float | None = Field(default=None, ge=0)
    within_letter: float | None = Field(default=None, ge=0, le=1)
    band_mask: int | None = Field(default=None, ge=1, le=31)
    spectrum_dropout: Share | None = None
    mixup: Positive | None = None


class Network(Strict):
    """A recipe: the network and its training."""

    hidden_units: Count
    hidden_layers: Layers
    activation: Literal["relu", "gelu", "sigmoid", "tanh"]
    init: Initializer = Field(description="a name, or the standard deviation of normal weights")
    batch_norm: bool
    code_bits: int = Field(ge=0, description="bits of an output code; 0 for none")
    input_dropout: Share
    dropout: Share
    label_smoothing: Share
    warp: Share
    cepstral_noise: float = Field(ge=0)
    augmentations: Augmentations
    learning_rate: Positive
    momentum: Decay = Field(description="0 for AdamW; else SGD with momentum at a constant rate")
    weight_decay: float = Field(ge=0)
    warmup: Share
    epochs: Count
    batch_size: Count
    shuffle: bool

    def changed(self, change: dict[str, Any]) -> "Network":
        """The recipe with some settings replaced.

        Raises:
            SettingsError: if the change names no setting, or gives a value that is not allowed.
        """
        return checked(Network, self.model_dump() | change, "")


class Stage(Strict):
    """A base, and one change of it after the other."""

    base: dict[Name, Any]
    changes: list[dict[Name, Any]]


class Search(Strict):
    """The search over the training speakers, and the ablation of its result."""

    folds: int = Field(ge=2, le=120)
    seeds: Count
    ablation_seeds: Count
    start: Network
    stages: list[Stage] = Field(min_length=1)
    ablation: dict[Name, dict[Name, Any]] = Field(min_length=1)

    @model_validator(mode="after")
    def complete(self) -> "Search":
        """Every trial is a recipe."""
        for stage in self.stages:
            for change in stage.changes:
                self.start.changed(stage.base).changed(change)
        for change in self.ablation.values():
            self.start.changed(change)
        return self


class Literature(Strict):
    """A published result: errors among so many rows."""

    errors: int = Field(ge=0)
    rows: Count


class Settings(Strict):
    """The settings of the chapter."""

    members: Count = Field(description="networks of the ensemble")
    network: Network
    search: Search
    literature: Literature
