"""Receipts: what ingest's word says, and that nobody else can say it."""

import cbor2
import pytest

from cropmark_ingest import cbor, cose, receipt
from cropmark_ingest.receipt import Outcome, Receipt, ReceiptError
from tests.ingest.samples import KEY

DIGEST = bytes(range(32))


def issued(reason: str = "", outcome: Outcome = Outcome.ARCHIVED) -> bytes:
    return receipt.issue(
        farm="demo", gateway="gw-1", seq=7, header_digest=DIGEST, outcome=outcome, received_at=123,
        reason=reason, key=KEY,
    )  # fmt: skip


def test_a_receipt_comes_back_and_reads_the_same_elsewhere() -> None:
    data = issued()
    assert receipt.open_receipt(data) == Receipt(
        cose.public_bytes(KEY), "demo", "gw-1", 7, DIGEST, Outcome.ARCHIVED, 123, ""
    )
    assert cbor2.loads(cbor2.loads(data)[2]) == ["cropmark/receipt/v1", "demo", "gw-1", 7, DIGEST, "archived", 123, ""]


def test_a_long_reason_is_cut_and_still_a_receipt() -> None:
    data = issued("\u574f" * 1_000, Outcome.QUARANTINED)
    assert len(data) <= receipt.MAX_BYTES
    assert len(receipt.open_receipt(data).reason) == receipt.MAX_REASON


def test_every_flipped_bit_is_refused() -> None:
    good = issued()
    for at in range(len(good) * 8):
        bad = bytearray(good)
        bad[at // 8] ^= 1 << at % 8
        with pytest.raises(ReceiptError):
            receipt.open_receipt(bytes(bad))


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, "cropmark/receipt/v2"), (3, -1), (3, True), (3, 1 << 63), (4, bytes(31)), (5, "lost"), (6, True), (7, None)],
)
def test_a_signed_receipt_of_another_form_is_refused(at: int, value: cbor.Value) -> None:
    parts: list[cbor.Value] = [receipt.DOMAIN, "demo", "gw-1", 7, DIGEST, "archived", 123, ""]
    receipt.open_receipt(cose.sign1(cbor.encode(parts), receipt.DOMAIN, KEY))
    parts[at] = value
    with pytest.raises(ReceiptError):
        receipt.open_receipt(cose.sign1(cbor.encode(parts), receipt.DOMAIN, KEY))


def test_bytes_past_the_bound_are_refused_unread() -> None:
    with pytest.raises(ReceiptError, match="more than"):
        receipt.open_receipt(bytes(receipt.MAX_BYTES + 1))
