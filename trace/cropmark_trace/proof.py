"""W3C Data Integrity proofs ``eddsa-jcs-2022`` (Data Integrity EdDSA Cryptosuites 1.0 §3.3), for ``did:key`` signers.

The signature is over SHA-256(JCS of the proof's options) followed by SHA-256(JCS of the document without ``proof``).
In a proof set each proof stands alone over the document. Proof chains (``previousProof``), expiry,
challenges and domains are not supported and refused. Whether the signer is to be trusted is the caller's question.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cropmark_ingest.cose import public_bytes
from cropmark_trace import multikey
from cropmark_trace.jcs import Json, JsonValue, canonical

TYPE: Final = "DataIntegrityProof"
SUITE: Final = "eddsa-jcs-2022"
PURPOSE: Final = "assertionMethod"
_MEMBERS: Final = frozenset(("type", "cryptosuite", "created", "verificationMethod", "proofPurpose"))


def signing_input(document: Mapping[str, Json], options: Mapping[str, Json]) -> bytes:
    """Return the 64 bytes that are signed: the digest of the proof's options, then that of the document."""
    return sha256(canonical(options)).digest() + sha256(canonical(document)).digest()


def create(
    document: Mapping[str, Json], key: Ed25519PrivateKey, *, created: str, verification_method: str | None = None
) -> dict[str, JsonValue]:
    """Return a proof over ``document``, which must not have ``proof``; ``created`` is ISO 8601 with ``Z``."""
    method = verification_method or multikey.verification_method(multikey.did(public_bytes(key)))
    options: dict[str, Json] = {
        "type": TYPE,
        "cryptosuite": SUITE,
        "created": created,
        "verificationMethod": method,
        "proofPurpose": PURPOSE,
    }
    if "@context" in document:
        options["@context"] = document["@context"]
    signature = key.sign(signing_input(document, options))
    return {**options, "proofValue": multikey.base58_encode(signature)}  # type: ignore[dict-item]  # built of JSON values


def signer(proof: Mapping[str, Json]) -> str:
    """Return the DID that a proof says it is by; raise :class:`multikey.MultikeyError` if it is no ``did:key``."""
    method = proof.get("verificationMethod")
    did = method.partition("#")[0] if isinstance(method, str) else ""
    multikey.public_of(did)
    if method != multikey.verification_method(did):
        raise multikey.MultikeyError("the verification method is not that of its did:key")
    return did


def verify(document: Mapping[str, Json], proof: Mapping[str, Json]) -> bool:
    """Tell whether ``proof`` is intact over ``document``, both as parsed; False for any other suite or member."""
    expected = _MEMBERS | {"@context"} if "@context" in document else _MEMBERS
    if proof.keys() != expected | {"proofValue"} or proof.get("@context") != document.get("@context"):
        return False
    if (proof["type"], proof["cryptosuite"], proof["proofPurpose"]) != (TYPE, SUITE, PURPOSE):
        return False
    value = proof["proofValue"]
    if not isinstance(value, str) or not isinstance(proof["created"], str):
        return False
    options = {name: item for name, item in proof.items() if name != "proofValue"}
    try:
        public = Ed25519PublicKey.from_public_bytes(multikey.public_of(signer(proof)))
        public.verify(multikey.base58_decode(value, 64), signing_input(document, options))
    except (InvalidSignature, ValueError):
        return False
    return True
