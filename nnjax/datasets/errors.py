"""The exception raised by the data readers."""


class DataError(Exception):
    """Unusable data; the message tells the user what is wrong, where, and what to do.

    Example:
        >>> from nnjax.datasets import isolet
        >>> try:
        ...     isolet.load("no such folder")
        ... except DataError as error:
        ...     print(str(error).startswith("no such folder"))
        True
    """
