"""The bundle: one small canonical JSON file with a batch's records and all proofs of them (docs/formats.md §9).

Pure. Reading checks form only and keeps everything as it stands; what it proves is ``verify``'s. All members but
``hints`` are covered by a signature, a digest or a chain; no check reads ``hints``.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, cast

from cropmark_trace import bundle_form, credential, jcs, key_record, multikey, record, shape
from cropmark_trace.bundle_form import VERSION
from cropmark_trace.credential import RecordError
from cropmark_trace.evidence import Tree
from cropmark_trace.jcs import JcsError, JsonValue
from cropmark_trace.key_record import KeyRecord
from cropmark_trace.record import Record
from cropmark_trace.shape import ShapeError
from cropmark_trace.summary import iso

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 20

Why = Literal["sample", "extreme"]
Path = tuple[bytes, ...]
"""An RFC 9162 inclusion path, from the leaf upwards, 32 bytes each."""


class UnusableBundleError(ValueError):
    """Bytes that are no bundle at all: too large, too deep, not JSON, or something else's."""


class BundleError(ValueError):
    """A bundle that breaks its form; ``defect`` is a code of the check ``schema``."""

    def __init__(self, defect: str, text: str) -> None:
        super().__init__(text)
        self.defect: Final = defect


@dataclass(frozen=True, slots=True)
class LoggedRecord:
    """A record and where the log has it."""

    record: Record
    index: int
    path: Path


@dataclass(frozen=True, slots=True)
class LoggedKey:
    """A key record and where the log has it."""

    key: KeyRecord
    index: int
    path: Path


@dataclass(frozen=True, slots=True)
class LoggedTree:
    """A cited header tree and where the log has its entry."""

    tree: Tree
    index: int
    path: Path


@dataclass(frozen=True, slots=True)
class ShownHeader:
    """A segment header (COSE bytes) of header tree number ``tree``, and its path in that tree."""

    tree: int
    data: bytes
    path: Path


@dataclass(frozen=True, slots=True)
class ShownReading:
    """Reading number ``index`` of shown header number ``header``: its leaf data and its path in the segment."""

    header: int
    index: int
    leaf: bytes
    path: Path
    why: Why


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where the checkpoint's size and root stand on a chain.

    ``time`` is the block's, in Unix seconds; the texts are 0x and lower-case hex.
    """

    chain: int
    contract: str
    log_id: str
    block: int
    block_hash: str
    transaction: str
    time: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """All of a bundle. Records in order, the first one first; ``checkpoint`` is a signed note."""

    batch: str
    origin: str
    records: Sequence[LoggedRecord]
    keys: Sequence[LoggedKey]
    checkpoint: str
    anchor: Anchor | None = None
    segments: Sequence[LoggedTree] = ()
    summary: Mapping[str, JsonValue] | None = None
    headers: Sequence[ShownHeader] = ()
    readings: Sequence[ShownReading] = ()
    hints: Mapping[str, JsonValue] = field(default_factory=dict)


def _path(path: Path) -> JsonValue:
    return [b64encode(item).decode() for item in path]


def _anchor_json(anchor: Anchor) -> JsonValue:
    return {
        "chain": anchor.chain,
        "contract": anchor.contract,
        "logId": anchor.log_id,
        "block": anchor.block,
        "blockHash": anchor.block_hash,
        "transaction": anchor.transaction,
        "time": iso(anchor.time * 1000),
    }


def build(bundle: Bundle) -> bytes:
    """Return the bundle's bytes; raise :class:`BundleError` if they would not be read back."""
    document: dict[str, JsonValue] = {
        "cropmark": VERSION,
        "batch": bundle.batch,
        "origin": bundle.origin,
        "records": [
            {"record": item.record.document, "index": item.index, "path": _path(item.path)} for item in bundle.records
        ],
        "keys": [{"record": item.key.document, "index": item.index, "path": _path(item.path)} for item in bundle.keys],
        "checkpoint": bundle.checkpoint,
        "anchor": None if bundle.anchor is None else _anchor_json(bundle.anchor),
        "segments": [
            {
                "key": multikey.did(item.tree.key),
                "size": item.tree.size,
                "root": item.tree.root.hex(),
                "index": item.index,
                "path": _path(item.path),
            }
            for item in bundle.segments
        ],
        "summary": None if bundle.summary is None else dict(bundle.summary),
        "headers": [
            {"tree": item.tree, "header": b64encode(item.data).decode(), "path": _path(item.path)}
            for item in bundle.headers
        ],
        "readings": [
            {
                "header": item.header,
                "index": item.index,
                "leaf": b64encode(item.leaf).decode(),
                "path": _path(item.path),
                "why": item.why,
            }
            for item in bundle.readings
        ],
        "hints": dict(bundle.hints),
    }
    data = jcs.canonical(document)
    try:
        parse(data)
    except UnusableBundleError as error:
        raise BundleError("profile", f"the bundle would be unusable: {error}") from error
    return data


def parse(data: bytes) -> Bundle:
    """Read a bundle's bytes.

    Raise :class:`UnusableBundleError` for bytes that are no bundle, :class:`BundleError` for one that breaks its form.
    """
    return _bundle(_document(data))


def _document(data: bytes) -> dict[str, JsonValue]:
    try:
        document = jcs.parse(data, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH, newlines=True)
    except JcsError as error:
        if error.code in {"too-large", "too-deep", "not-json"}:
            raise UnusableBundleError(f"{error}. Fetch the bundle again.") from error
        raise BundleError(error.code, str(error)) from error
    match document:
        case {"cropmark": str() as version} if version.startswith("bundle/"):
            if version != VERSION:
                raise BundleError("unknown-version", f"{version[:40]!a}; this program knows {VERSION}")
            return cast("dict[str, JsonValue]", document)
        case _:
            raise UnusableBundleError("this is JSON, but not a Cropmark bundle. Check the file or the address.")


_Item = dict[str, JsonValue]


def _items(value: JsonValue) -> list[_Item]:
    return cast("list[_Item]", value)


def _unpath(value: JsonValue) -> Path:
    return tuple(b64decode(item) for item in cast("list[str]", value))


def _bundle(document: _Item) -> Bundle:
    try:
        bundle_form.check(document)
        records = tuple(
            LoggedRecord(record.check(item["record"]), cast("int", item["index"]), _unpath(item["path"]))
            for item in _items(document["records"])
        )
        keys = tuple(
            LoggedKey(key_record.check(item["record"]), cast("int", item["index"]), _unpath(item["path"]))
            for item in _items(document["keys"])
        )
    except ShapeError as error:
        raise BundleError("profile", str(error)) from error
    except RecordError as error:
        raise BundleError(_SCHEMA_CODE.get(error.defect, "profile"), str(error)) from error
    if sum(item.record.evidence is not None for item in records) > 1:
        raise BundleError("profile", "more than one record carries evidence")
    if len({item.key.key for item in keys}) != len(keys):
        raise BundleError("profile", "a key is registered twice")
    return Bundle(
        batch=str(document["batch"]),
        origin=str(document["origin"]),
        records=records,
        keys=keys,
        checkpoint=str(document["checkpoint"]),
        anchor=_anchor(document["anchor"]),
        segments=tuple(map(_tree, _items(document["segments"]))),
        summary=cast("_Item | None", document["summary"]),
        headers=tuple(
            ShownHeader(cast("int", item["tree"]), b64decode(str(item["header"])), _unpath(item["path"]))
            for item in _items(document["headers"])
        ),
        readings=tuple(
            ShownReading(
                cast("int", item["header"]), cast("int", item["index"]), b64decode(str(item["leaf"])),
                _unpath(item["path"]), cast("Why", item["why"]),
            )
            for item in _items(document["readings"])
        ),
        hints=cast("_Item", document["hints"]),
    )  # fmt: skip


_SCHEMA_CODE: Final[Mapping[credential.Defect, str]] = {
    "unknown-version": "unknown-version",
    "text": "text",
    "number": "number",
    "not-canonical": "not-canonical",
}


def _anchor(value: JsonValue) -> Anchor | None:
    match value:
        case {
            "chain": int() as chain, "contract": str() as contract, "logId": str() as log_id, "block": int() as block,
            "blockHash": str() as block_hash, "transaction": str() as transaction, "time": str() as time,
        }:  # fmt: skip
            return Anchor(chain, contract, log_id, block, block_hash, transaction, shape.time_of(time) // 1000)
        case _:
            return None


def _tree(item: _Item) -> LoggedTree:
    tree = Tree(
        multikey.public_of(str(item["key"])), cast("int", item["size"]), bytes.fromhex(str(item["root"]))
    )  # fmt: skip
    return LoggedTree(tree, cast("int", item["index"]), _unpath(item["path"]))
