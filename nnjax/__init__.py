"""Neural networks in JAX whose backward passes are derived by hand and checked by machine."""

import importlib
import typing

from nnjax import augment, codes, initializers
from nnjax.combine import parallel, residual, serial
from nnjax.core import Layer, Loss, Penalty, value_and_grad
from nnjax.datasets.errors import DataError
from nnjax.epoch import History
from nnjax.layers.activations import (
    elu,
    gelu,
    leaky_relu,
    relu,
    sigmoid,
    silu,
    softplus,
    tanh,
)
from nnjax.layers.attention import attention, multi_head_attention
from nnjax.layers.avg_pool import avg_pool, global_avg_pool
from nnjax.layers.batch_norm import BatchNorm, batch_norm, population_statistics
from nnjax.layers.conv import Convolution, conv1d, conv2d
from nnjax.layers.conv_transpose import conv1d_transpose, conv2d_transpose
from nnjax.layers.dense import Dense, dense
from nnjax.layers.differentiable import differentiable
from nnjax.layers.dropout import dropout
from nnjax.layers.embedding import Embedding, PositionEmbedding, embedding, position_embedding
from nnjax.layers.gru import GRU, gru
from nnjax.layers.lstm import LSTM, lstm
from nnjax.layers.max_pool import global_max_pool, max_pool
from nnjax.layers.norm import GroupNorm, LayerNorm, RMSNorm, group_norm, layer_norm, rms_norm
from nnjax.layers.rnn import RNN, rnn
from nnjax.layers.shape import flatten, reshape
from nnjax.layers.softmax import log_softmax, softmax
from nnjax.losses import (
    Weighted,
    binary_cross_entropy,
    categorical_cross_entropy,
    hinge,
    huber,
    label_smoothing,
    mean_absolute_error,
    mean_squared_error,
    multiclass_hinge,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from nnjax.penalty import l2
from nnjax.share import shared
from nnjax.store import load, save
from nnjax.summary import Summary, summary
from nnjax.sweep import sweep
from nnjax.train import accuracy, fit, predict
from nnjax.training.loop import Checkpoint
from nnjax.transformer import transformer_block
from nnjax.verify import verify
from nnjax.verify.function import verify_function
from nnjax.verify.report import Report

if typing.TYPE_CHECKING:
    from nnjax.estimators.classifier import Classifier
    from nnjax.estimators.regressor import Regressor
    from nnjax.training.parquet import stream
    from nnjax.training.plot import plot_history

__version__ = "0.1.0"

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "BatchNorm",
    "Checkpoint",
    "Classifier",
    "Convolution",
    "DataError",
    "Dense",
    "Embedding",
    "GroupNorm",
    "History",
    "Layer",
    "LayerNorm",
    "Loss",
    "Penalty",
    "PositionEmbedding",
    "RMSNorm",
    "Regressor",
    "Report",
    "Summary",
    "Weighted",
    "accuracy",
    "attention",
    "augment",
    "avg_pool",
    "batch_norm",
    "binary_cross_entropy",
    "categorical_cross_entropy",
    "codes",
    "conv1d",
    "conv1d_transpose",
    "conv2d",
    "conv2d_transpose",
    "dense",
    "differentiable",
    "dropout",
    "elu",
    "embedding",
    "fit",
    "flatten",
    "gelu",
    "global_avg_pool",
    "global_max_pool",
    "group_norm",
    "gru",
    "hinge",
    "huber",
    "initializers",
    "l2",
    "label_smoothing",
    "layer_norm",
    "leaky_relu",
    "load",
    "log_softmax",
    "lstm",
    "max_pool",
    "mean_absolute_error",
    "mean_squared_error",
    "multi_head_attention",
    "multiclass_hinge",
    "parallel",
    "plot_history",
    "population_statistics",
    "position_embedding",
    "predict",
    "relu",
    "reshape",
    "residual",
    "rms_norm",
    "rnn",
    "save",
    "serial",
    "shared",
    "sigmoid",
    "sigmoid_cross_entropy",
    "silu",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "stream",
    "summary",
    "sweep",
    "tanh",
    "transformer_block",
    "value_and_grad",
    "verify",
    "verify_function",
]

_ON_FIRST_USE = {
    "Classifier": "nnjax.estimators.classifier",
    "Regressor": "nnjax.estimators.regressor",
    "plot_history": "nnjax.training.plot",
    "stream": "nnjax.training.parquet",
}
"""What is imported on first use, since it needs scikit-learn, matplotlib or polars, which load
slowly."""


def __getattr__(name: str) -> typing.Any:
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module 'nnjax' has no attribute {name!r}")
    return getattr(importlib.import_module(_ON_FIRST_USE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_FIRST_USE})
