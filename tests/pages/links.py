"""The links of pages, followed without a browser."""

import os
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Reader(HTMLParser):
    """What a page links to, and the places that others may link to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name in ("href", "src"):
                self.links.append(value or "")


@cache
def read(page: Path) -> Reader:
    reader = Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    return reader


def broken(reports: Path) -> list[str]:
    """The links that lead nowhere, or away from the reports: one line each.

    Args:
        reports: folder with pages, and folders of pages.
    """
    lines = []
    for page in sorted(reports.rglob("*.html")):
        for link in read(page).links:
            parts = urlsplit(link)
            if parts.scheme == "data":
                continue
            target = Path(os.path.normpath(page.parent / parts.path)) if parts.path else page
            anchor = unquote(parts.fragment)
            if parts.scheme or not target.is_relative_to(reports) or not target.is_file():
                lines.append(f"{page.name}: {link}: there is no such file")
            elif anchor and anchor not in read(target).ids:
                lines.append(f"{page.name}: {link}: {target.name} has no place of this name")
    return lines
