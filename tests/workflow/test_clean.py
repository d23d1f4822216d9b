"""Contrasts: paired, and adjusted as a family."""

import measure_effects
import numpy as np
import pytest


def test_a_contrast_is_paired() -> None:
    rows = np.array([10, 10, 10])
    a, b = np.array([[9, 8, 7], [7, 6, 5]]), np.array([[8, 7, 6], [6, 5, 4]])
    row = measure_effects.contrast("k", "w", (a, rows), (b, rows))
    # Every pair differs by one row of ten: no spread is left, and all signs agree.
    assert (row["value"], row["lo"], row["hi"]) == pytest.approx((0.1, 0.1, 0.1))
    assert row["p"] == 2 / 2**3
    assert row["n"] == 2
    # More seeds on one side: the first that both have.
    assert measure_effects.contrast("k", "w", (a, rows), (b[:1], rows))["n"] == 1


def test_a_family_is_adjusted_together() -> None:
    family = [{"key": key, "p": p} for key, p in (("a", 0.01), ("b", 0.04), ("c", 0.03))]
    adjusted = {row["key"]: row["p"] for row in measure_effects.adjusted(family)}
    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
