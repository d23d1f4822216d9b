"""The names of networks, platforms, implementations and states, in tables, figure and page."""

NETWORKS = {"mlp": "fully connected", "cnn": "convolutional"}
PLATFORMS = ("cpu", "gpu")
OURS, AUTODIFF, TORCH = "hand-derived", "jax.grad", "PyTorch"
MEASURED = "measured"
NO_GPU = "not measured: no GPU here"
NO_TORCH = "not measured: PyTorch is not installed"
