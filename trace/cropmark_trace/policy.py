"""What a verifier trusts (docs/formats.md §10).

It comes by another way than the bundle, and pins every key and contract that a verdict rests on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cropmark_trace import checkpoint, shape
from cropmark_trace.checkpoint import COSIGNATURE, ED25519, Vkey, VkeyError
from cropmark_trace.jcs import JsonValue
from cropmark_trace.shape import ShapeError, closed, integer

MAX_BYTES: Final = 64 * 1024

_SHAPE: Final = closed(
    {
        "origin": shape.text,
        "logKey": shape.text,
        "registrar": shape.did,
        "witnesses": shape.array(closed({"operator": shape.text, "vkey": shape.text}), 0, 64),
        "quorum": integer(0, 64),
        "chains": shape.array(
            closed(
                {
                    "chain": integer(1),
                    "contract": shape.ADDRESS,
                    "logId": shape.CHAIN_HASH,
                    "operator": shape.boolean,
                }
            ),
            0,
            16,
        ),
    }
)


class PolicyError(ValueError):
    """A policy that cannot be used; the text names the member."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A cosigner and who runs it: two keys of one operator count once."""

    operator: str
    vkey: str


@dataclass(frozen=True, slots=True)
class PinnedChain:
    """A contract that anchors may be in. ``operator`` says that whoever runs the log runs this chain too.

    ``contract`` and ``log_id`` are 0x and lower-case hex.
    """

    chain: int
    contract: str
    log_id: str
    operator: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """The pinned log, registrar, witnesses (``quorum`` operators must have cosigned) and chains."""

    origin: str
    log_key: str
    registrar: str
    witnesses: tuple[Witness, ...] = ()
    quorum: int = 0
    chains: tuple[PinnedChain, ...] = ()

    @classmethod
    def from_json(cls, value: JsonValue) -> "Policy":
        """Read a policy; raise :class:`PolicyError`."""
        try:
            _SHAPE(value, "policy")
        except ShapeError as error:
            raise PolicyError(f"{error}. Fetch the policy again from who runs the log.") from error
        match value:
            case {
                "origin": str() as origin, "logKey": str() as log_key, "registrar": str() as registrar,
                "witnesses": list() as witnesses, "quorum": int() as quorum, "chains": list() as chains,
            }:  # fmt: skip
                pass
            case _:
                raise PolicyError("not a policy")
        policy = cls(
            origin, log_key, registrar, tuple(map(_witness, witnesses)), quorum, tuple(map(_chain, chains))
        )  # fmt: skip
        policy.log_vkey()
        policy.witness_vkeys()
        return policy

    def to_json(self) -> dict[str, JsonValue]:
        """Return the policy as JSON."""
        return {
            "origin": self.origin,
            "logKey": self.log_key,
            "registrar": self.registrar,
            "witnesses": [{"operator": item.operator, "vkey": item.vkey} for item in self.witnesses],
            "quorum": self.quorum,
            "chains": [
                {"chain": item.chain, "contract": item.contract, "logId": item.log_id, "operator": item.operator}
                for item in self.chains
            ],
        }

    def log_vkey(self) -> Vkey:
        """Return the log's key; raise :class:`PolicyError` if it is not a key for plain signatures."""
        key = _vkey(self.log_key)
        if key.kind != ED25519:
            raise PolicyError("policy.logKey is a witness's key, not a log's")
        return key

    def witness_vkeys(self) -> dict[str, str]:
        """Return each witness key's text with its operator; the log's own key cannot be a witness."""
        for item in self.witnesses:
            key = _vkey(item.vkey)
            if key.kind != COSIGNATURE or key.public == self.log_vkey().public:
                raise PolicyError(f"policy.witnesses: {key.name[:60]!a} is not the cosignature key of somebody else")
        return {item.vkey: item.operator for item in self.witnesses}


def _vkey(text: str) -> Vkey:
    try:
        return checkpoint.parse_vkey(text)
    except VkeyError as error:
        raise PolicyError(f"policy: {error}") from error


def _member(value: JsonValue) -> Mapping[str, JsonValue]:
    assert isinstance(value, dict)
    return value


def _witness(value: JsonValue) -> Witness:
    item = _member(value)
    return Witness(str(item["operator"]), str(item["vkey"]))


def _chain(value: JsonValue) -> PinnedChain:
    item = _member(value)
    return PinnedChain(
        int(str(item["chain"])), str(item["contract"]), str(item["logId"]), item["operator"] is True
    )  # fmt: skip
