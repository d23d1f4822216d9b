"""The one table of what the library offers: every public rule, with its options, a family per file.

A public layer or loss that is missing here fails the tests; all suites, `python -m nnjax.verify`
and the page of rules run over these rows.
"""

import importlib
import pkgutil

from nnjax.verify.case import LayerCase, LossCase

_modules = [importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)]

LAYERS: list[LayerCase] = [case for module in _modules for case in getattr(module, "LAYERS", [])]
LOSSES: list[LossCase] = [case for module in _modules for case in getattr(module, "LOSSES", [])]


def find(name: str) -> LayerCase | LossCase:
    """The row that prints as `name`."""
    return {str(row): row for row in (*LAYERS, *LOSSES)}[name]
