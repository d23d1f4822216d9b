"""The one exception of the data readers."""


class DataError(Exception):
    """Data that cannot be used: the message tells the user what is wrong, where, and what to do."""
