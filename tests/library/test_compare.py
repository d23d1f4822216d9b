"""Comparing two reports: every reason that explains a difference, and all that matters."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from nnjax.compare import TEXTS, compare, main, read

ROOT = Path(__file__).parents[2]

NUMBERS: dict[str, Any] = {
    "k3.accuracy": {
        "value": 0.954,
        "lo": 0.934,
        "hi": 0.969,
        "n": 30,
        "p": 0.01,
        "unit": "fraction",
        "interval": "95 % over speakers (bootstrap)",
        "what": "momentum 0.9",
    },
    "k12.seconds": {"value": 0.4, "lo": 0.3, "hi": 0.5, "n": 10, "unit": "s", "interval": "none"},
    "k17.ratio": {
        "value": 0.3,
        "lo": 0.27,
        "hi": 0.33,
        "n": 7,
        "unit": "ratio of times",
        "interval": "95 % over repeats (order statistics)",
    },
    "s1.steps": {"value": 4.0, "lo": None, "hi": None, "n": 1, "unit": "count"},
    "provenance": {
        "code": "18ff",
        "device": "cpu",
        "versions": {"nnjax": "0.1.0", "jax": "0.10.2"},
        "seeds": {"xor": 1000},
        "source": "local folder",
    },
}

PROTOCOL = {
    "key": "k17.ratio",
    "effect": 0.3,
    "lo": 0.27,
    "hi": 0.33,
    "unit": "ratio of times",
    "interval": "95 % over repeats (order statistics)",
    "verdict": "reproduced",
}
CLAIM: dict[str, Any] = {
    "id": "K17",
    "claim": "It is faster.",
    "effect": 0.3,
    "lo": 0.27,
    "hi": 0.33,
    "unit": "ratio of times",
    "published": PROTOCOL,
    "clean": None,
    "verdict": "reproduced",
    "checks": [{"rule": "less", "published": {**PROTOCOL}, "clean": None, "verdict": "reproduced"}],
}


def edited(entries: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A copy with other contents, by path: `edited(NUMBERS, **{"k3.accuracy/n": 10})`."""
    entries = copy.deepcopy(entries)
    for path, content in changes.items():
        *parents, last = path.split("/")
        place: Any = entries
        for name in parents:
            place = place[int(name)] if isinstance(place, list) else place[name]
        place[last] = content
    return entries


def reasons(new: dict[str, Any], old: dict[str, Any] = NUMBERS, exact: bool = False) -> list[Any]:
    return [(d.key, d.field, d.reason) for d in compare(old, new, exact)]


def test_equal_to_the_last_bit() -> None:
    shuffled = dict(reversed(NUMBERS.items()))
    assert compare(NUMBERS, json.loads(json.dumps(shuffled))) == []
    assert compare({"K17": CLAIM}, {"K17": copy.deepcopy(CLAIM)}, exact=True) == []


def test_the_last_bit_counts() -> None:
    field = "s1.steps/value"
    for other in (4.000000000000001, True, "4.0"):
        assert reasons(edited(NUMBERS, **{field: other})) == [("s1.steps", "value", None)]
    zero, negative = (edited(NUMBERS, **{field: x}) for x in (0.0, -0.0))
    assert reasons(negative, zero) == [("s1.steps", "value", None)]
    nan = edited(NUMBERS, **{field: float("nan")})
    assert reasons(edited(nan), nan) == []
    assert reasons(edited(NUMBERS, **{field: 4})) == []


def test_absent_and_null_are_equal() -> None:
    without = edited(NUMBERS)
    del without["s1.steps"]["lo"]
    assert reasons(without) == reasons(NUMBERS, without) == []
    assert reasons(edited(without, **{"s1.steps/p": None})) == []
    assert reasons(edited(NUMBERS, **{"s1.steps/lo": 3.0})) == [("s1.steps", "lo", None)]


@pytest.mark.parametrize("key", ["k12.seconds", "k17.ratio"])
@pytest.mark.parametrize(("factor", "reason"), [(3.9, "clock"), (0.26, "clock"), (4.1, None)])
def test_clock(key: str, factor: float, reason: str | None) -> None:
    new = edited(
        NUMBERS,
        **{f"{key}/{name}": factor * NUMBERS[key][name] for name in ("value", "lo", "hi")},
    )
    for exact in (False, True):
        assert reasons(new, exact=exact) == [(key, "value, lo, hi", reason)]


def test_never_is_not_a_time() -> None:
    assert reasons(edited(NUMBERS, **{"k12.seconds/value": None}))[0][2] is None
    assert reasons(edited(NUMBERS, **{"k12.seconds/value": -0.4}))[0][2] is None


@pytest.mark.parametrize(
    ("value", "lo", "hi", "reason"),
    [
        (0.951, 0.931, 0.967, "interval"),
        (0.954, 0.933, 0.968, "interval"),
        (0.930, 0.910, 0.955, None),  # below the old interval
        (0.966, 0.955, 0.975, None),  # the old value is below the new interval
        (0.954, 0.9, 0.99, None),  # more than twice as wide
        (0.954, 0.954, 0.954, None),
        (0.954, None, None, None),
    ],
)
def test_interval(value: float, lo: float | None, hi: float | None, reason: str | None) -> None:
    key = "k3.accuracy"
    new = edited(NUMBERS, **{f"{key}/value": value, f"{key}/lo": lo, f"{key}/hi": hi})
    assert [found[2] for found in reasons(new)] == [reason]
    assert [found[2] for found in reasons(new, exact=True)] == [None]


@pytest.mark.parametrize(("p", "reason"), [(0.02, "interval"), (0.06, None), (None, None)])
def test_p_value(p: float | None, reason: str | None) -> None:
    assert reasons(edited(NUMBERS, **{"k3.accuracy/p": p})) == [("k3.accuracy", "p", reason)]


def test_method_of_an_interval() -> None:
    words = edited(NUMBERS, **{"k3.accuracy/interval": "95 % over speakers, by bootstrap"})
    assert reasons(words) == [("k3.accuracy", "interval", "text")]
    both = edited(words, **{"k3.accuracy/lo": 0.933})
    assert reasons(both) == [("k3.accuracy", "lo", None)]


@pytest.mark.parametrize(
    ("place", "content", "reason"),
    [("device", "gpu", "device"), ("versions", {"jax": "0.11.0"}, "versions")],
)
def test_another_machine(place: str, content: Any, reason: str) -> None:
    there = edited(NUMBERS, **{f"provenance/{place}": content})
    rounded = edited(there, **{"s1.steps/value": 4.0001, "k12.seconds/value": 40.0})
    found = {key: why for key, _, why in reasons(rounded)}
    assert found["s1.steps"] == reason
    assert found["k12.seconds"] == ("device" if reason == "device" else None)
    assert found["provenance"] == "provenance"
    assert dict(d[::2] for d in reasons(rounded, exact=True))["s1.steps"] is None
    assert reasons(edited(there, **{"s1.steps/value": 4.01}))[0][2] is None
    assert reasons(edited(NUMBERS, **{"s1.steps/value": 4.0001}))[0][2] is None


def test_provenance_and_words() -> None:
    new = edited(
        NUMBERS,
        **{
            "provenance/code": "7ce1",
            "provenance/versions/nnjax": "0.2.0",
            "provenance/source": "UCI",
            "k3.accuracy/what": "with momentum 0.9",
            "s1.steps/value": 4.0001,
        },
    )
    assert {d[2] for d in reasons(new) if d[0] != "s1.steps"} == {"provenance", "text"}
    assert ("s1.steps", "value", None) in reasons(new)  # the library's own version explains nothing
    seeds = edited(NUMBERS, **{"provenance/seeds/xor": 100})
    assert reasons(seeds) == [("provenance", "seeds.xor", None)]
    # The setting was renamed: its count is the same, and so is the n of every number.
    renamed = edited(NUMBERS, **{"provenance/seeds": {"chapters.xor": 1000}})
    assert {reason for _, _, reason in reasons(renamed)} == {"provenance"}


@pytest.mark.parametrize(("field", "content"), [("n", 10), ("unit", "%"), ("protocol_used", "x")])
def test_what_always_matters(field: str, content: Any) -> None:
    new = edited(NUMBERS, **{f"k3.accuracy/{field}": content})
    assert reasons(new) == [("k3.accuracy", field, None)]


def test_missing_and_new_keys() -> None:
    fewer = {key: entry for key, entry in NUMBERS.items() if key != "s1.steps"}
    assert reasons(fewer) == [("s1.steps", "missing", None)]
    assert reasons(NUMBERS, fewer) == [("s1.steps", "new", "new")]
    assert reasons(NUMBERS, fewer, exact=True) == [("s1.steps", "new", None)]


def test_claims() -> None:
    old = {"K17": CLAIM}
    for field in ("verdict", "checks/0/verdict", "checks/0/published/verdict", "checks/0/rule"):
        new = edited(old, **{f"K17/{field}": "inconclusive"})
        assert reasons(new, old) == [("K17", field.replace("/", "."), None)]
    assert reasons(edited(old, **{"K17/claim": "It is fast."}), old)[0][2] == "text"
    # A sentence that only one of the two has is wording too.
    shorter = edited(old, **{"K17/short": "Fast"})
    assert reasons(shorter, old) == reasons(old, shorter) == [("K17", "short", "text")]
    assert reasons(edited(old, **{"K17/checks": []}), old) == [("K17", "checks", None)]
    clean = edited(old, **{"K17/clean": PROTOCOL})
    assert reasons(clean, old) == [("K17", "clean", None)]
    slower = edited(old, **{"K17/effect": 0.6, "K17/published/effect": 0.6})
    assert [d[2] for d in reasons(slower, old)] == ["clock", "clock"]


def test_every_sentence_of_the_ledger_is_wording() -> None:
    """So that a field of words that is added to claims does not need an explanation."""
    claims = read(ROOT / "reports/claims.json").values()
    words = {field for claim in claims for field, held in claim.items() if isinstance(held, str)}
    assert words - {"id", "unit", "data", "study", "verdict", "clocks"} <= set(TEXTS)


def test_what_would_decide_follows_from_the_number() -> None:
    """It is not a separate difference, unless the number is the same."""
    old = {"K17": edited(CLAIM, **{"published/needed": {"times": 2.5, "below": 0.2}})}
    more = edited(old, **{"K17/published/needed/times": 3.5})
    assert reasons(more, old) == [("K17", "published.needed.times", None)]
    assert reasons(edited(more, **{"K17/published/effect": 0.31}), old)[0][2] == "clock"
    assert len(reasons(edited(more, **{"K17/published/effect": 0.31}), old)) == 1


def test_clocks_have_a_file_of_their_own(tmp_path: Path) -> None:
    """Read together with the others, it gives what one file would hold."""
    clocks = {key: NUMBERS[key] for key in ("k12.seconds", "k17.ratio")}
    lasting = {key: entry for key, entry in NUMBERS.items() if key not in clocks}
    verdict = {**CLAIM, "effect": None, "published": None, "checks": []}
    folder = write(tmp_path / "reports", lasting, [verdict])
    timed = {"numbers": clocks, "claims": {"K17": CLAIM}, "files": [], "provenance": {}}
    (folder / "clocks.json").write_text(json.dumps(timed), "utf-8")
    alone = read(folder / "clocks.json")
    assert compare(clocks | {"K17": CLAIM, "provenance": {}}, alone, exact=True) == []
    timed["provenance"] = NUMBERS["provenance"]
    (folder / "clocks.json").write_text(json.dumps(timed), "utf-8")
    assert compare(NUMBERS | {"K17": CLAIM}, read(folder), exact=True) == []


def test_all_files_of_two_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Byte for byte, but for those of clocks, and for the digest of the code that a page shows."""
    folders = []
    for name, code in (("old", "18ff"), ("new", "7ce1")):
        folder = write(tmp_path / name, edited(NUMBERS, **{"provenance/code": code}), [CLAIM])
        (folder / "figures").mkdir()
        contents = {
            "index.html": f"code {code}",
            "figures/xor.svg": "<svg/>",
            "figures/timing.svg": f"<svg>{name}</svg>",
            "figures/benchmark_ratios.svg": f"<svg>{name}</svg>",
            "costs.json": json.dumps(name),
            "clocks.json": json.dumps(
                {"numbers": {}, "claims": {}, "files": ["reports/figures/timing.svg"]}
            ),
        }
        for file, content in contents.items():
            (folder / file).write_text(content, "utf-8")
        folders.append(str(folder))
    assert main([*folders, "--exact"]) == 0
    capsys.readouterr()

    new = tmp_path / "new"
    (new / "figures/xor.svg").write_text("<svg> </svg>", "utf-8")
    (new / "index.html").unlink()
    (new / "rules.html").touch()
    assert main(folders) == 0
    capsys.readouterr()
    assert main([*folders, "--exact"]) == 1
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("!")] == [
        "! figures/xor.svg content: 6 bytes -> 12 bytes, NOT EXPLAINED",
        "! index.html missing: 5 bytes -> None, NOT EXPLAINED",
        "! rules.html new: None -> 0 bytes, NOT EXPLAINED",
    ]


def write(folder: Path, numbers: Any = None, claims: Any = None) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in (("numbers.json", numbers), ("claims.json", claims)):
        if content is not None:
            (folder / name).write_text(json.dumps(content), "utf-8")
    return folder


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = write(tmp_path / "old", NUMBERS, [CLAIM])
    words = edited(NUMBERS, **{"k3.accuracy/what": "with momentum", "k12.seconds/value": 0.8})
    new = write(tmp_path / "new", words, [CLAIM])
    assert main([str(old), str(new)]) == 0
    out = capsys.readouterr().out
    assert out == (
        "  k12.seconds value: 0.4 -> 0.8 (+0.4, +100 %), clock\n"
        "6 keys before, 6 after; 4 equal to the last bit; 1 text; 1 clock\n"
    )
    assert main([str(old), str(new), "--texts"]) == 0
    assert "k3.accuracy what: momentum 0.9 -> with momentum, text\n" in capsys.readouterr().out

    write(new, claims=[{**CLAIM, "verdict": "refuted"}])
    assert main([str(old), str(new)]) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "! K17 verdict: reproduced -> refuted, NOT EXPLAINED"
    assert main([str(old / "numbers.json"), str(new / "numbers.json")]) == 0
    assert main([str(old / "claims.json"), str(new / "claims.json")]) == 1


def test_the_study_equals_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(ROOT / "reports"), str(ROOT / "reports"), "--exact"]) == 0
    assert "equal to the last bit\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        ("{", "is not JSON"),
        ("\xff", "is not JSON"),
        ("3", "is neither numbers by key nor"),
        ('{"a": 3}', "is neither numbers by key nor"),
        ('["K1"]', "is neither numbers by key nor"),
        ('[{"id": "K1"}, {"id": "K1"}]', "holds a claim id twice"),
        ('{"a": {}}', "have no key in common"),
        ("[]", "have no key in common"),
    ],
)
def test_unusable_files(
    content: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = write(tmp_path / "old", NUMBERS) / "numbers.json"
    path = tmp_path / "new.json"
    if content is not None:
        path.write_text(content, "latin-1")
    assert main([str(old), str(path)]) == main([str(path), str(old)]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert str(path) in printed.err
    assert len(printed.err.splitlines()) == 2
    assert not printed.out


def test_unusable_folder(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"holds none of numbers\.json, claims\.json, clocks\.json"
    ):
        read(tmp_path)
