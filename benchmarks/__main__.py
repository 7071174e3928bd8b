"""``make bench``: what sealing and opening segments costs, beside a plain peer (JSON lines, zlib) in the same run.

Prints readings per second on one core and bytes per reading: the median of five runs of each.
"""

import json
import random
import statistics
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cropmark_ingest import segment
from cropmark_ingest.reading import Reading

RUNS = 5
READINGS = 4_096


def readings() -> list[Reading]:
    """Return a segment's worth of hourly readings of twelve devices, the same at every run."""
    draw = random.Random(7)
    metrics = ("air_temperature", "air_humidity", "soil_moisture_10cm", "soil_temperature_10cm")
    found = []
    for number in range(READINGS // len(metrics)):
        device, counter = number % 12, number // 12
        moment = 1_790_000_000_000 + counter * 3_600_000
        for index, metric in enumerate(metrics):
            value = 2_000 + round(500 * draw.random())
            heard = moment + draw.randrange(5, 300)
            found.append(
                Reading(
                    "farm",
                    f"device-{device}",
                    "9f2c51aa07be3d44",
                    counter,
                    index,
                    metric,
                    moment,
                    value,
                    2,
                    0,
                    moment,
                    heard,
                )
            )
    return found


def rate(work: Callable[[], object]) -> float:
    """Return readings per second, the median of the runs."""
    seconds = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return READINGS / statistics.median(seconds)


def main() -> None:
    """Measure and print."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    data = readings()

    def seal() -> segment.Segment:
        return segment.seal(
            data, farm="farm", gateway="gw-1", seq=0, prev=bytes(32), sealed_at=1_790_000_000_000, key=key
        )

    sealed = seal()

    def plain() -> bytes:
        return zlib.compress("\n".join(json.dumps(asdict(item)) for item in data).encode())

    packed = plain()
    rows = [
        ("segment: seal (sort, columns, root, zstd, sign)", rate(seal), len(sealed.body) / READINGS),
        (
            "segment: open (verify signature, body, root)",
            rate(lambda: segment.open_body(segment.open_header(sealed.header), sealed.body)),
            None,
        ),
        ("peer: JSON lines and zlib, write", rate(plain), len(packed) / READINGS),
        (
            "peer: JSON lines and zlib, read",
            rate(lambda: [json.loads(line) for line in zlib.decompress(packed).splitlines()]),
            None,
        ),
    ]
    print(f"{'':<50}{'readings/s':>14}{'bytes/reading':>16}")
    for name, speed, size in rows:
        print(f"{name:<50}{speed:>14,.0f}{'' if size is None else f'{size:.1f}':>16}")


if __name__ == "__main__":
    sys.exit(main())
