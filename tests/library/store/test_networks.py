"""Networks and their classes on disk: they come back equal, and nothing else is made of a file."""

import json
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from saved import NETWORK, archive, assert_same, one_array

import nnjax as nn
from nnjax.calls import recorded

NETWORKS = {
    "nested": NETWORK,
    "initialisers": nn.serial(
        nn.dense(3, nn.initializers.he(), bias=nn.initializers.normal(0.1)), nn.dropout(0.25)
    ),
    "images": nn.serial(
        nn.conv2d(4, (3, 2), padding="SAME", stride=(1, 2)), nn.batch_norm(), nn.relu(),
        nn.max_pool(2), nn.flatten(), nn.dense(2),
    ),
    "branches": nn.parallel(nn.dense(3), nn.serial(nn.relu(), nn.dense(3)), join="multiply"),
    "tied": nn.shared(nn.serial(nn.dense(3), nn.tanh(), nn.dense(3)), [0, 2]),
    "sequences": nn.serial(nn.embedding(5, 4), nn.transformer_block(4, 2), nn.gru(3, last=True)),
    "identity": nn.residual(nn.serial()),
    "reshaped": nn.serial(nn.reshape([3, 1]), nn.lstm(2), nn.layer_norm(eps=1e-3)),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_come_back_equal(name: str, tmp_path: Path) -> None:
    network, shape = NETWORKS[name], (4, 4, 1) if name == "images" else (3,)
    params, _ = network.init(jax.random.key(0), shape)
    nn.save(tmp_path / "net.npz", params, network, classes=range(2))
    loaded = nn.load(tmp_path / "net.npz")
    assert loaded.network == network
    assert repr(loaded.network) == repr(network)
    assert_same(loaded.params, params)
    assert_same(nn.load(tmp_path / "net.npz", like=params), params)


@pytest.mark.parametrize(
    "classes",
    [
        ["cat", "ünïcode", ""],
        (3, 1, 2),
        [True, False],
        [0.5, -1.5],
        np.array([1, 2], ">i2"),
        np.array(["a", "b"], object),
        np.array([b"a", b"b"]),
        range(3),
        jnp.arange(3),
    ],
)
def test_classes_come_back(classes: Any, tmp_path: Path) -> None:
    nn.save(tmp_path / "net.npz", (), classes=classes)
    found = nn.load(tmp_path / "net.npz").classes
    assert found is not None
    assert found.tolist() == np.asarray(classes).tolist()
    assert found.dtype.isnative


@pytest.mark.parametrize(
    "classes", [[1, "a"], [None, 1], "cat", [["a"], ["b"]], [{}], 3, [[1], [2, 3]], ["a\0"]]
)
def test_classes_that_would_change_are_refused(classes: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^save\(classes\): expected a list of texts"):
        nn.save(tmp_path / "net.npz", (), classes=classes)
    assert not list(tmp_path.iterdir())


@recorded
def own() -> nn.Layer:
    return nn.Layer(*nn.relu())


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (own(), r"own\(\) is not made by a function of nnjax; without `network`"),
        (nn.serial(nn.dense(2), own()), r"own\(\) is not made"),
        (nn.Layer(nn.relu().init, nn.tanh().forward, nn.tanh().backward), "is not made"),
        (nn.dense(2, init=lambda key, shape: jnp.ones(shape)), "is not made"),
        (nn.softmax_cross_entropy, "expected a network, got softmax_cross_entropy"),
        ("dense(2)", r"expected a network, got 'dense\(2\)'"),
    ],
    ids=["own layer", "inside", "by hand", "own initialiser", "loss", "text"],
)
def test_only_networks_of_the_library_are_described(
    network: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"^save\(network\): .*" + message):
        nn.save(tmp_path / "net.npz", (), network)
    assert not list(tmp_path.iterdir())


def test_predicts_in_another_process(tmp_path: Path) -> None:
    network, x = nn.serial(nn.dense(4), nn.tanh(), nn.dense(2)), np.ones((1, 3), np.float32)
    with jax.enable_x64(False):
        params, _ = network.init(jax.random.key(0), (3,))
        nn.save(tmp_path / "net.npz", params, network, ["no", "yes"])
        expected = nn.predict(network, params, x)
    program = """if True:
        import nnjax as nn, numpy as np, sys
        params, network, classes, _ = nn.load(sys.argv[1])
        scores = nn.predict(network, params, np.ones((1, 3), np.float32))
        print(np.asarray(scores).tobytes().hex(), classes[scores.argmax(-1)])
    """
    run = [sys.executable, "-c", program, str(tmp_path / "net.npz")]
    numbers, answer = subprocess.check_output(run, text=True).split()
    assert answer == str(np.array(["no", "yes"])[expected.argmax(-1)])
    np.testing.assert_allclose(np.frombuffer(bytes.fromhex(numbers), "f4"), expected[0], rtol=1e-6)


def test_what_has_no_description_needs_like(tmp_path: Path) -> None:
    """A container of the user's, and a file without a description, as older versions wrote."""
    pair = namedtuple("pair", "a b")
    params = pair(jnp.ones(1), jnp.zeros(2))
    nn.save(tmp_path / "net.npz", params)
    assert_same(nn.load(tmp_path / "net.npz", like=params), params)
    with pytest.raises(ValueError, match=r"does not describe how .* pass like="):
        nn.load(tmp_path / "net.npz")
    (tmp_path / "net.npz").write_bytes(archive(params__npy=one_array(np.ones(3))))
    assert_same(nn.load(tmp_path / "net.npz", like=jnp.ones(3)), jnp.ones(3))
    with pytest.raises(ValueError, match=r"does not describe how .* pass like="):
        nn.load(tmp_path / "net.npz")


NOTHING = {"tuple": []}


@pytest.mark.parametrize(
    "description",
    [
        {"params": NOTHING, "network": {"call": "save", "arguments": {"path": "x", "params": 1}}},
        {"params": NOTHING, "network": {"call": "fit", "arguments": {}}},
        {"params": NOTHING, "network": {"call": "__import__", "arguments": {"name": "os"}}},
        {"params": NOTHING, "network": {"call": "dense", "arguments": {}}},
        {"params": NOTHING, "network": {"call": "dense", "arguments": {"n_out": -1}}},
        {"params": NOTHING, "network": {"call": "dense", "arguments": {"n_out": 1, "more": 1}}},
        {"params": NOTHING, "network": {"call": "serial", "arguments": {"layers": 1}}},
        {"params": NOTHING, "network": {"call": "serial", "arguments": {"layers": {"tuple": [1]}}}},
        {"params": NOTHING, "network": {"call": "initializers.he", "arguments": {}}},
        {"params": NOTHING, "network": "__import__('os')"},
        {"params": {"params": "Dense", "of": [1]}},
        {"params": {"params": "Layer", "of": [None, None, None]}},
        {"params": {"array": "missing"}},
        {"params": "text"},
        [],
        "text",
    ],
)
def test_descriptions_of_something_else_are_refused(description: Any, tmp_path: Path) -> None:
    text = np.frombuffer(json.dumps(description).encode(), np.uint8)
    (tmp_path / "net.npz").write_bytes(archive(description__npy=one_array(text)))
    with pytest.raises(ValueError, match=r"^load: .*net\.npz is not a file written by"):
        nn.load(tmp_path / "net.npz")
    assert [file.name for file in tmp_path.iterdir()] == ["net.npz"]


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_broken_descriptions_are_refused(text: bytes, tmp_path: Path) -> None:
    member = one_array(np.frombuffer(text, np.uint8))
    (tmp_path / "net.npz").write_bytes(archive(description__npy=member))
    with pytest.raises(ValueError, match="is not a file written by"):
        nn.load(tmp_path / "net.npz")


def test_about_comes_back_or_is_refused(tmp_path: Path) -> None:
    about = {"columns": ["a", "b"], "unit": {"a": 1.5, "b": None}}
    nn.save(tmp_path / "net.npz", (), about=about)
    assert nn.load(tmp_path / "net.npz").about == about
    for other in ({1: "a"}, {"a": [{None: 1}]}, {"a": np.ones(1)}):
        with pytest.raises(ValueError, match=r"^save\(about\): expected dicts, lists, texts"):
            nn.save(tmp_path / "net.npz", (), about=other)
