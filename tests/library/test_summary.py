"""The table of a network: layers, output shapes, parameters."""

import jax
import pytest

import nnjax as nn


def test_table_of_a_network() -> None:
    network = nn.serial(
        nn.conv2d(8, (3, 3)),
        nn.serial(nn.batch_norm(), nn.relu()),
        nn.residual(nn.serial(nn.relu())),
        nn.flatten(),
        nn.dense(1000),
    )
    assert str(nn.summary(network, (8, 8, 1))).splitlines() == [
        "layer                     output shape  parameters",
        "conv2d(8, (3, 3))         (6, 6, 8)             80",
        "batch_norm()              (6, 6, 8)             32",
        "relu()                    (6, 6, 8)              0",
        "residual(serial(relu()))  (6, 6, 8)              0",
        "flatten()                 (288,)                 0",
        "dense(1000)               (1000,)          289,000",
        "total                                      289,112",
    ]


@pytest.mark.parametrize(
    ("network", "layers"),
    [
        (nn.dense(4), 1),
        (nn.serial(), 0),
        (nn.serial(nn.serial(), nn.serial(nn.dense(3), nn.serial(nn.relu()))), 2),
        (nn.shared(nn.serial(nn.dense(3), nn.dense(3)), (0, 1)), 1),
        (nn.serial(nn.parallel(nn.dense(2), nn.dense(3), join="concat"), nn.dense(2)), 2),
    ],
)
def test_parameters_and_shapes_are_those_of_init(network: nn.Layer, layers: int) -> None:
    params, out_shape = network.init(jax.random.key(0), (3,))
    table = nn.summary(network, (3,))
    assert table.parameters == sum(leaf.size for leaf in jax.tree.leaves(params))
    assert table.parameters == sum(row.parameters for row in table.rows)
    assert len(table.rows) == layers
    assert [row.out_shape for row in table.rows[-1:]] == [out_shape][:layers]


def test_layer_put_together_by_hand_is_a_row() -> None:
    layer = nn.dense(2)._replace(forward=nn.relu().forward)
    (row,) = nn.summary(layer, (3,)).rows
    assert row == (layer, (2,), 8)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="layer 1 of serial: conv1d takes"):
        nn.summary(nn.serial(nn.dense(3), nn.conv1d(3, 3)), (8,))
    with pytest.raises(TypeError, match=r"summary: expected a layer, got .*relu"):
        nn.summary(nn.relu, (8,))  # pyright: ignore[reportArgumentType]
