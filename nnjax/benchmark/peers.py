"""The same networks in PyTorch, and how its users train them: step by step, and many at once.

PyTorch is optional (the extra `torch`), so it is imported where it is used.
"""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from nnjax.benchmark.clock import Run

DIGITS, TOKENS, LENGTH, FEATURES, HEADS = 10, 64, 64, 128, 4
RATE = 1e-3
"""Learning rate of Adam."""


class Place(NamedTuple):
    """PyTorch's names of a device and of a dtype."""

    device: str = "cpu"
    dtype: str = "float32"

    def put(self, array: Any) -> Any:
        """An array on the device, floats in the dtype, labels as PyTorch expects them."""
        torch = import_module("torch")
        # A contiguous copy: PyTorch may write into the array.
        tensor = torch.from_numpy(np.array(array, order="C"))
        dtype = getattr(torch, self.dtype) if tensor.is_floating_point() else torch.int64
        return tensor.to(self.device, dtype)

    def network(self, network: Any) -> Any:
        """A network on the device and in the dtype."""
        return network.to(self.device, getattr(import_module("torch"), self.dtype))

    def finish(self) -> None:
        """Wait until the device has finished its work."""
        if self.device != "cpu":
            import_module("torch").cuda.synchronize(self.device)


CPU = Place()


def devices() -> dict[str, str]:
    """PyTorch's device for each platform on this machine."""
    cuda = import_module("torch").cuda.is_available()
    return {"cpu": "cpu", **({"gpu": "cuda"} if cuda else {})}


def begin(threads: int) -> None:
    """Set PyTorch up like JAX: this many threads, no TF32, the fastest algorithms chosen first."""
    torch = import_module("torch")
    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True


def batches(rng: np.random.Generator, count: int, batch_size: int) -> Iterator[np.ndarray]:
    """Row numbers of an epoch's whole batches."""
    order = rng.permutation(count)
    for start in range(0, count - batch_size + 1, batch_size):
        yield order[start : start + batch_size]


# --- one network ----------------------------------------------------------------------------------


def step(network: Any, rate: float = RATE, compiled: bool = False) -> Callable[[Any, Any], None]:
    """A training step with Adam, (inputs, labels) -> nothing; the network changes in place.

    Args:
        network: a module of PyTorch.
        rate: learning rate.
        compiled: whether forward and backward passes are compiled. Steps that were compiled before
            compile again when they are used again.
    """
    torch = import_module("torch")
    if compiled:
        # PyTorch keeps eight programs of all `Sequential`, and would run this one uncompiled.
        torch.compiler.reset()
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    forward = torch.compile(network, dynamic=False) if compiled else network
    loss = torch.nn.CrossEntropyLoss()

    def run(x: Any, labels: Any) -> None:
        optimizer.zero_grad()
        loss(forward(x), labels).backward()
        optimizer.step()

    return run


def training(network: Any, data: tuple[Any, Any], place: Place, compiled: bool = False) -> Run:
    """Steps on one batch.

    Args:
        network: a module of PyTorch.
        data: inputs and labels of the batch.
        place: where and in which precision.
        compiled: see `step`.
    """
    x, labels = map(place.put, data)
    once = step(place.network(network), compiled=compiled)

    def run(times: int) -> None:
        for _ in range(times):
            once(x, labels)
        place.finish()

    return run


def perceptron() -> Any:
    """The fully connected network."""
    layers = import_module("torch").nn
    return layers.Sequential(
        layers.Flatten(), layers.Linear(784, 128), layers.ReLU(), layers.Linear(128, DIGITS)
    )


def convolutional() -> Any:
    """The convolutional network; PyTorch expects channels first."""
    layers = import_module("torch").nn
    return layers.Sequential(
        layers.Unflatten(1, (1, 28)),
        layers.Flatten(3),
        layers.Conv2d(1, 8, 5), layers.ReLU(), layers.MaxPool2d(2),
        layers.Conv2d(8, 16, 5), layers.ReLU(), layers.MaxPool2d(2),
        layers.Flatten(), layers.Linear(256, DIGITS),
    )  # fmt: skip


def lstm() -> Any:
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


def transformer() -> Any:
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
            mask = torch.nn.Transformer.generate_square_subsequent_mask(LENGTH)
            self.register_buffer("mask", mask)

        def forward(self, x: Any) -> Any:
            x = self.tokens(x) + self.positions
            for block in self.blocks:
                x = block(x, self.mask, is_causal=True)
            return self.scores(self.norm(x)).transpose(1, 2)

    return Network()


# --- many networks 617-units-26 -------------------------------------------------------------------


class Many(NamedTuple):
    """Dense networks with one hidden layer: learning rates times seeds, for one epoch."""

    units: int
    classes: int
    rates: list[float]
    seeds: int
    batch_size: int


def loop(many: Many, data: tuple[Any, Any], place: Place = CPU) -> Run:
    """One network after the other, eagerly."""
    torch = import_module("torch")
    x, labels = map(place.put, data)

    def once() -> None:
        for seed in range(many.seeds):
            for rate in many.rates:
                network = torch.nn.Sequential(
                    torch.nn.Linear(x.shape[1], many.units),
                    torch.nn.ReLU(),
                    torch.nn.Linear(many.units, many.classes),
                )
                train = step(place.network(network), rate)
                for chosen in batches(np.random.default_rng(seed), len(x), many.batch_size):
                    index = place.put(chosen)
                    train(x[index], labels[index])

    return _repeated(once, place)


def ensemble(many: Many, data: tuple[Any, Any], place: Place = CPU) -> Run:
    """`torch.func.vmap` over stacked parameters, the rates of a seed side by side."""
    torch = import_module("torch")
    x, labels = map(place.put, data)
    steps = place.put(np.array(many.rates))

    def loss(params: Any, x: Any, labels: Any) -> Any:
        w1, b1, w2, b2 = params
        scores = torch.relu(x @ w1 + b1) @ w2 + b2
        return torch.nn.functional.cross_entropy(scores, labels)

    gradient = torch.func.vmap(torch.func.grad(loss), in_dims=(0, None, None))
    hidden = [(x.shape[1], many.units), (many.units,)]
    shapes = [*hidden, (many.units, many.classes), (many.classes,)]

    def once() -> None:
        for seed in range(many.seeds):
            params = [
                0.05 * torch.randn(len(steps), *shape, device=x.device, dtype=x.dtype)
                for shape in shapes
            ]
            first, second = ([torch.zeros_like(p) for p in params] for _ in range(2))
            chosen = batches(np.random.default_rng(seed), len(x), many.batch_size)
            for t, rows in enumerate(chosen, start=1):
                index = place.put(rows)
                grads = gradient(params, x[index], labels[index])
                for p, g, m, v in zip(params, grads, first, second, strict=True):
                    rate = steps.reshape(-1, *(1 for _ in p.shape[1:]))
                    m.mul_(0.9).add_(g, alpha=0.1)
                    v.mul_(0.999).addcmul_(g, g, value=0.001)
                    p.sub_(rate / (1 - 0.9**t) * m / ((v / (1 - 0.999**t)).sqrt() + 1e-8))

    return _repeated(once, place)


def _repeated(once: Callable[[], None], place: Place) -> Run:
    def run(times: int) -> None:
        for _ in range(times):
            once()
        place.finish()

    return run
