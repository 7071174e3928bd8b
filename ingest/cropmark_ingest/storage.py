"""The error of every adapter that keeps things: a bad disk, as opposed to bad data."""


class StorageError(RuntimeError):
    """Something could not be kept or read back, through no fault of the data; trying again may help.

    The text says what to do. Nothing was acknowledged.
    """
