"""Speed and gradients on this machine, on CPU and GPU: `python -m nnjax.benchmark --gpu`.

`cases` has the networks and their data, `ours` and `peers` train them with this library and with
PyTorch, `clock` times them in turn, and `measure` does it all. Nothing else in the library imports
this package.
"""
