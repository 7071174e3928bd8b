"""Ingest at work on a real broker: segments in, receipts out, restarts, poison, and a disk that fails for a while."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from cropmark_ingest import cose, receipt
from cropmark_ingest.archive import ArchiveError
from cropmark_ingest.clock import real_ms
from cropmark_ingest.intake_mqtt import Broker
from cropmark_ingest.lock import InUseError
from cropmark_ingest.names import Topic
from cropmark_ingest.registry import Device, Gateway
from cropmark_ingest.service import Files, Ingest
from tests.ingest.samples import FARM, GATEWAY, OTHER_KEY, Chain, pack

DEADLINE_SECONDS = 30.0


def eventually(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not in {DEADLINE_SECONDS:.0f} s: {what}"
        time.sleep(0.02)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    broker = subprocess.Popen([sys.executable, "-m", "cropmark.broker", str(number)])
    try:
        eventually(lambda: answers(number), "the broker listens")
        yield number
    finally:
        broker.terminate()
        broker.wait(10)


class Sender:
    """A gateway's connection: publishes anything, collects receipts."""

    def __init__(self, port: int, farm: str = FARM, gateway: str = GATEWAY) -> None:
        self.receipts: list[receipt.Receipt] = []
        self.subscribed = threading.Event()
        self._heard = str(Topic(farm, gateway, "receipt"))
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"sender-{time.monotonic_ns()}")
        self.client.on_connect = self._connected
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.on_message = self._message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.subscribed.wait(DEADLINE_SECONDS)

    def _connected(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe(self._heard, 1)

    def _message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        self.receipts.append(receipt.open_receipt(bytes(message.payload)))

    def send(self, topic: str, payload: bytes) -> None:
        self.client.publish(topic, payload, qos=1).wait_for_publish(DEADLINE_SECONDS)

    def outcomes(self) -> set[tuple[int, str, str]]:
        return {(item.seq, item.outcome.value, item.reason) for item in list(self.receipts)}

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def sender(port: int) -> Iterator[Sender]:
    made = Sender(port)
    yield made
    made.close()


def started(folder: Path, port: int) -> Ingest:
    ingest = Ingest(folder, broker=Broker("127.0.0.1", port), receipt_key=OTHER_KEY, now=real_ms)
    ingest.files.registry.enroll_gateway(Gateway(FARM, GATEWAY, Chain().public))
    ingest.start()
    eventually(lambda: bool(ingest.status()["broker_connected"]), "ingest is connected")
    return ingest


@pytest.fixture
def ingest(tmp_path: Path, port: int) -> Iterator[Ingest]:
    made = started(tmp_path / "ingest", port)
    yield made
    made.stop()


def send_until_receipted(sender: Sender, chain: Chain, wanted: set[tuple[int, str, str]]) -> None:
    """Send a chain as a gateway does: again, while a receipt is missing."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not wanted <= sender.outcomes():
        assert time.monotonic() < deadline, f"missing: {wanted - sender.outcomes()}"
        receipted = {seq for seq, _, _ in sender.outcomes()}
        for seq, item in enumerate(chain.sealed):
            if seq not in receipted:
                sender.send(chain.topic, item.to_wire())
        sender.subscribed.wait(0.01)
        again = time.monotonic() + 1.0
        while time.monotonic() < again and not wanted <= sender.outcomes():
            time.sleep(0.01)


def archived(count: int) -> set[tuple[int, str, str]]:
    return {(seq, "archived", "") for seq in range(count)}


def test_every_segment_is_receipted_archived_and_stored(ingest: Ingest, sender: Sender) -> None:
    chain = Chain()
    chain.season(30)
    send_until_receipted(sender, chain, archived(30))
    assert {item.key for item in sender.receipts} == {cose.public_bytes(OTHER_KEY)}
    eventually(lambda: ingest.status()["readings_stored"] == 120, "all is stored")
    status = ingest.status(FARM)
    assert (status["segments"], status["readings_archived"], status["segments_behind"]) == (30, 120, 0)
    assert (status["quarantined"], status["trouble"]) == (0, [])


def test_poison_is_set_aside_and_what_follows_goes_on(ingest: Ingest, sender: Sender) -> None:
    chain, stranger = Chain(), Chain(OTHER_KEY)
    chain.season(2)
    stranger.season(3)
    sender.send(chain.topic, b"")
    sender.send(chain.topic, b"\xff" * 300_000)
    sender.send("cropmark/v1/BAD NAME/gw-1/segment", b"x")
    sender.send(stranger.topic, stranger.sealed[2].to_wire())
    send_until_receipted(sender, chain, archived(2) | {(2, "quarantined", "unknown-key")})
    eventually(lambda: ingest.status()["quarantined"] == 4, "all four are set aside")
    reasons = sorted(item.reason for item in ingest.files.quarantine.newest())
    assert reasons == ["bad-segment", "bad-segment", "unknown-key", "unknown-topic"]


def test_a_restart_in_the_middle_loses_and_doubles_nothing(tmp_path: Path, port: int, sender: Sender) -> None:
    chain = Chain()
    chain.season(10)
    first = started(tmp_path / "ingest", port)
    send_until_receipted(sender, chain, archived(10))
    first.stop()
    chain.season(10)
    for item in chain.sealed[10:]:
        sender.send(chain.topic, item.to_wire())
    second = started(tmp_path / "ingest", port)
    send_until_receipted(sender, chain, archived(20))
    eventually(lambda: second.status()["readings_stored"] == 80, "all is stored")
    assert second.files.archive.tree_size(chain.public) == 20
    second.stop()


def test_while_nothing_can_be_kept_there_are_no_receipts_and_afterwards_all(
    ingest: Ingest, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = Chain()
    chain.season(3)

    def full(_size: int) -> None:
        raise ArchiveError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(ingest.files.archive, "_check_room", full)
        patched.setattr("cropmark_ingest.intake_mqtt.RETRY_SECONDS", 0.01)
        for item in chain.sealed:
            sender.send(chain.topic, item.to_wire())
        eventually(lambda: ingest.status()["trouble"] == ["the disk is full"], "it says so")
        assert sender.outcomes() == set()
    send_until_receipted(sender, chain, archived(3))
    eventually(lambda: ingest.status()["trouble"] == [], "it says no more")


def test_more_than_fits_the_queue_is_turned_away_and_comes_again(
    ingest: Ingest, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = Chain()
    chain.season(6)
    monkeypatch.setattr("cropmark_ingest.intake_mqtt.MAX_QUEUED", 2)
    monkeypatch.setattr("cropmark_ingest.intake_mqtt.RETRY_SECONDS", 0.01)
    with monkeypatch.context() as patched:
        patched.setattr(ingest.files.archive, "_check_room", lambda _size: (_ for _ in ()).throw(ArchiveError("busy")))
        for item in chain.sealed:
            sender.send(chain.topic, item.to_wire())
        eventually(lambda: ingest._intake.turned_away >= 1, "some are turned away")
    send_until_receipted(sender, chain, archived(6))


def test_two_on_one_folder_are_refused(ingest: Ingest, tmp_path: Path) -> None:
    assert ingest.status()["segments"] == 0
    with pytest.raises(InUseError, match="in use by process"):
        Files(tmp_path / "ingest", real_ms)


def test_it_starts_without_a_broker_and_stops_at_once(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody: int = free.getsockname()[1]
    ingest = Ingest(tmp_path / "i", broker=Broker("127.0.0.1", nobody), receipt_key=OTHER_KEY, now=real_ms)
    ingest.start()
    assert ingest.status()["broker_connected"] is False
    begun = time.monotonic()
    ingest.stop()
    assert time.monotonic() - begun < 5
    with Files(tmp_path / "i", real_ms) as files:
        assert files.archive.counts() == (0, 0)


def test_a_device_that_is_registered_later_is_no_longer_unknown(ingest: Ingest, sender: Sender) -> None:
    chain = Chain()
    chain.seal(pack(0))
    send_until_receipted(sender, chain, archived(1))
    eventually(lambda: ingest.files.notices.count(FARM) == 1, "the device is noticed")
    ingest.files.registry.put_device(Device(FARM, "soil-01", "model", 60_000))
    chain.seal(pack(1))
    send_until_receipted(sender, chain, archived(2))
    eventually(lambda: ingest.files.notices.watermark() == 2, "it was looked at")
    assert ingest.files.notices.all(FARM)[0].count == 2
