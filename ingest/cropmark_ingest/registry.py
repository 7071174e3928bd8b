"""The farm registry's facts: who and what there is, and which device stands in which field since when.

Pure types; ``cropmark_ingest.registry_sql`` keeps them. A device's placement never applies backwards: a reading belongs
to the field where its device was registered at the reading's time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

MAX_TEXT: Final = 120


@dataclass(frozen=True, slots=True)
class Text:
    """One text for people, in English and Simplified Chinese."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Farm:
    """A farm. ``utc_offset`` is minutes east of UTC; ``demo`` is set, in both languages, where nothing is real."""

    farm: str
    name: Text
    country: str
    utc_offset: int
    demo: Text | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A field: GeoJSON polygon in WGS-84, what grows there and since when (ISO date, or None when fallow)."""

    farm: str
    field: str
    name: Text
    geometry: Mapping[str, object]
    crop: Text | None = None
    planted: str | None = None


@dataclass(frozen=True, slots=True)
class Gateway:
    """A farm box, enrolled by its 32-byte Ed25519 public key."""

    farm: str
    gateway: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Device:
    """A field device, its model, and how many milliseconds lie between two of its packs as it was set up."""

    farm: str
    device: str
    model: str
    interval: int


@dataclass(frozen=True, slots=True)
class Placement:
    """``device`` stands in ``field`` from ``since`` (UTC milliseconds) until its next placement."""

    farm: str
    device: str
    field: str
    since: int


Role = Literal["grower", "packer", "registrar", "gateway", "ingest"]


@dataclass(frozen=True, slots=True)
class Party:
    """A person or firm that signs records."""

    farm: str
    party: str
    name: Text
    role: Role


def field_at(placements: Sequence[Placement], device: str, time: int) -> str | None:
    """Return the field in which ``device`` stood at ``time``, or None."""
    standing = [item for item in placements if item.device == device and item.since <= time]
    return max(standing, key=lambda item: item.since).field if standing else None
