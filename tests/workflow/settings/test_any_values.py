"""Settings at random: whatever they hold, they are used or refused with one line for each key."""

import dataclasses
import functools
import json
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from tests.workflow.conftest import ROOT
from workflow.lib import chapters
from workflow.lib.chapters import Page
from workflow.lib.claims import Claim
from workflow.lib.reading import SHOWN, SettingsError, read
from workflow.lib.settings import checked
from workflow.lib.study import Study

FULL = read(ROOT / "workflow/config/study.yaml")
STUDY = checked(Study, FULL, "")
CHAPTERS = chapters.found(FULL, STUDY)
Place = tuple[str | int, ...]


@functools.cache
def sections() -> dict[str, tuple[type[BaseModel], Any]]:
    """Every section with its model and its content, by the name that messages begin with."""
    result: dict[str, tuple[type[BaseModel], Any]] = {"": (Study, FULL)}
    for chapter in CHAPTERS.values():
        content = read(chapter.folder / "settings.yaml")
        result[f"{chapter.name}.page"] = (Page, content.pop("page"))
        result[chapter.name] = (type(chapter.settings), content)
        if chapter.claims:
            for name, claim in read(chapter.folder / "claims.yaml").items():
                result[f"{chapter.name}.claims.{name}"] = (Claim, claim)
    return result


def places(content: Any, place: Place = ()) -> list[Place]:
    """The place of every value, outer ones first."""
    inner = content.items() if isinstance(content, dict) else enumerate(content)
    found: list[Place] = []
    for key, value in inner:
        found.append((*place, key))
        if isinstance(value, dict | list):
            found += places(value, (*place, key))
    return found


def at(content: Any, place: Place) -> Any:
    for key in place:
        content = content[key]
    return content


def replaced(content: Any, place: Place, value: Any) -> Any:
    """The content with another value at one place; what YAML shares by an anchor is not shared."""
    content = json.loads(json.dumps(content))
    at(content, place[:-1])[place[-1]] = value
    return content


def dotted(section: str, place: Place) -> str:
    return ".".join([*filter(None, [section]), *map(str, place)])


def lines_of(section: str, content: Any) -> list[str]:
    """The mistakes of a section: each is one line that begins with the key."""
    try:
        made = checked(sections()[section][0], content, section)
    except SettingsError as error:
        wrong = error
    else:
        wrong = SettingsError(*later(section, made))
    keys = [line.split(": ")[0] for line in wrong.lines]
    assert all(key.startswith(f"  {section}") for key in keys)
    assert len(set(keys)) == len(keys)
    assert len(str(wrong).splitlines()) <= SHOWN + 1
    return wrong.lines


def later(section: str, made: BaseModel) -> list[str]:
    """What is wrong between claims and experiments, one line for each key."""
    name, *rest = section.split(".")
    if name not in CHAPTERS or rest == ["page"]:
        return []
    chapter = CHAPTERS[name]
    if isinstance(made, Claim):
        changed = dataclasses.replace(chapter, claims={**chapter.claims, rest[1]: made})
    else:
        changed = dataclasses.replace(chapter, settings=made)
        assert chapters.seeds({name: made}) is not None
    return list(
        {line.split(": ")[0]: line for line in changed.mistakes(STUDY.experiments)}.values()
    )


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["relu", "adam", "best", "all", "1e-3", "quick"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


EVERYWHERE = st.sampled_from(
    [(section, place) for section, (_, content) in sections().items() for place in places(content)]
)


@given(st.data())
@settings(max_examples=300)
def test_any_values_anywhere(data: st.DataObject) -> None:
    section, _ = data.draw(EVERYWHERE)
    content = sections()[section][1]
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.sampled_from(places(content)))
        content = replaced(content, place, data.draw(VALUES))
    lines_of(section, content)


@given(st.sampled_from([name for name in sections() if name]), VALUES)
@settings(max_examples=100)
def test_a_value_in_place_of_a_section(section: str, value: Any) -> None:
    assert lines_of(section, value)


@given(EVERYWHERE)
@settings(max_examples=100)
def test_a_missing_key(where: tuple[str, Place]) -> None:
    section, place = where
    content = json.loads(json.dumps(sections()[section][1]))
    del at(content, place[:-1])[place[-1]]
    lines_of(section, content)


@given(EVERYWHERE, SCALARS, st.integers(1, 60))
@settings(max_examples=100)
def test_an_unknown_key_with_deep_contents(
    where: tuple[str, Place], value: Any, depth: int
) -> None:
    """A mapping may have keys of any name, whose values are then wrong."""
    section, place = where
    content = sections()[section][1]
    while not isinstance(at(content, place), dict):
        place = place[:-1]
    for _ in range(depth):
        value = {"unknown": [value]}
    # The arguments of a figure's script are known to the script.
    assert lines_of(section, replaced(content, (*place, "unknown"), value)) or "drawing" in place


@given(EVERYWHERE, st.sampled_from([math.nan, math.inf, -math.inf]))
@settings(max_examples=100)
def test_a_number_that_is_not_finite(where: tuple[str, Place], value: float) -> None:
    section, place = where
    lines = lines_of(section, replaced(sections()[section][1], place, value))
    assert lines == [f"  {dotted(section, place)}: {value}: expected a finite number"]


def test_a_whole_number_is_written_as_one() -> None:
    """3.0 is refused wherever a whole number is due, that is, where 3.5 and 2.5 are refused too."""
    for section, (_, content) in sections().items():
        for place in [place for place in places(content) if type(at(content, place)) is int]:
            number = at(content, place)
            refused, *others = [
                bool(lines_of(section, replaced(content, place, number + step)))
                for step in (0.0, 0.5, -0.5)
            ]
            assert refused == all(others), (section, place)
