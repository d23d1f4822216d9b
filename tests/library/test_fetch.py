"""Getting the data sets: local folders, a server of our own, stand-ins, the script."""

import gzip
import hashlib
import io
import json
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import fetch_data
import figtable
import numpy as np
import polars as pl
import pytest
from isolet_files import isolet_folder
from ncompress import compress

from nnjax.datasets import fetch, isolet, mnist, text
from nnjax.datasets.errors import DataError
from nnjax.datasets.sources.isolet import ISOLET
from nnjax.datasets.sources.mnist import MNIST
from nnjax.datasets.sources.text import TEXT
from nnjax.datasets.unpack import unpack

Archives = tuple[bytes, dict[str, bytes]]


class Answer(NamedTuple):
    """What the server sends; `announced` is the Content-Length, the true one by default."""

    body: bytes
    status: int = 200
    announced: int | None = None
    silent: bool = False


class Server:
    """A server on this machine; an address with several answers gives them one after the other."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.asked: Counter[str] = Counter()
        self.closing = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answers = owner.answers.get(self.path, [Answer(b"lost", 404)])
                answer = answers[min(owner.asked[self.path], len(answers) - 1)]
                owner.asked[self.path] += 1
                if answer.silent:
                    owner.closing.wait()
                    return
                self.send_response(answer.status)
                length = len(answer.body) if answer.announced is None else answer.announced
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.closing.set()
    made.http.shutdown()
    thread.join()
    made.http.server_close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No waiting between attempts, no proxy, nothing found by chance."""
    monkeypatch.setattr(fetch, "_PAUSE", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv(fetch.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with isolet_folder(tmp_path_factory.mktemp("isolet")) as place:
        yield place


@pytest.fixture(scope="module")
def archives(folder: Path) -> Archives:
    """The published forms: the zip archive, and the two `.data.Z` by name."""
    members = {}
    for name in isolet.FILES.values():
        path = next(p for p in folder.iterdir() if p.name.startswith(name))
        members[f"{name}.Z"] = compress(unpack(path.read_bytes(), path.name))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue(), members


def assert_official(fetched: fetch.Fetched[pl.DataFrame], source: str) -> None:
    assert fetched.record == {
        "data": "isolet",
        "source": source,
        "fingerprint": isolet.FINGERPRINTS,
        "coded_rows": isolet.coded_rows(fetched.content),
        "rows": {"train": 6238, "test": 1559},
        "speakers": {"train": 120, "test": 30},
    }
    assert isolet.is_official(fetched.content)


def test_download_is_kept(server: Server, archives: Archives, tmp_path: Path) -> None:
    address = f"{server.url}/54/isolet.zip"
    server.answers["/54/isolet.zip"] = [Answer(archives[0])]
    said: list[str] = []
    for _ in range(2):
        assert_official(
            fetch.fetch(ISOLET, [], [address], tmp_path / "cache", say=said.append), address
        )
    assert server.asked["/54/isolet.zip"] == 1
    assert len(said) == 1
    (kept,) = (tmp_path / "cache").iterdir()
    assert [path.name for path in kept.iterdir()] == ["isolet.zip"]


def test_broken_cache_is_named(server: Server, tmp_path: Path) -> None:
    address = f"{server.url}/isolet.zip"
    kept = tmp_path / f"cache/127.0.0.1_{server.http.server_port}_isolet.zip"
    kept.mkdir(parents=True)
    (kept / "isolet.zip").write_bytes(b"broken")
    with pytest.raises(DataError, match=rf"{kept}/isolet.zip is no zip .* Delete {kept}"):
        fetch.fetch(ISOLET, [], [address], tmp_path / "cache")
    assert not server.asked


# What the first address sends, how often it is asked, and what is said of it when all else fails.
BAD: dict[str, tuple[list[Answer], int, str]] = {
    "web page": ([Answer(b"<html>moved</html>")], 3, "isolet.zip is a web page, not the data"),
    "announced more": ([Answer(b"PK\3\4", announced=9999)], 3, "the download broke off"),
    "half an archive": ([Answer(b"PK\3\4" + b"x" * 999)], 3, "isolet.zip is no zip archive"),
    "server error": ([Answer(b"", 500)], 3, "it answered 500"),
    "not there": ([Answer(b"", 404)], 1, "it answered 404"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_answer_leads_to_the_mirror(
    case: str, server: Server, archives: Archives, tmp_path: Path
) -> None:
    server.answers["/isolet.zip"], times, reason = BAD[case]
    addresses = [f"{server.url}/isolet.zip", f"{server.url}/old/"]
    with pytest.raises(DataError) as caught:
        fetch.fetch(
            ISOLET, ["data"], addresses, "cache", allow_standin=False, say=lambda line: None
        )
    message = str(caught.value)
    assert message.startswith("ISOLET is not in data and could not be downloaded (")
    assert f"{addresses[0]}: {reason}" in message
    assert f"{addresses[1]}: it answered 404" in message
    assert "\n" not in message
    assert str(tmp_path) not in message
    assert server.asked["/isolet.zip"] == times
    assert not list(Path("cache").iterdir())

    if case == "web page":
        for name, content in archives[1].items():
            server.answers[f"/old/{name}"] = [Answer(content)]
        fetched = fetch.fetch(ISOLET, [], addresses, "cache", say=lambda line: None)
        assert_official(fetched, addresses[1])


def test_third_attempt_succeeds(server: Server, archives: Archives) -> None:
    first, second = Answer(b"", 500), Answer(b"PK", announced=99)
    server.answers["/isolet.zip"] = [first, second, Answer(archives[0])]
    address = f"{server.url}/isolet.zip"
    assert_official(fetch.fetch(ISOLET, [], [address], "cache", say=lambda line: None), address)
    assert server.asked["/isolet.zip"] == 3


def test_other_content_is_no_isolet(
    server: Server, archives: Archives, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/isolet.zip"] = [Answer(archives[0])]
    monkeypatch.setattr(isolet, "FINGERPRINTS", {"train": "0" * 64, "test": "1" * 64})
    monkeypatch.setattr(fetch, "_ATTEMPTS", 1)
    with pytest.raises(DataError, match=f"expected the fingerprint {'0' * 64}, found"):
        fetch.fetch(ISOLET, [], [f"{server.url}/isolet.zip"], "cache", allow_standin=False)


def test_nothing_listens(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.http.shutdown()
    server.http.server_close()
    fetched = fetch.fetch(ISOLET, ["data"], [f"{server.url}/isolet.zip"], "cache", seed=3)
    assert fetched.record["data"] == "stand-in"
    assert fetched.record["source"] == "generated from seed 3"
    assert fetched.record["fingerprint"] == isolet.fingerprints(fetched.content)
    warning = capsys.readouterr().err.splitlines()[-1]
    assert warning.startswith("WARNING: ISOLET is not in data and could not be downloaded")
    assert "it cannot be reached" in warning
    assert "SYNTHETIC STAND-IN (seed 3)" in warning


def test_silent_server_is_given_up_and_its_mirror_is_tried(server: Server) -> None:
    server.answers["/isolet.zip"] = [Answer(b"", silent=True)]
    started = time.monotonic()
    with pytest.raises(DataError, match=r"isolet.zip: no answer in time; .*: it answered 404"):
        fetch.fetch(
            ISOLET,
            [],
            [f"{server.url}/isolet.zip", f"{server.url}/old/"],
            "cache",
            allow_standin=False,
            timeout=0.5,
        )
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1/isolet.tar", "127.0.0.1/isolet.zip", "ftp://127.0.0.1/isolet.zip"],
)
def test_address_of_an_unknown_kind(address: str) -> None:
    with pytest.raises(DataError, match=rf"{address} is no address .* has to begin with http://"):
        fetch.fetch(ISOLET, [], [address], "cache")


def test_no_address_and_unwritable_cache(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"any folder .* \(no address is configured\)"):
        fetch.fetch(ISOLET, [], [], "cache", allow_standin=False)
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(DataError, match="The cache cache cannot be written"):
        fetch.fetch(ISOLET, [], ["http://127.0.0.1:9/isolet.zip"], "cache")


def test_local_folder_comes_first(
    folder: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here/isolet").symlink_to(folder)
    address = [f"{server.url}/isolet.zip"]
    assert_official(fetch.fetch(ISOLET, ["no", "here"], address, "cache"), "local folder here")
    # A path of this machine says nothing on another one.
    absolute = str(tmp_path / "here/isolet")
    assert_official(fetch.fetch(ISOLET, [absolute], address, "cache"), "local folder")
    monkeypatch.setenv(fetch.VARIABLE, absolute)
    folders = fetch.local_folders(["no"])
    assert folders == ["no", "$NNJAX_DATA", "data", "../shared/data"]
    assert_official(fetch.fetch(ISOLET, folders, address, "cache"), "local folder $NNJAX_DATA")
    assert not server.asked


@pytest.mark.parametrize("place", ["data", "data/isolet"])
def test_broken_local_file_is_never_skipped(place: str, folder: Path, server: Server) -> None:
    Path(place).mkdir(parents=True)
    Path(place, "isolet5.data.Z").write_bytes(b"\x1f\x9d\x90")
    address = [f"{server.url}/isolet.zip"]
    with pytest.raises(DataError, match=r"holds none of isolet1\+2\+3\+4.data"):
        fetch.fetch(ISOLET, ["data", str(folder)], address, "cache")
    Path(place, "isolet1+2+3+4.data").write_bytes(b"<html>")
    with pytest.raises(DataError, match=rf"{place}/isolet1\+2\+3\+4.data is a web page"):
        fetch.fetch(ISOLET, ["data", str(folder)], address, "cache")
    assert not server.asked


def test_write_leaves_no_draft(tmp_path: Path) -> None:
    fetched = fetch.fetch(ISOLET, [], [], "cache", say=lambda line: None)
    names = ["isolet.json", "test.parquet", "train.parquet"]
    record, test, train = (tmp_path / "new" / name for name in names)
    fetch.write(ISOLET, fetched, train, test, record)
    assert pl.concat(map(pl.read_parquet, (train, test))).equals(fetched.content)
    assert set(pl.read_parquet(train)["split"]) == {"train"}
    assert json.loads(record.read_text()) == fetched.record
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == names

    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"b.json cannot be written \("):
        fetch.write(
            ISOLET,
            fetched,
            tmp_path / "a.parquet",
            tmp_path / "b.parquet",
            "file/b.json",
        )
    assert not list(tmp_path.glob("*.parquet*"))


def section(**changes: object) -> dict[str, object]:
    return {
        "folders": [],
        "url": [],
        "cache": "cache",
        "standin": True,
        "standin_seed": 0,
    } | changes


def test_script_writes_its_files() -> None:
    fetch_data.main(
        ISOLET, section(), ["out/train.parquet", "out/test.parquet", "out/isolet.json"], "log"
    )
    assert json.loads(Path("out/isolet.json").read_text())["data"] == "stand-in"
    assert pl.read_parquet("out/train.parquet").height == 6238
    assert pl.read_parquet("out/test.parquet").height == 1559
    assert "WARNING" in Path("log").read_text()


def test_script_ends_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        fetch_data.main(ISOLET, section(standin=False), ["out/a", "out/b", "out/c.json"], "log")
    assert caught.value.code == 1
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("error: ISOLET is not in")
    assert Path("log").read_text().splitlines() == said
    assert not Path("out").exists()


class Other(NamedTuple):
    """A data set as a row of the table: all of them are got by the same function."""

    dataset: fetch.Dataset[Any]
    address: str
    files: dict[str, bytes]
    asked: list[str]
    needed: str
    source: str


@pytest.fixture(params=["mnist", "text"])
def other(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Other:
    """MNIST and the text, small, so that what the server sends counts as official."""
    if request.param == "mnist":
        monkeypatch.setattr(mnist, "ROWS", {"train": 3, "test": 2})
        rng = np.random.default_rng(0)
        content = mnist.Digits(
            *(
                rng.integers(10, size=(rows, *image), dtype=np.uint8)
                for rows in (3, 2)
                for image in ((28, 28), ())
            )
        )
        monkeypatch.setattr(mnist, "FINGERPRINTS", mnist.fingerprints(content))
        packed = {
            f"{mnist.FILES[part]}.gz": gzip.compress(mnist.encode(array))
            for part, array in content._asdict().items()
        }
        asked = [f"/mnist/{name}" for name in packed]
        source = "scikit-learn's digits, 8 x 8 pixels drawn into frames of 28 x 28"
        return Other(MNIST, "/mnist/", packed, asked, ", ".join(packed), source)
    content = b"First Citizen:\nSpeak.\n"
    monkeypatch.setattr(text, "BYTES", len(content))
    monkeypatch.setattr(text, "FINGERPRINT", hashlib.sha256(content).hexdigest())
    files = {"tinyshakespeare.txt": content}
    source = "a text of our own, written by a small grammar from seed 5"
    return Other(TEXT, "/a/input.txt", files, ["/a/input.txt"], "tinyshakespeare.txt", source)


def outputs(dataset: fetch.Dataset[Any]) -> list[str]:
    return [f"out/{dataset.data}", "out/record.json"]


def test_other_is_downloaded_once_and_kept(other: Other, server: Server) -> None:
    for path, content in zip(other.asked, other.files.values(), strict=True):
        server.answers[path] = [Answer(content)]
    address = server.url + other.address
    said: list[str] = []
    downloaded, fetched = (
        fetch.fetch(other.dataset, ["data"], [address], "cache", say=said.append) for _ in range(2)
    )
    assert fetched.record == downloaded.record
    assert fetched.record["data"] == other.dataset.data
    assert fetched.record["source"] == address
    assert said == [f"{other.dataset.name} is not in data; downloading it."]
    assert server.asked == Counter(other.asked)
    fetch.write(other.dataset, fetched, *outputs(other.dataset))
    assert json.loads(Path("out/record.json").read_text()) == fetched.record
    assert sorted(path.name for path in Path("out").iterdir()) == sorted(
        [other.dataset.data, "record.json"]
    )


def test_other_in_a_local_folder(other: Other, server: Server) -> None:
    place = Path("here", other.dataset.folder)
    place.mkdir(parents=True)
    for name, content in other.files.items():
        (place / name).write_bytes(content)
    for folder in ("here", str(place)):
        fetched = fetch.fetch(other.dataset, [folder], [server.url + other.address], "cache")
        assert fetched.record["source"] == f"local folder {folder}"
    name, content = next(iter(other.files.items()))
    (place / name).write_bytes(content[:-4])
    with pytest.raises(DataError, match=rf"{place}/{name} .*again from a good copy.$"):
        fetch.fetch(other.dataset, ["here"], [server.url + other.address], "cache")
    assert not server.asked


def test_other_with_another_content_is_refused(other: Other, server: Server) -> None:
    for path, (name, content) in zip(other.asked, other.files.items(), strict=True):
        raw = bytearray(unpack(content, name))
        raw[-1] ^= 1
        server.answers[path] = [Answer(gzip.compress(bytes(raw)))]
    address = server.url + other.address
    with pytest.raises(DataError) as caught:
        fetch.fetch(other.dataset, [], [address], "cache", allow_standin=False)
    message = str(caught.value)
    assert message.startswith(f"{other.dataset.name} is not in any folder")
    assert "expected the SHA-256" in message
    assert f"Put {other.needed} into" in message
    assert not list(Path("cache").iterdir())


def test_other_is_replaced_by_a_marked_stand_in(
    other: Other, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = server.url + other.address
    said: list[str] = []
    fetched = fetch.fetch(other.dataset, ["data"], [address], "cache", seed=5, say=said.append)
    assert fetched.record["data"] == other.dataset.standin.data
    assert fetched.record["data"] in figtable.STAND_INS
    assert fetched.record["source"] == other.source
    assert said[-1].startswith(f"WARNING: {other.dataset.name} is not in data and could not")
    assert f"{address}: it answered 404" in said[-1]
    assert other.dataset.standin.warning.format(seed=5) in said[-1]
    fetch.write(other.dataset, fetched, *outputs(other.dataset))
    assert json.loads(Path("out/record.json").read_text()) == fetched.record

    with pytest.raises(SystemExit):
        fetch_data.main(
            other.dataset, section(url=[address], standin=False), outputs(other.dataset), "log"
        )
    assert Path("log").read_text().splitlines()[-1].startswith(f"error: {other.dataset.name} is")


def test_other_address_of_an_unknown_kind(other: Other) -> None:
    ending = other.address[-1] if other.dataset is MNIST else ".txt"
    with pytest.raises(DataError, match=f"download {other.dataset.name} from: .* in {ending}.$"):
        fetch.fetch(other.dataset, [], ["http://127.0.0.1/isolet.zip"], "cache")
