"""Data under neighbouring names and in neighbouring folders: found, or named with a reason."""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ncompress import compress
from small_data import NAMES, SOURCES, Small, small

from nnjax.datasets import fetch
from nnjax.datasets.errors import DataError
from nnjax.datasets.find import first, places

pytestmark = pytest.mark.usefixtures("offline")

Files = dict[str, bytes]


@pytest.fixture(params=NAMES)
def data(request: pytest.FixtureRequest) -> Iterator[Small]:
    with small(request.param) as made:
        yield made


def zipped(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def header(content: bytes) -> bytes:
    return ",".join(f'"V{i}"' for i in range(618)).encode() + b"\r\n" + content


# What is done to the names and the contents of the files.
ALL: dict[str, Callable[[Files], Files]] = {
    "gz": lambda files: {f"{n}.gz": gzip.compress(c) for n, c in files.items()},
    "bz2": lambda files: {f"{n}.bz2": bz2.compress(c) for n, c in files.items()},
    "xz": lambda files: {f"{n}.xz": lzma.compress(c) for n, c in files.items()},
    "Z": lambda files: {f"{n}.Z": compress(c) for n, c in files.items()},
    "zip": lambda files: {f"{n}.zip": zipped({n: c}) for n, c in files.items()},
    "second copy": lambda files: {f"{n.removesuffix('.txt')} (1).txt": c for n, c in files.items()},
    "wget twice": lambda files: {f"{n}.gz.1": gzip.compress(c) for n, c in files.items()},
    "upper case": lambda files: {n.upper(): c for n, c in files.items()},
    "in a folder of its name": lambda files: {f"{n}/{n}": c for n, c in files.items()},
    "unpacked without a new name": lambda files: {f"{n}.gz": c for n, c in files.items()},
    "percent": lambda files: {
        n.replace("+", "%2B").replace("-", "%2D"): c for n, c in files.items()
    },
    "with files of macOS": lambda files: files | {f"._{n}": b"\0\5\x16\7" for n in files},
}
SOME: dict[str, tuple[str, Callable[[Files], Files]]] = {
    "dots": ("mnist", lambda f: {n.replace("-idx", ".idx"): c for n, c in f.items()}),
    "torchvision": (
        "mnist",
        lambda f: (
            {f"MNIST/raw/{n}.gz": gzip.compress(c) for n, c in f.items()}
            | {f"FashionMNIST/raw/{n}": b"other" for n in f}
        ),
    ),
    "Kaggle": ("mnist", lambda f: {f"{n.replace('-idx', '.idx')}/{n}": c for n, c in f.items()}),
    "zip of all": (
        "mnist",
        lambda f: {"mnist.zip": zipped({f"mnist/{n}": c for n, c in f.items()})},
    ),
    ".data.txt": ("isolet", lambda f: {f"{n}.txt": c for n, c in f.items()}),
    "percent": ("isolet", lambda f: {n.replace("+", "%2B"): c for n, c in f.items()}),
    "underscores": ("isolet", lambda f: {n.replace("+", "_"): c for n, c in f.items()}),
    "ISOLET.zip": ("isolet", lambda f: {"ISOLET.zip": zipped(f)}),
    "isolet (1).zip": (
        "isolet",
        lambda f: {"isolet (1).zip": zipped({f"a\\{n}.Z": compress(c) for n, c in f.items()})},
    ),
    "isolet/isolet": ("isolet", lambda f: {f"isolet/isolet/{n}": c for n, c in f.items()}),
    "header": (
        "isolet",
        lambda f: {n.replace(".data", ".csv"): header(c) for n, c in f.items()},
    ),
}


def assert_found(data: Small, files: Files) -> None:
    data.put(Path("here"), files)
    said: list[str] = []
    fetched = fetch.fetch(data.dataset, ["no", "here"], [], "cache", say=said.append)
    assert data.same(fetched.content)
    assert fetched.origin["data"] == data.dataset.data
    assert fetched.origin["source"] == "local folder here"
    assert said == []


@pytest.mark.parametrize("form", ALL)
def test_any_data_set_is_found(form: str, data: Small) -> None:
    assert_found(data, ALL[form](data.files))


@pytest.mark.parametrize("form", SOME)
def test_this_data_set_is_found(form: str) -> None:
    name, change = SOME[form]
    with small(name) as data:
        assert_found(data, change(data.files))


@pytest.mark.parametrize(
    ("present", "best"),
    [
        (["isolet5.data", "isolet.zip", "ISOLET5.data"], "isolet5.data"),
        (["isolet5.data.Z", "isolet5.data.gz"], "isolet5.data.gz"),
        (["isolet (1).zip", "isolet (2).zip", "isolet5 (1).data"], "isolet5 (1).data"),
        (["isolet.names", "isolet", "isolet.csv", "isolet15.data", ".isolet5.data"], None),
        (["isolet5\n.data", "isolet5.data\udcff"], None),
    ],
)
def test_equal_names_come_first(present: list[str], best: str | None) -> None:
    assert first(present, ["isolet5.data", "isolet.zip"]) == best


def test_an_equal_file_comes_before_a_similar_one(data: Small) -> None:
    similar = {name.upper(): b"other" for name in data.files}
    assert_found(data, data.files | similar)


def test_a_broken_similar_file_is_an_error(data: Small) -> None:
    name = next(iter(data.files)).upper()
    data.put(Path("here"), {n.upper(): c for n, c in data.files.items()} | {name: b"other"})
    with pytest.raises(DataError, match=f"^here/{name.replace('+', '.')}"):
        fetch.fetch(data.dataset, ["here"], [], "cache")


def test_links_that_form_a_circle_end() -> None:
    Path("mnist").mkdir()
    Path("mnist/mnist").symlink_to(Path("mnist").absolute())
    assert len(places(Path(), ["mnist"])) == 4


NOT_USED: dict[str, tuple[str, Files, list[str]]] = {
    "OpenML": (
        "isolet",
        {"isolet/isolet.arff": b"@relation isolet", "dataset_300_isolet.arff": b""},
        ["here/dataset_300_isolet.arff (one table, such as OpenML's, lacks the official split"]
        + ["here/isolet/isolet.arff (one table"],
    ),
    "one CSV": ("isolet", {"isolet.csv": b"f1,f2"}, ["here/isolet.csv (one table"]),
    "elsewhere": (
        "mnist",
        {"FashionMNIST/raw/t10k-labels-idx1-ubyte": b""},
        ["here/FashionMNIST/raw/t10k-labels-idx1-ubyte (not in a folder that is searched)"],
    ),
    "another form": (
        "mnist",
        {"mnist/mnist.npz": b"PK", "notes/a.txt": b""},
        ["here/mnist/mnist.npz (not the name of a file of the data)"],
    ),
    "many": ("text", {f"{i}.txt": b"" for i in range(20)}, ["here/0.txt (", "14 more in here"]),
    "nothing": ("text", {"notes/a.txt": b""}, ["here (has no such file)"]),
}


@pytest.mark.parametrize("case", NOT_USED)
@pytest.mark.parametrize("standin", [True, False])
def test_what_is_not_used_is_named(standin: bool, case: str) -> None:
    name, files, expected = NOT_USED[case]
    for file, content in files.items():
        Path("here", file).parent.mkdir(parents=True, exist_ok=True)
        Path("here", file).write_bytes(content)
    Path("file").write_text("")
    dataset, folders, said = SOURCES[name], ["no", "here", "file"], []
    if standin:
        fetch.fetch(dataset, folders, [], "cache", say=said.append)
    else:
        with pytest.raises(DataError) as caught:
            fetch.fetch(dataset, folders, [], "cache", allow_standin=False)
        said.append(str(caught.value))
    for part in [*expected, "Not used: no (no such folder); ", "; file (not a folder)."]:
        assert part in said[-1]
    assert "\n" not in said[-1]
