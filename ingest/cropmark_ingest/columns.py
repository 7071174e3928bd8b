"""Columns of 64-bit integers as small bytes: differences, then transposed, ready for a compressor (docs/formats.md §5).

Neighbouring readings differ by little, so the high bytes of the differences are nearly all zero; put side by side they
cost a compressor almost nothing. Plain Python: ``array`` and slices do the work in C, and a farm box needs no numpy.
"""

import sys
from array import array
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

_WORD: Final = 8
_WRAP: Final = 1 << 64
_SIGN: Final = 1 << 63


class ColumnError(ValueError):
    """A column whose length does not fit its count, or whose sums leave 64 bits."""


def pack(values: Sequence[int]) -> bytes:
    """Encode signed 64-bit ``values``; raise :class:`OverflowError` for one that does not fit."""
    checked = array("q", values)
    differences = [now - before for before, now in zip((0, *checked), checked, strict=False)]
    try:
        words = array("q", differences)
    except OverflowError:
        words = array("q", [(difference + _SIGN) % _WRAP - _SIGN for difference in differences])
    if sys.byteorder == "big":
        words.byteswap()
    plain = words.tobytes()
    return b"".join(plain[place::_WORD] for place in range(_WORD))


def unpack(data: bytes, count: int) -> list[int]:
    """Decode ``count`` values; raise :class:`ColumnError` if ``data`` has another length."""
    if len(data) != count * _WORD:
        raise ColumnError(f"a column of {count} values takes {count * _WORD} bytes, not {len(data)}")
    plain = bytearray(len(data))
    for place in range(_WORD):
        plain[place::_WORD] = data[place * count : (place + 1) * count]
    words = array("q")
    words.frombytes(bytes(plain))
    if sys.byteorder == "big":
        words.byteswap()
    values = list(accumulate(words))
    if values and not -_SIGN <= min(values) <= max(values) < _SIGN:
        values = [(value + _SIGN) % _WRAP - _SIGN for value in values]
    return values
