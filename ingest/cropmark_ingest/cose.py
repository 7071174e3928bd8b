"""COSE_Sign1 (RFC 9052 §4.2) with Ed25519, untagged, the key id being the 32-byte public key.

The domain string goes into ``external_aad``: a signature made for a segment is never valid for a receipt. Only the one
shape that Cropmark writes is read: ``[protected, {}, payload, signature]`` with ``protected`` = ``{1: -8, 4: key}``.
"""

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cropmark_ingest import cbor

_ALG: Final = 1
_KID: Final = 4
_EDDSA: Final = -8


class CoseError(ValueError):
    """Bytes that are not a COSE_Sign1 of ours, or whose signature does not verify."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a verified COSE_Sign1 says: who signed (32-byte Ed25519 public key) and what (payload bytes)."""

    key: bytes
    payload: bytes


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes of the public key that belongs to ``key``."""
    return key.public_key().public_bytes_raw()


def _to_be_signed(protected: bytes, domain: str, payload: bytes) -> bytes:
    return cbor.encode(["Signature1", protected, domain.encode(), payload])


def sign1(payload: bytes, domain: str, key: Ed25519PrivateKey) -> bytes:
    """Sign ``payload`` under ``domain`` and return the COSE_Sign1 bytes."""
    protected = cbor.encode({_ALG: _EDDSA, _KID: public_bytes(key)})
    return cbor.encode([protected, {}, payload, key.sign(_to_be_signed(protected, domain, payload))])


def verify1(data: bytes, domain: str) -> Signed:
    """Verify a COSE_Sign1 under the key that it names; raise :class:`CoseError` if it is not intact.

    The caller decides whether that key is one to be trusted.
    """
    try:
        match cbor.decode(data):
            case [bytes() as protected, dict() as unprotected, bytes() as payload, bytes() as signature] if (
                not unprotected
            ):
                header = cbor.decode(protected)
            case _:
                raise CoseError("not a COSE_Sign1 with an empty unprotected header")
    except cbor.CborError as error:
        raise CoseError(f"not deterministic CBOR: {error}") from error
    match header:
        case {1: -8, 4: bytes() as key, **rest} if not rest and len(key) == 32:
            pass
        case _:
            raise CoseError("the protected header is not {1: -8, 4: 32-byte key}")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, _to_be_signed(protected, domain, payload))
    except (InvalidSignature, ValueError) as error:
        raise CoseError("the signature does not verify") from error
    return Signed(key, payload)
