"""The closed form of a bundle's JSON (docs/formats.md §9), records left to ``record`` and ``key_record``."""

from typing import Final, cast

from cropmark_trace import evidence, jcs, shape
from cropmark_trace.jcs import JsonValue
from cropmark_trace.shape import ShapeError, closed, exactly, integer, nullable
from cropmark_trace.summary import MAX_DAYS

VERSION: Final = "bundle/v1"
MAX_RECORDS: Final = 100
MAX_KEYS: Final = 64
MAX_HEADERS: Final = 256
MAX_READINGS: Final = 512
_MAX_HEADER: Final = 256 * 1024
_MAX_LEAF: Final = 1024

_DATE: Final = shape.pattern(r"[12][0-9]{3}-[01][0-9]-[0-3][0-9]")
_NUMBERS: Final = shape.array(nullable(integer(-jcs.MAX_SAFE)), 1, MAX_DAYS)
_METRIC: Final = shape.pattern("[a-z][a-z0-9_]{0,63}")
_SUMMARY: Final = closed(
    {
        "field": shape.NAME,
        "from": shape.time,
        "to": shape.time,
        "utcOffset": integer(-840, 840),
        "days": shape.array(_DATE, 1, MAX_DAYS),
        "metrics": shape.mapping(
            _METRIC,
            closed(
                {
                    "decimals": integer(0, 18),
                    "min": _NUMBERS,
                    "max": _NUMBERS,
                    "sum": _NUMBERS,
                    "count": shape.array(integer(), 1, MAX_DAYS),
                }
            ),
            32,
        ),
        "extremes": shape.mapping(_METRIC, closed({"min": shape.HASH, "max": shape.HASH}), 8),
    }
)
_ANCHOR: Final = closed(
    {
        "chain": integer(1),
        "contract": shape.ADDRESS,
        "logId": shape.CHAIN_HASH,
        "block": integer(),
        "blockHash": shape.CHAIN_HASH,
        "transaction": shape.CHAIN_HASH,
        "time": shape.time,
    }
)


def _anything(value: JsonValue, where: str) -> None:
    del value, where


def _object(value: JsonValue, where: str) -> None:
    if not isinstance(value, dict):
        raise ShapeError(where, "is not an object")


def _note(value: JsonValue, where: str) -> None:
    if not isinstance(value, str):
        raise ShapeError(where, "is not text")


_INDEX: Final = integer()
_FORM: Final = closed(
    {
        "cropmark": exactly(VERSION),
        "batch": shape.BATCH,
        "origin": shape.text,
        "records": shape.array(
            closed({"record": _anything, "index": _INDEX, "path": shape.PATH}), 1, MAX_RECORDS
        ),
        "keys": shape.array(closed({"record": _anything, "index": _INDEX, "path": shape.PATH}), 0, MAX_KEYS),
        "checkpoint": _note,
        "anchor": nullable(_ANCHOR),
        "segments": shape.array(
            closed(
                {"key": shape.did, "size": integer(1), "root": shape.HASH, "index": _INDEX, "path": shape.PATH}
            ),
            0,
            evidence.MAX_GATEWAYS,
        ),
        "summary": nullable(_SUMMARY),
        "headers": shape.array(
            closed(
                {"tree": integer(0, 15), "header": shape.base64(1, _MAX_HEADER), "path": shape.PATH}
            ),
            0,
            MAX_HEADERS,
        ),
        "readings": shape.array(
            closed(
                {
                    "header": integer(0, MAX_HEADERS - 1),
                    "index": _INDEX,
                    "leaf": shape.base64(1, _MAX_LEAF),
                    "path": shape.PATH,
                    "why": exactly("sample", "extreme"),
                }
            ),
            0,
            MAX_READINGS,
        ),
        "hints": _object,
    }
)  # fmt: skip


def check(document: JsonValue) -> None:
    """Raise :class:`ShapeError` for a document that is not of this form."""
    _FORM(document, "")
    value = cast("dict[str, JsonValue]", document)["summary"]
    if value is not None:
        _even(cast("dict[str, JsonValue]", value))


def _even(value: dict[str, JsonValue]) -> None:
    """Check that a summary has one number a day in every column."""
    days = len(cast("list[str]", value["days"]))
    for name, columns in cast("dict[str, dict[str, JsonValue]]", value["metrics"]).items():
        for column, numbers in columns.items():
            if isinstance(numbers, list) and len(numbers) != days:
                raise ShapeError(f".summary.metrics.{name}.{column}", "has not one number for each day")
