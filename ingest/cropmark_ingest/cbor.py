"""Deterministic CBOR (RFC 8949 §4.2.1) with a closed set of types.

Integers of 64 bits, byte strings, text strings, arrays, maps with integer keys, true, false and null. No floats, no
tags, no indefinite lengths. Decoding is strict: what it returns encodes to the same bytes again, so two parties never
see two meanings in one byte string. Written here and not taken from a library because signed bytes must have exactly
one reading, and general decoders build objects (dates, regular expressions, big numbers) that a stranger chose.
"""

from collections.abc import Mapping, Sequence
from typing import Final

Value = int | bytes | str | bool | None | Sequence["Value"] | Mapping[int, "Value"]
"""What can be encoded; decoding gives ``list`` for arrays and ``dict`` for maps."""

MAX_DEPTH: Final = 8


class CborError(ValueError):
    """Bytes or values outside the deterministic profile."""


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes((major << 5 | argument,))
    for code, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << (8 * width):
            return bytes((major << 5 | code,)) + argument.to_bytes(width, "big")
    raise CborError(f"{argument} does not fit 64 bits")


def _encode(value: Value, out: bytearray, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise CborError(f"nested deeper than {MAX_DEPTH}")
    match value:
        case None:
            out += b"\xf6"
        case bool():
            out += b"\xf5" if value else b"\xf4"
        case int():
            out += _head(0, value) if value >= 0 else _head(1, -1 - value)
        case bytes():
            out += _head(2, len(value)) + value
        case str():
            text = _utf8(value)
            out += _head(3, len(text)) + text
        case Mapping():
            pairs = sorted((encode(key), item) for key, item in value.items() if _is_key(key))
            out += _head(5, len(pairs))
            for key, item in pairs:
                out += key
                _encode(item, out, depth + 1)
        case list() | tuple():
            out += _head(4, len(value))
            for item in value:
                _encode(item, out, depth + 1)
        case _:
            raise CborError(f"{type(value).__name__} has no place in deterministic CBOR")


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise CborError("a text string has a lone surrogate, which UTF-8 cannot say") from error


def _is_key(key: object) -> bool:
    if isinstance(key, bool) or not isinstance(key, int):
        raise CborError("map keys are integers")
    return True


def encode(value: Value) -> bytes:
    """Encode ``value``; raise :class:`CborError` for a type or size outside the profile."""
    out = bytearray()
    _encode(value, out, 0)
    return bytes(out)


class _Reader:
    """A cursor over the bytes; every read is checked against their end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.data):
            raise CborError("the bytes end in the middle of a value")
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def head(self) -> tuple[int, int]:
        initial = self.take(1)[0]
        major, short = initial >> 5, initial & 31
        if short < 24:
            return major, short
        if short > 27:
            raise CborError("indefinite lengths and reserved heads are not allowed")
        width = 1 << (short - 24)
        argument = int.from_bytes(self.take(width), "big")
        if major != 7 and argument < (24 if width == 1 else 1 << (4 * width)):
            raise CborError("an integer or length is not in its shortest form")
        return major, argument if major != 7 else -1

    def value(self, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise CborError(f"nested deeper than {MAX_DEPTH}")
        major, argument = self.head()
        match major:
            case 0:
                return argument
            case 1:
                return -1 - argument
            case 2:
                return self.take(argument)
            case 3:
                return self._text(argument)
            case 4:
                self._room(argument)
                return [self.value(depth + 1) for _ in range(argument)]
            case 5:
                self._room(argument)
                return self._map(argument, depth)
            case 7:
                return self._simple(argument)
            case _:
                raise CborError("tags are not allowed")

    def _room(self, count: int) -> None:
        if count > len(self.data) - self.at:
            raise CborError("a length is greater than the bytes that follow")

    def _text(self, count: int) -> str:
        try:
            return self.take(count).decode()
        except UnicodeDecodeError as error:
            raise CborError("a text string is not UTF-8") from error

    def _map(self, count: int, depth: int) -> dict[int, Value]:
        result: dict[int, Value] = {}
        previous = b""
        for _ in range(count):
            start = self.at
            key = self.value(depth + 1)
            encoded = self.data[start : self.at]
            if isinstance(key, bool) or not isinstance(key, int):
                raise CborError("map keys are integers")
            if encoded <= previous:
                raise CborError("map keys are not in order, or stand twice")
            previous = encoded
            result[key] = self.value(depth + 1)
        return result

    @staticmethod
    def _simple(argument: int) -> bool | None:
        if argument == 20:
            return False
        if argument == 21:
            return True
        if argument == 22:
            return None
        raise CborError("floats and other simple values are not allowed")


def is_int(*values: object, low: int = -(1 << 63), high: int = (1 << 63) - 1) -> bool:
    """Tell whether all ``values`` are integers, not truth values, from ``low`` to ``high``.

    Signed 64 bits unless said otherwise. Python takes ``True`` for 1, a pattern ``int()`` too; a format must not.
    """
    return all(isinstance(value, int) and not isinstance(value, bool) and low <= value <= high for value in values)


def decode(data: bytes) -> Value:
    """Decode exactly one value in deterministic form; raise :class:`CborError` for anything else."""
    reader = _Reader(data)
    value = reader.value(0)
    if reader.at != len(data):
        raise CborError("bytes follow after the value")
    return value
