"""SenML JSON (RFC 8428): from a pack's bytes to resolved records. No CBOR, XML or EXI yet.

Numbers are decimals from the text on, never floats, so that 0.1 stays 0.1. Everything is bounded: bytes, records, the
length of names. A label that ends in ``_`` must be understood (§4.4), and none is, so such packs are refused.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

MAX_BYTES: Final = 64 * 1024
MAX_RECORDS: Final = 256
MAX_NAME: Final = 255
VERSION: Final = 10
RELATIVE_BELOW: Final = Decimal(2**28)
"""Times below 2^28 seconds are relative to now (§4.5.3)."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")
_BASE: Final = frozenset(("bn", "bt", "bu", "bv", "bs", "bver"))
_KNOWN: Final = _BASE | {"n", "u", "v", "vs", "vb", "vd", "s", "t", "ut"}
_NUMBERS: Final = ("bt", "bv", "bs", "v", "s", "t", "ut")
_TEXTS: Final = ("bn", "bu", "n", "u", "vs", "vd")


class SenmlError(ValueError):
    """Bytes that are not a SenML pack that can be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Record:
    """One resolved record: absolute name, ``time`` in seconds (relative to arrival where ``relative``), one value."""

    name: str
    unit: str | None
    time: Decimal
    relative: bool
    value: Decimal | None = None
    text: str | None = None
    boolean: bool | None = None
    data: str | None = None
    sum: Decimal | None = None
    update: Decimal | None = None


def _refuse_constant(word: str) -> Decimal:
    raise SenmlError(f"{word} is not a number")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise SenmlError("a label stands twice in one record")
    return record


def _parse(payload: bytes) -> list[Any]:
    if len(payload) > MAX_BYTES:
        raise SenmlError(f"{len(payload)} bytes; a pack has at most {MAX_BYTES}")
    try:
        pack = json.loads(
            payload.decode(),
            parse_float=Decimal,
            parse_int=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_no_twins,
        )
    except (UnicodeDecodeError, json.JSONDecodeError, InvalidOperation, RecursionError) as error:
        raise SenmlError(f"not JSON: {error}") from error
    if not isinstance(pack, list) or not pack:
        raise SenmlError("a pack is a JSON array with at least one record")
    if len(pack) > MAX_RECORDS:
        raise SenmlError(f"{len(pack)} records; a pack has at most {MAX_RECORDS}")
    return pack


def _check(record: Any) -> Mapping[str, Any]:  # noqa: ANN401 - whatever the JSON held
    if not isinstance(record, dict):
        raise SenmlError("a record is a JSON object")
    for label in record:
        if label not in _KNOWN and label.endswith("_"):
            raise SenmlError(f"label {label[:40]!r} must be understood, and is not")
    for label in _NUMBERS:
        if label in record and (not isinstance(record[label], Decimal) or not record[label].is_finite()):
            raise SenmlError(f"{label!r} is not a number")
        if label in record and record[label].adjusted() > 18:
            raise SenmlError(f"{label!r} is out of all bounds")
    for label in _TEXTS:
        if label in record and not isinstance(record[label], str):
            raise SenmlError(f"{label!r} is not text")
    if "vb" in record and not isinstance(record["vb"], bool):
        raise SenmlError("'vb' is not true or false")
    if "bver" in record and not (isinstance(record["bver"], Decimal) and 0 < record["bver"] <= VERSION):
        raise SenmlError(f"version {str(record['bver'])[:20]} is newer than {VERSION}")
    return record


def resolve(payload: bytes) -> list[Record]:
    """Resolve a pack (§4.6); raise :class:`SenmlError` with the reason if it is none."""
    base_name, base_unit = "", None
    base_time = base_value = base_sum = Decimal(0)
    resolved = []
    for raw in _parse(payload):
        record = _check(raw)
        base_name = record.get("bn", base_name)
        base_unit = record.get("bu", base_unit)
        base_time = record.get("bt", base_time)
        base_value = record.get("bv", base_value)
        base_sum = record.get("bs", base_sum)
        held = [label for label in ("v", "vs", "vb", "vd") if label in record]
        total = "s" in record or ("bs" in record and "v" not in record and not held)
        if not held and not total:
            if _BASE.issuperset(record):
                continue
            raise SenmlError("a record has no value")
        if len(held) > 1:
            raise SenmlError(f"a record has several values: {', '.join(held)}")
        name = base_name + record.get("n", "")
        if len(name) > MAX_NAME or _NAME.fullmatch(name) is None:
            raise SenmlError(f"{name[:60]!r} is not a SenML name")
        time = base_time + record.get("t", Decimal(0))
        resolved.append(
            Record(
                name=name,
                unit=record.get("u", base_unit),
                time=time,
                relative=time < RELATIVE_BELOW,
                value=base_value + record["v"] if "v" in record else None,
                text=record.get("vs"),
                boolean=record.get("vb"),
                data=record.get("vd"),
                sum=base_sum + record.get("s", Decimal(0)) if total else None,
                update=record.get("ut"),
            )
        )
    return resolved
