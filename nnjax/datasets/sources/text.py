"""Tiny Shakespeare: its public file, else a text of our own; kept as plain text."""

import hashlib
from pathlib import Path

from nnjax.datasets import text
from nnjax.datasets.fetch import Dataset, Record, StandIn
from nnjax.datasets.own_text import own_text

__all__ = ["TEXT"]


def _describe(content: str) -> Record:
    raw = content.encode()
    return {"fingerprint": {"text": hashlib.sha256(raw).hexdigest()}, "bytes": len(raw)}


def _write(content: str, paths: list[Path]) -> None:
    paths[0].write_bytes(content.encode())


TEXT = Dataset(
    name="Tiny Shakespeare",
    data="shakespeare",
    folder="text",
    needed=text.FILES[0],
    holds=text.holds,
    load=text.load,
    addresses={".txt": {text.FILES[0]: ""}},
    describe=_describe,
    write=_write,
    standin=StandIn(
        make=own_text,
        data="own-text",
        source="a text of our own, written by a small grammar from seed {seed}",
        warning="A SMALL TEXT OF OUR OWN (seed {seed}), not on Shakespeare",
    ),
)
