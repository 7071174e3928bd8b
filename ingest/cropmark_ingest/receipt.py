"""Receipts: ingest's signed word that it holds a segment durably (docs/formats.md §5)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cropmark_ingest import cbor, cose
from cropmark_ingest.cbor import CborError

DOMAIN: Final = "cropmark/receipt/v1"
MAX_REASON: Final = 200
MAX_BYTES: Final = 2_048


class ReceiptError(ValueError):
    """Bytes that are not a receipt, or not intact."""


class Outcome(StrEnum):
    """Where the segment's bytes lie now. Either frees the body in the gateway."""

    ARCHIVED = "archived"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt; ``key`` (32 bytes) is who signed it, ``header_digest`` which header it is for."""

    key: bytes
    farm: str
    gateway: str
    seq: int
    header_digest: bytes
    outcome: Outcome
    received_at: int
    reason: str = ""


def issue(  # noqa: PLR0913 - the members of the format, by name
    *,
    farm: str,
    gateway: str,
    seq: int,
    header_digest: bytes,
    outcome: Outcome,
    received_at: int,
    reason: str = "",
    key: Ed25519PrivateKey,
) -> bytes:
    """Sign a receipt. Call it only after the bytes are on the disk."""
    parts: list[cbor.Value] = [
        DOMAIN,
        farm,
        gateway,
        seq,
        header_digest,
        outcome.value,
        received_at,
        reason[:MAX_REASON],
    ]
    return cose.sign1(cbor.encode(parts), DOMAIN, key)


def open_receipt(data: bytes) -> Receipt:
    """Verify a receipt's signature and form; raise :class:`ReceiptError`. Whether to trust ``key`` is the caller's."""
    if len(data) > MAX_BYTES:
        raise ReceiptError(f"{len(data)} bytes are more than a receipt may have")
    try:
        signed = cose.verify1(data, DOMAIN)
        parts = cbor.decode(signed.payload)
    except (cose.CoseError, CborError) as error:
        raise ReceiptError(f"not a receipt: {error}") from error
    match parts:
        case [
            "cropmark/receipt/v1", str() as farm, str() as gateway, int() as seq, bytes() as digest,
            ("archived" | "quarantined") as outcome, int() as received_at, str() as reason,
        ] if len(digest) == 32 and cbor.is_int(seq, low=0) and cbor.is_int(received_at):  # fmt: skip
            return Receipt(signed.key, farm, gateway, seq, digest, Outcome(outcome), received_at, reason)
        case _:
            raise ReceiptError("not a receipt: its members are not those of one")
