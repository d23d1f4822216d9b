"""What the settings of the chapter mean, with their bounds."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from workflow.lib.runs.experiments import Optimizer
from workflow.lib.settings import Count, Decay, Name, Positive, Seed, SettingsError, Strict, checked

ArmName = Literal[
    "base",
    "raw",
    "times ten",
    "glorot",
    "zeros",
    "too small",
    "too large",
    "dropout",
    "l2",
    "held out",
    "deep",
    "deep, skip",
    "full batch",
]
DifferenceName = Literal[
    "scaling",
    "scaling_ten",
    "init_large",
    "init_small",
    "init_zeros",
    "init_glorot",
    "dropout",
    "l2",
    "early_stopping",
    "early_stopping_all",
    "skip",
    "skip_shallow",
    "minibatch_epochs",
    "minibatch_updates",
]
Initializer = Literal["uniform_fan_in", "glorot", "he", "lecun"] | Annotated[float, Field(ge=0)]
Epoch = Count | Literal["best"]
Difference = Annotated[
    tuple[ArmName, Epoch, ArmName, Epoch],
    # A YAML list.
    Field(strict=False, description="arm, epoch, the arm and epoch to subtract"),
]


class Arm(Strict):
    """A network and its training."""

    scaling: Literal["standardised", "raw", "times ten"] = Field(description="of the inputs")
    hidden_layers: int = Field(ge=1, le=30, description="1 to 30")
    hidden_units: Count = Field(description="of every hidden layer")
    skip: bool = Field(description="true: later hidden layers are added to their input")
    init: Initializer = Field(
        description="an initialiser, or the standard deviation of normal weights"
    )
    dropout: Decay = Field(description="probability that a hidden unit is dropped")
    l2: float = Field(ge=0, description="strength of the penalty on the weights")
    optimizer: Optimizer
    learning_rate: Positive
    batch_size: int = Field(ge=0, description="rows of a batch; 0 for all")
    epochs: Count
    held_out: int = Field(ge=0, le=100, description="training speakers not trained on, 0 to 100")

    def changed(self, change: dict[str, Any], section: str = "") -> "Arm":
        """The arm with some settings replaced.

        Args:
            change: settings and their new values.
            section: begins the name of a setting in a message.

        Raises:
            SettingsError: if the change names no setting, or gives a value that is not allowed.
        """
        return checked(Arm, self.model_dump() | change, section)


class Settings(Strict):
    """The settings of the chapter."""

    seeds: int = Field(ge=2, description="a whole number from 2")
    order_seed: Seed
    held_out_seed: Seed
    base: Arm = Field(description="what an arm does not change")
    arms: dict[ArmName, dict[Name, Any]] = Field(
        min_length=len(get_args(ArmName)), description="what each arm changes, for all arms"
    )
    differences: dict[DifferenceName, Difference] = Field(
        min_length=len(get_args(DifferenceName)), description="all differences of the figure"
    )

    @model_validator(mode="after")
    def complete(self) -> "Settings":
        """Every change gives an arm, and every difference has its epochs."""
        arms = {
            name: self.base.changed(change, f"arms.{name}") for name, change in self.arms.items()
        }
        for key, (a, epoch, b, other_epoch) in self.differences.items():
            for name, at in ((a, epoch), (b, other_epoch)):
                place = f"differences.{key}: arm {name!r}"
                if at == "best" and not arms[name].held_out:
                    raise SettingsError(f"{place} holds out no speakers, so it has no best epoch")
                if isinstance(at, int) and at > arms[name].epochs:
                    raise SettingsError(f"{place} has no epoch {at}")
        return self
