"""The closed profile of batch records (docs/formats.md §6): what a document must have, and nothing more.

The EPCIS event is compared with the one that the record's own members give, so the two cannot differ. The official
EPCIS schema is not run here; tests hold every event against it.
"""

from collections.abc import Mapping
from typing import Final, cast

from cropmark_trace import credential, epcis, evidence, jcs, shape
from cropmark_trace.credential import Document, RecordError
from cropmark_trace.epcis import Happening, Step
from cropmark_trace.jcs import JsonValue
from cropmark_trace.shape import Shape, ShapeError, closed, exactly, integer, nullable, number

KIND: Final = "CropmarkRecord"
ROLES: Final = ("grower", "packer")
LEAST: Final[Mapping[Step, str]] = {"planting": "grower", "input": "grower", "harvest": "grower", "packing": "packer"}
MAX_PREVIOUS: Final = 16
_MAX_QUANTITY: Final = 999_999_999.999
_QUANTITY: Final = number(0.001, _MAX_QUANTITY)

FACTS: Final[Mapping[Step, Shape]] = {
    "planting": closed({"crop": shape.TEXTS, "variety": nullable(shape.text), "areaSquareMetres": _QUANTITY}),
    "input": closed(
        {
            "kind": exactly("fertiliser", "irrigation", "protection", "weeding"),
            "what": shape.TEXTS,
            "amount": _QUANTITY,
            "unit": exactly(*epcis.UNITS),
        }
    ),
    "harvest": closed({"product": shape.TEXTS, "weightKilograms": _QUANTITY}),
    "packing": closed(
        {"product": shape.TEXTS, "units": integer(1, 999_999), "unitWeightKilograms": number(0.001, 999.999)}
    ),
}
_PLACE: Final = closed(
    {
        "name": shape.TEXTS,
        "country": shape.pattern("[A-Z]{2}"),
        "lat": number(-90, 90),
        "lon": number(-180, 180),
    }
)
_NOT_BEFORE: Final = closed(
    {
        "size": integer(1),
        "root": shape.HASH,
        "chain": integer(1),
        "block": integer(),
        "blockHash": shape.CHAIN_HASH,
    }
)
_ID_BASE: Final = r"https?://[a-zA-Z0-9.:/_-]{1,100}"


def _subject(value: JsonValue, where: str) -> None:
    if not isinstance(value, dict):
        raise ShapeError(where, "is not an object")


_CROPMARK: Final = closed(
    {
        "version": exactly(credential.VERSION),
        "farm": shape.NAME,
        "field": shape.NAME,
        "batch": shape.BATCH,
        "step": exactly(*epcis.STEPS),
        "place": _PLACE,
        "facts": _subject,
        "previous": shape.array(shape.HASH, 0, MAX_PREVIOUS),
        "requiredSigners": credential.signers_shape(ROLES),
        "notBefore": nullable(_NOT_BEFORE),
        "evidence": nullable(evidence.SHAPE),
        "demo": nullable(shape.TEXTS),
        "nonce": shape.pattern("[0-9a-f]{32}"),
    }
)
_FORM: Final = credential.envelope(KIND, _subject, _CROPMARK)


def check(document: Document) -> None:
    """Raise :class:`RecordError` unless ``document``, proofs left aside, is a batch record of this version."""
    plain = credential.without_proof(document)
    credential.check(plain, _FORM)
    try:
        _rules(cast("Document", plain["cropmark"]), plain)
    except ShapeError as error:
        raise RecordError("profile", str(error)) from error


def _rules(said: Document, document: Document) -> None:
    """Check what reaches across members."""
    step = cast("Step", said["step"])
    FACTS[step](said["facts"], ".cropmark.facts")
    signers = credential.signers_of(document)
    if len({signer.id for signer in signers}) != len(signers):
        raise ShapeError(".cropmark.requiredSigners", "names a signer twice")
    if LEAST[step] not in {signer.role for signer in signers}:
        raise ShapeError(".cropmark.requiredSigners", f"has no {LEAST[step]}, whom a {step} record needs")
    if document["issuer"] != signers[0].id:
        raise ShapeError(".issuer", "is not the first required signer")
    previous = cast("list[str]", said["previous"])
    if previous != sorted(set(previous)):
        raise ShapeError(".cropmark.previous", "is not in order, or names a record twice")
    if said["evidence"] is not None:
        found = evidence.from_json(said["evidence"], ".cropmark.evidence")
        if step != "harvest" or found.field != said["field"]:
            raise ShapeError(".cropmark.evidence", "stands in another record than its field's harvest")
    _event(said, step, document["credentialSubject"])


def _event(said: Document, step: Step, subject: JsonValue) -> None:
    where = ".credentialSubject"
    assert isinstance(subject, dict)
    suffix = f"/event/{said['nonce']}"
    event_id, time, offset = (subject.get(name) for name in ("eventID", "eventTime", "eventTimeZoneOffset"))
    shape.pattern(_ID_BASE + suffix)(event_id, f"{where}.eventID")
    shape.time(time, f"{where}.eventTime")
    shape.pattern(r"[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00")(offset, f"{where}.eventTimeZoneOffset")
    happening = Happening(
        step, str(said["farm"]), str(said["field"]), str(said["batch"]), cast("Document", said["facts"]),
        str(time), str(offset), str(said["nonce"]), str(event_id).removesuffix(suffix),
    )  # fmt: skip
    if jcs.canonical(subject) != jcs.canonical(epcis.event(happening)):
        raise ShapeError(where, "is not the event that the record's own members give")
