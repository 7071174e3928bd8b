"""Only complete records enter the log, in order, once; whatever is refused leaves the log as it was."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cropmark_ingest import merkle
from cropmark_ingest.cose import public_bytes
from cropmark_ingest.registry import Party, Text
from cropmark_trace import checkpoint, credential, jcs, multikey, record, tree
from cropmark_trace.admission import RefusedError
from cropmark_trace.credential import Signer
from cropmark_trace.entry import SegmentsEntry
from cropmark_trace.evidence import Evidence, Stay, Tree
from cropmark_trace.record import Draft, Place
from cropmark_trace.wiring import Trace
from tests.trace.ledger.archive import HOUR, START, key_from
from tests.trace.ledger.world import CORN, GATEWAY, HARVESTED, NOW, PACKED, PLANTING, World, season

Made = tuple[Draft, list[Ed25519PrivateKey]]


def draft(trace: Trace, batch: str, **changed: Any) -> Made:
    signer, key = trace.parties.signer("demo", "grower")
    members: dict[str, Any] = {
        "step": "planting", "farm": "demo", "field": "north", "batch": batch,
        "place": Place(Text("Field", "田"), "US", 36.1, -79.95), "facts": PLANTING, "signers": [signer],
        "previous": [], "written_at": NOW, "event_time": START, "utc_offset": -300, "nonce": bytes(16),
    }  # fmt: skip
    return Draft(**(members | changed)), [key]


def signed(made: Made) -> bytes:
    return credential.sign(record.build(made[0]), made[1])


def whole(trace: Trace) -> None:
    """Assert that every leaf, root, path and checkpoint of the log fits."""
    head = trace.ledger.head()
    data = trace.store.leaves(0, head.size + 1)
    assert len(data) == head.size
    hashes = merkle.leaf_hashes(data)
    assert head.root == merkle.root(hashes)
    for index in range(head.size):
        assert tree.inclusion_path(trace.store, index, head.size) == merkle.inclusion_path(hashes, index)
    opened = checkpoint.parse_text(checkpoint.open_note(head.note.decode(), [trace.ledger.vkey]).text)
    assert (opened.size, opened.root) == (head.size, head.root)
    assert list(trace.fsck()) == []


def test_a_record_is_in_the_log_when_its_index_is_given_out(farmed: Trace, world: World) -> None:
    batch = farmed.batches.open("demo", "north", CORN)
    (index,) = farmed.ledger.append([signed(draft(farmed, batch))])
    assert index == farmed.ledger.head().size - 1
    farmed.close()
    again = world.open()
    assert [item.index for item in again.store.records(batch)] == [index]
    whole(again)
    again.close()


def unsigned_by_one(trace: Trace, batch: str) -> bytes:
    made = draft(trace, batch)
    _, packer = trace.parties.signer("demo", "packer")
    both = draft(trace, batch, signers=[made[0].signers[0], Signer(multikey.did(public_bytes(packer)), "packer")])
    document = json.loads(credential.sign(record.build(both[0]), [*made[1], packer]))
    document["proof"].pop()
    return jcs.canonical(document)


def signed_by_one_more(trace: Trace, batch: str) -> bytes:
    document = json.loads(signed(draft(trace, batch)))
    document["proof"].append(document["proof"][0])
    return jcs.canonical(document)


def changed_after_signing(trace: Trace, batch: str) -> bytes:
    return signed(draft(trace, batch)).replace(b'"areaSquareMetres":39500', b'"areaSquareMetres":39501')


def changed_with_its_event(trace: Trace, batch: str) -> bytes:
    return signed(draft(trace, batch)).replace(b"39500", b"39501")


def not_canonical(trace: Trace, batch: str) -> bytes:
    return signed(draft(trace, batch)) + b" "


def signed_by_a_stranger(trace: Trace, batch: str) -> bytes:
    key = key_from(77)
    return signed((draft(trace, batch, signers=[Signer(multikey.did(public_bytes(key)), "grower")])[0], [key]))


def signed_by_the_packer_as_grower(trace: Trace, batch: str) -> bytes:
    signer, key = trace.parties.signer("demo", "packer")
    return signed((draft(trace, batch, signers=[Signer(signer.id, "grower")])[0], [key]))


def signed_with_a_gateways_key(trace: Trace, batch: str) -> bytes:
    did = multikey.did(public_bytes(GATEWAY))
    return signed((draft(trace, batch, signers=[Signer(did, "grower")])[0], [GATEWAY]))


def naming_another_before_it(trace: Trace, batch: str) -> bytes:
    return signed(draft(trace, batch, previous=[bytes(32)]))


def of_a_batch_that_nobody_opened(trace: Trace, batch: str) -> bytes:
    del batch
    return signed(draft(trace, "A" * 20))


def of_another_field(trace: Trace, batch: str) -> bytes:
    return signed(draft(trace, batch, field="south"))


def of_another_farm(trace: Trace, batch: str) -> bytes:
    return signed(draft(trace, batch, farm="other"))


def citing_what_is_not_logged(trace: Trace, batch: str) -> bytes:
    cited = Evidence(
        "north", START, START + HOUR, (Tree(public_bytes(GATEWAY), 1, bytes(32)),), (Stay("air-1", START, START + 1),),
        0, 1, 0, bytes(32),
    )  # fmt: skip
    return signed(draft(trace, batch, step="harvest", facts=HARVESTED, evidence=cited))


def not_a_record(trace: Trace, batch: str) -> bytes:
    del trace, batch
    return b"{}"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (unsigned_by_one, "1 signatures, and 2 are required"),
        (signed_by_one_more, "2 signatures, and 1 are required"),
        (changed_after_signing, "not the event that the record's own members give"),
        (changed_with_its_event, "does not verify"),
        (not_canonical, "canonical"),
        (signed_by_a_stranger, "not registered to sign records"),
        (signed_by_the_packer_as_grower, "registered as packer"),
        (signed_with_a_gateways_key, "not registered to sign records"),
        (naming_another_before_it, "the batch's newest is none"),
        (of_a_batch_that_nobody_opened, "no such batch"),
        (of_another_field, "no such batch"),
        (of_another_farm, "no such batch"),
        (citing_what_is_not_logged, "header tree .* that is not logged"),
        (not_a_record, "not a record"),
    ],
)
def test_an_incomplete_or_foreign_record_is_refused(
    farmed: Trace, make: Callable[[Trace, str], bytes], reason: str
) -> None:
    batch = farmed.batches.open("demo", "north", CORN)
    before = farmed.ledger.head()
    with pytest.raises(RefusedError, match=reason):
        farmed.ledger.append([make(farmed, batch)])
    assert farmed.ledger.head() == before
    assert farmed.store.records(batch) == []


def test_a_harvest_signed_by_the_packer_alone_lacks_its_grower(farmed: Trace) -> None:
    signer, key = farmed.parties.signer("demo", "packer")
    batch = farmed.batches.open("demo", "north", CORN)
    with pytest.raises(credential.RecordError, match="no grower"):
        signed((draft(farmed, batch, signers=[signer])[0], [key]))


def test_one_bad_entry_keeps_the_good_ones_of_its_append_out(farmed: Trace) -> None:
    batch = farmed.batches.open("demo", "north", CORN)
    before = farmed.ledger.head()
    good = signed(draft(farmed, batch))
    with pytest.raises(RefusedError):
        farmed.ledger.append([good, b"{}"])
    assert farmed.ledger.head() == before
    farmed.ledger.append([good])


def test_records_of_one_append_stand_on_each_other(farmed: Trace) -> None:
    batch = farmed.batches.open("demo", "north", CORN)
    first = signed(draft(farmed, batch))
    second = signed(draft(farmed, batch, step="input", facts={
        "kind": "weeding", "what": {"en": "Hoeing", "zh": "锄草"}, "amount": 3, "unit": "h",
    }, previous=[record.parse(first).id]))  # fmt: skip
    indices = farmed.ledger.append([first, second])
    assert indices == [indices[0], indices[0] + 1]
    with pytest.raises(RefusedError, match="the batch's newest is"):
        farmed.ledger.append([first])
    whole(farmed)


def test_a_header_tree_that_does_not_grow_or_of_an_unknown_gateway_is_refused(farmed: Trace) -> None:
    farmed.ledger.append([SegmentsEntry(public_bytes(GATEWAY), 3, bytes(32))])
    for size in (1, 3):
        with pytest.raises(RefusedError, match="adds nothing"):
            farmed.ledger.append([SegmentsEntry(public_bytes(GATEWAY), size, bytes(32))])
    with pytest.raises(RefusedError, match="not registered as a gateway's key"):
        farmed.ledger.append([SegmentsEntry(bytes(range(32)), 1, bytes(32))])


def test_a_key_has_one_use(farmed: Trace) -> None:
    _, grower = farmed.parties.signer("demo", "grower")
    size = farmed.ledger.head().size
    with pytest.raises(RefusedError, match="a key has one use"):
        farmed.parties.register_gateway("demo", "gw-2", public_bytes(grower))
    with pytest.raises(RefusedError, match="a key has one use"):
        farmed.parties.register_receipts("demo", public_bytes(GATEWAY))
    registrar = multikey.public_of(farmed.ledger.registrar)
    with pytest.raises(RefusedError, match="own key"):
        farmed.parties.register_gateway("demo", "gw-2", registrar)
    assert farmed.ledger.head().size == size


def test_registering_the_same_again_adds_nothing(farmed: Trace) -> None:
    size = farmed.ledger.head().size
    again = farmed.parties.register_party(Party("demo", "grower", Text("Grower", "种植户"), "grower"))
    assert again.role == "grower"
    assert farmed.ledger.head().size == size


def test_a_farm_signs_with_its_own_parties_only(farmed: Trace) -> None:
    with pytest.raises(RefusedError, match="no grower who may sign"):
        farmed.parties.signer("other", "grower")
    farmed.parties.register_party(Party("demo", "cousin", Text("Cousin", "表亲"), "grower"))
    with pytest.raises(RefusedError, match="more than one grower: cousin, grower"):
        farmed.parties.signer("demo", "grower")
    assert farmed.parties.signer("demo", "grower", "cousin")[0].role == "grower"


def test_many_threads_append_to_one_unbroken_log(farmed: Trace) -> None:
    failures: list[BaseException] = []

    def work(field: str) -> None:
        try:
            for _ in range(5):
                batch = farmed.batches.open("demo", field, CORN)
                farmed.batches.add("demo", batch, "planting", PLANTING, START)
                farmed.batches.add("demo", batch, "packing", PACKED, START)
        except BaseException as error:  # noqa: BLE001 - told by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(field,)) for field in ("north", "south", "north", "south")]
    size = farmed.ledger.head().size
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert farmed.ledger.head().size == size + 4 * 5 * 2
    whole(farmed)


def test_two_installations_on_one_folder_take_turns(world: World, trace: Trace) -> None:
    season(world, trace)
    other = world.open()
    for number in range(6):
        one = (trace, other)[number % 2]
        batch = one.batches.open("demo", "north", CORN)
        one.batches.add("demo", batch, "planting", PLANTING, START)
    assert trace.ledger.head() == other.ledger.head()
    whole(trace)
    other.close()
