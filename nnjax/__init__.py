"""Neural networks in JAX whose backward passes are derived by hand and checked by machine."""

from nnjax import initializers
from nnjax.combine import serial
from nnjax.core import Layer, Loss, value_and_grad
from nnjax.datasets.errors import DataError
from nnjax.epoch import History
from nnjax.layers.activations import leaky_relu, relu, sigmoid, softmax, tanh
from nnjax.layers.dense import Dense, dense
from nnjax.losses import (
    categorical_cross_entropy,
    mean_squared_error,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from nnjax.store import load, save
from nnjax.sweep import sweep
from nnjax.train import accuracy, fit, predict

__all__ = [
    "DataError",
    "Dense",
    "History",
    "Layer",
    "Loss",
    "accuracy",
    "categorical_cross_entropy",
    "dense",
    "fit",
    "initializers",
    "leaky_relu",
    "load",
    "mean_squared_error",
    "predict",
    "relu",
    "save",
    "serial",
    "sigmoid",
    "sigmoid_cross_entropy",
    "softmax",
    "softmax_cross_entropy",
    "sweep",
    "tanh",
    "value_and_grad",
]
