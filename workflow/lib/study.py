"""What all chapters share: workflow/config/study.yaml as a model."""

from typing import Annotated, Literal

from pydantic import Field

from workflow.lib.runs.experiments import Experiment
from workflow.lib.settings import Name, Positive, Seed, Strict


class Urls(Strict):
    """Public addresses of the data sets."""

    isolet: list[Annotated[str, Field(pattern=r"^https?://.+(\.zip|/)$")]] = Field(
        description="addresses of the archive, ending in .zip, or of a folder, ending in /"
    )
    mnist: list[Annotated[str, Field(pattern=r"^https?://.+/$")]] = Field(
        description="addresses of a folder with the four files, ending in /"
    )
    text: list[Annotated[str, Field(pattern=r"^https?://.+\.txt$")]] = Field(
        description="addresses of the text, ending in .txt"
    )


class Data(Strict):
    """Where data sets are looked for and downloaded from."""

    folders: list[Name] = Field(description="folders that are searched first")
    cache: Name = Field(description="folder that keeps a download")
    standin: bool = Field(description="false: an error instead of stand-in data")
    standin_seed: Seed
    urls: Urls = Field(description="public addresses, tried in order")


class Ledger(Strict):
    """The constants of the rules of verdict."""

    smallest_effect: Positive = Field(description="of interest, as a fraction, above 0")
    significance: float = Field(gt=0, lt=1, description="of a test, between 0 and 1")


class Study(Strict):
    """The settings of workflow/config/study.yaml."""

    study: Literal["full", "quick"] = Field(description="quick: the quick.yaml of each chapter")
    data: Data
    ledger: Ledger
    reference: Experiment = Field(description="the network of the source")
    batch_sizes: Experiment = Field(description="the same training at several batch sizes")
    headline: list[Name] = Field(description="keys of the numbers that the front page begins with")

    @property
    def experiments(self) -> dict[str, Experiment]:
        """The trainings that several chapters read, by name."""
        return {"reference": self.reference, "batch_sizes": self.batch_sizes}
