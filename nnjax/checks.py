"""The check of whole numbers, which nearly every layer takes."""

from numbers import Integral
from typing import TypeGuard


def is_whole(value: object, least: int = 1) -> TypeGuard[int]:
    """Whether a value is a whole number of at least `least`; True and False are no numbers.

    Args:
        value: anything.
        least: the smallest number allowed.

    Returns:
        True for Python's and NumPy's whole numbers in range.

    Example:
        >>> is_whole(3), is_whole(0), is_whole(0, least=0), is_whole(3.0), is_whole(True)
        (True, False, True, False, False)
    """
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def check_whole(value: object, what: str, least: int = 1) -> None:
    """Refuse what is not a whole number of at least `least`.

    Args:
        value: anything.
        what: where the value was given, for the message: `dense(n_out)`.
        least: the smallest number allowed.

    Raises:
        ValueError: naming the place, the number expected and the value given.

    Example:
        >>> check_whole(0, "dense(n_out)")
        Traceback (most recent call last):
        ValueError: dense(n_out): expected a positive whole number, got 0
    """
    if not is_whole(value, least):
        number = "positive whole number" if least == 1 else f"whole number of at least {least}"
        raise ValueError(f"{what}: expected a {number}, got {value!r}")
