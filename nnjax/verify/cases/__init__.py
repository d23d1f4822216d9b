"""The one table of what the library offers: every public rule, with its options, a family per file.

A public layer or loss that is missing here fails the tests; all suites, `python -m nnjax.verify`
and the page of rules run over these rows.
"""

import importlib
import pkgutil

from nnjax.verify.case import Case, LayerCase, LossCase, PenaltyCase

_modules = [importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)]

LAYERS: list[LayerCase] = [case for module in _modules for case in getattr(module, "LAYERS", [])]
LOSSES: list[LossCase] = [case for module in _modules for case in getattr(module, "LOSSES", [])]
PENALTIES: list[PenaltyCase] = [
    case for module in _modules for case in getattr(module, "PENALTIES", [])
]
CASES: list[Case] = [*LAYERS, *LOSSES, *PENALTIES]


def find(name: str) -> Case:
    """The row that prints as `name`."""
    return {str(row): row for row in CASES}[name]
