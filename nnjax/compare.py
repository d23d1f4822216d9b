"""Compare the reports of two runs: which numbers and verdicts differ, and what explains it.

`python -m nnjax.compare OLD NEW` takes two `numbers.json`, two `claims.json`, two `clocks.json`, or
two folders that hold them. The exit status is 0 if everything that differs is explained, 1 if not,
2 if OLD or NEW cannot be read. What explains a difference:

| reason | explains |
|---|---|
| clock | a number with a unit of `CLOCKS`, up to a factor of `CLOCK_FACTOR` |
| interval | a number if each value lies in the other's interval and both are about as wide |
| device | on another device: any time, and any number up to `ROUNDING` (relative) |
| versions | the same rounding, with other versions of the packages |
| text | words, and the paths of figures |
| provenance | the code's digest, device, environment, versions, and settings that one run lacks |
| new | a key that only NEW has |

Everything else matters: a verdict, a missing key, another n, unit, rule, seed or data set. With
`--exact`, intervals, devices, versions and new keys explain nothing, so that apart from clocks and
words the reports must be equal to the last bit; for a change that must not change any result.
Of two folders it then compares all other files too, byte for byte but for the digest of the code:
figures, tables and pages. Left out are those that differ in every run: the files that `clocks.json`
lists, `costs.json`, and those whose names begin with `benchmark`.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isclose
from pathlib import Path
from typing import Any

CLOCK_FACTOR = 4.0  # a busy machine, or another one of the same kind
WIDTH_FACTOR = 2.0  # intervals that differ more in width are not of the same measurement
ROUNDING = 1e-4  # relative; sums in another order, carried through a training run
SIGNIFICANCE = 0.05  # nothing explains a p-value that crosses it

UNEXPLAINED = "NOT EXPLAINED"
INEXACT = ("interval", "device", "versions", "new")
FILES = ("numbers.json", "claims.json", "clocks.json")
CLOCKS = ("s", "ratio of times")  # units of what a clock decides
COSTS, BENCHMARK = "costs.json", "benchmark"  # what the run cost, and measured speed: all clocks
NUMBER = ("value", "effect", "lo", "hi", "p")
TEXTS = ("what", "claim", "short", "protocol", "source", "figure", "command")
MACHINE = ("code", "device", "environment", "versions")


@dataclass(frozen=True)
class Difference:
    """One difference between two reports.

    Args:
        key: the number or the claim, such as `k3.test_accuracy` or `K3`.
        field: what differs in it, such as `value, lo, hi` or `checks.0.clean.verdict`; `missing`
            or `new` for the whole key.
        old: the old content (of the first of several fields); None if there is none.
        new: the new content.
        reason: what explains the difference; None if nothing does.
    """

    key: str
    field: str
    old: Any
    new: Any
    reason: str | None

    def __str__(self) -> str:
        """One line: whether it matters, what differs, and by how much."""
        change = f"{_short(self.old)} -> {_short(self.new)}"
        if _is_number(self.old) and _is_number(self.new):
            relative = f", {100 * (self.new / self.old - 1):+.3g} %" if self.old else ""
            change += f" ({self.new - self.old:+.3g}{relative})"
        mark = " " if self.reason else "!"
        return f"{mark} {self.key} {self.field}: {change}, {self.reason or UNEXPLAINED}"


def read(path: str | Path) -> dict[str, Any]:
    """Read a report: numbers by key and claims by id.

    Args:
        path: a `numbers.json`, a `claims.json`, a `clocks.json`, or a folder that holds at least
            one of them. What clocks decide of a claim is taken from `clocks.json`.

    Raises:
        ValueError: if it is not one of these.
    """
    path = Path(path)
    if path.is_dir():
        found = [path / name for name in FILES if (path / name).exists()]
        if not found:
            raise ValueError(f"{path} holds none of {', '.join(FILES)}")
        return {key: entry for file in found for key, entry in read(file).items()}
    try:
        content = entries = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist; give two files or two folders") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if isinstance(content, dict) and content.keys() >= {"numbers", "claims", "files"}:
        origin = {key: content[key] for key in ("provenance",) if key in content}
        content = entries = content["numbers"] | content["claims"] | origin
    if isinstance(content, list) and all(isinstance(c, dict) and "id" in c for c in content):
        entries = {str(claim["id"]): claim for claim in content}
    if not isinstance(entries, dict) or not all(isinstance(e, dict) for e in entries.values()):
        raise ValueError(f"{path} is neither numbers by key nor a list of claims with ids")
    if len(entries) < len(content):
        raise ValueError(f"{path} holds a claim id twice")
    return entries


def compare(old: dict[str, Any], new: dict[str, Any], exact: bool = False) -> list[Difference]:
    """Say what differs between two reports, and what explains it.

    Args:
        old: a report, as `read` gives it.
        new: the report to compare with it.
        exact: whether intervals, devices, versions and new keys explain nothing.

    Returns:
        The differences in the order of the reports; empty if they are equal to the last bit. A
        field that is absent and one that is null count as equal.

    Example:
        >>> old = {"k3.accuracy": {"value": 0.954, "lo": 0.934, "hi": 0.969, "n": 30}}
        >>> new = {"k3.accuracy": {"value": 0.951, "lo": 0.931, "hi": 0.967, "n": 30}}
        >>> for difference in compare(old, new) + compare(old, new, exact=True):
        ...     print(difference)
          k3.accuracy value, lo, hi: 0.954 -> 0.951 (-0.003, -0.314 %), interval
        ! k3.accuracy value, lo, hi: 0.954 -> 0.951 (-0.003, -0.314 %), NOT EXPLAINED
    """
    elsewhere = _elsewhere(old.get("provenance") or {}, new.get("provenance") or {})
    found: list[Difference] = []
    for key in {**old, **new}:
        if key in old and key in new:
            found += _walk(old[key], new[key], key, (), elsewhere)
        else:
            field, reason = ("new", "new") if key in new else ("missing", None)
            found.append(Difference(key, field, old.get(key), new.get(key), reason))
    return [replace(d, reason=None) if exact and d.reason in INEXACT else d for d in found]


def compare_files(old: Path, new: Path) -> list[Difference]:
    """Say which of the other files of two folders differ: those that no clock decides.

    Args:
        old: a folder of reports.
        new: the folder to compare with it.

    Returns:
        A difference, which nothing explains, for each file with other bytes and for each that only
        one folder has.
    """
    listed = {name for folder in (old, new) for name in _listed(folder)}
    before, after = _contents(old), _contents(new)
    found: list[Difference] = []
    for name in sorted((before.keys() | after.keys()) - listed):
        one, other = before.get(name), after.get(name)
        if one != other:
            field = "missing" if other is None else "new" if one is None else "content"
            found.append(Difference(name, field, _size(one), _size(other), None))
    return found


def _contents(folder: Path) -> dict[str, bytes]:
    """Files by name, without those that `read` reads; each digest of the code is left out."""
    code = str(read(folder).get("provenance", {}).get("code", "")).encode()
    return {
        str(path.relative_to(folder)): path.read_bytes().replace(code, b"")
        for path in folder.rglob("*")
        if path.is_file()
        and path.name not in (*FILES, COSTS)
        and not path.name.startswith(BENCHMARK)
    }


def _size(content: bytes | None) -> str | None:
    return None if content is None else f"{len(content)} bytes"


def _listed(folder: Path) -> list[str]:
    """The files that show clocks, as the folder's `clocks.json` names them."""
    clocks = folder / "clocks.json"
    files = json.loads(clocks.read_text("utf-8"))["files"] if clocks.exists() else []
    return [name.removeprefix("reports/") for name in files]


def _walk(
    old: Any, new: Any, key: str, path: tuple[str, ...], elsewhere: str | None
) -> Iterator[Difference]:
    """Every difference below one place of the two reports."""
    if isinstance(old, dict) and isinstance(new, dict):
        names = list({**old, **new})
        if "value" in names or "effect" in names:
            changed = list(_number(old, new, key, path, elsewhere))
            yield from changed
            # What would decide a check follows from its number.
            known = (*NUMBER, "interval", *(["needed"] if changed else []))
            names = [name for name in names if name not in known]
        for name in names:
            yield from _walk(old.get(name), new.get(name), key, (*path, name), elsewhere)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _walk(one, other, key, (*path, str(i)), elsewhere)
    elif not _same(old, new):
        # A setting that one run lacks was renamed or is new; the n of each number is compared too.
        renamed = path[:1] == ("seeds",) and (old is None or new is None)
        origin = key == "provenance" and (path[0] in MACHINE or renamed)
        reason = "provenance" if origin else "text" if path[-1] in TEXTS else None
        yield Difference(key, ".".join(path), old, new, reason)


def _number(
    old: dict[str, Any],
    new: dict[str, Any],
    key: str,
    path: tuple[str, ...],
    elsewhere: str | None,
) -> Iterator[Difference]:
    """A number, its interval and its p-value are one thing."""
    changed = [name for name in NUMBER if not _same(old.get(name), new.get(name))]
    words = (old.get("interval"), new.get("interval"))
    if changed:
        reason = _explanation(old, new, changed, elsewhere) if words[0] == words[1] else None
        field = ".".join((*path, ", ".join(changed)))
        yield Difference(key, field, old.get(changed[0]), new.get(changed[0]), reason)
    elif words[0] != words[1]:
        yield Difference(key, ".".join((*path, "interval")), *words, "text")


def _explanation(
    old: dict[str, Any], new: dict[str, Any], changed: list[str], elsewhere: str | None
) -> str | None:
    """What explains that a number changed."""
    pairs: list[tuple[Any, Any]] = [(old.get(name), new.get(name)) for name in changed]
    if not all(_is_number(x) for pair in pairs for x in pair):
        return None
    if _clock(old) and _clock(new):
        if all(a * b > 0 and max(a / b, b / a) <= CLOCK_FACTOR for a, b in pairs):
            return "clock"
        return "device" if elsewhere == "device" else None
    if "p" in changed and (old["p"] < SIGNIFICANCE) != (new["p"] < SIGNIFICANCE):
        return None
    if _overlap(old, new):
        return "interval"
    return elsewhere if all(isclose(a, b, rel_tol=ROUNDING) for a, b in pairs) else None


def _elsewhere(old: dict[str, Any], new: dict[str, Any]) -> str | None:
    """What of the machine differs between two runs: "device", "versions" or nothing."""
    if old.get("device") != new.get("device"):
        return "device"
    packages = [{**(run.get("versions") or {}), "nnjax": None} for run in (old, new)]
    return "versions" if packages[0] != packages[1] else None


def _clock(entry: dict[str, Any]) -> bool:
    """Whether a number is a time or a ratio of times."""
    return entry.get("unit") in CLOCKS


def _overlap(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether each value lies in the other's interval, and both are about as wide."""
    name = "value" if "value" in old else "effect"
    numbers: list[Any] = [entry.get(f) for entry in (old, new) for f in (name, "lo", "hi")]
    if not all(_is_number(x) for x in numbers):
        return False
    a, lo_a, hi_a, b, lo_b, hi_b = numbers
    narrow, wide = sorted((hi_a - lo_a, hi_b - lo_b))
    return lo_b <= a <= hi_b and lo_a <= b <= hi_a and wide <= WIDTH_FACTOR * narrow


def _same(old: Any, new: Any) -> bool:
    """Equal to the last bit: NaN is NaN, 0.0 is not -0.0, 30 is 30.0, True is not 1."""
    if _is_number(old) and _is_number(new):
        return float(old).hex() == float(new).hex()
    return type(old) is type(new) and old == new


def _is_number(content: Any) -> bool:
    return isinstance(content, int | float) and not isinstance(content, bool)


def _short(content: Any) -> str:
    """A content in a few characters."""
    if isinstance(content, dict):
        content = content.get("value", content.get("verdict", "an entry"))
    text = f"{content:.6g}" if _is_number(content) else str(content)
    return text if len(text) <= 60 else text[:57] + "..."


def main(arguments: list[str] | None = None) -> int:
    """Compare what the command line names; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m nnjax.compare", description="Say what differs between two reports."
    )
    parser.add_argument(
        "old", metavar="OLD", help="numbers.json, claims.json, clocks.json, or their folder"
    )
    parser.add_argument("new", metavar="NEW", help="the same of the other run")
    parser.add_argument(
        "--exact", action="store_true", help="only clocks and words may differ; compare all files"
    )
    parser.add_argument("--texts", action="store_true", help="list changed words as well")
    given = parser.parse_args(arguments)
    try:
        old, new = read(given.old), read(given.new)
        if not old.keys() & new.keys():
            raise ValueError(f"{given.old} and {given.new} have no key in common")
    except ValueError as error:
        print(f"compare: {error}", file=sys.stderr)
        return 2
    differences = compare(old, new, given.exact)
    folders = Path(given.old), Path(given.new)
    if given.exact and all(folder.is_dir() for folder in folders):
        differences += compare_files(*folders)
    for difference in sorted(differences, key=lambda d: d.reason is not None):
        if given.texts or difference.reason != "text":
            print(difference)
    reasons = Counter(difference.reason or UNEXPLAINED for difference in differences)
    keys = old.keys() | new.keys()
    equal = len(keys - {difference.key for difference in differences})
    print(
        f"{len(old)} keys before, {len(new)} after; {equal} equal to the last bit",
        *(f"{count} {reason}" for reason, count in reasons.most_common()),
        sep="; ",
    )
    return int(UNEXPLAINED in reasons)


if __name__ == "__main__":
    raise SystemExit(main())
