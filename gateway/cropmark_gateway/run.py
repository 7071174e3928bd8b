"""Wire a gateway together and run it until it is told to stop."""

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

from cropmark_gateway import keyfile
from cropmark_gateway.config import Config
from cropmark_gateway.intake import Intake
from cropmark_gateway.mqtt import FieldSide, UpSide
from cropmark_gateway.relay import Relay
from cropmark_gateway.sealer import Limits, Sealer
from cropmark_gateway.spool import SpoolError
from cropmark_gateway.spool_sqlite import SqliteSpool
from cropmark_ingest.clock import ScaledClock, real_ms

IDLE_SECONDS: Final = 0.05
ROOM_SECONDS: Final = 5.0
REPORT_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 1.0
PACE_MEMORY_MS: Final = 60_000

log = structlog.get_logger()


class _Wake:
    """Events that the threads wait for: something came, something was sealed."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.sealed = threading.Event()


def run(config: Config, stop: threading.Event, *, progress: bool = False) -> None:
    """Run one gateway in this process until ``stop`` is set; then seal what is open and leave."""
    clock = None if config.clock is None else ScaledClock.from_json(config.clock.read_text())
    now = real_ms if clock is None else clock.now
    key = keyfile.load_or_create(config.key_file)
    spool = SqliteSpool(config.spool_file)
    wake = _Wake()
    intake = Intake(spool, wake.arrived)
    field = FieldSide(config.farm, config.gateway, config.field, now=now, deliver=intake.offer)
    sealer = Sealer(
        spool,
        farm=config.farm,
        gateway=config.gateway,
        key=key,
        limits=Limits(config.seal_readings, config.seal_seconds),
        now=now,
        # What was sent in the last of a replay's seconds still arrives when its clock already runs with real time.
        pace=lambda: 1.0 if clock is None else clock.pace(real_ms() - PACE_MEMORY_MS),
        held=field.tell,
        sealed=wake.sealed.set,
    )

    def receipt(payload: bytes) -> None:
        relay.hear(payload)
        wake.sealed.set()

    up = UpSide(config.farm, config.gateway, config.upstream, receipt=receipt)
    relay = Relay(spool, up, ingest_key=config.ingest_key, spool_bytes=config.spool_bytes)
    threads = [
        threading.Thread(target=intake.run, args=(stop,), name="intake"),
        threading.Thread(target=_keep_sealing, args=(sealer, wake, stop), name="sealer"),
        threading.Thread(target=_keep_relaying, args=(relay, wake, stop), name="relay"),
    ]
    for thread in threads:
        thread.start()
    field.start()
    up.start()
    try:
        while not stop.wait(REPORT_SECONDS):
            if progress:
                report(spool, sys.stdout.write)
    finally:
        stop.set()
        field.stop()
        for thread in threads:
            thread.join()
        up.stop()
        spool.close()


def _patiently(work: Callable[[], bool], stop: threading.Event) -> bool:
    """Do a step of work; a disk that cannot be written is waited for, not fallen over."""
    try:
        return work()
    except SpoolError as error:
        log.error("spool-cannot-write", reason=str(error))  # noqa: TRY400 - the text says it all
        stop.wait(RETRY_SECONDS)
        return False


def _keep_sealing(sealer: Sealer, wake: _Wake, stop: threading.Event) -> None:
    while not stop.is_set():
        if not _patiently(sealer.step, stop):
            wake.arrived.wait(IDLE_SECONDS)
            wake.arrived.clear()
    _patiently(sealer.step, stop)
    _patiently(sealer.finish, stop)


def _keep_relaying(relay: Relay, wake: _Wake, stop: threading.Event) -> None:
    looked = time.monotonic()
    while not stop.is_set():
        if not _patiently(relay.step, stop):
            wake.sealed.wait(IDLE_SECONDS)
            wake.sealed.clear()
        if time.monotonic() - looked > ROOM_SECONDS:
            looked = time.monotonic()
            _patiently(lambda: relay.make_room() > 0, stop)


def report(spool: SqliteSpool, write: Callable[[str], object]) -> None:
    """Write one JSON line of totals."""
    counts = spool.counts()
    status = spool.status()
    quarantined = sum(value for name, value in counts.items() if name.startswith("quarantined-"))
    write(
        json.dumps(
            {
                "received": counts.get("received", 0),
                "undecoded": status["undecoded"],
                "sealed": status["sealed"],
                "receipted": status["sealed"] - status["unreceipted"],
                "readings": status["readings"],
                "quarantined": quarantined,
                "duplicates": counts.get("duplicates", 0),
            }
        )
        + "\n"
    )
    sys.stdout.flush()
