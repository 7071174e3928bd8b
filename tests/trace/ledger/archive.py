"""A small archive in memory over really sealed segments: what the trace package reads of telemetry."""

from collections.abc import Sequence
from itertools import pairwise

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cropmark_ingest.cose import public_bytes
from cropmark_ingest.metric import metric
from cropmark_ingest.reading import NO_DEVICE_TIME, Reading
from cropmark_ingest.registry import Placement
from cropmark_ingest.segment import NO_PREVIOUS, Gap, Segment, header_digest, seal

HOUR: int = 3_600_000
START: int = 1_793_534_400_000
SESSION = "9f2c51aa07be3d44"


def key_from(seed: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def reading(device: str, counter: int, *, farm: str = "demo", metric_name: str = "air_temperature") -> Reading:
    """Return the reading of hour ``counter`` after :data:`START`."""
    time = START + counter * HOUR
    return Reading(
        farm, device, SESSION, counter, 0, metric_name, time, 1_500 + counter * 37 % 1_000,
        metric(metric_name).decimals, 0, NO_DEVICE_TIME, time,
    )  # fmt: skip


class Archive:
    """Implements ``SeasonSource``; tests change it behind the back of whoever reads it."""

    def __init__(self, placements: Sequence[Placement] = (), interval: int = HOUR) -> None:
        self.segments: dict[bytes, list[Segment]] = {}
        self.farms: dict[bytes, str] = {}
        self.places = list(placements)
        self.every = interval
        self.names: dict[bytes, str] = {}

    def seal(
        self, key: Ed25519PrivateKey, readings: Sequence[Reading], *, farm: str = "demo", gaps: Sequence[Gap] = ()
    ) -> Segment:
        """Seal the gateway's next segment."""
        chain = self.segments.setdefault(public_bytes(key), [])
        self.farms[public_bytes(key)] = farm
        prev = header_digest(chain[-1].header) if chain else NO_PREVIOUS
        sealed_at = max((item.time for item in readings), default=START)
        gateway = self.names.get(public_bytes(key), "gw-1")
        made = seal(
            readings, farm=farm, gateway=gateway, seq=len(chain), prev=prev, sealed_at=sealed_at, gaps=gaps, key=key
        )
        chain.append(made)
        return made

    def fill(self, key: Ed25519PrivateKey, devices: Sequence[str], hours: int, per_segment: int = 6) -> None:
        """Seal ``hours`` of hourly readings of ``devices``, ``per_segment`` hours in each segment."""
        for first, end in pairwise([*range(0, hours, per_segment), hours]):
            self.seal(key, [reading(device, counter) for device in devices for counter in range(first, end)])

    def trees(self, farm: str) -> Sequence[tuple[bytes, int]]:
        return [(key, len(chain)) for key, chain in sorted(self.segments.items()) if self.farms[key] == farm]

    def headers(self, key: bytes, size: int) -> list[bytes]:
        return [segment.header for segment in self.segments[key][:size]]

    def segment(self, key: bytes, seq: int) -> Segment:
        return self.segments[key][seq]

    def placements(self, farm: str) -> Sequence[Placement]:
        return [place for place in self.places if place.farm == farm]

    def interval(self, farm: str, device: str) -> int:
        del farm, device
        return self.every
