"""One reading of one sensor: identity, flags, and the bytes that stand for it in a proof (docs/formats.md §5)."""

from dataclasses import dataclass
from enum import IntFlag
from struct import Struct
from typing import Final

from cropmark_ingest import cbor
from cropmark_ingest.cbor import CborError

LEAF_DOMAIN: Final = "cropmark/reading/v1"
NO_DEVICE_TIME: Final = -(1 << 63)
"""Stands for the device's clock where the device told no time."""
FIXED: Final = Struct(">QHqqbHqq")
"""counter, index, event time, mantissa, decimals, flags, device clock, gateway clock."""


class Flag(IntFlag):
    """What is doubtful about a value. Flags stand beside it; the value itself is never changed."""

    RANGE = 1
    STUCK = 2
    SPIKE = 4
    SENTINEL = 8
    SIGN_WRAP = 16
    CLOCK_SKEW = 32
    LATE = 64
    NO_DEVICE_TIME = 128


class LeafError(ValueError):
    """Bytes that are not a reading leaf."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one metric.

    Identity: farm, device, session, counter, index. Times are integer UTC milliseconds; the value is
    ``mantissa`` x 10^-``decimals`` in the catalogue's unit; ``flags`` are bits of :class:`Flag`.
    """

    farm: str
    device: str
    session: str
    counter: int
    index: int
    metric: str
    time: int
    mantissa: int
    decimals: int
    flags: int
    device_time: int
    gateway_time: int


def leaf_prefix(farm: str, device: str, session: str, metric: str) -> bytes:
    """Return the bytes that all leaves of one stream begin with: everything but the 45 fixed ones."""
    whole = cbor.encode([LEAF_DOMAIN, farm, device, bytes.fromhex(session), metric, bytes(FIXED.size)])
    return whole[: -FIXED.size]


def leaf(reading: Reading) -> bytes:
    """Return the leaf data of ``reading``."""
    fixed = FIXED.pack(
        reading.counter, reading.index, reading.time, reading.mantissa,
        reading.decimals, reading.flags, reading.device_time, reading.gateway_time,
    )  # fmt: skip
    return leaf_prefix(reading.farm, reading.device, reading.session, reading.metric) + fixed


def parse_leaf(data: bytes) -> Reading:
    """Read leaf data back; raise :class:`LeafError` if it is not exactly one reading."""
    try:
        parts = cbor.decode(data)
    except CborError as error:
        raise LeafError(f"not a reading leaf: {error}") from error
    match parts:
        case [domain, str() as farm, str() as device, bytes() as session, str() as metric, bytes() as fixed] if (
            domain == LEAF_DOMAIN and len(session) == 8 and len(fixed) == FIXED.size
        ):
            counter, index, time, mantissa, decimals, flags, device_time, gateway_time = FIXED.unpack(fixed)
        case _:
            raise LeafError("not a reading leaf")
    return Reading(
        farm, device, session.hex(), counter, index, metric, time, mantissa, decimals, flags, device_time, gateway_time
    )
