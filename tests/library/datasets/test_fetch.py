"""Getting ISOLET: local folders, downloads and their faults, the stand-in, writing."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from data_server import Answer, Server
from isolet_files import isolet_folder
from ncompress import compress

from nnjax.datasets import fetch, isolet, unpack
from nnjax.datasets.errors import DataError
from nnjax.datasets.sources.isolet import ISOLET

pytestmark = pytest.mark.usefixtures("offline")

Archives = tuple[bytes, dict[str, bytes]]


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
        members[f"{name}.Z"] = compress(unpack.content(path, [], 1 << 26)[0])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue(), members


def assert_official(fetched: fetch.Fetched[pl.DataFrame], source: str) -> None:
    assert fetched.origin == {
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
    with pytest.raises(DataError, match=rf"{kept}/isolet.zip is not a valid zip .* Delete {kept}"):
        fetch.fetch(ISOLET, [], [address], tmp_path / "cache")
    assert not server.asked


# What the first address sends, how often it is asked, and the reason given when all else fails.
BAD: dict[str, tuple[list[Answer], int, str]] = {
    "web page": ([Answer(b"<html>moved</html>")], 3, "isolet.zip is a web page, not the data"),
    "announced more": ([Answer(b"PK\3\4", announced=9999)], 3, "the connection was lost"),
    "half an archive": (
        [Answer(b"PK\3\4" + b"x" * 999)],
        3,
        "isolet.zip is not a valid zip archive",
    ),
    "server error": ([Answer(b"", 500)], 3, "HTTP status 500"),
    "not there": ([Answer(b"", 404)], 1, "HTTP status 404"),
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
    assert message.startswith("ISOLET was not found in data and could not be downloaded (")
    assert f"{addresses[0]}: {reason}" in message
    assert f"{addresses[1]}: HTTP status 404" in message
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


def test_other_content_is_refused(
    server: Server, archives: Archives, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/isolet.zip"] = [Answer(archives[0])]
    monkeypatch.setitem(isolet.FINGERPRINTS, "train", "0" * 64)
    monkeypatch.setattr(fetch, "_ATTEMPTS", 1)
    with pytest.raises(DataError, match=f"expected the fingerprint {'0' * 64}, found"):
        fetch.fetch(ISOLET, [], [f"{server.url}/isolet.zip"], "cache", allow_standin=False)


def test_a_download_without_end_is_stopped(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "LARGEST", 10)
    server.answers["/isolet.zip"] = [Answer(b"PK" * 9)]
    with pytest.raises(DataError, match=r"isolet.zip: isolet.zip has more than 10 bytes\)"):
        fetch.fetch(ISOLET, [], [f"{server.url}/isolet.zip"], "cache", allow_standin=False)


def test_nothing_listens(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.http.shutdown()
    server.http.server_close()
    fetched = fetch.fetch(ISOLET, ["data"], [f"{server.url}/isolet.zip"], "cache", seed=3)
    assert fetched.origin["data"] == "stand-in"
    assert fetched.origin["source"] == "generated from seed 3"
    assert fetched.origin["fingerprint"] == isolet.fingerprints(fetched.content)
    warning = capsys.readouterr().err.splitlines()[-1]
    assert warning.startswith("WARNING: ISOLET was not found in data and could not be downloaded")
    assert "server unreachable" in warning
    assert "SYNTHETIC STAND-IN (seed 3)" in warning


def test_mirror_of_a_silent_server_is_asked(server: Server) -> None:
    server.answers["/isolet.zip"] = [Answer(b"", silent=True)]
    started = time.monotonic()
    with pytest.raises(DataError, match=r"isolet.zip: no answer in time; .*: HTTP status 404"):
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
    with pytest.raises(DataError, match=rf"{address}: cannot download .* begins with http://"):
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
    with pytest.raises(DataError, match=r"contains none of isolet1\+2\+3\+4.data"):
        fetch.fetch(ISOLET, ["data", str(folder)], address, "cache")
    Path(place, "isolet1+2+3+4.data").write_bytes(b"<html>")
    with pytest.raises(DataError, match=rf"{place}/isolet1\+2\+3\+4.data is a web page"):
        fetch.fetch(ISOLET, ["data", str(folder)], address, "cache")
    assert not server.asked


def test_write_leaves_no_draft(tmp_path: Path) -> None:
    fetched = fetch.fetch(ISOLET, [], [], "cache", say=lambda line: None)
    names = ["isolet.json", "test.parquet", "train.parquet"]
    origin, test, train = (tmp_path / "new" / name for name in names)
    fetch.write(ISOLET, fetched, train, test, origin)
    assert pl.concat(map(pl.read_parquet, (train, test))).equals(fetched.content)
    assert set(pl.read_parquet(train)["split"]) == {"train"}
    assert json.loads(origin.read_text()) == fetched.origin
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
