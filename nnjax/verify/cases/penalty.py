"""Cases of the penalties."""

from typing import Any

import numpy as np

from nnjax.penalty import l2
from nnjax.verify.case import PenaltyCase


def _network(rng: np.random.Generator) -> Any:
    """Weights and biases of three layers, one of them without parameters."""
    return (
        (rng.normal(size=(3, 4)), rng.normal(size=4)),
        (),
        (rng.normal(size=(4, 2)), rng.normal(size=2)),
    )


def _kernel(rng: np.random.Generator) -> Any:
    return {"kernel": rng.normal(size=(2, 1, 2, 3)), "scale": rng.normal(size=3)}


PENALTIES = [
    PenaltyCase("l2", "weights alone", l2(0.1), _network),
    PenaltyCase("l2", "with biases", l2(0.1, biases=True), _network),
    PenaltyCase("l2", "kernel", l2(3.0), _kernel),
    PenaltyCase("l2", "strength 0", l2(0.0), _network),
]
