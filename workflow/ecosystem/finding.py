"""What a finding is, and which cells of the table it explains."""

from typing import Any, NamedTuple

COLUMNS = {
    "ordinary": "ordinary",
    "wide inputs": "wide",
    "zeros": "zeros",
    "ties": "ties",
    "equal rows": "equal rows",
    "±40": "±40",
    "±1e4": "±1e4",
    "subnormal": "subnormal",
    "error signal 1e-8": "tiny",
    "error signal 1e8": "huge",
    "axes of size 1": "size 1",
}
"""The verifier's names of the points, and what the page's columns are called."""

Places = dict[tuple[str, str], tuple[str, ...]]
"""Where something is seen: (package, function with its label) to the points."""


class Finding(NamedTuple):
    """A derivative that is wrong.

    `gives` and `right` are what the reproduction `code` finds and what mathematics says; `why` is
    the cause; `seen` are the cells of the table that it explains.
    """

    function: str
    point: str
    gives: float
    right: float
    why: str
    code: str
    seen: Places

    def cells(self) -> set[tuple[str, str, str]]:
        """The cells that this finding explains: package, function, point."""
        return cells(self.seen)

    def plain(self) -> dict[str, Any]:
        """The finding for JSON and for the page."""
        found = {key: getattr(self, key) for key in ("function", "point", "why", "code")}
        return found | {"gives": f"{self.gives:.6g}", "right": f"{self.right:.6g}"}


def cells(seen: Places) -> set[tuple[str, str, str]]:
    """Each place with each of its points."""
    return {(*place, point) for place, points in seen.items() for point in points}
