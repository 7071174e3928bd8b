"""From spool to receipt: what was heard is acknowledged, sealed once, sent until ingest says that it has it."""

import json
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cropmark_gateway import relay as relaying
from cropmark_gateway.intake import Delivery, Intake
from cropmark_gateway.relay import Relay
from cropmark_gateway.sealer import Limits, Sealer
from cropmark_gateway.spool import Message, SpoolError
from cropmark_gateway.spool_sqlite import SqliteSpool
from cropmark_ingest import receipt, segment
from cropmark_ingest.cose import public_bytes
from cropmark_ingest.reading import Reading
from cropmark_ingest.receipt import Outcome

SESSION = "9f2c51aa07be3d44"
NOW = 1_790_000_000_000
GATEWAY_KEY = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x01")
INGEST_KEY = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x02")


def pack(counter: int, value: float = 20.0, device: str = "soil-1") -> Message:
    records = [
        {"bn": f"cropmark/farm/{device}/", "bt": NOW / 1000, "n": "session", "vs": SESSION},
        {"n": "counter", "v": counter},
        {"n": "air_temperature", "u": "Cel", "v": value},
        {"n": "rainfall", "u": "mm", "v": 0.2},
    ]
    return Message(f"cropmark/v1/farm/{device}/up", json.dumps(records).encode(), NOW)


class Bench:
    """A gateway without its connections."""

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self.spool = SqliteSpool(folder / "spool.sqlite")
        self.told: list[tuple[str, tuple[tuple[int, int], ...]]] = []
        self.time = 0.0
        self.sealer = Sealer(
            self.spool,
            farm="farm",
            gateway="gw-1",
            key=GATEWAY_KEY,
            limits=limits or Limits(),
            now=lambda: NOW,
            pace=lambda: 1.0,
            held=lambda device, _session, counters: self.told.append((device, counters)),
            sealed=lambda: None,
            monotonic=lambda: self.time,
        )

    def hear(self, *messages: Message) -> None:
        self.spool.put(messages)
        self.sealer.step()

    def sealed(self) -> list[list[Reading]]:
        """Seal what is open; return the readings of every waiting segment, the oldest first."""
        self.sealer.finish()
        return [
            segment.open_body(segment.open_header(item.segment.header), item.segment.body)
            for item in reversed(self.spool.waiting(1_000))
        ]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_devices_are_told_what_is_held_before_it_is_sealed(bench: Bench) -> None:
    bench.hear(pack(0), pack(1), pack(3))
    assert bench.told == [("soil-1", ((0, 1), (3, 3)))]
    assert bench.spool.last_header() is None


def test_a_pack_sent_twice_is_told_again_and_sealed_once(bench: Bench) -> None:
    bench.hear(pack(0))
    bench.hear(pack(0))
    assert [len(readings) for readings in bench.sealed()] == [2]
    bench.hear(pack(0))
    assert [len(readings) for readings in bench.sealed()] == [2]
    assert bench.told == [("soil-1", ((0, 0),))] * 3
    assert bench.spool.counts()["duplicates"] == 2


@pytest.mark.parametrize("sealed_between", [False, True])
def test_a_counter_used_for_other_bytes_is_quarantined(bench: Bench, *, sealed_between: bool) -> None:
    bench.hear(pack(0, 20.0))
    if sealed_between:
        bench.sealed()
    bench.hear(pack(0, 21.0))
    assert sum(len(readings) for readings in bench.sealed()) == 2
    ((_, item),) = bench.spool.quarantine()
    assert item.reason == "counter-reused"
    assert item.message == pack(0, 21.0)


def test_poison_is_set_aside_and_blocks_nothing(bench: Bench) -> None:
    bench.hear(
        Message("cropmark/v1/farm/soil-1/up", b"\xff\x00", NOW),
        Message("somewhere/else", b"{}", NOW),
        Message("cropmark/v1/other/soil-1/up", b"{}", NOW),
        pack(0),
    )
    assert [len(readings) for readings in bench.sealed()] == [2]
    assert sorted(item.reason for _, item in bench.spool.quarantine()) == [
        "undecodable",
        "unknown-topic",
        "unknown-topic",
    ]
    assert bench.spool.status()["undecoded"] == 0


def test_what_a_pack_could_not_say_travels_upstream_as_a_gap(bench: Bench) -> None:
    odd = pack(4)
    bench.hear(Message(odd.topic, odd.payload.replace(b'"Cel"', b'"K"'), NOW))
    (readings,) = bench.sealed()
    assert [item.metric for item in readings] == ["rainfall"]
    header = segment.open_header(bench.spool.waiting(1)[0].segment.header)
    assert [(gap.reason, gap.device, gap.first, gap.last) for gap in header.gaps] == [("quarantined", "soil-1", 4, 4)]


def test_a_segment_is_closed_when_it_is_full_or_old_and_never_splits_a_pack(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Limits(readings=3, seconds=1.0))
    bench.hear(*(pack(counter) for counter in range(5)))
    assert [len(item) for item in bench.sealed()] == [4, 4, 2]
    bench.hear(pack(9))
    assert len(bench.spool.waiting(10)) == 3
    bench.time += 1.0
    bench.sealer.step()
    assert len(bench.spool.waiting(10)) == 4


def test_headers_chain_across_a_restart(tmp_path: Path) -> None:
    first = Bench(tmp_path)
    first.hear(pack(0))
    first.sealed()
    first.spool.close()
    second = Bench(tmp_path)
    second.hear(pack(0), pack(1))
    second.sealed()
    newer, older = (segment.open_header(item.segment.header) for item in second.spool.waiting(2))
    assert (older.seq, newer.seq) == (0, 1)
    assert newer.prev == older.digest
    assert second.spool.counts()["duplicates"] == 1


def test_what_was_decoded_and_not_sealed_is_decoded_again_after_a_crash(tmp_path: Path) -> None:
    crashed = Bench(tmp_path)
    crashed.hear(pack(0), pack(1))
    crashed.spool.close()
    again = Bench(tmp_path)
    again.sealer.step()
    assert [len(readings) for readings in again.sealed()] == [4]


class Wire:
    """An upstream that remembers what was sent."""

    def __init__(self) -> None:
        self.up = True
        self.sent: list[bytes] = []

    def connected(self) -> bool:
        return self.up

    def send(self, payload: bytes) -> None:
        self.sent.append(payload)


def answer(payload: bytes, *, key: Ed25519PrivateKey = INGEST_KEY, digest: bytes | None = None) -> bytes:
    header = segment.open_header(segment.Segment.from_wire(payload).header)
    return receipt.issue(
        farm="farm",
        gateway="gw-1",
        seq=header.seq,
        header_digest=digest or header.digest,
        outcome=Outcome.ARCHIVED,
        received_at=NOW,
        key=key,
    )


def relay_of(bench: Bench, wire: Wire, spool_bytes: int = 10**9) -> Relay:
    return Relay(
        bench.spool, wire, ingest_key=public_bytes(INGEST_KEY), spool_bytes=spool_bytes, monotonic=lambda: bench.time
    )


def test_a_segment_is_sent_again_until_its_receipt_comes(bench: Bench) -> None:
    wire = Wire()
    relay = relay_of(bench, wire)
    bench.hear(pack(0))
    bench.sealed()
    relay.step()
    relay.step()
    assert len(wire.sent) == 1
    bench.time += relaying.RESEND_SECONDS + 1
    relay.step()
    assert len(wire.sent) == 2
    relay.hear(answer(wire.sent[0]))
    bench.time += relaying.RESEND_SECONDS + 1
    relay.step()
    assert len(wire.sent) == 2
    assert bench.spool.status()["unreceipted"] == 0


def test_a_receipt_by_another_key_or_for_another_header_frees_nothing(bench: Bench) -> None:
    wire = Wire()
    relay = relay_of(bench, wire)
    bench.hear(pack(0))
    bench.sealed()
    relay.step()
    relay.hear(b"rubbish")
    relay.hear(answer(wire.sent[0], key=GATEWAY_KEY))
    relay.hear(answer(wire.sent[0], digest=b"x" * 32))
    assert bench.spool.status()["unreceipted"] == 1
    assert bench.spool.counts()["receipts-refused"] == 2


def test_nothing_is_sent_while_the_broker_is_away(bench: Bench) -> None:
    wire = Wire()
    wire.up = False
    relay = relay_of(bench, wire)
    bench.hear(pack(0))
    bench.sealed()
    assert not relay.step()
    assert wire.sent == []


def test_a_full_spool_gives_the_oldest_up_and_says_which_packs(bench: Bench) -> None:
    relay = relay_of(bench, Wire(), spool_bytes=1)
    bench.hear(pack(0), pack(1), pack(5))
    bench.sealed()
    assert relay.make_room() == 1
    bench.hear(pack(6))
    bench.sealer.finish()
    header = segment.open_header(bench.spool.waiting(1)[0].segment.header)
    assert [(gap.reason, gap.first, gap.last) for gap in header.gaps] == [("spool-full", 0, 1), ("spool-full", 5, 5)]


class Stubborn:
    """An inbox whose disk is full for a while."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.kept: list[Message] = []

    def put(self, messages: list[Message]) -> None:
        if self.failures:
            self.failures -= 1
            raise SpoolError("the disk is full")
        self.kept.extend(messages)


def test_nothing_is_acknowledged_before_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cropmark_gateway.intake.RETRY_SECONDS", 0.001)
    inbox = Stubborn(failures=2)
    acknowledged: list[int] = []
    intake = Intake(inbox, threading.Event())
    intake.offer(Delivery(pack(0), lambda: acknowledged.append(len(inbox.kept))))
    assert intake.step(1.0, threading.Event()) == 1
    assert acknowledged == [1], "acknowledged once, after it was kept"
    assert intake.trouble is None


def test_a_stop_while_the_disk_is_full_acknowledges_nothing() -> None:
    stop = threading.Event()
    stop.set()
    acknowledged: list[int] = []
    intake = Intake(Stubborn(failures=1), threading.Event())
    intake.offer(Delivery(pack(0), lambda: acknowledged.append(1)))
    assert intake.step(1.0, stop) == 0
    assert acknowledged == []
