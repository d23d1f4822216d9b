"""Networks of other kinds: training steps of `nn.fit` against the same network in PyTorch.

    python steps.py THREADS

A convolutional network on 28 x 28 images (that of the chapter `mnist`), an LSTM that reads 28 rows
of 28 pixels, and a transformer that predicts every next token; Adam, float32, a few batches.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import clock
import numpy as np
import trainings

import nnjax as nn

DIGITS, TOKENS, LENGTH, FEATURES, HEADS = 10, 64, 64, 128, 4


class Case(NamedTuple):
    """A network, the same in PyTorch, its data, and the batch sizes with the steps of an epoch."""

    name: str
    network: nn.Layer
    peer: Callable[[], Any]
    data: Callable[[int], trainings.Data]
    batches: dict[int, int]


def images(count: int) -> trainings.Data:
    """Random images (count, 28, 28, 1) and labels."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((count, 28, 28, 1), dtype="float32")
    return x, rng.integers(0, DIGITS, count, dtype="int32")


def rows(count: int) -> trainings.Data:
    """The images as sequences of 28 rows, (count, 28, 28)."""
    x, labels = images(count)
    return x[..., 0], labels


def texts(count: int) -> trainings.Data:
    """Random tokens (count, 64), and at every place the next one."""
    tokens = np.random.default_rng(0).integers(0, TOKENS, (count, LENGTH + 1), dtype="int32")
    return tokens[:, :-1], tokens[:, 1:]


def torch_convolutional() -> Any:
    """The convolutional network; PyTorch takes channels first."""
    layers = import_module("torch").nn
    return layers.Sequential(
        layers.Unflatten(1, (1, 28)),
        layers.Flatten(3),
        layers.Conv2d(1, 8, 5), layers.ReLU(), layers.MaxPool2d(2),
        layers.Conv2d(8, 16, 5), layers.ReLU(), layers.MaxPool2d(2),
        layers.Flatten(), layers.Linear(256, DIGITS),
    )  # fmt: skip


def torch_lstm() -> Any:
    """The LSTM and the layer that reads its last state."""
    torch = import_module("torch")

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = torch.nn.LSTM(28, 128, batch_first=True)
            self.scores = torch.nn.Linear(128, DIGITS)

        def forward(self, x: Any) -> Any:
            return self.scores(self.lstm(x)[0][:, -1])

    return Network()


def torch_transformer() -> Any:
    """The transformer: normalisation first, GELU, no dropout; scores (batch, tokens, length)."""
    torch = import_module("torch")

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = torch.nn.Embedding(TOKENS, FEATURES)
            self.positions = torch.nn.Parameter(torch.zeros(LENGTH, FEATURES))
            self.blocks = torch.nn.ModuleList(
                torch.nn.TransformerEncoderLayer(
                    FEATURES,
                    HEADS,
                    4 * FEATURES,
                    0.0,
                    "gelu",
                    batch_first=True,
                    norm_first=True,
                )
                for _ in range(2)
            )
            self.norm = torch.nn.LayerNorm(FEATURES)
            self.scores = torch.nn.Linear(FEATURES, TOKENS)
            self.mask = torch.nn.Transformer.generate_square_subsequent_mask(LENGTH)

        def forward(self, x: Any) -> Any:
            x = self.tokens(x) + self.positions
            for block in self.blocks:
                x = block(x, self.mask, is_causal=True)
            return self.scores(self.norm(x)).transpose(1, 2)

    return Network()


CASES = [
    Case(
        "cnn",
        nn.serial(
            nn.conv2d(8, 5),
            nn.relu(),
            nn.max_pool(2),
            nn.conv2d(16, 5),
            nn.relu(),
            nn.max_pool(2),
            nn.flatten(),
            nn.dense(DIGITS),
        ),
        torch_convolutional,
        images,
        {1: 200, 64: 20, 1024: 2},
    ),
    Case("lstm", nn.serial(nn.lstm(128, last=True), nn.dense(DIGITS)), torch_lstm, rows, {64: 10}),
    Case(
        "transformer",
        nn.serial(
            nn.embedding(TOKENS, FEATURES),
            nn.position_embedding(LENGTH),
            nn.transformer_block(FEATURES, HEADS),
            nn.transformer_block(FEATURES, HEADS),
            nn.layer_norm(),
            nn.dense(TOKENS),
        ),
        torch_transformer,
        texts,
        {16: 8},
    ),
]


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
