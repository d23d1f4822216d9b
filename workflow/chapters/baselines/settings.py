"""What the settings of the chapter mean, with their bounds."""

from pydantic import Field

from workflow.lib.settings import Count, Fraction, Positive, Strict


class LogisticRegression(Strict):
    """Penalised by the sum of squared weights."""

    C: list[Positive] = Field(min_length=1, description="inverse strength of the penalty, above 0")


class KNearest(Strict):
    """k nearest neighbours."""

    n_neighbors: list[Count] = Field(min_length=1)


class LinearDiscriminant(Strict):
    """Linear discriminant analysis."""

    shrinkage: list[Fraction] = Field(
        min_length=1, description="of the covariance towards a diagonal one, above 0, at most 1"
    )


class LinearSvm(Strict):
    """Support vector machine with a linear kernel."""

    C: list[Positive] = Field(min_length=1, description="weight of the slack variables, above 0")


class RbfSvm(LinearSvm):
    """Support vector machine with a Gaussian kernel."""

    gamma: list[Positive] = Field(min_length=1, description="of the kernel, above 0")


class Grids(Strict):
    """The grid of each model's hyper-parameters."""

    logistic_regression: LogisticRegression
    k_nn: KNearest
    lda: LinearDiscriminant
    linear_svm: LinearSvm
    rbf_svm: RbfSvm


class Settings(Strict):
    """The settings of the chapter."""

    folds: int = Field(ge=2, le=120, description="from 2 to 120, the training speakers")
    grids: Grids
