"""Names of farms, gateways, devices, sessions and batches, and the MQTT topics made of them (docs/formats.md §1, §2).

A name that does not fit is refused here, so that no other module has to think about slashes, wildcards or path tricks.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_SESSION: Final = re.compile(r"[0-9a-f]{16}")
_BATCH: Final = re.compile(r"[A-Z2-7]{20}")

PREFIX: Final = "cropmark/v1"
Channel = Literal["up", "status", "ack", "down", "segment", "receipt"]
_CHANNELS: Final[frozenset[str]] = frozenset(("up", "status", "ack", "down", "segment", "receipt"))


class BadNameError(ValueError):
    """A name or topic that does not have the documented form."""


def name(text: str) -> str:
    """Return ``text`` if it is a name of a farm, gateway, device or field; raise :class:`BadNameError` if not."""
    if _NAME.fullmatch(text) is None:
        raise BadNameError(
            f"{text[:40]!r} is not a name: use 1 to 32 of a-z, 0-9 and '-', starting with a letter or digit"
        )
    return text


def session(text: str) -> str:
    """Return ``text`` if it is a session id, 16 lower-case hex digits; raise :class:`BadNameError` if not."""
    if _SESSION.fullmatch(text) is None:
        raise BadNameError(f"{text[:40]!r} is not a session: 16 lower-case hex digits")
    return text


def batch(text: str) -> str:
    """Return ``text`` if it is a batch id, 20 characters of RFC 4648 base32; raise :class:`BadNameError` if not."""
    if _BATCH.fullmatch(text) is None:
        raise BadNameError(f"{text[:40]!r} is not a batch code: 20 characters of A-Z and 2-7")
    return text


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic ``cropmark/v1/{farm}/{node}/{channel}``; ``node`` is a device or a gateway."""

    farm: str
    node: str
    channel: Channel

    def __str__(self) -> str:
        return f"{PREFIX}/{self.farm}/{self.node}/{self.channel}"


def parse_topic(text: str) -> Topic:
    """Take a topic apart; raise :class:`BadNameError` for any that is not one of ours."""
    parts = text.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != PREFIX or parts[4] not in _CHANNELS:
        raise BadNameError(f"{text[:80]!r} is not a Cropmark topic: expected {PREFIX}/farm/device/channel")
    channel: Channel = parts[4]  # type: ignore[assignment]  # membership was checked on the line above
    return Topic(name(parts[2]), name(parts[3]), channel)
