"""The table of cases: public functions of the field's packages, one package per file.

`PACKAGES` maps a package to its rows, `LEFT_OUT` to what was not tried, with the reason.
"""

import importlib
import pkgutil

from workflow.ecosystem.case import FieldCase

_modules = [importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)]

PACKAGES: dict[str, list[FieldCase]] = {m.PACKAGE: m.CASES for m in _modules}
LEFT_OUT: dict[str, dict[str, str]] = {m.PACKAGE: m.LEFT_OUT for m in _modules}
