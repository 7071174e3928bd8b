# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize gas
"""
@title AnchorRegistry
@author The Cropmark developers
@license Apache-2.0
@notice Remembers, for any number of append-only logs, which Merkle root each log had at which size, and since when.
@dev The contract knows 32-byte log ids, sizes and roots; it knows nothing of what the logs hold.
     What is stored is never changed or removed: no function, whoever calls it, writes a root slot twice.
     The owner decides who may add roots to which log, and nothing else. There is no proxy and no upgrade.
     Storage per log: one word that packs the newest size, its time, its block and the number of anchors, and one
     word per anchor for its root. So an anchor after a log's first writes one fresh slot and changes one.
"""


event Anchored:
    log_id: indexed(bytes32)
    size: uint64
    root: bytes32
    previous_block: uint64


event PublisherAdded:
    log_id: indexed(bytes32)
    publisher: indexed(address)


event PublisherRemoved:
    log_id: indexed(bytes32)
    publisher: indexed(address)


event OwnershipOffered:
    owner: indexed(address)
    candidate: indexed(address)


event OwnershipMoved:
    previous: indexed(address)
    owner: indexed(address)


LOW_64: constant(uint256) = 2**64 - 1

# @notice Who appoints and dismisses publishers; the zero address once ownership is renounced.
owner: public(address)

# @notice Who was offered ownership and has not accepted yet; the zero address when nobody was.
pending_owner: public(address)

# @notice Whether an account may add roots to a log.
is_publisher: public(HashMap[bytes32, HashMap[address, bool]])

# size (64 bits, lowest) | time of the block (64) | number of the block (64) | how many anchors (64, highest)
_heads: HashMap[bytes32, uint256]

_roots: HashMap[bytes32, HashMap[uint64, bytes32]]


@deploy
def __init__():
    """
    @notice The account that deploys the contract is its first owner. No log has a publisher yet.
    """
    self.owner = msg.sender
    log OwnershipMoved(previous=empty(address), owner=msg.sender)


@external
def anchor(log_id: bytes32, size: uint64, root: bytes32):
    """
    @notice Record for ever that the log had this root at this size. Only a publisher of the log may call.
    @dev Sizes only grow, so each size gets at most one root. The event names the block of the log's anchor before this
         one (0 for the first), so that the history can be walked backwards, one block at a time, from `latest`.
    @param log_id Which log.
    @param size Number of the log's entries; greater than at the anchor before.
    @param root Merkle root over these entries; not zero.
    """
    assert self.is_publisher[log_id][msg.sender], "not a publisher of this log"
    assert root != empty(bytes32), "root is zero"
    head: uint256 = self._heads[log_id]
    # A size of zero ends here as well: no head is smaller than that.
    assert convert(size, uint256) > head & LOW_64, "size does not grow"
    # Times and block numbers stay below 2^64 for longer than there will be blocks; the count cannot exceed the size.
    self._heads[log_id] = (
        convert(size, uint256) | (block.timestamp << 64) | (block.number << 128) | (((head >> 192) + 1) << 192)
    )
    self._roots[log_id][size] = root
    log Anchored(
        log_id=log_id, size=size, root=root, previous_block=convert((head >> 128) & LOW_64, uint64)
    )


@external
@view
def latest(log_id: bytes32) -> (uint64, bytes32, uint64, uint64):
    """
    @notice The newest anchor of a log.
    @param log_id Which log.
    @return Size, root, time (Unix seconds) and number of the block that holds it. All zero for a log without anchors.
    """
    head: uint256 = self._heads[log_id]
    size: uint64 = convert(head & LOW_64, uint64)
    return (
        size,
        self._roots[log_id][size],
        convert((head >> 64) & LOW_64, uint64),
        convert((head >> 128) & LOW_64, uint64),
    )


@external
@view
def root_of(log_id: bytes32, size: uint64) -> bytes32:
    """
    @notice The root that a log had at a size.
    @param log_id Which log.
    @param size Number of entries.
    @return The root, or zero when this size was never anchored.
    """
    return self._roots[log_id][size]


@external
@view
def count(log_id: bytes32) -> uint64:
    """
    @notice How many anchors a log has.
    @param log_id Which log.
    @return The number of anchors.
    """
    return convert(self._heads[log_id] >> 192, uint64)


@external
def add_publisher(log_id: bytes32, publisher: address):
    """
    @notice Let an account add roots to one log. Only the owner may call.
    @param log_id Which log.
    @param publisher The account; not zero.
    """
    self._only_owner()
    assert publisher != empty(address), "publisher is zero"
    self.is_publisher[log_id][publisher] = True
    log PublisherAdded(log_id=log_id, publisher=publisher)


@external
def remove_publisher(log_id: bytes32, publisher: address):
    """
    @notice Stop an account from adding roots to a log; what it added stays. Only the owner may call.
    @param log_id Which log.
    @param publisher The account.
    """
    self._only_owner()
    self.is_publisher[log_id][publisher] = False
    log PublisherRemoved(log_id=log_id, publisher=publisher)


@external
def offer_ownership(candidate: address):
    """
    @notice First step of a hand-over: nothing changes until the candidate accepts. Only the owner may call.
    @dev A later offer replaces an earlier one; offering to the zero address takes the offer back.
    @param candidate Who may accept.
    """
    self._only_owner()
    self.pending_owner = candidate
    log OwnershipOffered(owner=msg.sender, candidate=candidate)


@external
def accept_ownership():
    """
    @notice Second step of a hand-over. Only the candidate of the standing offer may call.
    """
    assert msg.sender == self.pending_owner, "ownership was not offered to the caller"
    self.pending_owner = empty(address)
    self._move_ownership(msg.sender)


@external
def renounce_ownership():
    """
    @notice Leave the contract without an owner for ever: its publishers stay as they are. Only the owner may call.
    """
    self._only_owner()
    self.pending_owner = empty(address)
    self._move_ownership(empty(address))


@internal
@view
def _only_owner():
    assert msg.sender == self.owner, "not the owner"


@internal
def _move_ownership(owner: address):
    previous: address = self.owner
    self.owner = owner
    log OwnershipMoved(previous=previous, owner=owner)
