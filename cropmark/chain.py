"""The chain as trace sees it: adapts the anchor registry to trace's ports, opened in the background.

Loading the embedded chain takes seconds and no page needs it: whoever does waits here, and not at the start.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooSlow
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from cropmark_contracts.registry import AnchorConflict, Anchored, AnchorRejected, ChainUnavailable
from cropmark_trace.anchoring import AnchorError
from cropmark_trace.chain_facts import Block, ChainFacts, ChainQuestion, Event
from cropmark_trace.storage import AnchorFact

if TYPE_CHECKING:
    from cropmark_contracts.embedded import EmbeddedRegistry

OPEN_SECONDS: Final = 60.0
SOURCE: Final = "this installation's own chain"
_T = TypeVar("_T")

log = structlog.get_logger()


def log_id_of(origin: str) -> bytes:
    """Return the 32-byte id under which a log of this origin is anchored."""
    return sha256(b"cropmark/log-id/v1\n" + origin.encode()).digest()


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


class EmbeddedAnchors:
    """The embedded chain under the ports ``Anchors`` and ``Ask`` of trace, for one log."""

    def __init__(self, file: Path, origin: str) -> None:
        self._file = file
        self._log_id = log_id_of(origin)
        self._opened: Future[EmbeddedRegistry] = Future()

    def open(self) -> None:
        """Begin to open the chain on a thread of its own."""
        threading.Thread(target=self._open, name="chain", daemon=True).start()

    def _open(self) -> None:
        from cropmark_contracts.embedded import open_embedded  # noqa: PLC0415 - loads a whole virtual machine

        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._opened.set_result(open_embedded(self._file, log_ids=[self._log_id]))
        except Exception as error:
            log.exception("chain-cannot-open")
            self._opened.set_exception(error)

    def _registry(self) -> "EmbeddedRegistry":
        try:
            return self._opened.result(OPEN_SECONDS)
        except TooSlow as error:
            raise AnchorError(f"the chain did not open in {OPEN_SECONDS:.0f} s") from error
        except ChainUnavailable as error:
            raise AnchorError(str(error)) from error

    def _ask(self, call: Callable[["EmbeddedRegistry"], _T]) -> _T:
        try:
            return call(self._registry())
        except (ChainUnavailable, AnchorConflict, AnchorRejected) as error:
            raise AnchorError(str(error)) from error

    @property
    def operator_run(self) -> bool:
        """See :class:`cropmark_trace.anchoring.Anchors`."""
        return True

    @property
    def chain_id(self) -> int:
        """See :class:`cropmark_trace.anchoring.Anchors`."""
        return self._ask(lambda registry: registry.chain_id)

    @property
    def contract(self) -> str:
        """See :class:`cropmark_trace.anchoring.Anchors`."""
        return self._ask(lambda registry: registry.contract)

    @property
    def log_id(self) -> str:
        """See :class:`cropmark_trace.anchoring.Anchors`."""
        return _hex(self._log_id)

    def anchor(self, size: int, root: bytes) -> AnchorFact:
        """See :class:`cropmark_trace.anchoring.Anchors`."""
        return self._fact(self._ask(lambda registry: registry.anchor(self._log_id, size, root)))

    def _fact(self, item: Anchored) -> AnchorFact:
        return AnchorFact(
            size=item.size,
            root=item.root,
            chain=item.chain_id,
            contract=item.contract,
            log_id=_hex(item.log_id),
            block=item.block,
            block_hash=_hex(item.block_hash),
            transaction=_hex(item.transaction),
            time=item.time,
            operator=True,
        )

    def head(self) -> tuple[int, str, int]:
        """See :class:`cropmark_trace.anchoring.Anchors`."""
        head = self._ask(lambda registry: registry.head())
        return head.block, _hex(head.block_hash), head.time

    def root_at(self, size: int) -> bytes | None:
        """See :class:`cropmark_trace.anchoring.Anchors`."""
        return self._ask(lambda registry: registry.root_of(self._log_id, size))

    def block_hash(self, block: int) -> str | None:
        """See :class:`cropmark_trace.anchoring.Anchors`."""
        found = self._ask(lambda registry: registry.chain.block(block))
        return None if found is None else _hex(found.hash)

    def facts(self, question: ChainQuestion) -> ChainFacts | None:
        """Answer what a verifier asks; None when the chain cannot be had."""
        try:
            return self._ask(lambda registry: self._answer(registry, question))
        except AnchorError:
            return None

    def _answer(self, registry: "EmbeddedRegistry", question: ChainQuestion) -> ChainFacts:
        log_id = bytes.fromhex(question.log_id.removeprefix("0x"))
        root = registry.root_of(log_id, question.size) if question.contract == registry.contract else None
        blocks = {number: block for number in question.blocks if (block := registry.chain.block(number)) is not None}
        item = registry.find(log_id, question.size)
        events = []
        if item is not None and item.block == question.block and root is not None:
            events.append(Event(_hex(item.root), _hex(item.transaction), _hex(item.block_hash)))
        return ChainFacts(
            SOURCE,
            registry.chain_id,
            None if root is None else _hex(root),
            {number: Block(_hex(block.hash), block.time) for number, block in blocks.items()},
            events,
        )

    def rpc(self, body: bytes) -> bytes:
        """Answer a read-only JSON-RPC request."""
        from cropmark_contracts.rpc import ReadOnlyRpc  # noqa: PLC0415 - only where somebody asks

        return self._ask(lambda registry: ReadOnlyRpc(registry.chain).handle(body))

    def damage(self) -> tuple[str, ...]:
        """Return what is wrong with the chain's file."""
        return self._ask(lambda registry: registry.damage())

    def close(self) -> None:
        """Close the chain if it was opened."""
        if self._opened.done() and self._opened.exception() is None:
            self._opened.result().close()
