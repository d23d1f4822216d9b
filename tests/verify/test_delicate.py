"""What every rule must survive: no examples, and inputs that are not numbers."""

import jax
import numpy as np
import pytest
from promises import compiled, compiled_loss, layer_inputs, row_of
from rows import block, rows

from nnjax.verify.case import LayerCase, LossCase
from nnjax.verify.cases import LAYERS, LOSSES

REAL = [case for case in LAYERS if "embedding" not in case.of or case.of == "position_embedding"]
SEVERAL = [case for case in LOSSES if case.shape[-1] > 1 or case.of != "multiclass_hinge"]
"""The multiclass hinge of one class is 0 whatever its score."""


@pytest.mark.parametrize("case", rows(LAYERS, block))
def test_no_examples_give_no_gradient(case: LayerCase) -> None:
    params, x, dy, key = layer_inputs(case)
    y, (dparams, dx) = compiled(case.layer, params, x[:0], dy[:0], key)
    assert (y.shape, dx.shape) == (dy[:0].shape, x[:0].shape)
    assert not any(leaf.any() for leaf in jax.tree.leaves(dparams))


@pytest.mark.parametrize("case", rows(LOSSES, block))
def test_loss_of_no_examples_is_nan_not_zero(case: LossCase) -> None:
    """The mean of nothing; training never gets there, as `fit` refuses empty data."""
    J, dscores = compiled_loss(case.loss, *jax.tree.map(lambda leaf: leaf[:0], row_of(case).inputs))
    assert np.isnan(J)
    assert dscores.shape == (0, *case.shape[1:])


@pytest.mark.parametrize("case", rows(REAL, block))
def test_nan_comes_through(case: LayerCase) -> None:
    """To every output that depends on x: not to what is dropped, nor to windows of padding."""
    params, x, dy, key = layer_inputs(case)
    y, _ = compiled(case.layer, params, np.full_like(x, np.nan), dy, key)
    independent = case.of == "dropout" or "padding" in repr(case.layer) or "crop" in case.label
    # Stride and dilation leave gaps in these two, which hold the bias alone.
    gaps = case.of == "conv2d_transpose" and case.label in ("1x1, stride 2", "dilation 2, groups")
    independent = independent or gaps
    assert np.isnan(y).any() if independent else np.isnan(y).all()


@pytest.mark.parametrize("case", rows(SEVERAL, block))
def test_nan_comes_through_the_loss(case: LossCase) -> None:
    scores, targets = row_of(case).inputs
    scores[0] = np.nan
    assert np.isnan(compiled_loss(case.loss, scores, targets)[0])
