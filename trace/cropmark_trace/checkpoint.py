"""Checkpoints of the log: C2SP tlog-checkpoint in a C2SP signed-note, and Ed25519 cosignatures (tlog-cosignature v1).

A checkpoint of ours has exactly three lines: origin, size, root. Signature lines of unknown keys are passed over, as
the standard says; a line of a known key that does not verify spoils the whole note. ML-DSA is not supported.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cropmark_ingest.cose import public_bytes

MAX_NOTE_BYTES: Final = 16 * 1024
MAX_SIGNATURES: Final = 64
ED25519: Final = 1
COSIGNATURE: Final = 4
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_NAME: Final = re.compile(r"[^\s+]{1,200}")
_VKEY: Final = re.compile(r"([^\s+]{1,200})\+([0-9a-f]{8})\+([A-Za-z0-9+/=]{1,60})")
_LINE: Final = re.compile(r"\u2014 ([^\s+]{1,200}) ([A-Za-z0-9+/=]{1,8000})")

Defect = Literal["malformed", "forged", "not-signed"]


class NoteError(ValueError):
    """A note that cannot be believed. ``defect`` tells which way: malformed, forged, or not signed by a known key."""

    def __init__(self, defect: Defect, text: str) -> None:
        super().__init__(text)
        self.defect: Final = defect


class VkeyError(ValueError):
    """Text that is not a C2SP verifier key of Ed25519."""


def b64(text: str) -> bytes:
    """Decode standard base64; raise :class:`ValueError` unless encoding the result gives ``text`` again."""
    data = b64decode(text, validate=True)
    if b64encode(data).decode() != text:
        raise ValueError("base64 with stray bits")
    return data


@dataclass(frozen=True, slots=True)
class Vkey:
    """A verifier key: ``kind`` is 1 (signature) or 4 (timestamped cosignature), ``public`` has 32 bytes."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """Return the four bytes by which signature lines name this key."""
        return sha256(self.name.encode() + b"\n" + bytes((self.kind,)) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(bytes((self.kind,)) + self.public).decode()}"


def parse_vkey(text: str) -> Vkey:
    """Read a verifier key; raise :class:`VkeyError` if it is not one, or its key id is wrong."""
    match = _VKEY.fullmatch(text)
    try:
        material = b64(match[3]) if match else b""
    except ValueError:
        material = b""
    if match is None or len(material) != 33 or material[0] not in {ED25519, COSIGNATURE}:
        raise VkeyError(f"{text[:60]!a} is not an Ed25519 verifier key: expected name+id+base64")
    key = Vkey(match[1], material[0], material[1:])
    if key.id.hex() != match[2]:
        raise VkeyError(f"{text[:60]!a} has another key id than its name and key give")
    return key


def vkey(name: str, public: bytes, *, kind: int = ED25519) -> str:
    """Return the verifier key text of a 32-byte Ed25519 public key."""
    if _NAME.fullmatch(name) is None or len(public) != 32:
        raise VkeyError(f"{name[:60]!a}: a key's name has no spaces and no '+', and the key has 32 bytes")
    return str(Vkey(name, kind, public))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's state: who it is, how many leaves it has, and the root over them (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the note's text, three lines."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A note taken apart: its text, and of each signature line the key's name, key id and signature."""

    text: str
    lines: tuple[tuple[str, bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """A note whose known signatures verify: by which keys, and when each cosignature was made (Unix seconds)."""

    text: str
    signed: tuple[Vkey, ...]
    cosigned: tuple[tuple[Vkey, int], ...]


def parse_note(note: str) -> Note:
    """Take a signed note apart without judging it; raise :class:`NoteError` if it is malformed."""
    if len(note.encode(errors="replace")) > MAX_NOTE_BYTES:
        raise NoteError("malformed", f"a note of more than {MAX_NOTE_BYTES} bytes")
    if re.search("[\u0000-\u0009\u000b-\u001f\ud800-\udfff]", note) is not None:
        raise NoteError("malformed", "a note with control characters")
    text, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise NoteError("malformed", "not a signed note: text, an empty line, signature lines")
    raw = tail[:-1].split("\n")
    if len(raw) > MAX_SIGNATURES:
        raise NoteError("malformed", f"a note with more than {MAX_SIGNATURES} signatures")
    return Note(text + "\n", tuple(map(_line, raw)))


def _line(raw: str) -> tuple[str, bytes, bytes]:
    match = _LINE.fullmatch(raw)
    try:
        data = b64(match[2]) if match else b""
    except ValueError:
        data = b""
    if match is None or len(data) < 5:
        raise NoteError("malformed", f"{raw[:60]!a} is not a signature line")
    return match[1], data[:4], data[4:]


def parse_text(text: str) -> Checkpoint:
    """Read a checkpoint's three lines; raise :class:`NoteError` for extension lines and anything else."""
    lines = text.split("\n")
    try:
        origin, size, root, end = lines
        digest = b64(root)
    except ValueError as error:
        raise NoteError("malformed", "not a checkpoint of three lines: origin, size, root") from error
    if not origin or end or _SIZE.fullmatch(size) is None or len(digest) != 32:
        raise NoteError("malformed", "not a checkpoint of three lines: origin, size, root")
    return Checkpoint(origin, int(size), digest)


def signature_line(name: str, kind: int, public: bytes, signature: bytes) -> str:
    """Return the signature line, newline included."""
    return f"\u2014 {name} {b64encode(Vkey(name, kind, public).id + signature).decode()}\n"


def sign(checkpoint: Checkpoint, name: str, key: Ed25519PrivateKey) -> str:
    """Return the signed note of ``checkpoint``, signed by the log's key under its ``name``."""
    text = checkpoint.text()
    return f"{text}\n{signature_line(name, ED25519, public_bytes(key), key.sign(text.encode()))}"


def cosigned_message(text: str, time: int) -> bytes:
    """Return what a witness signs: header line, time line and the note's text."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def cosign(note: str, name: str, key: Ed25519PrivateKey, *, time: int) -> str:
    """Return ``note`` with a witness's cosignature line, made at Unix second ``time``."""
    text = parse_note(note).text
    signature = time.to_bytes(8, "big") + key.sign(cosigned_message(text, time))
    return note + signature_line(name, COSIGNATURE, public_bytes(key), signature)


def verifies(key: Vkey, text: str, signature: bytes) -> int | None:
    """Return the cosignature's time (0 for a plain signature) if ``signature`` by ``key`` is good, else None."""
    time = 0
    message = text.encode()
    if key.kind == COSIGNATURE:
        if len(signature) != 72 or signature[0] > 127:
            return None
        time = int.from_bytes(signature[:8], "big")
        message, signature = cosigned_message(text, time), signature[8:]
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return None
    return time


def open_note(note: str, vkeys: Iterable[str]) -> Opened:
    """Verify a note under the known ``vkeys``; raise :class:`NoteError` unless all known lines hold, at least one."""
    known = {(key.name, key.id): key for key in map(parse_vkey, vkeys)}
    parsed = parse_note(note)
    signed: list[Vkey] = []
    cosigned: list[tuple[Vkey, int]] = []
    for name, key_id, signature in parsed.lines:
        key = known.get((name, key_id))
        if key is None:
            continue
        time = verifies(key, parsed.text, signature)
        if time is None:
            raise NoteError("forged", f"the signature by {name[:60]!a} does not verify")
        if key.kind == COSIGNATURE:
            cosigned.append((key, time))
        else:
            signed.append(key)
    if not signed and not cosigned:
        raise NoteError("not-signed", "no known key signed this note")
    return Opened(parsed.text, tuple(signed), tuple(cosigned))
