"""Key records: who owns a key, for which one use and role, in whose custody (docs/formats.md §6).

Signed by the registrar; the key itself signs too where its use is ``record``, which shows that its holder took part.
Keys of use ``segment`` and ``receipt`` sign COSE structures only. Rotation and revocation are not in this version.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from cropmark_ingest.registry import Text
from cropmark_trace import credential, jcs, shape
from cropmark_trace.credential import Document, RecordError, Signer
from cropmark_trace.jcs import JsonValue
from cropmark_trace.record import text_json, text_of
from cropmark_trace.shape import closed, exactly, nullable
from cropmark_trace.summary import iso

KIND: Final = "CropmarkKeyRegistration"
Use = Literal["record", "segment", "receipt", "registry"]
Role = Literal["grower", "packer", "gateway", "ingest", "registrar"]
Custody = Literal["self", "operator"]
ROLES: Final[Mapping[Use, tuple[Role, ...]]] = {
    "record": ("grower", "packer"),
    "segment": ("gateway",),
    "receipt": ("ingest",),
    "registry": ("registrar",),
}
_ALL_ROLES: Final = tuple(role for roles in ROLES.values() for role in roles)

_FORM: Final = credential.envelope(
    KIND,
    closed(
        {
            "id": shape.did,
            "party": closed({"id": shape.NAME, "name": shape.TEXTS}),
            "role": exactly(*_ALL_ROLES),
            "use": exactly(*ROLES),
            "custody": exactly("self", "operator"),
            "enrolledBy": shape.did,
        }
    ),
    closed(
        {
            "version": exactly(credential.VERSION),
            "farm": shape.NAME,
            "requiredSigners": credential.signers_shape(_ALL_ROLES),
            "demo": nullable(shape.TEXTS),
            "nonce": shape.pattern("[0-9a-f]{32}"),
        }
    ),
)


@dataclass(frozen=True, slots=True)
class KeyDraft:
    """All that a key record says. ``key`` and ``registrar`` are DIDs; ``party`` is a gateway's name for its key.

    ``written_at`` is UTC milliseconds, kept to the second; ``nonce`` 16 random bytes.
    """

    key: str
    registrar: str
    farm: str
    party: str
    name: Text
    role: Role
    use: Use
    custody: Custody
    written_at: int
    nonce: bytes
    demo: Text | None = None


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key record that fits the profile: ``id`` has 32 bytes, ``data`` are the stored bytes, proofs included."""

    id: bytes
    data: bytes
    document: Document
    key: str
    registrar: str
    farm: str
    party: str
    name: Text
    role: Role
    use: Use
    custody: Custody
    signers: tuple[Signer, ...]
    demo: Text | None
    written_at: int

    @property
    def proofs(self) -> list[Document]:
        """Return the proof set."""
        return cast("list[Document]", self.document["proof"])


def required_signers(key: str, registrar: str, role: str, use: str) -> tuple[Signer, ...]:
    """Return who must sign the record of ``key``: the registrar, and the key itself if it is to sign records."""
    first = Signer(registrar, "registrar")
    return (first, Signer(key, role)) if use == "record" else (first,)


def build_key_registration(draft: KeyDraft) -> Document:
    """Return the unsigned document of ``draft``; raise :class:`RecordError` if it would not fit the profile."""
    signers = required_signers(draft.key, draft.registrar, draft.role, draft.use)
    document: Document = {
        "@context": list(credential.CONTEXTS),
        "type": ["VerifiableCredential", KIND],
        "issuer": draft.registrar,
        "validFrom": iso(draft.written_at),
        "credentialSubject": {
            "id": draft.key,
            "party": {"id": draft.party, "name": text_json(draft.name)},
            "role": draft.role,
            "use": draft.use,
            "custody": draft.custody,
            "enrolledBy": draft.registrar,
        },
        "cropmark": {
            "version": credential.VERSION,
            "farm": draft.farm,
            "requiredSigners": [signer.to_json() for signer in signers],
            "demo": text_json(draft.demo) if draft.demo else None,
            "nonce": draft.nonce.hex(),
        },
    }
    normal = credential.read(jcs.canonical(document))
    _check(normal)
    return normal


def parse(data: bytes) -> KeyRecord:
    """Read stored bytes; raise :class:`RecordError` with the first defect found."""
    document = credential.read(data)
    _check(document)
    credential.check_proofs(document)
    match document:
        case {
            "validFrom": str() as written,
            "credentialSubject": {
                "id": str() as key, "party": {"id": str() as party, "name": name},
                "role": str() as role, "use": str() as use, "custody": str() as custody,
            },
            "issuer": str() as registrar,
            "cropmark": {"farm": str() as farm, "demo": demo},
        }:  # fmt: skip
            pass
        case _:
            raise RecordError("profile", "the document is not a key record")
    return KeyRecord(
        id=credential.record_id(document),
        data=data,
        document=document,
        key=key,
        registrar=registrar,
        farm=farm,
        party=party,
        name=text_of(name) or Text("", ""),
        role=cast("Role", role),
        use=cast("Use", use),
        custody=cast("Custody", custody),
        signers=credential.signers_of(document),
        demo=text_of(demo),
        written_at=shape.time_of(written),
    )


def check(document: JsonValue) -> KeyRecord:
    """Read a document that is already parsed, as it stands in a bundle; raise :class:`RecordError`."""
    return parse(jcs.canonical(document))


def _check(document: Document) -> None:
    plain = credential.without_proof(document)
    credential.check(plain, _FORM)
    subject = cast("Document", plain["credentialSubject"])
    key, role, use = str(subject["id"]), cast("Role", subject["role"]), cast("Use", subject["use"])
    registrar = str(subject["enrolledBy"])
    if role not in ROLES[use]:
        raise RecordError("profile", ".credentialSubject.role is not one of this use")
    if plain["issuer"] != registrar or credential.signers_of(plain) != required_signers(key, registrar, role, use):
        raise RecordError(
            "profile", ".cropmark.requiredSigners are not the registrar, and the key itself if it signs records"
        )
