"""Receiving: archived or quarantined, durable before the receipt, each once, and nothing stops for one bad message."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from cropmark_ingest import cose, receipt, segment
from cropmark_ingest.archive import ArchiveError
from cropmark_ingest.archive_files import FileArchive
from cropmark_ingest.notices import Kind, Note
from cropmark_ingest.notices_sql import ENTRY_BYTES, SqlNotices, SqlQuarantine
from cropmark_ingest.reading import Reading
from cropmark_ingest.receipt import Outcome, Receipt
from cropmark_ingest.receive import Answer, Receiver
from cropmark_ingest.registry import Gateway
from cropmark_ingest.registry_sql import Registry
from cropmark_ingest.segment import Segment, header_digest
from tests.ingest.conftest import NOW
from tests.ingest.samples import FARM, GATEWAY, OTHER_KEY, Chain, forged, pack


def said(answers: Sequence[Answer]) -> list[Receipt]:
    return [receipt.open_receipt(answer.receipt) for answer in answers]


def outcomes(answers: Sequence[Answer]) -> list[tuple[int, str, str]]:
    return [(item.seq, item.outcome.value, item.reason) for item in said(answers)]


def wire(chain: Chain, *segments: Segment) -> list[tuple[str, bytes]]:
    return [(chain.topic, item.to_wire()) for item in segments]


def reasons(quarantine: SqlQuarantine) -> list[str]:
    return [item.reason for item in reversed(quarantine.newest())]


def test_a_good_segment_is_archived_and_receipted(receiver: Receiver, archive: FileArchive) -> None:
    chain = Chain()
    sealed = chain.season(2)
    answers = receiver.receive(wire(chain, *sealed))
    assert said(answers)[1] == Receipt(
        cose.public_bytes(OTHER_KEY), FARM, GATEWAY, 1, header_digest(sealed[1].header), Outcome.ARCHIVED, NOW
    )
    assert answers[0].topic == "cropmark/v1/demo/gw-1/receipt"
    assert [archive.segment(chain.public, seq) for seq in (0, 1)] == sealed


def test_the_same_segment_again_gets_its_receipt_again(receiver: Receiver, archive: FileArchive) -> None:
    chain = Chain()
    messages = wire(chain, *chain.season(1))
    first = receiver.receive(messages)
    assert said(receiver.receive(messages * 3)) == said(first) * 3
    assert archive.counts() == (1, 4)


def test_nothing_is_receipted_when_the_archive_fails(
    receiver: Receiver, archive: FileArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = Chain()
    messages = wire(chain, *chain.season(1))
    with monkeypatch.context() as patched:
        patched.setattr(archive, "_check_room", lambda _size: (_ for _ in ()).throw(ArchiveError("disk full")))
        with pytest.raises(ArchiveError):
            receiver.receive(messages)
    assert outcomes(receiver.receive(messages)) == [(0, "archived", "")]


def test_segments_may_come_in_any_order(receiver: Receiver, archive: FileArchive) -> None:
    chain = Chain()
    sealed = chain.season(4)
    answers = [answer for item in reversed(sealed) for answer in receiver.receive(wire(chain, item))]
    assert outcomes(answers) == [(3, "archived", ""), (2, "archived", ""), (1, "archived", ""), (0, "archived", "")]
    assert archive.headers(chain.public, 0, 9) == [item.header for item in sealed]


def test_a_header_without_its_body_is_kept_and_the_body_when_it_comes(receiver: Receiver, archive: FileArchive) -> None:
    chain = Chain()
    (sealed,) = chain.season(1)
    bare = Segment(sealed.header, b"")
    assert outcomes(receiver.receive(wire(chain, bare))) == [(0, "archived", "")]
    assert outcomes(receiver.receive(wire(chain, sealed, bare))) == [(0, "archived", "")] * 2
    assert archive.segment(chain.public, 0) == sealed
    assert outcomes(receiver.receive(wire(chain, bare, sealed))) == [(0, "archived", "")] * 2
    assert archive.segment(chain.public, 0) == sealed


def test_header_and_body_may_come_in_one_batch(receiver: Receiver, archive: FileArchive) -> None:
    chain = Chain()
    (sealed,) = chain.season(1)
    receiver.receive(wire(chain, Segment(sealed.header, b""), sealed))
    assert archive.segment(chain.public, 0) == sealed


def test_what_an_unknown_key_signs_goes_to_quarantine(
    receiver: Receiver, archive: FileArchive, quarantine: SqlQuarantine, notices: SqlNotices
) -> None:
    stranger = Chain(OTHER_KEY)
    (sealed,) = stranger.season(1)
    assert outcomes(receiver.receive(wire(stranger, sealed))) == [(0, "quarantined", "unknown-key")]
    assert archive.counts() == (0, 0)
    (entry,) = quarantine.newest()
    assert quarantine.get(entry.number) == (entry, sealed.to_wire())
    assert "not enrolled for demo/gw-1" in entry.detail
    (notice,) = notices.all(FARM)
    assert (notice.kind, notice.subject, notice.count) == (Kind.QUARANTINED, "unknown-key", 1)


def test_a_key_is_good_for_its_own_gateway_only(receiver: Receiver, registry: Registry) -> None:
    registry.enroll_gateway(Gateway("second", "gw-9", cose.public_bytes(OTHER_KEY)))
    for chain in (Chain(OTHER_KEY, "second"), Chain(OTHER_KEY, FARM, "gw-9"), Chain(OTHER_KEY, FARM, GATEWAY)):
        assert outcomes(receiver.receive(wire(chain, *chain.season(1)))) == [(0, "quarantined", "unknown-key")]
    right = Chain(OTHER_KEY, "second", "gw-9")
    assert outcomes(receiver.receive(wire(right, *right.season(1)))) == [(0, "archived", "")]


def test_a_segment_on_another_gateways_topic_goes_to_quarantine(receiver: Receiver) -> None:
    chain = Chain()
    (sealed,) = chain.season(1)
    answers = receiver.receive([("cropmark/v1/demo/gw-2/segment", sealed.to_wire())])
    assert outcomes(answers) == [(0, "quarantined", "wrong-topic")]


def test_a_bad_signature_is_quarantined_and_answered_where_the_header_says(
    receiver: Receiver, quarantine: SqlQuarantine
) -> None:
    chain = Chain()
    (sealed,) = chain.season(1)
    bad = replace(sealed, header=sealed.header[:-1] + bytes([sealed.header[-1] ^ 1]))
    (answer,) = said(receiver.receive(wire(chain, bad)))
    assert (answer.outcome, answer.reason, answer.header_digest) == (
        Outcome.QUARANTINED, "bad-segment", header_digest(bad.header),
    )  # fmt: skip
    assert "signature" in quarantine.newest()[0].detail


def test_a_body_that_is_not_the_headers_is_quarantined(receiver: Receiver, archive: FileArchive) -> None:
    chain = Chain()
    first, second = chain.season(2)
    answers = receiver.receive(wire(chain, Segment(first.header, second.body)))
    assert outcomes(answers) == [(0, "quarantined", "bad-body")]
    rows = pack(0)
    lie = forged(segment.encode_body(rows), rows, root=bytes(32))
    assert outcomes(receiver.receive(wire(chain, lie))) == [(0, "quarantined", "bad-body")]
    assert archive.counts() == (0, 0)
    # The true one is still welcome.
    assert outcomes(receiver.receive(wire(chain, first))) == [(0, "archived", "")]


def test_a_second_segment_under_one_number_is_a_fork_and_kept_as_evidence(
    receiver: Receiver, archive: FileArchive, quarantine: SqlQuarantine, notices: SqlNotices
) -> None:
    one, two = Chain(), Chain()
    (first,) = one.season(1)
    second = two.seal(pack(7))
    assert outcomes(receiver.receive(wire(one, first, second))) == [(0, "archived", ""), (0, "quarantined", "fork")]
    assert outcomes(receiver.receive(wire(one, second))) == [(0, "quarantined", "fork")]
    assert archive.segment(one.public, 0) == first
    assert reasons(quarantine) == ["fork"]
    (notice,) = notices.all(FARM)
    assert (notice.kind, notice.subject, notice.count) == (Kind.CHAIN_FORK, "gw-1/0", 1)


POISON = {
    "nothing": b"",
    "noise": bytes(range(256)),
    "another thing": b"\x82\x40\x40",
    "a great length": b"\x82\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
    "deep nesting": b"\x81" * 5_000,
    "too long": bytes(5 * 1024 * 1024),
}


@pytest.mark.parametrize("payload", POISON.values(), ids=POISON.keys())
def test_poison_never_blocks_what_comes_with_it(receiver: Receiver, quarantine: SqlQuarantine, payload: bytes) -> None:
    chain = Chain()
    before, after = wire(chain, *chain.season(2))
    answers = receiver.receive([before, (chain.topic, payload), after])
    assert outcomes(answers) == [(0, "archived", ""), (1, "archived", "")]
    assert reasons(quarantine) == ["bad-segment"]


@pytest.mark.parametrize("topic", ["", "cropmark/v1/demo/gw-1", "cropmark/v1/DEMO/gw-1/segment", "\0", "a/" * 5_000])
def test_an_unknown_topic_is_quarantined(receiver: Receiver, quarantine: SqlQuarantine, topic: str) -> None:
    (sealed,) = Chain().season(1)
    assert receiver.receive([(topic, sealed.to_wire())]) == []
    assert reasons(quarantine) == ["unknown-topic"]


def test_a_fault_of_our_own_costs_one_message_only(
    receiver: Receiver, quarantine: SqlQuarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = Chain()
    sealed = chain.season(3)
    real = segment.open_body

    def stumbles(header: segment.Header, body: bytes) -> list[Reading]:
        if header.seq == 1:
            raise ZeroDivisionError("a bug")
        return real(header, body)

    with monkeypatch.context() as patched:
        patched.setattr(segment, "open_body", stumbles)
        assert outcomes(receiver.receive(wire(chain, *sealed))) == [(0, "archived", ""), (2, "archived", "")]
    assert reasons(quarantine) == ["internal-error"]
    assert quarantine.newest()[0].detail == "ZeroDivisionError: a bug"
    # Without a receipt the gateway sends it again, and after the fix it is archived.
    assert outcomes(receiver.receive(wire(chain, sealed[1]))) == [(1, "archived", "")]


def test_a_full_quarantine_gives_no_receipts_says_so_and_holds_up_nothing_else(
    archive: FileArchive, registry: Registry, notices: SqlNotices, database_quarantine: SqlQuarantine
) -> None:
    receiver = Receiver(
        archive, enrolled=registry.gateway, notices=notices, quarantine=database_quarantine, key=OTHER_KEY,
        now=lambda: NOW,
    )  # fmt: skip
    good, stranger = Chain(), Chain(OTHER_KEY)
    (sealed,) = good.season(1)
    messages = [(good.topic, b"x" * 100), *wire(stranger, *stranger.season(2)), *wire(good, sealed)]
    assert outcomes(receiver.receive(messages)) == [(0, "archived", "")]
    assert database_quarantine.count() == 1
    assert receiver.trouble is not None
    assert "no room" in receiver.trouble
    assert Kind.QUARANTINE_FULL in {item.kind for item in notices.all("")}
    # Room is made: receipts are given again.
    assert database_quarantine.release(database_quarantine.newest()[0].number)
    stranger_again = wire(stranger, stranger.sealed[0])
    database_quarantine._max_bytes *= 10
    assert outcomes(receiver.receive(stranger_again)) == [(0, "quarantined", "unknown-key")]
    assert receiver.trouble is None


@pytest.fixture
def database_quarantine(quarantine: SqlQuarantine) -> SqlQuarantine:
    quarantine._max_bytes = ENTRY_BYTES + 100
    return quarantine


def test_the_same_bytes_are_quarantined_once_and_small_ones_have_their_price(quarantine: SqlQuarantine) -> None:
    assert quarantine.keep("t", "bad-segment", "d", b"x")
    assert not quarantine.keep("t", "bad-segment", "d", b"x")
    assert quarantine.keep("u", "bad-segment", "d", b"x")
    assert [(item.topic, item.size) for item in quarantine.newest()] == [("u", 1), ("t", 1)]
    assert not quarantine.release(99)
    assert quarantine.get(1 << 70) is None


def test_notices_add_up_and_are_cleared(notices: SqlNotices) -> None:
    notices.note(Note(Kind.FLAGGED, FARM, "a", "first", 5), Note(Kind.FLAGGED, FARM, "a", "second", 2))
    notices.note(Note(Kind.CHAIN_GAP, FARM, "b", "r", 0), Note(Kind.CHAIN_GAP, FARM, "b", "r", 0))
    notices.note(Note(Kind.GATEWAY_GAP, FARM, "c", "r", 1 << 80), Note(Kind.GATEWAY_GAP, FARM, "c", "r", 1 << 80))
    found = {item.subject: (item.reason, item.count) for item in notices.all(FARM)}
    assert found == {"a": ("second", 7), "b": ("r", 1), "c": ("r", (1 << 63) - 1)}
    assert notices.count(FARM) == 3
    assert notices.count("other") == 0
