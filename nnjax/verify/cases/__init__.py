"""The table of cases: every public rule with its options, one family per file.

The tests fail if a public layer or loss is missing here. The test suites, `python -m nnjax.verify`
and the page of rules iterate over these rows.
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
    """The row whose string is `name`."""
    return {str(row): row for row in CASES}[name]
