"""The checks of whole numbers and shapes, which nearly every layer takes."""

from numbers import Integral
from typing import TypeGuard


def is_whole(value: object, least: int = 1) -> TypeGuard[int]:
    """Whether a value is a whole number of at least `least`; True and False do not count.

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


def is_shape(value: object, least: int = 0) -> TypeGuard[tuple[int, ...] | list[int]]:
    """Whether a value is a tuple (or list) of whole numbers of at least `least`.

    Example:
        >>> is_shape((4, 3)), is_shape(()), is_shape(4), is_shape((4.0,)), is_shape((None, 4))
        (True, True, False, False, False)
    """
    return isinstance(value, tuple | list) and all(is_whole(n, least) for n in value)


def check_shape(value: object, what: str, least: int = 0) -> None:
    """Refuse what is not the shape of an example.

    Args:
        value: anything.
        what: where the value was given, for the message: `dense(3).init(in_shape)`.
        least: the smallest size allowed.

    Raises:
        ValueError: naming the place and the value given.

    Example:
        >>> check_shape(4, "dense(3).init(in_shape)")
        Traceback (most recent call last):
        ValueError: dense(3).init(in_shape): expected the shape of one example, without the batch \
axis, as a tuple of whole numbers such as (4,), got 4
    """
    if not is_shape(value, least):
        numbers = "whole numbers" if least == 0 else f"whole numbers of at least {least}"
        raise ValueError(
            f"{what}: expected the shape of one example, without the batch axis, as a tuple of "
            f"{numbers} such as (4,), got {value!r}"
        )
