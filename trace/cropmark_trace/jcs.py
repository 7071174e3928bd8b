"""Canonical JSON (RFC 8785, JCS) and the strict reading of it (docs/formats.md §6).

Writing is ``rfc8785``'s. Reading accepts a narrow profile, so that two programs never see two meanings in one byte
string: canonical bytes only, no name twice, NFC text without control and bidirectional-control characters, integers
within 2^53, other numbers below 10^9 with at most three decimals. Size and depth are checked before anything is parsed.
Shapes of documents are not this module's.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal, cast

import rfc8785

JsonValue = bool | int | float | str | None | list["JsonValue"] | dict[str, "JsonValue"]
"""What :func:`parse` returns."""
Json = bool | int | float | str | None | Sequence["Json"] | Mapping[str, "Json"]
"""What :func:`canonical` takes."""

MAX_SAFE: Final = 2**53 - 1
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_FRACTION: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,8})\.[0-9]{1,3}")
_FORBIDDEN: Final = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)

Code = Literal["too-large", "too-deep", "not-json", "number", "text", "not-canonical"]


class JcsError(ValueError):
    """Bytes outside the profile; ``code`` is the kind of defect.

    Where there are several it is the first in this order: ``too-large``, ``too-deep``, ``not-json``, ``number``,
    ``text``, ``not-canonical`` (a name twice included).
    """

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code: Final = code


def canonical(value: Json) -> bytes:
    """Return the RFC 8785 bytes of ``value``; raise :class:`JcsError` for what JSON cannot say."""
    try:
        return rfc8785.dumps(cast("dict[str, str]", value))
    except rfc8785.IntegerDomainError as error:
        raise JcsError("number", str(error)) from error
    except rfc8785.FloatDomainError as error:
        raise JcsError("number", str(error)) from error
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise JcsError("text", str(error)) from error


def thousandths(value: float) -> int:
    """Return a number of the profile as integer thousandths, by its text and not by arithmetic on floats."""
    return int(Decimal(repr(value)).scaleb(3))


def from_thousandths(count: int) -> int | float:
    """Return the JSON number of ``count`` thousandths."""
    return count // 1000 if count % 1000 == 0 else float(Decimal(count).scaleb(-3))


def is_text(text: str, *, newlines: bool = False) -> bool:
    """Tell whether ``text`` is NFC and free of the forbidden characters; ``newlines`` admits U+000A."""
    plain = text.replace("\n", "") if newlines else text
    return _FORBIDDEN.search(plain) is None and unicodedata.is_normalized("NFC", text)


def depth(data: bytes) -> int:
    """Return how deep arrays and objects are nested in JSON bytes, without parsing them."""
    deepest = now = 0
    for byte in _STRING.sub(b"", data):
        if byte in b"[{":
            now += 1
            deepest = max(deepest, now)
        elif byte in b"]}":
            now -= 1
    return deepest


class _Reading:
    """One run of the JSON parser, remembering what was wrong instead of stopping at the first defect it meets."""

    def __init__(self) -> None:
        self.bad_number: str | None = None
        self.twice: str | None = None

    def integer(self, token: str) -> int:
        value = int(token) if len(token) <= 17 else MAX_SAFE + 1
        if abs(value) > MAX_SAFE:
            self.bad_number = self.bad_number or f"{token[:40]} is an integer beyond 2^53"
            return 0
        return value

    def number(self, token: str) -> float:
        if _FRACTION.fullmatch(token) is None:
            self.bad_number = self.bad_number or f"{token[:40]} is not below 10^9 with at most three decimals"
            return 0
        return float(token)

    def members(self, pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        result = dict(pairs)
        if len(result) != len(pairs):
            names = [name for name, _ in pairs]
            self.twice = self.twice or next(name for name in names if names.count(name) > 1)
        return result

    @staticmethod
    def constant(token: str) -> JsonValue:
        raise ValueError(f"{token} is not JSON")


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _texts(item)


def parse(data: bytes, *, max_bytes: int, max_depth: int, newlines: bool = False) -> JsonValue:
    """Read canonical bytes; raise :class:`JcsError` for any others. ``newlines`` admits U+000A in texts."""
    if len(data) > max_bytes:
        raise JcsError("too-large", f"{len(data)} bytes are more than the {max_bytes} that are allowed")
    if depth(data) > max_depth:
        raise JcsError("too-deep", f"nested deeper than the {max_depth} levels that are allowed")
    reading = _Reading()
    try:
        value: JsonValue = json.loads(
            data.decode(),
            parse_int=reading.integer,
            parse_float=reading.number,
            parse_constant=reading.constant,
            object_pairs_hook=reading.members,
        )
    except ValueError as error:
        raise JcsError("not-json", f"not JSON: {error}") from error
    if reading.bad_number is not None:
        raise JcsError("number", reading.bad_number)
    for text in _texts(value):
        if not is_text(text, newlines=newlines):
            raise JcsError("text", f"{text[:40]!a} is not NFC, or has a control or bidirectional-control character")
    if reading.twice is not None:
        raise JcsError("not-canonical", f"the name {reading.twice[:40]!a} stands twice in one object")
    if canonical(value) != data:
        raise JcsError("not-canonical", "the bytes are not the canonical ones (RFC 8785) of what they say")
    return value
