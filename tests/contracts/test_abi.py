"""Our few lines of ABI agree with the compiled contract and with a library that is not ours."""

from pathlib import Path

import pytest
from eth_abi.abi import encode
from eth_utils.abi import function_signature_to_4byte_selector
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from cropmark_contracts import abi
from tests.contracts.deployed import calldata, members, types

DIGESTS = st.binary(min_size=32, max_size=32)
SIZES = st.integers(0, 2**64 - 1)
ADDRESSES = st.binary(min_size=20, max_size=20)


@pytest.mark.parametrize("name", ["root_of", "latest", "anchor", "is_publisher", "add_publisher"])
def test_each_selector_is_the_contracts(name: str) -> None:
    signature = f"{name}({','.join(types(members('function')[name]['inputs']))})"
    assert getattr(abi, name.upper()) == function_signature_to_4byte_selector(signature)


def test_the_topic_is_the_events() -> None:
    inputs = members("event")["Anchored"]["inputs"]
    assert [entry["name"] for entry in inputs if entry["indexed"]] == ["log_id"]
    assert keccak(f"Anchored({','.join(types(inputs))})".encode()) == abi.ANCHORED_TOPIC


@given(DIGESTS, SIZES, DIGESTS, ADDRESSES)
def test_calldata_is_what_another_encoder_makes(log_id: bytes, size: int, root: bytes, account: bytes) -> None:
    assert abi.root_of_call(log_id, size) == calldata("root_of", log_id, size)
    assert abi.latest_call(log_id) == calldata("latest", log_id)
    assert abi.anchor_call(log_id, size, root) == calldata("anchor", log_id, size, root)
    assert abi.is_publisher_call(log_id, account) == calldata("is_publisher", log_id, account)
    assert abi.add_publisher_call(log_id, account) == calldata("add_publisher", log_id, account)


@given(SIZES, DIGESTS.filter(any), SIZES, SIZES)
def test_answers_of_another_encoder_are_read(size: int, root: bytes, time: int, block: int) -> None:
    assert abi.root_of_answer(encode(["bytes32"], [root])) == root
    answer = encode(["uint64", "bytes32", "uint64", "uint64"], [size, root, time, block])
    assert abi.latest_answer(answer) == (size, root, time, block)


def test_zero_means_that_there_is_no_anchor() -> None:
    assert abi.root_of_answer(bytes(32)) is None
    assert abi.latest_answer(bytes(128)) is None


@pytest.mark.parametrize("answer", [b"", bytes(31), bytes(33), b"\x01" * 64])
def test_an_answer_that_is_not_the_contracts_is_an_error(answer: bytes) -> None:
    with pytest.raises(ValueError, match="no AnchorRegistry at this address"):
        abi.root_of_answer(answer)
    with pytest.raises(ValueError, match="no AnchorRegistry at this address"):
        abi.latest_answer(answer)


def test_dirty_padding_in_an_answer_is_an_error() -> None:
    with pytest.raises(ValueError, match="beyond 64 bits"):
        abi.latest_answer(b"\x01" * 128)
    with pytest.raises(ValueError, match="not a truth value"):
        abi.is_publisher_answer((2).to_bytes(32, "big"))


@pytest.mark.parametrize(("log_id", "size"), [(bytes(31), 1), (bytes(33), 1), (bytes(32), -1), (bytes(32), 2**64)])
def test_what_does_not_fit_is_never_encoded(log_id: bytes, size: int) -> None:
    with pytest.raises(ValueError, match=r"expected 32 bytes|does not fit"):
        abi.root_of_call(log_id, size)
    with pytest.raises(ValueError, match="20 bytes"):
        abi.is_publisher_call(bytes(32), bytes(19))


def test_a_revert_tells_its_reason_and_garbage_tells_none() -> None:
    assert abi.revert_reason(function_signature_to_4byte_selector("Error(string)") + encode(["string"], ["no"])) == "no"
    for garbage in (b"", b"\x08\xc3y\xa0", b"\x00" * 100):
        assert abi.revert_reason(garbage) == "the contract refused without a reason"


def test_the_calldata_shown_in_the_formats_page_is_ours() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    shown = abi.root_of_call(b"\x11" * 32, 258).hex()
    assert f"`0x{shown[:8]}` `{shown[8:72]}` `{shown[72:]}`" in page
    assert abi.ANCHORED_TOPIC.hex() in page
