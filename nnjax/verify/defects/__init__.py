"""The defect log: mistakes found in real code, books or texts, or that common checks miss, each
planted into a correct rule.

The verifier must find every one (`python -m nnjax.verify --defects`). One family per file.
"""

import importlib
import pkgutil

from nnjax.verify.case import Defect

DEFECTS: list[Defect] = [
    defect
    for module in pkgutil.iter_modules(__path__)
    for defect in importlib.import_module(f"{__name__}.{module.name}").DEFECTS
]
