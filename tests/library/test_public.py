"""What is public is in the table of cases, and is documented with an example that runs."""

import doctest
import importlib
import inspect
import pydoc
from types import ModuleType
from typing import Any

import pytest

import nnjax as nn
from nnjax.verify.cases import LAYERS, LOSSES, PENALTIES

MODULES = {name: getattr(nn, name) for name in ("initializers", "codes", "augment")}
PUBLIC: dict[str, Any] = {
    name: getattr(nn, name) for name in nn.__all__ if not isinstance(getattr(nn, name), ModuleType)
} | {
    f"{module}.{name}": function
    for module, within in MODULES.items()
    for name, function in vars(within).items()
    if inspect.isfunction(function)
    and function.__module__ == within.__name__
    and not name.startswith("_")
}
FUNCTIONS = {name: value for name, value in PUBLIC.items() if inspect.isfunction(value)}
RULES = [
    *(name for name, value in PUBLIC.items() if isinstance(value, nn.Loss)),
    *(name for name, value in FUNCTIONS.items() if name.startswith("initializers.")),
    *(
        name
        for name, value in FUNCTIONS.items()
        if inspect.signature(value).return_annotation in (nn.Layer, nn.Loss, nn.Penalty)
    ),
]
TEXTS = {name: inspect.getdoc(value) or "" for name, value in PUBLIC.items()}
LOSSES_WITHOUT_OPTIONS = [name for name, value in PUBLIC.items() if isinstance(value, nn.Loss)]


def test_every_layer_is_in_the_table() -> None:
    made = {
        name
        for name, value in FUNCTIONS.items()
        if inspect.signature(value).return_annotation is nn.Layer
    }
    assert made == {case.of for case in LAYERS}


def test_every_loss_is_in_the_table() -> None:
    fixed = {name for name, value in PUBLIC.items() if isinstance(value, nn.Loss)}
    made = {
        name
        for name, value in FUNCTIONS.items()
        if inspect.signature(value).return_annotation is nn.Loss
    }
    assert {name.removeprefix("codes.") for name in fixed | made} == {case.of for case in LOSSES}
    assert all(case.loss is PUBLIC[case.of] for case in LOSSES if case.of in fixed)


def test_every_penalty_is_in_the_table() -> None:
    made = {
        name
        for name, value in FUNCTIONS.items()
        if inspect.signature(value).return_annotation is nn.Penalty
    }
    assert made == {case.of for case in PENALTIES}


def test_all_is_complete() -> None:
    public = {
        name
        for name, value in vars(nn).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public <= set(nn.__all__)


@pytest.mark.parametrize("name", PUBLIC)
def test_documented_with_an_example(name: str) -> None:
    text = TEXTS[name]
    assert text.splitlines()[0].endswith("."), "one sentence first"
    assert doctest.DocTestParser().get_examples(text), "an example that doctest finds"


@pytest.mark.parametrize("name", RULES)
def test_rule_names_its_source(name: str) -> None:
    assert "Source: " in TEXTS[name]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_documents_what_goes_in_and_out(name: str) -> None:
    signature = inspect.signature(FUNCTIONS[name])
    text = TEXTS[name]
    if signature.parameters:
        assert "Args:" in text
        described = text[text.index("Args:") :]
        assert [p for p in signature.parameters if p not in described] == []
    if signature.return_annotation is not None:
        assert "Returns:" in text


@pytest.mark.parametrize("name", LOSSES_WITHOUT_OPTIONS)
def test_loss_shows_its_derivation(name: str) -> None:
    """Losses are values, but `help` shows their text and doctest finds their example."""
    assert "Derivation." in pydoc.render_doc(getattr(nn, name))
    module = importlib.import_module(getattr(nn, name).__module__)
    found = {test.name.rpartition(".")[2]: test for test in doctest.DocTestFinder().find(module)}
    assert found[name].examples
