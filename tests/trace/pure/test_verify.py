"""A bundle in which anything was changed does not pass; nothing but hints can be changed unseen."""

import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cropmark_ingest.segment import NO_PREVIOUS, Segment, in_order, seal
from cropmark_trace import bundle, checkpoint, jcs, summary, verify
from cropmark_trace.bundle import BundleError, UnusableBundleError
from cropmark_trace.chain_facts import ChainFacts
from cropmark_trace.policy import Policy, PolicyError, Witness
from cropmark_trace.verdict import CODES, Check, Finding, Verdict, settle
from tests.trace import world
from tests.trace.changed import GOOD_BUNDLE, GOOD_BYTES, GOOD_FACTS
from tests.trace.corpus import every
from tests.trace.world import ANCHOR, BATCH, BEFORE, PUBLIC, key

COSIGNED = next(case for case in every() if case.name == "good-cosigned")
HINTS = (COSIGNED.data.index(b'"hints":{'), COSIGNED.data.index(b'"keys":['))


def judged(data: bytes, **members: Any) -> Verdict:
    return verify.verify(data, policy=COSIGNED.policy, batch=BATCH, chain=GOOD_FACTS, **members)


def is_noticed(data: bytes) -> bool:
    """Tell whether a change shows: as a failed check, as unusable, or as a witness that is no longer one."""
    try:
        verdict = judged(data)
        return verdict.worst == "fail" or verdict.check("witnesses").code != "ok"
    except UnusableBundleError:
        return True


def test_the_untouched_bundle_is_not_noticed() -> None:
    assert not is_noticed(COSIGNED.data)


@pytest.mark.parametrize("start", range(8))
def test_a_changed_byte_anywhere_fails_a_check_or_makes_the_file_unusable(start: int) -> None:
    for place in range(start * 23, len(COSIGNED.data), 8 * 23 * 7):
        if HINTS[0] <= place < HINTS[1]:
            continue
        changed = bytearray(COSIGNED.data)
        changed[place] ^= 1 << (place % 7)
        assert is_noticed(bytes(changed)), f"byte {place}: {bytes(changed[place - 40 : place + 10])!r}"


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(COSIGNED.data) - 1), st.integers(0, 255))
def test_any_other_byte_in_any_place_is_noticed(place: int, byte: int) -> None:
    if HINTS[0] <= place < HINTS[1] or COSIGNED.data[place] == byte:
        return
    assert is_noticed(COSIGNED.data[:place] + bytes((byte,)) + COSIGNED.data[place + 1 :])


def test_every_value_outside_hints_is_covered() -> None:
    """Change each number, text and truth value of the JSON, one at a time, keeping the file canonical."""
    document = json.loads(COSIGNED.data)
    count = 0
    for path in list(_leaves({name: item for name, item in document.items() if name != "hints"})):
        if _is_one_of_many(path):
            continue
        count += 1
        changed = json.loads(COSIGNED.data)
        holder = changed
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = _other(holder[path[-1]])
        assert is_noticed(jcs.canonical(changed)), f"{path} can be changed unseen"
    assert count > 150


def _is_one_of_many(path: tuple[Any, ...]) -> bool:
    """Tell whether another value of its kind is tried: one record, key, header, reading, column or hash is enough."""
    part, numbers = path[0], [step for step in path if isinstance(step, int)]
    if part == "records":
        return numbers[0] not in {0, 3} or any(number > 0 for number in numbers[1:])
    return any(number > 0 for number in numbers)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Any:
    if isinstance(value, dict | list):
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, (*path, step))
    else:
        yield path


def _other(value: Any) -> Any:
    match value:
        case None:
            return 1
        case bool():
            return not value
        case int() | float():
            return value + 1
        case _:
            at = len(value) // 2
            return value[:at] + ("A" if value[at] != "A" else "B") + value[at + 1 :]


def test_hints_change_no_check() -> None:
    document = json.loads(COSIGNED.data)
    document["hints"] = {"anything": [1, 2, {"at": "all"}]}
    assert judged(jcs.canonical(document)) == judged(COSIGNED.data)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.from_regex(rb'\{"cropmark":"bundle/v1"[ -~]{0,60}\}', fullmatch=True))
def test_no_bytes_raise_anything_but_unusable(data: bytes) -> None:
    with contextlib.suppress(UnusableBundleError):
        assert judged(data).worst == "fail"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "type", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)
_PATHS = list(_leaves(json.loads(GOOD_BYTES)))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(_PATHS), st.integers(1, 9), _JSON)
def test_any_json_in_any_place_is_judged_without_a_crash(path: tuple[Any, ...], depth: int, value: Any) -> None:
    document = json.loads(GOOD_BYTES)
    short = path[: min(depth, len(path))]
    holder = document
    for step in short[:-1]:
        holder = holder[step]
    holder[short[-1]] = value
    try:
        data = jcs.canonical(document)
    except jcs.JcsError:
        return
    try:
        checks = judged(data).checks
    except UnusableBundleError:
        return
    assert [check.name for check in checks] == list(CODES)


# -- with the segments ------------------------------------------------------------------------------------------------


def recomputed(segments: list[Segment], data: bytes = GOOD_BYTES) -> Check:
    return judged(data, segments=segments).check("evidence")


SEGMENTS = list(world.segments()[0])


def test_the_season_added_up_again_from_the_segments_passes() -> None:
    check = recomputed(SEGMENTS)
    assert (check.result, check.code) == ("pass", "ok")


def test_the_order_of_segments_copies_and_those_of_others_do_not_matter() -> None:
    stranger = seal(
        [], farm="demo", gateway="gw-9", seq=0, prev=NO_PREVIOUS, sealed_at=world.START, key=key("other gateway")
    )  # fmt: skip
    junk = Segment(b"not a header", b"")
    assert recomputed([stranger, junk, *reversed(SEGMENTS), *SEGMENTS]).code == "ok"


def test_a_missing_segment_is_told_and_does_not_pass() -> None:
    check = recomputed(SEGMENTS[:7] + SEGMENTS[8:])
    assert (check.code, check.details["missing"]) == ("segments-incomplete", 1)


def test_a_body_of_another_segment_is_noticed() -> None:
    swapped = [Segment(SEGMENTS[3].header, SEGMENTS[4].body), *SEGMENTS[:3], *SEGMENTS[4:]]
    check = recomputed(swapped)
    assert (check.code, check.details["segment"]) == ("segment-wrong", 3)


def test_a_segment_sealed_again_by_its_gateway_is_noticed() -> None:
    first = world.headers()[5]
    again = seal(
        in_order(world.segments()[1][5][:-1]), farm="demo", gateway="gw-1", seq=5, prev=first.prev,
        sealed_at=first.sealed_at, key=key("gateway"),
    )  # fmt: skip
    assert recomputed([*SEGMENTS[:5], again, *SEGMENTS[6:]]).code == "segment-wrong"


def _claimed(change: Any) -> bytes:
    """Return the bundle of a grower who signed other evidence than there is."""
    claimed = world.World(not_before=BEFORE)
    world.registered(claimed)
    claimed.cite()
    honest = claimed.evidence()
    draft = claimed.draft("harvest", world.DAYS, world.FACTS["harvest"], world.GROWER)
    claimed.sign(replace(draft, evidence=change(claimed, honest)), ["grower"])
    return bundle.build(claimed.bundle())


def test_a_summary_that_the_readings_do_not_give_is_noticed() -> None:
    def warmer(claimed: world.World, honest: Any) -> Any:
        assert claimed.summary is not None
        claimed.summary["metrics"]["rainfall"]["sum"][3] += 500  # type: ignore[index,call-overload,operator]
        return replace(honest, summary=summary.digest(claimed.summary))

    data = _claimed(warmer)
    assert judged(data).check("evidence").code == "summary-not-recomputed"
    assert recomputed(SEGMENTS, data).code == "summary-differs"


@pytest.mark.parametrize("member", ["readings", "gaps"])
def test_counts_that_the_segments_do_not_give_are_noticed(member: str) -> None:
    data = _claimed(lambda _, honest: replace(honest, **{member: 0}))
    assert recomputed(SEGMENTS, data).code == "counts-differ"


def test_a_device_said_to_have_stood_elsewhere_changes_the_season() -> None:
    data = _claimed(lambda _, honest: replace(honest, devices=honest.devices[:1]))
    assert judged(data).check("evidence").code == "extreme-differs"


# -- the parts --------------------------------------------------------------------------------------------------------


def test_a_bundle_is_read_back_as_it_was_built_and_is_small() -> None:
    assert bundle.build(bundle.parse(GOOD_BYTES)) == GOOD_BYTES
    assert len(GOOD_BYTES) < 64 * 1024


def test_a_bundle_that_would_not_be_read_back_is_not_built() -> None:
    with pytest.raises(BundleError):
        bundle.build(replace(GOOD_BUNDLE, batch="short"))
    with pytest.raises(BundleError):
        bundle.build(replace(GOOD_BUNDLE, hints={"padding": "x" * bundle.MAX_BYTES}))


def test_the_question_to_the_chain_names_contract_size_and_blocks() -> None:
    asked = verify.question(GOOD_BYTES)
    assert asked is not None
    assert (asked.contract, asked.log_id, asked.size) == (ANCHOR.contract, ANCHOR.log_id, 20)
    assert list(asked.blocks) == [BEFORE.block, ANCHOR.block]
    assert verify.question(bundle.build(replace(GOOD_BUNDLE, anchor=None))) is None


def test_facts_and_policies_come_back_from_json() -> None:
    assert ChainFacts.from_json(GOOD_FACTS.to_json()) == GOOD_FACTS
    assert COSIGNED.policy is not None
    assert Policy.from_json(COSIGNED.policy.to_json()) == COSIGNED.policy


@pytest.mark.parametrize(
    "change",
    [
        {"origin": ""},
        {"logKey": "not a key"},
        {"logKey": world.WITNESSES[0].vkey},
        {"registrar": "did:web:example.org"},
        {"quorum": -1},
        {"extra": 1},
        {"witnesses": [{"operator": "the log itself", "vkey": PUBLIC.log_key}]},
        {"chains": [{"chain": 1}]},
    ],
)
def test_a_policy_that_cannot_be_used_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PolicyError):
        Policy.from_json({**PUBLIC.to_json(), **change})


def test_the_logs_own_key_is_no_witness() -> None:
    own = checkpoint.vkey("witness", key("log").public_key().public_bytes_raw(), kind=4)
    with pytest.raises(PolicyError, match="somebody else"):
        replace(PUBLIC, witnesses=(Witness("itself", own),)).witness_vkeys()


def test_the_worst_finding_counts_and_of_equals_the_first() -> None:
    found = [
        Finding("no-policy"),
        Finding("record-not-in-log", {"record": 2}),
        Finding("key-not-in-log"),
        Finding("ok"),
    ]
    assert settle("log", found) == Check("log", "fail", "record-not-in-log", {"record": 2})


@pytest.mark.parametrize(
    ("results", "worst", "code"),
    [
        (["pass", "not-checked"], "pass", 0),
        (["pass", "warn", "not-checked"], "warn", 0),
        (["warn", "fail", "pass"], "fail", 1),
    ],
)
def test_a_verdict_is_as_bad_as_its_worst_check(results: list[Any], worst: str, code: int) -> None:
    verdict = Verdict(None, tuple(Check("log", result, "ok") for result in results))
    assert (verdict.worst, verdict.exit_code) == (worst, code)
