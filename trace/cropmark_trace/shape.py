"""Closed shapes of JSON documents: every member named, typed and bounded, nothing more allowed.

A shape is a function that raises :class:`ShapeError` for a value that does not fit; larger shapes are made of smaller
ones. Written here because a verifier must refuse what it does not know, in few lines that can be written again in
another language. Lengths of text count Unicode code points.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from cropmark_trace import multikey
from cropmark_trace.jcs import MAX_SAFE, Json, JsonValue

MAX_TEXT: Final = 200
Shape = Callable[[JsonValue, str], None]
"""Takes a value and the path to it, for the error."""


class ShapeError(ValueError):
    """A value that does not fit; ``where`` is the path to it, from the document's root."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where or 'the document'} {why}")
        self.where: Final = where


def closed(members: Mapping[str, Shape]) -> Shape:
    """Return the shape of an object with exactly these members."""

    def check(value: JsonValue, where: str) -> None:
        if not isinstance(value, dict):
            raise ShapeError(where, "is not an object")
        for name in value.keys() - members.keys():
            raise ShapeError(f"{where}.{name[:40]}", "is not a member that this version knows")
        for name, shape in members.items():
            if name not in value:
                raise ShapeError(f"{where}.{name}", "is missing")
            shape(value[name], f"{where}.{name}")

    return check


def mapping(key: Shape, item: Shape, most: int) -> Shape:
    """Return the shape of an object with up to ``most`` members whose names fit ``key``."""

    def check(value: JsonValue, where: str) -> None:
        if not isinstance(value, dict) or len(value) > most:
            raise ShapeError(where, f"is not an object of at most {most} members")
        for name, entry in value.items():
            key(name, f"{where}.{name[:40]}")
            item(entry, f"{where}.{name[:40]}")

    return check


def array(item: Shape, least: int, most: int) -> Shape:
    """Return the shape of an array of ``least`` to ``most`` items."""

    def check(value: JsonValue, where: str) -> None:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise ShapeError(where, f"is not an array of {least} to {most} items")
        for number, entry in enumerate(value):
            item(entry, f"{where}[{number}]")

    return check


def exactly(*allowed: Json) -> Shape:
    """Return the shape of one of these values."""

    def check(value: JsonValue, where: str) -> None:
        if not any(type(value) is type(one) and value == one for one in allowed):
            raise ShapeError(where, "is not a value that this version knows")

    return check


def nullable(shape: Shape) -> Shape:
    """Return ``shape``, or null."""

    def check(value: JsonValue, where: str) -> None:
        if value is not None:
            shape(value, where)

    return check


def pattern(expression: str) -> Shape:
    """Return the shape of text that matches the whole ``expression``."""
    compiled = re.compile(expression)

    def check(value: JsonValue, where: str) -> None:
        if not isinstance(value, str) or compiled.fullmatch(value) is None:
            raise ShapeError(where, "is not text of the documented form")

    return check


def text(value: JsonValue, where: str) -> None:
    """Admit text of 1 to 200 code points."""
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT:
        raise ShapeError(where, f"is not text of 1 to {MAX_TEXT} characters")


def integer(least: int = 0, most: int = MAX_SAFE) -> Shape:
    """Return the shape of an integer from ``least`` to ``most``."""

    def check(value: JsonValue, where: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ShapeError(where, f"is not an integer from {least} to {most}")

    return check


def number(least: float, most: float) -> Shape:
    """Return the shape of a number from ``least`` to ``most``."""

    def check(value: JsonValue, where: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise ShapeError(where, f"is not a number from {least} to {most}")

    return check


def boolean(value: JsonValue, where: str) -> None:
    """Admit true or false."""
    if not isinstance(value, bool):
        raise ShapeError(where, "is neither true nor false")


def base64(least: int, most: int) -> Shape:
    """Return the shape of standard base64 text, padded, of ``least`` to ``most`` bytes."""

    def check(value: JsonValue, where: str) -> None:
        try:
            data = b64decode(value, validate=True) if isinstance(value, str) else b""
        except ValueError:
            data = b""
        if not least <= len(data) <= most or b64encode(data).decode() != value:
            raise ShapeError(where, f"is not base64 of {least} to {most} bytes")

    return check


def did(value: JsonValue, where: str) -> None:
    """Admit a ``did:key`` of Ed25519."""
    try:
        multikey.public_of(value if isinstance(value, str) else "")
    except multikey.MultikeyError as error:
        raise ShapeError(where, "is not the did:key of an Ed25519 key") from error


def time_of(value: str) -> int:
    """Return Unix milliseconds of ``YYYY-MM-DDTHH:MM:SSZ``; raise :class:`ValueError` for any other text."""
    if _TIME.fullmatch(value) is None:
        raise ValueError(f"{value[:40]!a} is not a UTC time in whole seconds")
    return int(datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()) * 1000


def time(value: JsonValue, where: str) -> None:
    """Admit a UTC time in whole seconds of the years 1970 to 2999, as ``YYYY-MM-DDTHH:MM:SSZ``."""
    try:
        time_of(value if isinstance(value, str) else "")
    except ValueError as error:
        raise ShapeError(where, "is not a UTC time in whole seconds: YYYY-MM-DDTHH:MM:SSZ") from error


_TIME: Final = re.compile(r"(?:19[7-9]|2[0-9]{2})[0-9]-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z")

NAME: Final = pattern(r"[a-z0-9][a-z0-9-]{0,31}")
BATCH: Final = pattern(r"[A-Z2-7]{20}")
HASH: Final = pattern(r"[0-9a-f]{64}")
CHAIN_HASH: Final = pattern(r"0x[0-9a-f]{64}")
ADDRESS: Final = pattern(r"0x[0-9a-f]{40}")
TEXTS: Final = closed({"en": text, "zh": text})
PATH: Final = array(base64(32, 32), 0, 64)
INDEX: Final = integer()
