"""What the settings of the chapter mean, with their bounds."""

from pydantic import Field

from workflow.lib.settings import Count, Positive, Strict


class Logistic(Strict):
    """The grid of the logistic regression."""

    C: list[Positive] = Field(min_length=1, description="inverse of the penalty, above 0")


class Svm(Strict):
    """The grid of the support vector machine with a Gaussian kernel."""

    C: list[Positive] = Field(min_length=1, description="weight of the slack variables, above 0")
    gamma: list[Positive] = Field(min_length=1, description="of the kernel, above 0")


class Tuned(Strict):
    """The models with hyper-parameters, by their name among the classifiers."""

    logistic_regression: Logistic
    rbf_svm: Svm


class Settings(Strict):
    """The settings of the chapter."""

    folds: int = Field(ge=2, le=120, description="from 2 to 120, the training speakers")
    seeds: Count = Field(description="of the network, in place of those of `reference`")
    tuned: Tuned
