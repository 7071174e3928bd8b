"""Calls to the contract as bytes, after the Solidity ABI: enough to ask and to anchor without a chain library.

Every argument and answer of the contract has a fixed size, so a call is a 4-byte selector and then 32-byte words,
big-endian, padded on the left. The selectors and the topic are constants; a test computes them from the contract's ABI.
Decodes strictly: an answer of another length, or with dirty padding, is an error, never a guess.
"""

WORD = 32

ROOT_OF = bytes.fromhex("3de8b12b")  # root_of(bytes32,uint64)
LATEST = bytes.fromhex("79feb107")  # latest(bytes32)
ANCHOR = bytes.fromhex("70c127c6")  # anchor(bytes32,uint64,bytes32)
IS_PUBLISHER = bytes.fromhex("d249b955")  # is_publisher(bytes32,address)
ADD_PUBLISHER = bytes.fromhex("30fceb5c")  # add_publisher(bytes32,address)

# Anchored(bytes32,uint64,bytes32,uint64): the first topic of the event; the second topic is the log id.
ANCHORED_TOPIC = bytes.fromhex("10d64b358a2a34d1aefd3923dfecde63ee095436d398bd873df1fd341db42724")

_ERROR = bytes.fromhex("08c379a0")  # Error(string): what a failed `assert …, "reason"` returns
_LONGEST_REASON = 256


def root_of_call(log_id: bytes, size: int) -> bytes:
    """Return the calldata that asks for the root of a log (32-byte id) at a size; ValueError beyond 64 bits."""
    return ROOT_OF + _bytes32(log_id) + _uint64(size)


def root_of_answer(answer: bytes) -> bytes | None:
    """Return the 32-byte root, or None where the contract holds none. ValueError when it is not one word.

    An empty answer is such an error: it means that there is no contract at the address.
    """
    if len(answer) != WORD:
        raise ValueError(f"the answer has {len(answer)} bytes, not {WORD}: there is no AnchorRegistry at this address")
    return answer if any(answer) else None


def latest_call(log_id: bytes) -> bytes:
    """Return the calldata that asks for a log's newest anchor."""
    return LATEST + _bytes32(log_id)


def latest_answer(answer: bytes) -> tuple[int, bytes, int, int] | None:
    """Return size, root, time (Unix seconds) and block of the newest anchor, or None. ValueError when malformed."""
    if len(answer) != 4 * WORD:
        raise ValueError(
            f"the answer has {len(answer)} bytes, not {4 * WORD}: there is no AnchorRegistry at this address"
        )
    size, root, time, block = (answer[start : start + WORD] for start in range(0, 4 * WORD, WORD))
    if not any(root):
        return None
    return _small(size), root, _small(time), _small(block)


def anchor_call(log_id: bytes, size: int, root: bytes) -> bytes:
    """Return the calldata that anchors a root."""
    return ANCHOR + _bytes32(log_id) + _uint64(size) + _bytes32(root)


def is_publisher_call(log_id: bytes, account: bytes) -> bytes:
    """Return the calldata that asks whether an account (20 bytes) may anchor for a log."""
    return IS_PUBLISHER + _bytes32(log_id) + _address(account)


def is_publisher_answer(answer: bytes) -> bool:
    """Return the answer as a truth value. ValueError when it is neither."""
    if len(answer) != WORD or int.from_bytes(answer, "big") > 1:
        raise ValueError("the answer is not a truth value: there is no AnchorRegistry at this address")
    return answer[-1] == 1


def add_publisher_call(log_id: bytes, account: bytes) -> bytes:
    """Return the calldata by which the owner lets an account anchor for a log."""
    return ADD_PUBLISHER + _bytes32(log_id) + _address(account)


def revert_reason(output: bytes) -> str:
    """Return why the contract refused, from what a reverted call returns; a plain sentence when it gave no reason."""
    if output[:4] == _ERROR and len(output) >= 4 + 2 * WORD:
        length = int.from_bytes(output[4 + WORD : 4 + 2 * WORD], "big")
        text = output[4 + 2 * WORD :][: min(length, _LONGEST_REASON)]
        return text.decode("utf-8", errors="replace")
    return "the contract refused without a reason"


def _bytes32(value: bytes) -> bytes:
    if len(value) != WORD:
        raise ValueError(f"expected {WORD} bytes, not {len(value)}")
    return value


def _address(value: bytes) -> bytes:
    if len(value) != 20:
        raise ValueError(f"an address has 20 bytes, not {len(value)}")
    return bytes(WORD - 20) + value


def _uint64(value: int) -> bytes:
    if not 0 <= value < 2**64:
        raise ValueError(f"{value} does not fit 64 unsigned bits")
    return value.to_bytes(WORD, "big")


def _small(word: bytes) -> int:
    value = int.from_bytes(word, "big")
    if value >= 2**64:
        raise ValueError("the answer holds a number beyond 64 bits: there is no AnchorRegistry at this address")
    return value
