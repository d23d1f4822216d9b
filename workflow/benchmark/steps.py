"""Networks of other kinds: training steps of `nn.fit` against the same network in PyTorch.

    python steps.py THREADS

A network with one hidden layer and a convolutional one on 28 x 28 images (those of the chapter
`platforms`), an LSTM that reads 28 rows of 28 pixels, and a transformer that predicts every next
token; Adam, float32, a few batches.
"""

from importlib import import_module
from importlib.util import find_spec

import clock
import trainings

from nnjax.benchmark.cases import CASES


def measure(threads: int) -> list[clock.Row]:
    """Rows `step.NETWORK.batchN.over_torch_eager` and `..._compiled`; none without PyTorch."""
    if not find_spec("torch"):
        return []
    import_module("torch").set_num_threads(threads)
    found = []
    for case in CASES:
        for batch_size, steps in case.batches.items():
            data = case.data(steps * batch_size)
            times = clock.in_turn(
                {
                    "ours": trainings.fitted(case.network, batch_size, data),
                    "torch_eager": trainings.torch(case.peer(), batch_size, data),
                    "torch_compiled": trainings.torch(case.peer(), batch_size, data, compiled=True),
                }
            )
            found += [
                clock.row(
                    f"step.{case.name}.batch{batch_size}.over_{peer}",
                    times["ours"],
                    times[peer],
                    "ms",
                    limit=1.0,
                )
                for peer in ("torch_eager", "torch_compiled")
            ]
    return found


if __name__ == "__main__":
    clock.report(measure)
