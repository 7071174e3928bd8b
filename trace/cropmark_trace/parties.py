"""Who may sign what: the installation's own keys, and the logged key records of parties, gateways and ingest.

The log key is made first, then the empty log is signed, then the registrar's key is made: so a start that was cut off
goes on where it stopped, while keys without their log, or a log without its keys, are refused and never made up for.
Keys of parties that the operator keeps are registered with custody ``operator``, and verifiers show it.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cropmark_ingest.clock import Clock
from cropmark_ingest.cose import public_bytes
from cropmark_ingest.names import name as checked_name
from cropmark_ingest.registry import Party, Text
from cropmark_trace import credential, ledger, multikey
from cropmark_trace.admission import RefusedError
from cropmark_trace.credential import Signer
from cropmark_trace.key_record import KeyDraft, Role, Use, build_key_registration
from cropmark_trace.ledger import Ledger, WrongLogError
from cropmark_trace.policy import PinnedChain, Policy
from cropmark_trace.storage import RegisteredKey, Store

LOG: Final = "log"
REGISTRAR: Final = "registrar"
NONCE_BYTES: Final = 16

Nonce = Callable[[], bytes]
"""Returns 16 random bytes."""


def random_nonce() -> bytes:
    """Return 16 bytes from the system's randomness."""
    return secrets.token_bytes(NONCE_BYTES)


class Keys(Protocol):
    """Where private keys are kept."""

    def get(self, name: str) -> Ed25519PrivateKey | None:
        """Return a key, or None if there is none of this name."""
        ...

    def make(self, name: str) -> Ed25519PrivateKey:
        """Draw a key and return it once it is durable; a name that is taken is refused."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A started log: its ledger, and the registrar's private key."""

    ledger: Ledger
    registrar: Ed25519PrivateKey


def open_log(store: Store, keys: Keys, *, origin: str) -> Opened:
    """Start the log of ``store`` with its keys, making both at the first start; raise :class:`WrongLogError`."""
    head = store.head()
    log, registrar = keys.get(LOG), keys.get(REGISTRAR)
    if head is None and registrar is not None:
        raise WrongLogError(
            "the keys are here, but their log is not: a second log under one key would be a fork. "
            "Restore the records' database from a backup, or move keys/ away to begin a new log."
        )
    if head is not None and (log is None or (registrar is None and head.size)):
        lost = LOG if log is None else REGISTRAR
        raise WrongLogError(f"the log is here, but the key {lost!r} is not. Restore keys/ from a backup.")
    log = log or keys.make(LOG)
    ledger.start(store, origin, log)
    registrar = registrar or keys.make(REGISTRAR)
    did = multikey.did(public_bytes(registrar))
    return Opened(Ledger(store, origin=origin, key=log, registrar=did), registrar)


def key_name(farm: str, party: str) -> str:
    """Return the name of the key that the operator keeps for ``party``; the dot keeps two farms' parties apart."""
    return f"party-{checked_name(farm)}.{checked_name(party)}"


class Parties:
    """Registers keys in the log and finds who signs. Registering the same key for the same thing again does nothing."""

    def __init__(
        self, opened: Opened, store: Store, keys: Keys, *, clock: Clock, nonce: Nonce = random_nonce
    ) -> None:  # fmt: skip
        self._ledger = opened.ledger
        self._registrar = opened.registrar
        self._store = store
        self._keys = keys
        self._clock = clock
        self._nonce = nonce

    def register_party(self, party: Party, demo: Text | None = None) -> RegisteredKey:
        """Make ``party``'s record key if there is none and register it, in the operator's custody."""
        if party.role not in {"grower", "packer"}:
            raise RefusedError(f"a {party.role} does not sign records. Register a grower or a packer.")
        name = key_name(party.farm, party.party)
        key = self._keys.get(name) or self._keys.make(name)
        return self._register(
            public_bytes(key), party.farm, party.party, party.name, party.role, "record", demo, (key,)
        )  # fmt: skip

    def register_gateway(self, farm: str, gateway: str, key: bytes, demo: Text | None = None) -> RegisteredKey:
        """Register a gateway's public segment key (32 bytes)."""
        return self._register(key, farm, gateway, Text(gateway, gateway), "gateway", "segment", demo)

    def register_receipts(self, farm: str, key: bytes, demo: Text | None = None) -> RegisteredKey:
        """Register ingest's public receipt key (32 bytes), under the farm that it was set up with."""
        return self._register(key, farm, "ingest", Text("Ingest", "接收服务"), "ingest", "receipt", demo)

    def _register(  # noqa: PLR0913, PLR0917 - the members of a key record
        self,
        key: bytes,
        farm: str,
        party: str,
        name: Text,
        role: Role,
        use: Use,
        demo: Text | None,
        holder: Sequence[Ed25519PrivateKey] = (),
    ) -> RegisteredKey:
        did = multikey.did(key)
        known = self._store.key(did)
        if known is not None and (known.farm, known.party, known.role, known.use) == (farm, party, role, use):
            return known
        draft = KeyDraft(
            did, self._ledger.registrar, farm, party, name, role, use, "operator" if holder else "self",
            self._clock(), self._nonce(), demo,
        )  # fmt: skip
        self._ledger.append([credential.sign(build_key_registration(draft), [self._registrar, *holder])])
        registered = self._store.key(did)
        assert registered is not None, "an append is durable when it returns"
        return registered

    def signer(self, farm: str, role: str, party: str | None = None) -> tuple[Signer, Ed25519PrivateKey]:
        """Return who signs as ``role`` of ``farm``, and the private key; raise :class:`RefusedError` if unclear."""
        fitting = [
            key
            for key in self._store.registered_keys()
            if (key.farm, key.role, key.use) == (farm, role, "record") and party in {None, key.party}
        ]
        if not fitting:
            who = f"{role} {party}" if party else role
            raise RefusedError(f"farm {farm} has no {who} who may sign. Register the party first.")
        if len(fitting) > 1:
            names = ", ".join(sorted(key.party for key in fitting))
            raise RefusedError(f"farm {farm} has more than one {role}: {names}. Say which party signs.")
        private = self._keys.get(key_name(farm, fitting[0].party))
        if private is None or multikey.did(public_bytes(private)) != fitting[0].did:
            raise RefusedError(f"the key of {fitting[0].party} is not kept here. Let the party sign, or restore keys/.")
        return Signer(fitting[0].did, role), private

    def policy(self, chains: Sequence[PinnedChain] = ()) -> Policy:
        """Return what verifiers of this installation's bundles pin."""
        return Policy(self._ledger.origin, self._ledger.vkey, self._ledger.registrar, chains=tuple(chains))
