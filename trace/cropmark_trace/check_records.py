"""The checks ``schema``, ``signatures``, ``keys`` and ``chain``: what the records say by themselves.

Pure. ``schema`` here is what remains after ``bundle.parse``: the batch that was scanned, one farm, one field. Findings
come in the documented order, since the first of the worst gives the code.
"""

from collections.abc import Iterator
from typing import Final

from cropmark_trace import credential, multikey, proof
from cropmark_trace.bundle import Bundle, LoggedKey, LoggedRecord
from cropmark_trace.credential import Document, Signer
from cropmark_trace.jcs import JsonValue
from cropmark_trace.key_record import KeyRecord
from cropmark_trace.policy import Policy
from cropmark_trace.record import Record, text_json
from cropmark_trace.verdict import Finding

_OPERATOR: Final = "operator"


def schema(bundle: Bundle, batch: str | None) -> Iterator[Finding]:
    """Yield what speaks against these being the records of the scanned batch."""
    if batch is not None and batch != bundle.batch:
        yield Finding("other-batch", {"batch": bundle.batch, "scanned": batch})
    first = bundle.records[0].record
    for number, item in enumerate(bundle.records, start=1):
        if item.record.batch != bundle.batch:
            yield Finding("other-batch", {"batch": item.record.batch, "scanned": bundle.batch})
        if (item.record.farm, item.record.field) != (first.farm, first.field):
            yield Finding("other-farm", {"record": number})
    for number, logged in enumerate(bundle.keys, start=1):
        if logged.key.farm != first.farm:
            yield Finding("other-farm", {"key": number})
    yield Finding("ok", {"records": len(bundle.records)})


def signatures(bundle: Bundle) -> Iterator[Finding]:
    """Yield what is wrong with the proof sets of records, then of key records."""
    count = 0
    for number, item in enumerate(bundle.records, start=1):
        count += len(item.record.signers)
        yield from _proof_set(item.record, item.record.signers, {"record": number})
    for number, logged in enumerate(bundle.keys, start=1):
        count += len(logged.key.signers)
        yield from _proof_set(logged.key, logged.key.signers, {"key": number})
    yield Finding("ok", {"records": len(bundle.records), "signatures": count})


def _proof_set(said: Record | KeyRecord, signers: tuple[Signer, ...], which: dict[str, JsonValue]) -> Iterator[Finding]:
    plain: Document = credential.without_proof(said.document)
    required = [signer.id for signer in signers]
    present = [proof.signer(item) for item in said.proofs]
    for did in required:
        if did not in present:
            yield Finding("signature-missing", which | {"signer": did})
    if present != required:
        yield Finding("signature-extra", which)
    for did, item in zip(present, said.proofs, strict=True):
        if not proof.verify(plain, item):
            yield Finding("signature-wrong", which | {"signer": did})


def keys(bundle: Bundle, policy: Policy | None) -> Iterator[Finding]:
    """Yield what is wrong with who signed: each signer of each record, then each cited gateway."""
    registered = {item.key.key: item for item in bundle.keys}
    signers: dict[tuple[str, str], JsonValue] = {}
    by_operator = False
    for number, item in enumerate(bundle.records, start=1):
        held = []
        for signer in item.record.signers:
            which: dict[str, JsonValue] = {"record": number, "signer": signer.id}
            logged = registered.get(signer.id)
            yield from _registration(logged, item, signer.role, policy, which)
            if logged is not None:
                signers[signer.id, signer.role] = _who(logged.key)
                held += [logged.key.registrar] if logged.key.custody == _OPERATOR else []
        by_operator = by_operator or bool(held)
        if len(set(held)) < len(held):
            yield Finding("one-custodian", {"record": number})
    farm = bundle.records[0].record.farm
    for number, cited in enumerate(bundle.segments, start=1):
        did = multikey.did(cited.tree.key)
        logged = registered.get(did)
        which = {"gateway": number, "signer": did}
        yield from _judged(logged, "segment", "gateway", farm, cited.index, policy, which)
    if policy is None:
        yield Finding("no-policy", {"signers": list(signers.values())})
    yield Finding("held-by-operator" if by_operator else "ok", {"signers": list(signers.values())})


def _who(key: KeyRecord) -> JsonValue:
    return {"id": key.key, "role": key.role, "name": text_json(key.name), "custody": key.custody}


def _registration(
    logged: LoggedKey | None, item: LoggedRecord, role: str, policy: Policy | None, which: dict[str, JsonValue]
) -> Iterator[Finding]:
    return _judged(logged, "record", role, item.record.farm, item.index, policy, which)


def _judged(
    logged: LoggedKey | None,
    use: str,
    role: str,
    farm: str,
    index: int,
    policy: Policy | None,
    which: dict[str, JsonValue],
) -> Iterator[Finding]:
    if logged is None:
        yield Finding("key-not-registered", which)
        return
    if policy is not None and logged.key.registrar != policy.registrar:
        yield Finding("other-registrar", which)
    if logged.index >= index:
        yield Finding("key-registered-later", which)
    if logged.key.use != use:
        yield Finding("wrong-use", which)
    if logged.key.role != role:
        yield Finding("wrong-role", which)
    if logged.key.farm != farm:
        yield Finding("wrong-farm", which)


def chain(bundle: Bundle) -> Iterator[Finding]:
    """Yield where the records do not follow one upon the other."""
    if bundle.records[0].record.previous:
        yield Finding("not-first", {"record": 1})
    for number, (before, item) in enumerate(zip(bundle.records, bundle.records[1:], strict=False), start=2):
        if item.record.previous != (before.record.id,):
            same = item.record.previous == before.record.previous
            yield Finding("fork" if same else "gap", {"record": number})
        if item.index <= before.index:
            yield Finding("order", {"record": number})
    yield Finding("ok", {"records": len(bundle.records)})
