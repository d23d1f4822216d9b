"""Networks on disk: what goes in comes out, and nothing else is ever taken for it."""

import io
import json
import os
import pickle
import subprocess
import sys
import tracemalloc
import zipfile
from collections import namedtuple
from pathlib import Path
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nnjax as nn
from nnjax.calls import recorded

NETWORK = nn.serial(nn.dense(4), nn.relu(), nn.serial(nn.dense(3), nn.tanh()), nn.dense(2))


def params_of(network: nn.Layer = NETWORK, dtype: Any = jnp.float32) -> Any:
    return jax.tree.map(lambda a: a.astype(dtype), network.init(jax.random.key(0), (3,))[0])


TREES = {
    "network": lambda: params_of(),
    "float64": lambda: params_of(dtype=jnp.float64),
    "float16": lambda: params_of(dtype=jnp.float16),
    "bfloat16": lambda: params_of(dtype=jnp.bfloat16),
    "float8_e4m3fn": lambda: params_of(dtype=jnp.float8_e4m3fn),
    "float8_e5m2": lambda: params_of(dtype=jnp.float8_e5m2),
    "int4": lambda: jnp.asarray([-8, 7], jnp.int4),
    "one array": lambda: jnp.arange(3.0),
    "a number": lambda: jnp.asarray(2.5),
    "whole numbers": lambda: {"steps": jnp.asarray(3), "mask": jnp.array([True, False])},
    "nested": lambda: ({"a/b": (jnp.ones(2), [jnp.zeros((0, 3))]), "file": jnp.ones(1)}, ()),
    "with gaps": lambda: [None, {"a": None, "b": jnp.ones(2)}],
    "nothing": lambda: (),
}


def assert_same(a: Any, b: Any) -> None:
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for one, other in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


@pytest.mark.parametrize("make", TREES.values(), ids=TREES)
def test_round_trip(make: Any, tmp_path: Path) -> None:
    params = make()
    nn.save(tmp_path / "net.npz", params)
    assert_same(nn.load(tmp_path / "net.npz", like=params), params)
    shapes = jax.eval_shape(lambda: params)
    assert_same(nn.load(str(tmp_path / "net.npz"), like=shapes), params)
    assert_same(nn.load(tmp_path / "net.npz").params, params)
    assert [file.name for file in tmp_path.iterdir()] == ["net.npz"]


def test_special_numbers_keep_their_bits(tmp_path: Path) -> None:
    params = jnp.array([np.nan, np.inf, -np.inf, -0.0, 5e-324])
    nn.save(tmp_path / "net.npz", params)
    assert_same(nn.load(tmp_path / "net.npz", like=params), params)


def test_nothing_is_pickled(tmp_path: Path) -> None:
    nn.save(tmp_path / "net.npz", params_of(dtype=jnp.bfloat16))
    with np.load(tmp_path / "net.npz", allow_pickle=False) as archive:
        assert set(archive.files) - {"description"} == {
            f"[{place}].{part}" for place in ("0", "2][0", "3") for part in ("weights", "bias")
        }
        assert not any(archive[name].dtype.hasobject for name in archive.files)


@pytest.mark.parametrize(
    "params", [np.array([None]), {"a": "text"}, {"a": object()}], ids=["none", "text", "object"]
)
def test_save_refuses_what_is_no_number(params: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"save: .*not an array of numbers"):
        nn.save(tmp_path / "net.npz", params)
    assert not list(tmp_path.iterdir())


def test_save_replaces_what_was_there(tmp_path: Path) -> None:
    nn.save(tmp_path / "net.npz", jnp.zeros(1000))
    nn.save(tmp_path / "net.npz", jnp.ones(2))
    assert_same(nn.load(tmp_path / "net.npz", like=jnp.ones(2)), jnp.ones(2))


@pytest.mark.parametrize("error", [OSError("the disk is full"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["write", "rename"])
def test_interrupted_save_leaves_the_old_file(
    step: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nn.save(tmp_path / "net.npz", jnp.zeros(3))

    def interrupted_write(file: Any, **arrays: Any) -> NoReturn:
        file.write(b"half a file")
        raise error

    def interrupted_rename(*paths: Any) -> NoReturn:
        raise error

    if step == "write":
        monkeypatch.setattr(np, "savez", interrupted_write)
    else:
        monkeypatch.setattr(os, "replace", interrupted_rename)
    with pytest.raises(type(error)):
        nn.save(tmp_path / "net.npz", jnp.ones(3))
    monkeypatch.undo()
    assert_same(nn.load(tmp_path / "net.npz", like=jnp.zeros(3)), jnp.zeros(3))
    assert [file.name for file in tmp_path.iterdir()] == ["net.npz"]


def test_save_into_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"^save: no such folder: .*none; make it first$"):
        nn.save(tmp_path / "none" / "net.npz", jnp.ones(3))
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError, match=r"^save: no such folder: .*file; make it first$"):
        nn.save(tmp_path / "file" / "net.npz", jnp.ones(3))
    with pytest.raises(FileNotFoundError, match=r"^load: no such file: "):
        nn.load(tmp_path / "file" / "net.npz")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such file: .*net\.npz"):
        nn.load(tmp_path / "net.npz", like=())


# --- dtypes and byte order ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">f2", ">i4", "<f4", ">u2"])
def test_byte_order_is_that_of_the_machine(dtype: str, tmp_path: Path) -> None:
    """From arrays of another order, and from files of a machine with it."""
    values = np.array([[1, 2, 300]], dtype)
    native = jnp.asarray(values.astype(values.dtype.newbyteorder("=")))
    nn.save(tmp_path / "net.npz", {"a": values})
    assert_same(nn.load(tmp_path / "net.npz").params, {"a": native})
    assert_same(nn.load(tmp_path / "net.npz", like={"a": values}), {"a": native})
    with zipfile.ZipFile(tmp_path / "net.npz", "w") as archive:
        archive.writestr("['a'].npy", one_array(values))
    assert_same(nn.load(tmp_path / "net.npz", like={"a": native}), {"a": native})


def test_float64_stays_where_jax_has_32_bits(tmp_path: Path) -> None:
    params = {"pi": np.array([np.pi]), "n": np.array([2**40])}
    with jax.enable_x64(False):
        nn.save(tmp_path / "net.npz", params)
        assert_same(nn.load(tmp_path / "net.npz").params, params)
        assert_same(nn.load(tmp_path / "net.npz", like=params), params)
    assert_same(nn.load(tmp_path / "net.npz").params, params)


# --- networks and classes -------------------------------------------------------------------------

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
        params, network, classes = nn.load(sys.argv[1])
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


# --- places ---------------------------------------------------------------------------------------


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link, end = tmp_path / "link.npz", tmp_path / "folder" / "net.npz"
    link.symlink_to(end)
    with pytest.raises(FileNotFoundError, match=r"link\.npz, which links to .*net\.npz$"):
        nn.load(link)
    for params in (jnp.ones(3), jnp.zeros(2)):
        nn.save(link, params)
        assert link.is_symlink()
        assert_same(nn.load(link).params, params)
        assert_same(nn.load(end).params, params)
    assert [file.name for file in end.parent.iterdir()] == ["net.npz"]


def test_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=r"^save: .* is a folder; expected a file"):
        nn.save(tmp_path, jnp.ones(3))
    with pytest.raises(IsADirectoryError, match=r"^load: .* is a folder; expected a file"):
        nn.load(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["device", "pipe", "link to a pipe"])
def test_devices_and_pipes_are_left_alone(kind: str, tmp_path: Path) -> None:
    """To read an empty pipe would wait forever; to replace a device would break the machine."""
    path = Path(os.devnull)
    if kind != "device":
        path = tmp_path / "pipe"
        os.mkfifo(path)
    if kind == "link to a pipe":
        (tmp_path / "link").symlink_to(path)
        path = tmp_path / "link"
    before = path.stat()
    with pytest.raises(OSError, match=r"^save: .* is a device or a pipe; expected a file"):
        nn.save(path, jnp.ones(3))
    with pytest.raises(OSError, match=r"^load: .* is a device or a pipe; expected a file"):
        nn.load(path, like=jnp.ones(3))
    assert path.stat().st_ino == before.st_ino


# --- sizes ----------------------------------------------------------------------------------------


def bomb(path: Path, header: bytes, zeros: int) -> None:
    """An archive of some kilobytes with a member that inflates to the header and many zeros."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("params.npy", "w", force_zip64=True) as member,
    ):
        member.write(header)
        for _ in range(zeros // 2**20):
            member.write(bytes(2**20))


def header_of(shape: tuple[int, ...], dtype: str = "<f4") -> bytes:
    file = io.BytesIO()
    described = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue()


@pytest.mark.parametrize("shape", [(2**26,), (3,)], ids=["honest header", "small header"])
@pytest.mark.parametrize("like", [None, jnp.zeros(3, jnp.float32)], ids=["alone", "like"])
def test_what_inflates_is_refused_before_it_is_read(
    shape: tuple[int, ...], like: Any, tmp_path: Path
) -> None:
    """256 MiB of zeros here; memory stays as it was."""
    path = tmp_path / "net.npz"
    bomb(path, header_of(shape), 2**28)
    assert path.stat().st_size < 2**20
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"would inflate from \d+ to 2684\d+ bytes"):
            nn.load(path, like)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "shape", [(10**12,), (10**6, 10**6, 10**6), (2,), (4,), (-3,), (-1, -3)], ids=str
)
def test_header_that_does_not_fit_its_member_is_refused(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    (tmp_path / "net.npz").write_bytes(archive(params__npy=header_of(shape) + bytes(12)))
    with pytest.raises(ValueError, match=r"params\.npy has \d+ bytes, but its header describes"):
        nn.load(tmp_path / "net.npz", like=jnp.zeros(3, jnp.float32))


# --- files that are something else ----------------------------------------------------------------


def one_array(array: np.ndarray, pickled: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=pickled)
    return file.getvalue()


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        for name, content in members.items():
            z.writestr(name.replace("__", "."), content)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"PK\x03\x04 garbage",
        pickle.dumps({"a": 1}),
        one_array(np.zeros(3)),
        one_array(np.array([{}], dtype=object), pickled=True),
        archive(params__npy=one_array(np.array([{}], dtype=object), pickled=True)),
        archive(params__npy=b"garbage"),
        archive(params=b"not an array"),
    ],
    ids=["empty", "text", "zip start", "pickle", "npy", "pickled npy", "pickled member",
         "garbage member", "member that is no array"],
)  # fmt: skip
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "net.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"load: .*net\.npz"):
        nn.load(tmp_path / "net.npz", like=jnp.zeros(3))


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    nn.save(path, jnp.arange(3.0))
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="not a file written by"):
            nn.load(path, like=jnp.arange(3.0))


def test_every_changed_byte_is_refused_or_harmless(tmp_path: Path) -> None:
    """A changed byte of the data, the header or the directory: an error, or the same numbers."""
    path = tmp_path / "net.npz"
    params = jnp.arange(3.0)
    nn.save(path, params)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x15]) + whole[place + 1 :])
        try:
            loaded = nn.load(path, like=params)
        except ValueError:
            continue
        assert_same(loaded, params)


# --- files of another network ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("like", "message"),
    [
        (
            lambda: params_of(nn.serial(nn.dense(4), nn.relu())),
            r"unexpected \['\[2\]\[0\]\.bias'",
        ),
        (lambda: (*params_of(), jnp.ones(1)), r"missing \['\[4\]'\]"),
        (
            lambda: params_of(
                nn.serial(nn.dense(5), nn.relu(), nn.serial(nn.dense(3), nn.tanh()), nn.dense(2))
            ),
            r"\[0\]\.weights.*float32\(3, 4\).*expected float32\(3, 5\)",
        ),
        (lambda: params_of(dtype=jnp.float64), r"float32\(3, 4\).*expected float64\(3, 4\)"),
        (lambda: params_of(dtype=jnp.bfloat16), r"float32\(3, 4\).*expected bfloat16\(3, 4\)"),
        (lambda: params_of(dtype=jnp.int32), r"float32\(3, 4\).*expected int32\(3, 4\)"),
    ],
    ids=["fewer layers", "more layers", "shape", "float64", "bfloat16", "int32"],
)
def test_another_network_is_refused(like: Any, message: str, tmp_path: Path) -> None:
    nn.save(tmp_path / "net.npz", params_of())
    with pytest.raises(ValueError, match=message):
        nn.load(tmp_path / "net.npz", like=like())


@pytest.mark.parametrize("other", [jnp.float16, jnp.int16])
def test_bfloat16_is_not_read_as_another_dtype(other: Any, tmp_path: Path) -> None:
    """Both have two bytes; read as float16 the bits of 1 are 1.875."""
    nn.save(tmp_path / "net.npz", jnp.ones(3, jnp.bfloat16))
    with pytest.raises(ValueError, match="expected"):
        nn.load(tmp_path / "net.npz", like=jnp.ones(3, other))
