"""The defect log: mistakes that were made in real code, books or texts, or that usual checks let
through, each planted into a right rule.

The verifier must find every one (`python -m nnjax.verify --defects`). A family per file.
"""

import importlib
import pkgutil

from nnjax.verify.case import Defect

DEFECTS: list[Defect] = [
    defect
    for module in pkgutil.iter_modules(__path__)
    for defect in importlib.import_module(f"{__name__}.{module.name}").DEFECTS
]
