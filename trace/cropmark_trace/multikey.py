"""Ed25519 public keys as Multikey text and ``did:key`` (W3C Controlled Identifiers §2.2.2; did:key method).

Only Ed25519 (multicodec 0xed01) in base58-btc (``z``). A text is accepted only if encoding what it says gives it again.
"""

from typing import Final

import base58

_ED25519: Final = b"\xed\x01"
_DID: Final = "did:key:"
_MAX: Final = 100


class MultikeyError(ValueError):
    """Text that is not an Ed25519 key, or a key that is not 32 bytes."""


def base58_encode(data: bytes) -> str:
    """Return ``data`` in multibase base58-btc: ``z`` and the digits."""
    return "z" + base58.b58encode(data).decode()


def base58_decode(text: str, size: int) -> bytes:
    """Return the ``size`` bytes that multibase ``text`` stands for; raise :class:`MultikeyError` for any other."""
    if not text.startswith("z") or len(text) > _MAX:
        raise MultikeyError(f"{text[:40]!a} is not short base58-btc text that starts with 'z'")
    try:
        data = base58.b58decode(text[1:])
    except ValueError as error:
        raise MultikeyError(f"{text[:40]!a} is not base58-btc") from error
    if len(data) != size or base58_encode(data) != text:
        raise MultikeyError(f"{text[:40]!a} does not stand for {size} bytes")
    return data


def encode(public: bytes) -> str:
    """Return the Multikey text of a 32-byte Ed25519 public key."""
    if len(public) != 32:
        raise MultikeyError(f"an Ed25519 public key has 32 bytes, not {len(public)}")
    return base58_encode(_ED25519 + public)


def decode(text: str) -> bytes:
    """Return the 32-byte public key; raise :class:`MultikeyError` if ``text`` is not exactly one."""
    data = base58_decode(text, 34)
    if not data.startswith(_ED25519):
        raise MultikeyError(f"{text[:40]!a} is a key of another kind than Ed25519")
    return data[2:]


def did(public: bytes) -> str:
    """Return ``did:key:z…`` of a 32-byte public key."""
    return _DID + encode(public)


def public_of(text: str) -> bytes:
    """Return the public key of ``did:key:z…``; raise :class:`MultikeyError` for anything else."""
    if not text.startswith(_DID):
        raise MultikeyError(f"{text[:40]!a} is not a did:key")
    return decode(text.removeprefix(_DID))


def verification_method(text: str) -> str:
    """Return the one verification method of a ``did:key``: the DID, ``#``, and the key again."""
    return f"{text}#{text.removeprefix(_DID)}"
