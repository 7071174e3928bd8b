"""What batch records and key records have in common: the Verifiable Credential around them, identity, proof set.

W3C Verifiable Credentials Data Model 2.0, in the closed form of docs/formats.md §6. JSON-LD is not processed: the
contexts are fixed texts. Which signers a record needs is said by ``record`` and ``key_record``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cropmark_ingest.cose import public_bytes
from cropmark_trace import epcis, jcs, multikey, proof, shape
from cropmark_trace.jcs import JcsError, JsonValue, canonical
from cropmark_trace.shape import Shape, ShapeError, closed, exactly

VERSION: Final = 1
CONTEXTS: Final = ("https://www.w3.org/ns/credentials/v2", epcis.CONTEXT)
MAX_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 16
MAX_SIGNERS: Final = 8
_DOMAIN: Final = b"cropmark/record/v1\n"

Defect = Literal["profile", "unknown-version", "number", "text", "not-canonical", "not-json", "too-large", "too-deep"]
Document = dict[str, JsonValue]


class RecordError(ValueError):
    """A record that is not one: ``defect`` is the kind, the text names the member."""

    def __init__(self, defect: Defect, text: str) -> None:
        super().__init__(text)
        self.defect: Final = defect


@dataclass(frozen=True, slots=True)
class Signer:
    """A required signer: DID and role."""

    id: str
    role: str

    def to_json(self) -> JsonValue:
        """Return the member of ``requiredSigners``."""
        return {"id": self.id, "role": self.role}


def _method(value: JsonValue, where: str) -> None:
    did = value.partition("#")[0] if isinstance(value, str) else ""
    shape.did(did, where)
    if value != multikey.verification_method(did):
        raise ShapeError(where, "is not the verification method of its did:key")


_CONTEXT: Final = exactly(list(CONTEXTS))

_PROOF: Final = closed(
    {
        "@context": _CONTEXT,
        "type": exactly(proof.TYPE),
        "cryptosuite": exactly(proof.SUITE),
        "created": shape.time,
        "verificationMethod": _method,
        "proofPurpose": exactly(proof.PURPOSE),
        "proofValue": shape.pattern(r"z[1-9A-HJ-NP-Za-km-z]{64,88}"),
    }
)
_PROOFS: Final = shape.array(_PROOF, 1, MAX_SIGNERS)


def signers_shape(roles: Sequence[str]) -> Shape:
    """Return the shape of ``requiredSigners`` with these roles."""
    return shape.array(closed({"id": shape.did, "role": exactly(*roles)}), 1, MAX_SIGNERS)


def envelope(kind: str, subject: Shape, cropmark: Shape) -> Shape:
    """Return the shape of a record of type ``kind``, without its proofs."""
    return closed(
        {
            "@context": _CONTEXT,
            "type": exactly(["VerifiableCredential", kind]),
            "issuer": shape.did,
            "validFrom": shape.time,
            "credentialSubject": subject,
            "cropmark": cropmark,
        }
    )


def without_proof(document: Mapping[str, JsonValue]) -> Document:
    """Return the part of a record that is signed."""
    return {name: value for name, value in document.items() if name != "proof"}


def record_id(document: Mapping[str, JsonValue]) -> bytes:
    """Return a record's identity, 32 bytes, over the document without its proofs."""
    return sha256(_DOMAIN + canonical(without_proof(document))).digest()


def signers_of(document: Mapping[str, JsonValue]) -> tuple[Signer, ...]:
    """Return the required signers of a document that fits its shape."""
    match document:
        case {"cropmark": {"requiredSigners": list() as raw}}:
            return tuple(Signer(str(item["id"]), str(item["role"])) for item in raw if isinstance(item, dict))
        case _:
            raise RecordError("profile", ".cropmark.requiredSigners is missing")


def sign(document: Mapping[str, JsonValue], keys: Sequence[Ed25519PrivateKey], *, created: str | None = None) -> bytes:
    """Return the record's bytes, signed by all its required signers.

    ``keys`` are theirs in any order; ``created`` is the proofs' time, by default the record's own ``validFrom``.
    Raise :class:`RecordError` if a key is missing or one too many.
    """
    plain = without_proof(document)
    by_did = {multikey.did(public_bytes(key)): key for key in keys}
    required = [signer.id for signer in signers_of(plain)]
    if sorted(by_did) != sorted(required):
        raise RecordError("profile", "the keys at hand are not those of the required signers")
    moment = created or str(plain["validFrom"])
    proofs: list[JsonValue] = [proof.create(plain, by_did[did], created=moment) for did in required]
    return canonical({**plain, "proof": proofs})


def read(data: bytes) -> Document:
    """Return the document that canonical ``data`` says; raise :class:`RecordError`."""
    try:
        document = jcs.parse(data, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
    except JcsError as error:
        raise RecordError(error.code, str(error)) from error
    if not isinstance(document, dict):
        raise RecordError("profile", "the document is not an object")
    return document


def check(document: Document, form: Shape) -> None:
    """Raise :class:`RecordError` for an unknown version, or an unsigned document that does not fit ``form``."""
    match document:
        case {"cropmark": {"version": version}} if version != VERSION or isinstance(version, bool):
            raise RecordError(
                "unknown-version", f"a record of version {str(version)[:20]}; this program knows {VERSION}"
            )
        case _:
            pass
    try:
        form(document, "")
    except ShapeError as error:
        raise RecordError("profile", str(error)) from error


def check_proofs(document: Document) -> None:
    """Raise :class:`RecordError` unless the document has a proof set of our suite; it is not verified here."""
    try:
        _PROOFS(document.get("proof"), ".proof")
    except ShapeError as error:
        raise RecordError("profile", str(error)) from error
