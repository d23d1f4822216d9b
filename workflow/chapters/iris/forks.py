"""Networks with forks, checked by nnjax's verifier; one has a planted mistake."""

from typing import Any

import numpy as np

import nnjax as nn


def fork_reports(names: list[str]) -> list[dict[str, Any]]:
    """Verify networks with forks, each with the binary loss on top.

    Args:
        names: which networks. The block of "residual, one branch alone" has a planted mistake: it
            passes on the error signal of the branch, and not that of the straight path.

    Returns:
        network, then the verifier's rows: options, oracle, error64, error32 and verdict.
    """

    def hidden(n: int = 3) -> tuple[nn.Layer, nn.Layer]:
        return nn.dense(n), nn.tanh()

    block = nn.serial(*hidden())
    block_alone = nn.residual(block)._replace(backward=block.backward)
    twice = nn.serial(*hidden(), nn.dense(3), nn.sigmoid(), nn.dense(3), nn.tanh(), nn.dense(1))
    networks: dict[str, tuple[nn.Layer, nn.Penalty | None]] = {
        "no fork": (nn.serial(*hidden(), *hidden(), nn.dense(1)), None),
        "residual": (nn.serial(*hidden(), nn.residual(block), nn.dense(1)), None),
        **{
            f"parallel, {join}": (
                nn.serial(nn.parallel(block, nn.serial(nn.dense(3)), join=join), nn.dense(1)),
                None,
            )
            for join in ("sum", "concat", "multiply")
        },
        "shared weights": (nn.shared(twice, [2, 4]), None),
        "L2": (nn.serial(nn.dense(3), nn.sigmoid(), nn.dense(1)), nn.l2(0.3)),
        "residual, one branch alone": (nn.serial(*hidden(), block_alone, nn.dense(1)), None),
    }
    rows = []
    for name in names:
        network, penalty = networks[name]
        report = nn.verify(
            network, (2,), nn.sigmoid_cross_entropy, penalty=penalty, inputs=_normal, show=False
        )
        for row in report.rows:
            rows.append({"network": name, **row._asdict()})
    return rows


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.normal(size=shape)
