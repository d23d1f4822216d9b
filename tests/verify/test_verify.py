"""The verifier as a user meets it: right rules pass, wrong ones are named, oracles may abstain."""

import json
import math
import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nnjax as nn
from nnjax.verify import __main__ as command
from nnjax.verify.judge import TOLERANCE
from nnjax.verify.points import SCALES, TRANSFORMS


def rows(report: nn.Report) -> dict[str, Any]:
    return {row.oracle: row for row in report.rows}


def test_own_layer_and_table(capsys: pytest.CaptureFixture[str]) -> None:
    """A layer that the library does not have: y = x^3."""
    cube = nn.Layer(
        init=lambda key, in_shape: ((), in_shape),
        forward=lambda params, x, key=None: (x**3, x),
        backward=lambda params, x, dy: ((), 3 * x**2 * dy),
    )
    report = nn.verify(cube, (3,), name="cube")
    assert report.passed
    near = [row.oracle for row in report.rows if not row.options]
    assert near == list(TOLERANCE)
    points = list(dict.fromkeys(row.options for row in report.rows))
    assert points == ["", *TRANSFORMS, *SCALES, "one example", "axes of size 1"]
    judged = [row for row in report.rows if row.verdict != "cannot judge"]
    assert all(row.error64 <= TOLERANCE[row.oracle] for row in judged)
    # No step of a difference sees the scale of subnormal numbers.
    others = [row for row in report.rows if row.verdict == "cannot judge"]
    assert [(row.options, row.oracle) for row in others] == [("subnormal", "central differences")]
    printed = capsys.readouterr().out.splitlines()
    assert re.match(r"cube( +\S+){5}  right$", printed[1])
    assert len(printed) == 1 + len(points) + 1


def test_reason_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    nn.verify(nn.gelu(), (3,))
    printed = capsys.readouterr().out.splitlines()
    reasons = [line for line in printed if line.startswith("    cannot judge")]
    assert reasons
    assert len(reasons) == len(set(reasons))


def test_first_disagreement_is_named() -> None:
    right = nn.dense(2)

    def backward(params: Any, residuals: Any, dy: Any) -> Any:
        grads, dx = right.backward(params, residuals, dy)
        return grads._replace(weights=grads.weights.at[1, 1].mul(1.5)), dx

    report = nn.verify(right._replace(backward=backward), (3,), show=False)
    assert not report.passed
    for row in report.wrong[:3]:
        said = r"params\.weights\[1, 1\]: rule (\S+), [\w. ]+ (\S+) \(float64\)"
        found = re.match(said, row.detail)
        assert found, row.detail
        assert math.isclose(float(found[1]), 1.5 * float(found[2]), rel_tol=1e-4)


def test_network_with_loss() -> None:
    network = nn.serial(nn.dense(4), nn.tanh(), nn.dense(3))
    for loss in (nn.softmax_cross_entropy, nn.mean_squared_error, nn.hinge, nn.huber(0.3)):
        assert nn.verify(network, (2,), loss, show=False).passed
    lost = network._replace(backward=lambda p, r, dy: network.backward(p, r, 1.001 * dy))
    assert not nn.verify(lost, (2,), nn.softmax_cross_entropy, show=False).passed


def test_loss_alone() -> None:
    wrong = nn.softmax_cross_entropy._replace(backward=lambda r: jax.nn.softmax(r[0]) - r[1])
    assert nn.verify(nn.softmax_cross_entropy, (3,), show=False).passed
    assert not nn.verify(wrong, (3,), show=False).passed
    assert nn.verify(nn.codes.coded_cross_entropy(np.eye(4)), (4,), show=False).passed


def test_training_and_evaluation_are_both_verified() -> None:
    report = nn.verify(nn.serial(nn.batch_norm(), nn.dropout(0.4)), (3,), show=False)
    assert report.passed
    modes = {row.options.split(",")[0] for row in report.rows}
    assert modes == {"evaluation", "training"}
    stale = nn.batch_norm()

    def backward(params: Any, residuals: Any, dy: Any) -> Any:
        """Evaluation's rule in training too."""
        return stale.backward(params, residuals._replace(statistics=None), dy)

    wrong = nn.verify(stale._replace(backward=backward), (3,), show=False).wrong
    assert {row.options.split(",")[0] for row in wrong} == {"training"}


def test_indices_are_not_differentiated_by() -> None:
    report = nn.verify(
        nn.serial(nn.embedding(4, 2), nn.flatten(), nn.dense(3)),
        (5,),
        nn.softmax_cross_entropy,
        inputs=lambda rng, shape: rng.integers(4, size=shape, dtype=np.int32),
        show=False,
    )
    assert report.passed


def test_function_that_is_not_analytic_is_left_to_the_other_oracles() -> None:
    absolute = nn.Layer(
        init=lambda key, in_shape: ((), in_shape),
        forward=lambda params, x, key=None: (jnp.abs(x), x),
        backward=lambda params, x, dy: ((), dy * jnp.sign(x)),
    )
    report = nn.verify(absolute, (3,), show=False)
    assert report.passed
    assert rows(report)["complex step"].verdict == "cannot judge"


def test_forward_that_jax_cannot_reverse_is_judged_by_differences() -> None:
    """A `while` loop has no reverse mode: x doubled three times."""

    def doubled(params: Any, x: Any, key: Any = None) -> Any:
        times = 3
        return jax.lax.while_loop(lambda c: c[0] < times, lambda c: (c[0] + 1, 2 * c[1]), (0, x))[
            1
        ], ()

    layer = nn.Layer(lambda key, s: ((), s), doubled, lambda params, r, dy: ((), 8 * dy))
    report = nn.verify(layer, (2,), show=False)
    assert report.passed
    assert rows(report)["jax.grad"].verdict == "cannot judge"
    assert "JAX cannot trace the forward pass" in rows(report)["jax.grad"].detail
    assert not nn.verify(
        layer._replace(backward=lambda p, r, dy: ((), 4 * dy)), (2,), show=False
    ).passed


def keep_shape(forward: Any, backward: Any) -> nn.Layer:
    return nn.Layer(lambda key, in_shape: ((), in_shape), forward, backward)


def test_forward_that_refuses_complex_numbers_late_is_judged_by_the_others() -> None:
    """JAX traces the place of the largest complex number, and refuses it when it is lowered."""

    def forward(params: Any, x: Any, key: Any = None) -> Any:
        chosen = jax.nn.one_hot(jnp.argmax(x, axis=-1), x.shape[-1], dtype=x.dtype)
        return x * chosen, chosen

    layer = nn.Layer(
        lambda key, in_shape: ((), in_shape), forward, lambda params, chosen, dy: ((), dy * chosen)
    )
    report = nn.verify(layer, (3,), show=False)
    assert report.passed, report
    assert rows(report)["complex step"].detail == "the forward pass does not accept complex numbers"
    assert rows(report)["dot test"].verdict == "right"


def test_complex_step_does_not_confirm_a_wrong_rule_of_a_function_that_is_not_analytic() -> None:
    """|x| is constant to first order along ih, so that dy / (1 + |x|) looks right for softsign."""
    softsign = keep_shape(
        lambda params, x, key=None: (x / (1 + jnp.abs(x)), x),
        lambda params, x, dy: ((), dy / (1 + jnp.abs(x))),
    )
    report = nn.verify(softsign, (3,), show=False)
    assert not report.passed
    assert rows(report)["complex step"].verdict == "cannot judge"


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.5])
def test_a_mask_that_rarely_drops_is_not_overlooked(rate: float) -> None:
    def forward(params: Any, x: Any, key: Any = None) -> Any:
        if key is None:
            return x, jnp.ones(x.shape, bool)
        mask = jax.random.bernoulli(key, 1 - rate, x.shape)
        return jnp.where(mask, x / (1 - rate), 0), mask

    report = nn.verify(keep_shape(forward, lambda p, mask, dy: ((), dy)), (3,), show=False)
    assert {row.options.split(",")[0] for row in report.wrong} == {"training"}


def test_branch_that_only_wide_inputs_reach() -> None:
    relu6 = keep_shape(
        lambda params, x, key=None: (jnp.clip(x, 0, 6), x),
        lambda params, x, dy: ((), jnp.where(x > 0, dy, 0)),
    )
    wrong = nn.verify(relu6, (3,), show=False).wrong
    assert {row.options for row in wrong} == {"wide inputs", "±40", "±1e4"}


def test_backward_that_is_not_linear() -> None:
    clipped = keep_shape(
        lambda params, x, key=None: (2 * x, ()),
        lambda params, residuals, dy: ((), 2 * jnp.clip(dy, -5, 5)),
    )
    assert not nn.verify(clipped, (3,), show=False).passed


def test_losses_far_out_and_with_weights() -> None:
    unclipped = nn.huber(5.0)._replace(backward=nn.huber(1e6).backward)
    assert {row.options for row in nn.verify(unclipped, (3,), show=False).wrong} == {
        f"{kind}, {point}"
        for kind in ("numbers", "signs", "weighted")
        for point in ("wide inputs", "±40", "±1e4")
    }
    right = nn.softmax_cross_entropy

    def ignoring(residuals: Any) -> Any:
        return right.backward(residuals._replace(share=None))

    wrong = nn.verify(right._replace(backward=ignoring), (3,), show=False).wrong
    assert {row.options.split(",")[0] for row in wrong} == {"weighted"}

    def normalised(residuals: Any) -> Any:
        """The sum of the targets forgotten."""
        z, t, share = residuals
        if share is not None:
            return right.backward(residuals)
        return (jax.nn.softmax(z) - t) / len(z)

    wrong = nn.verify(right._replace(backward=normalised), (3,), show=False).wrong
    assert {row.options.split(",")[0] for row in wrong} >= {"numbers"}


def test_numbers_that_float32_does_not_have() -> None:
    exp = keep_shape(
        lambda params, x, key=None: (jnp.exp(x), x), lambda params, x, dy: ((), dy * jnp.exp(x))
    )
    assert nn.verify(exp, (3,), show=False).passed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"batch": 0}, "at least 1, got"),
        ({"loss": nn.softmax_cross_entropy, "targets": np.zeros(7, int)}, "labels of shape"),
    ],
)
def test_the_users_own_mistakes_are_no_verdict(arguments: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        nn.verify(nn.dense(2), (4,), show=False, **arguments)


def test_targets_may_be_a_list() -> None:
    assert nn.verify(
        nn.dense(2), (4,), nn.softmax_cross_entropy, targets=[0, 1, 0, 1], show=False
    ).passed


def test_promised_shape() -> None:
    promising = nn.relu()._replace(init=lambda key, in_shape: ((), (99,)))
    (row,) = nn.verify(promising, (3,), show=False).rows
    assert row.detail == "init returns the output shape (99,), but forward gives (3,)"


def test_ids_get_zeros() -> None:
    right = nn.embedding(4, 2)
    lazy = right._replace(backward=lambda p, r, dy: (right.backward(p, r, dy)[0], None))
    report = nn.verify(lazy, (3,), inputs=lambda rng, s: rng.integers(4, size=s), show=False)
    assert "dx of whole-number x" in report.wrong[0].detail


def test_loss_is_one_number() -> None:
    apart = nn.Loss(lambda z, t: ((z - t) ** 2, (z, t)), lambda r: 2 * (r[0] - r[1]))
    assert "expected a scalar loss" in nn.verify(apart, (3,), show=False).wrong[0].detail


def test_loss_of_probabilities_and_loss_with_penalty() -> None:
    report = nn.verify(nn.binary_cross_entropy, (3,), show=False)
    assert report.passed
    assert rows(report)["jax.grad"].verdict == "right"
    network, loss = nn.serial(nn.dense(3), nn.tanh()), nn.mean_squared_error
    assert nn.verify(network, (2,), loss, penalty=nn.l2(0.3), show=False).passed
    half = nn.l2(0.3)._replace(backward=nn.l2(0.15).backward)
    assert not nn.verify(network, (2,), loss, penalty=half, show=False).passed


@pytest.mark.parametrize("wrong", [jnp.nan, jnp.inf])
def test_not_a_number_is_wrong(wrong: float) -> None:
    layer = nn.tanh()._replace(backward=lambda params, x, dy: ((), dy.at[0, 0].set(wrong)))
    report = nn.verify(layer, (3,), show=False)
    assert {row.verdict for row in report.rows if row.options != "subnormal"} == {"wrong"}


def test_forward_of_not_a_number_does_not_pass() -> None:
    layer = keep_shape(
        lambda params, x, key=None: (jnp.log(x - 100), x),
        lambda params, x, dy: ((), dy / (x - 100)),
    )
    (row,) = nn.verify(layer, (3,), show=False).rows
    assert "not finite on these inputs" in row.detail
    far = nn.verify(layer, (3,), inputs=lambda rng, s: 101 + rng.random(s), show=False)
    assert far.passed


@pytest.mark.parametrize(
    ("backward", "said"),
    [
        (lambda p, x, dy: ((), dy[0]), r"x: expected float64\(4, 3\), got float64\(3,\)"),
        (lambda p, x, dy: ((), dy.astype(jnp.float32)), "x: expected float64.*got float32"),
        (lambda p, x, dy: (dy, dy), "expected gradients with the tree"),
        (lambda p, x, dy: ((), dy * float(dy.sum())), "cannot be traced"),
        (lambda p, x, dy: ((), x.nothing), "cannot be traced: AttributeError"),
        (lambda p, x, dy: dy, r"expected the pair \(dparams, dx\), got an array"),
    ],
)
def test_wrong_form_is_said(backward: Any, said: str) -> None:
    layer = nn.Layer(lambda key, in_shape: ((), in_shape), lambda p, x, key=None: (x, x), backward)
    report = nn.verify(layer, (3,), show=False)
    assert {row.oracle for row in report.rows} == {"form"}
    assert re.search(said, report.rows[0].detail), report.rows[0].detail


def test_lost_digits_are_found() -> None:
    """One-pass variance: right near 0, without digits for data far from it."""

    def one_pass(params: Any, x: Any, key: Any = None) -> Any:
        mean = x.mean(axis=-1, keepdims=True)
        variance = (x**2).mean(axis=-1, keepdims=True) - mean**2
        return (x - mean) / jnp.sqrt(variance + 1e-5), (x, mean, variance)

    def backward(params: Any, residuals: Any, dy: Any) -> Any:
        x, mean, variance = residuals
        rstd = 1 / jnp.sqrt(variance + 1e-5)
        xhat = (x - mean) * rstd
        m = x.shape[-1]
        return (), rstd / m * (
            m * dy - dy.sum(-1, keepdims=True) - xhat * (dy * xhat).sum(-1, keepdims=True)
        )

    layer = nn.Layer(lambda key, s: ((), s), one_pass, backward)
    near = nn.verify(layer, (6,), show=False)
    far = nn.verify(layer, (6,), inputs=lambda rng, shape: 1e4 + rng.normal(size=shape), show=False)
    assert near.passed
    assert not far.passed


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match=r"expected a layer or a loss.*nn\.relu\(\)"):
        nn.verify(nn.relu, (3,))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="layer 0 of serial"):
        nn.verify(nn.serial(nn.conv2d(2, 3)), (3,))


# --- python -m nnjax.verify -----------------------------------------------------------------------


def test_command_for_one_block(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["dense", "--json", str(tmp_path / "rows.json")]) == 0
    printed = capsys.readouterr().out
    assert "1 block, 8 cases: all right" in printed
    written = json.loads((tmp_path / "rows.json").read_text())
    assert {row["block"] for row in written} == {"dense"}
    assert [file.name for file in tmp_path.iterdir()] == ["rows.json"]


def test_command_finds_planted_defects(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["dense", "--defects"]) == 0
    assert "0 missed" in capsys.readouterr().out


def test_command_with_an_unknown_block(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["convolution"]) == 2
    assert "unknown block: convolution; expected one of: " in capsys.readouterr().err


def test_command_ends_with_1_if_a_rule_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from nnjax.verify.defects import DEFECTS

    monkeypatch.setattr(command, "CASES", [DEFECTS[0].case])
    assert command.main([]) == 1
    assert "WRONG" in capsys.readouterr().out
