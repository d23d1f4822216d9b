"""The networks for images in PyTorch: its layers and its autograd, run eagerly.

PyTorch is optional (the extra `torch`), so it is imported where it is used. On a GPU its
convolutions are those of cuDNN.
"""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

import nnjax as nn

Arrays = list[np.ndarray]
"""Parameters, or their gradients, in our order and shapes: kernel or weights, bias, and so on."""


def devices() -> dict[str, str]:
    """PyTorch's device for each platform on this machine."""
    return {"cpu": "cpu", **({"gpu": "cuda"} if _torch().cuda.is_available() else {})}


def begin(threads: int) -> None:
    """Bind PyTorch to a number of threads, and set it up as JAX is set up here.

    Products of reduced precision are switched off, and cuDNN may compare its algorithms beforehand,
    as XLA does.
    """
    torch = _torch()
    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True


def library() -> str:
    """PyTorch's version, and the version of cuDNN where there is one."""
    torch = _torch()
    found = torch.backends.cudnn.version() if torch.cuda.is_available() else None
    return f"PyTorch {torch.__version__}" + (f", cuDNN {found}" if found else "")


def device_name(device: str) -> str:
    """The name of a GPU."""
    return _torch().cuda.get_device_name(device)


def build(params: tuple[Any, ...], channels: int, pool: int, device: str) -> Any:
    """The network with our parameters.

    Channels come first in PyTorch, so kernels are transposed; its flatten takes all places of a
    channel before the next channel, so the rows of the following weights are put in that order.

    Args:
        params: of one of `networks`, as numpy arrays; their dtype is the network's.
        channels: of the images.
        pool: the extent of the max pooling.
        device: PyTorch's name of the device.

    Returns:
        A `torch.nn.Sequential` on the device.
    """
    torch = _torch()
    parts = [part for part in params if part != ()]
    layers: list[Any] = []
    for i, part in enumerate(parts):
        if isinstance(part, nn.Convolution):
            height, width, n_in, channels = part.kernel.shape
            layer = torch.nn.Conv2d(n_in, channels, (height, width))
            kernel, bias = map(np.asarray, part)
            layers += [_filled(layer, kernel.transpose(3, 2, 0, 1), bias)]
            layers += [torch.nn.ReLU(), torch.nn.MaxPool2d(pool)]
            continue
        first = i == 0 or isinstance(parts[i - 1], nn.Convolution)
        weights = _channels_first(part.weights, channels) if first else part.weights
        layers += [torch.nn.Flatten()] if first else []
        layers += [_filled(torch.nn.Linear(*weights.shape), weights.T, part.bias)]
        layers += [torch.nn.ReLU()] if i < len(parts) - 1 else []
    return torch.nn.Sequential(*layers).to(device)


def batch(x: np.ndarray, labels: np.ndarray, device: str) -> tuple[Any, Any]:
    """Images with channels first and labels, on the device."""
    return (
        _tensor(x.transpose(0, 3, 1, 2)).to(device),
        _tensor(labels.astype(np.int64)).to(device),
    )


def gradients(network: Any, x: Any, labels: Any) -> Arrays:
    """The gradient of the mean cross-entropy, in our shapes and our order.

    Args:
        network: as `build` returns it.
        x: images as `batch` returns them.
        labels: their labels, also from `batch`.
    """
    network.zero_grad()
    _torch().nn.functional.cross_entropy(network(x), labels).backward()
    found: Arrays = []
    channels = x.shape[1]
    for layer in network:
        if not hasattr(layer, "weight"):
            continue
        weight, bias = (p.grad.cpu().numpy() for p in (layer.weight, layer.bias))
        if weight.ndim == 4:
            channels = weight.shape[0]
            found += [weight.transpose(2, 3, 1, 0), bias]
        else:
            found += [_channels_last(weight.T, channels), bias]
            channels = 1  # no flatten before the following layers
    return found


def training(network: Any, x: Any, labels: Any, rate: float) -> Callable[[int], None]:
    """Gradient descent on one batch, W ← W - rate dJ/dW.

    Args:
        network: as `build` returns it; changed in place.
        x: images as `batch` returns them.
        labels: their labels, also from `batch`.
        rate: learning rate.

    Returns:
        A function that takes a number of steps and returns when they are done.
    """
    torch = _torch()
    params = list(network.parameters())

    def run(steps: int) -> None:
        for _ in range(steps):
            loss = torch.nn.functional.cross_entropy(network(x), labels)
            # Without torch.optim, whose import takes seconds: the update is one line.
            grads = torch.autograd.grad(loss, params)
            with torch.no_grad():
                for param, grad in zip(params, grads, strict=True):
                    param.sub_(grad, alpha=rate)
        finish(x)

    return run


def convolution(
    inputs: tuple[np.ndarray, ...], device: str
) -> tuple[Callable[[int], None], Callable[[], Arrays]]:
    """One convolution forward and backward.

    Args:
        inputs: images (batch, height, width, in), kernel (height, width, in, out), bias (out,) and
            the error signal (batch, height, width, out).
        device: PyTorch's name of the device.

    Returns:
        A function that runs it a number of times; one that gives y, dK, dbias, dx in our shapes.
    """
    x, kernel, bias, dy = inputs
    torch = _torch()
    turned = [x.transpose(0, 3, 1, 2), kernel.transpose(3, 2, 0, 1), bias]
    placed = [_tensor(a).to(device).requires_grad_() for a in turned]
    signal = _tensor(dy.transpose(0, 3, 1, 2)).to(device)

    def once() -> tuple[Any, Any]:
        y = torch.nn.functional.conv2d(*placed)
        return y, torch.autograd.grad(y, placed, signal)

    def run(times: int) -> None:
        for _ in range(times):
            once()
        finish(signal)

    def result() -> Arrays:
        y, (dx, dkernel, dbias) = once()
        y, dx, dkernel, dbias = (a.detach().cpu().numpy() for a in (y, dx, dkernel, dbias))
        return [y.transpose(0, 2, 3, 1), dkernel.transpose(2, 3, 1, 0), dbias] + [
            dx.transpose(0, 2, 3, 1)
        ]

    return run, result


def finish(tensor: Any) -> None:
    """Wait until the tensor's device has finished its work."""
    if tensor.device.type == "cuda":
        _torch().cuda.synchronize(tensor.device)


def _channels_first(weights: np.ndarray, channels: int) -> np.ndarray:
    """Rows from the order (place, channel) to (channel, place)."""
    return weights.reshape(-1, channels, weights.shape[1]).swapaxes(0, 1).reshape(weights.shape)


def _channels_last(weights: np.ndarray, channels: int) -> np.ndarray:
    """Rows from the order (channel, place) to (place, channel)."""
    return weights.reshape(channels, -1, weights.shape[1]).swapaxes(0, 1).reshape(weights.shape)


def _filled(layer: Any, weight: np.ndarray, bias: np.ndarray) -> Any:
    torch = _torch()
    layer = layer.to(_tensor(weight).dtype)
    with torch.no_grad():
        layer.weight.copy_(_tensor(weight))
        layer.bias.copy_(_tensor(bias))
    return layer


def _torch() -> Any:
    return importlib.import_module("torch")


def _tensor(array: np.ndarray) -> Any:
    # A contiguous copy: PyTorch may write into the array, and JAX's arrays are read-only.
    return _torch().from_numpy(np.array(array, order="C"))
