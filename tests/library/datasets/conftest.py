"""Fixtures of the tests that fetch data."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from data_server import Server

from nnjax.datasets import fetch


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


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No pauses between attempts, no proxy, and no data but what the test provides."""
    monkeypatch.setattr(fetch, "_PAUSE", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv(fetch.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
