"""Readings, segments and headers for the tests; a header can be signed with anything in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cropmark_ingest import cbor, cose, merkle, segment
from cropmark_ingest.metric import CATALOGUE
from cropmark_ingest.reading import Reading
from cropmark_ingest.segment import NO_PREVIOUS, Gap, Header, Segment, open_header

FARM = "demo"
GATEWAY = "gw-1"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
SESSION = "9f2c51aa07be3d44"
START = 1_793_534_400_000
METRICS = tuple(CATALOGUE)


def reading(
    counter: int,
    index: int = 0,
    device: str = "soil-01",
    metric: str = "soil_moisture_10cm",
    *,
    farm: str = FARM,
    session: str = SESSION,
    time: int | None = None,
    mantissa: int | None = None,
    flags: int = 0,
) -> Reading:
    """One reading; its time follows from its counter, hourly, where no other is said."""
    at = START + counter * 3_600_000 if time is None else time
    value = 2_000 + counter if mantissa is None else mantissa
    decimals = CATALOGUE[metric].decimals if metric in CATALOGUE else 0
    return Reading(farm, device, session, counter, index, metric, at, value, decimals, flags, at, at + 500)


def pack(counter: int, device: str = "soil-01", *, farm: str = FARM, session: str = SESSION) -> list[Reading]:
    """One pack of two metrics."""
    return [
        reading(counter, 0, device, "soil_moisture_10cm", farm=farm, session=session),
        reading(counter, 1, device, "soil_temperature_10cm", farm=farm, session=session, mantissa=1_500 + counter),
    ]


@dataclass
class Chain:
    """A gateway that seals one segment after another."""

    key: Ed25519PrivateKey = KEY
    farm: str = FARM
    gateway: str = GATEWAY
    sealed: list[Segment] = field(default_factory=list)

    @property
    def public(self) -> bytes:
        """Its public key."""
        return cose.public_bytes(self.key)

    @property
    def topic(self) -> str:
        """Where its segments are published."""
        return f"cropmark/v1/{self.farm}/{self.gateway}/segment"

    def seal(self, readings: Sequence[Reading], *, gaps: Sequence[Gap] = (), sealed_at: int | None = None) -> Segment:
        """Seal the next one."""
        prev = segment.header_digest(self.sealed[-1].header) if self.sealed else NO_PREVIOUS
        made = segment.seal(
            readings, farm=self.farm, gateway=self.gateway, seq=len(self.sealed), prev=prev, gaps=gaps, key=self.key,
            sealed_at=START + len(self.sealed) * 1_000 if sealed_at is None else sealed_at,
        )  # fmt: skip
        self.sealed.append(made)
        return made

    def season(self, segments: int, packs: int = 2, device: str = "soil-01") -> list[Segment]:
        """Seal ``segments`` segments of ``packs`` packs each, counters going on."""
        made = []
        for _ in range(segments):
            first = len(self.sealed) * packs
            rows = [item for counter in range(first, first + packs) for item in pack(counter, device, farm=self.farm)]
            made.append(self.seal(rows))
        return made


def forged(body: bytes, readings: Sequence[Reading], **members: cbor.Value) -> Segment:
    """A validly signed header over ``body`` with any member replaced."""
    times = [item.time for item in readings] or [0]
    parts: dict[str, cbor.Value] = {
        "domain": segment.DOMAIN,
        "farm": FARM,
        "gateway": GATEWAY,
        "seq": 0,
        "prev": NO_PREVIOUS,
        "root": merkle.root(merkle.leaf_hashes(segment.leaves(readings))),
        "count": len(readings),
        "first": min(times),
        "last": max(times),
        "body_digest": sha256(body).digest(),
        "body_length": len(body),
        "sealed_at": START,
        "gaps": [],
    }
    assert members.keys() <= parts.keys()
    return Segment(cose.sign1(cbor.encode(list((parts | members).values())), segment.DOMAIN, KEY), body)


def headed(segments: Sequence[Segment]) -> list[tuple[Header, Segment]]:
    """Open the headers, as an archive takes them."""
    return [(open_header(item.header), item) for item in segments]
