"""Mistakes in recurrent layers."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from nnjax.layers import gru, lstm, rnn
from nnjax.layers.parts.scan import Arrays, Cell, unroll
from nnjax.verify.case import Defect, LayerCase
from nnjax.verify.cases.recurrent import padded

_CELLS = {"rnn": rnn.CELL, "lstm": lstm.CELL, "gru": gru.CELL}

Step = Callable[[Arrays, Arrays, Arrays], tuple[Arrays, Arrays]]


def _step(name: str, label: str, backward: Step) -> LayerCase:
    """A cell with another backward step."""
    cell = _CELLS[name]
    right = unroll(cell, 2, last=False, masked=False, init=None)
    wrong = unroll(cell._replace(backward=backward), 2, last=False, masked=False, init=None)
    return LayerCase(name, label, right._replace(backward=wrong.backward), (4, 3), batch=2)


def _through_time(name: str, label: str, change: Any, masked: bool = False) -> LayerCase:
    """The backward pass with the arguments `change(params, residuals, dy)`."""
    cell: Cell = _CELLS[name]
    right = unroll(cell, 2, last=False, masked=masked, init=None)

    def backward(params: Any, residuals: Any, dy: Any) -> Any:
        return right.backward(*change(params, residuals, dy))

    case = LayerCase(name, label, right._replace(backward=backward), (4, 4), batch=3)
    return case._replace(inputs=padded) if masked else case


def _reversed() -> LayerCase:
    right = rnn.rnn(2)

    def backward(params: Any, residuals: Any, dy: Any) -> Any:
        grads, dx = right.backward(params, residuals, dy)
        return grads, dx[:, ::-1]

    return LayerCase("rnn", "dx reversed", right._replace(backward=backward), (4, 3), batch=2)


def _now_for_before(params: Any, residuals: Any, dy: Any) -> Any:
    h = residuals.states[0]
    later = jnp.concatenate([h[1:], h[-1:]])
    return params, residuals._replace(states=(later,)), dy


def _not_back(params: Any, residuals: Any, dy: Any) -> Any:
    return params._replace(recurrent=jnp.zeros_like(params.recurrent)), residuals, dy


def _mask(change: Any) -> Any:
    """The backward pass with the mask `change(mask)`, (batch, time)."""

    def changed(params: Any, residuals: Any, dy: Any) -> Any:
        x = residuals.x
        return params, residuals._replace(x=x.at[..., -1].set(change(x[..., -1]))), dy

    return changed


def _silenced(params: Any, residuals: Any, dy: Any) -> Any:
    return params, residuals, dy * residuals.x[..., -1:]


def _no_cell(z: Arrays, before: Arrays, dnew: Arrays) -> tuple[Arrays, Arrays]:
    return lstm.CELL.backward(z, before, (dnew[0], jnp.zeros_like(dnew[1])))


def _cell_alone(z: Arrays, before: Arrays, dnew: Arrays) -> tuple[Arrays, Arrays]:
    """No error signal from h = o tanh(c) to c."""
    (dz,), (dh, dc) = lstm.CELL.backward(z, before, dnew)
    (without,), _ = lstm.CELL.backward(z, before, (jnp.zeros_like(dh), dnew[1]))
    output_gate = 3 * dh.shape[-1]
    return (jnp.concatenate([without[..., :output_gate], dz[..., output_gate:]], -1),), (dh, dc)


def _forget_gate(z: Arrays, before: Arrays, dnew: Arrays) -> tuple[Arrays, Arrays]:
    (dz,), dbefore = lstm.CELL.backward(z, before, dnew)
    i, f, g, o = jnp.split(dz, 4, axis=-1)
    f = f / jax.nn.sigmoid(-jnp.split(z[0], 4, axis=-1)[1])
    return (jnp.concatenate([i, f, g, o], axis=-1),), dbefore


def _same_cell(z: Arrays, before: Arrays, dnew: Arrays) -> tuple[Arrays, Arrays]:
    """The forget gate's gradient uses the new cell instead of the previous one."""
    (dz,), dbefore = lstm.CELL.backward(z, before, dnew)
    (late,), _ = lstm.CELL.backward(z, lstm.CELL.step(z, before), dnew)
    units = dnew[0].shape[-1]
    parts = [dz[..., :units], late[..., units : 2 * units], dz[..., 2 * units :]]
    return (jnp.concatenate(parts, axis=-1),), dbefore


def _swapped(z: Arrays, before: Arrays, dnew: Arrays) -> tuple[Arrays, Arrays]:
    r, update = jnp.split(z[0], 2, axis=-1)
    return gru.CELL.backward((jnp.concatenate([r, -update], -1), *z[1:]), before, dnew)


def _no_reset(z: Arrays, before: Arrays, dnew: Arrays) -> tuple[Arrays, Arrays]:
    (drz, dn, _), dbefore = gru.CELL.backward(z, before, dnew)
    return (drz, dn, dn), dbefore


def _no_direct_path(z: Arrays, before: Arrays, dnew: Arrays) -> tuple[Arrays, Arrays]:
    dz, dbefore = gru.CELL.backward(z, before, dnew)
    return dz, (jnp.zeros_like(dbefore[0]),)


def _update_sign(z: Arrays, before: Arrays, dnew: Arrays) -> tuple[Arrays, Arrays]:
    (drz, dn, dq), dbefore = gru.CELL.backward(z, before, dnew)
    dr, dz = jnp.split(drz, 2, axis=-1)
    return (jnp.concatenate([dr, -dz], axis=-1), dn, dq), dbefore


def _no_slope(z: Arrays, before: Arrays, dnew: Arrays) -> tuple[Arrays, Arrays]:
    return (dnew[0] * (1 - jnp.tanh(z[0])),), (jnp.zeros_like(dnew[0]),)


DEFECTS = [
    Defect(
        "rnn: the error signal is not propagated in time",
        "RNN-LSTM-in-numpy issue 1: dh_next is computed and never used",
        _through_time("rnn", "not back", _not_back),
    ),
    Defect(
        "rnn: h_t in place of h_(t-1) in dU",
        "zero_to_gpt issue 9: the hidden state of step 1 is used for step 1",
        _through_time("rnn", "now for before", _now_for_before),
    ),
    Defect(
        "rnn: 1 - h in place of 1 - h²",
        "deep-learning-from-scratch-2 issue 26 disputes the derivative of tanh",
        _step("rnn", "slope", _no_slope),
    ),
    Defect(
        "rnn: dx in the order of the backward pass",
        "Theano pull request 166: sequences reversed before truncation",
        _reversed(),
    ),
    Defect(
        "lstm: the cell's error signal from the next step is lost",
        "MXNet issue 4057: = in place of +=; the same question in CS231 (cthorey) issue 1; "
        "Deeplearning4j issue 8838 (the last cell state)",
        _step("lstm", "cell lost", _no_cell),
    ),
    Defect(
        "lstm: the state's error signal does not reach the cell",
        "one branch of the fork at c; rnn_lstm_from_scratch issue 1 fails a gradient check",
        _step("lstm", "cell alone", _cell_alone),
    ),
    Defect(
        "lstm: the forget gate's derivative is s, not s (1 - s)",
        "RNN-LSTM-in-numpy issue 1 and pull request 2: derivative=True forgotten",
        _step("lstm", "forget gate", _forget_gate),
    ),
    Defect(
        "lstm: the forget gate's gradient uses c_t, not c_(t-1)",
        "a time index off by one, as in zero_to_gpt issue 9",
        _step("lstm", "new cell for old", _same_cell),
    ),
    Defect(
        "gru: z and 1 - z swapped in backward",
        "two conventions are in use; in a copy of the vignette of the R package rnn delta6 is "
        "1 - delta5",
        _step("gru", "swapped", _swapped),
    ),
    Defect(
        "gru: the update gate's gradient has the opposite sign",
        "n - h for h - n, from the other convention of z",
        _step("gru", "sign", _update_sign),
    ),
    Defect(
        "gru: the error signal bypasses the reset gate",
        "AiDotNet issue 1944: correct for one step from a zero state, wrong for more",
        _step("gru", "no reset", _no_reset),
    ),
    Defect(
        "gru: the direct path z h_(t-1) is lost",
        "open-lm-engine accelerated-model-architectures pull request 249 corrects the backward "
        "pass of a GRU",
        _step("gru", "no direct path", _no_direct_path),
    ),
    Defect(
        "the mask is ignored in backward",
        "theano_lstm issue 22; OpenNMT issue 306 (the gradient put at the padded end)",
        _through_time("lstm", "mask ignored", _mask(jnp.ones_like), masked=True),
    ),
    Defect(
        "the first step's mask is used for all steps",
        "haste issue 43 (the zoneout mask of GRU and IndRNN)",
        _through_time(
            "gru", "first mask", _mask(lambda m: jnp.ones_like(m) * m[:, :1]), masked=True
        ),
    ),
    Defect(
        "the error signal of padded steps is set to 0, although they repeat the last state",
        "Element-Research/rnn pull request 158 (MaskZero)",
        _through_time("rnn", "silenced", _silenced, masked=True),
    ),
]
