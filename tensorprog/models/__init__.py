"""Networks that people use, each a short function that returns a Program.

A builder's first argument says how the inputs look to the first layer: a number of independent inputs, or the Gram
matrix x_i·x_j / d of the data. The program prints as `.tp` text, and `tensorprog.check` judges it like any other.
"""

from __future__ import annotations

from tensorprog.models.attention import attention as attention
from tensorprog.models.conv import convolution as convolution
from tensorprog.models.graph import graph_convolution as graph_convolution
from tensorprog.models.mlp import dropout_mlp as dropout_mlp
from tensorprog.models.mlp import mlp as mlp
from tensorprog.models.mlp import random_features as random_features
from tensorprog.models.mlp import residual_mlp as residual_mlp
from tensorprog.models.norm import batchnorm_mlp as batchnorm_mlp
from tensorprog.models.norm import layernorm_mlp as layernorm_mlp
from tensorprog.models.parts import weight_variance as weight_variance
from tensorprog.models.recurrent import gru as gru
from tensorprog.models.recurrent import lstm as lstm
from tensorprog.models.recurrent import rnn as rnn
from tensorprog.models.transformer import transformer as transformer

__all__ = [
    "attention",
    "batchnorm_mlp",
    "convolution",
    "dropout_mlp",
    "graph_convolution",
    "gru",
    "layernorm_mlp",
    "lstm",
    "mlp",
    "random_features",
    "residual_mlp",
    "rnn",
    "transformer",
    "weight_variance",
]
