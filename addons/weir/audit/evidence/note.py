"""Signed notes (C2SP signed-note): a text, an empty line, and a line for each signature. Ed25519 only.

Any tool that knows the format (Go's ``sumdb/note`` was the first) checks them with the verifier key and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = ["BadKey", "BadNote", "Note", "Signature", "SigningKey", "VerifierKey", "parse_note", "sign_note", "verified"]

SIGNATURES_MAX = 100
NOTE_BYTES_MAX = 1 << 20
_ED25519 = b"\x01"
_DASH = "\N{EM DASH} "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_PRIVATE = "PRIVATE+KEY+"


class BadNote(ValueError):
    """Bytes that are no signed note, or one with a wrong signature. The message never quotes the note."""


class BadKey(ValueError):
    """A text that is no key of this format. The message never quotes it."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name it signs under. Its text form is ``<name>+<key id, hex>+<base64>``."""

    name: str
    public: bytes = field(repr=False)  # 32 bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that say, with the name, which key a signature claims to be of."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    @property
    def text(self) -> str:
        """The line to give to whoever is to check signatures."""
        return f"{self.name}+{self.key_id.hex()}+{_base64(_ED25519 + self.public)}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read the text form. Raises BadKey."""
        name, public = _key_parts(text)
        made = cls(name, public)
        if made.text != text:
            raise BadKey("the key's name, id and bytes don't fit each other")
        return made

    def holds(self, message: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is this key's over ``message``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):  # ValueError: the bytes are no point of the curve
            return False
        return True


class SigningKey:
    """A private key with the name it signs under; it never shows in ``repr``."""

    __slots__ = ("_seed", "verifier")

    def __init__(self, name: str, seed: bytes) -> None:
        """``seed``: 32 random bytes. Raises BadKey for a name that can't stand in a note."""
        if not _is_name(name) or len(seed) != 32:
            raise BadKey("a key has a name without spaces or plus, and 32 bytes")
        self._seed = seed
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        self.verifier = VerifierKey(name, public)

    def __repr__(self) -> str:
        return f"SigningKey({self.verifier.name!r})"

    @classmethod
    def parse(cls, text: str) -> SigningKey:
        """Read the private text form. Raises BadKey."""
        if not text.startswith(_PRIVATE):
            raise BadKey("it is no private key of this format")
        name, seed = _key_parts(text.removeprefix(_PRIVATE))
        made = cls(name, seed)
        if made.private_text != text:
            raise BadKey("the key's name, id and bytes don't fit each other")
        return made

    @property
    def private_text(self) -> str:
        """The text for the key file. Radioactive."""
        return f"{_PRIVATE}{self.verifier.name}+{self.verifier.key_id.hex()}+{_base64(_ED25519 + self._seed)}"

    def sign(self, message: bytes) -> bytes:
        """The signature over ``message``, 64 bytes."""
        return Ed25519PrivateKey.from_private_bytes(self._seed).sign(message)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who claims to have signed, and the bytes."""

    name: str
    key_id: bytes
    value: bytes

    @property
    def line(self) -> str:
        """The line as it stands in a note, with its newline."""
        return f"{_DASH}{self.name} {_base64(self.key_id + self.value)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A note as it was read: nothing in it may be believed before ``verified`` named a key one trusts."""

    text: str  # with its final newline
    signatures: tuple[Signature, ...]

    @property
    def data(self) -> bytes:
        """The whole note."""
        return (self.text + "\n" + "".join(item.line for item in self.signatures)).encode()


def sign_note(text: str, *keys: SigningKey) -> bytes:
    """The note of a text, signed with each key. Raises BadNote for a text that can't be one."""
    _check_text(text)
    if not 0 < len(keys) <= SIGNATURES_MAX:
        raise BadNote(f"a note has 1 to {SIGNATURES_MAX} signatures")
    message = text.encode()
    made = (Signature(key.verifier.name, key.verifier.key_id, key.sign(message)) for key in keys)
    return Note(text, tuple(made)).data


def parse_note(data: bytes) -> Note:
    """Read a note without checking a signature. Raises BadNote; a note that would be written otherwise is refused."""
    if len(data) > NOTE_BYTES_MAX:
        raise BadNote("it is too long")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise BadNote("it is no UTF-8") from None
    at = whole.rfind("\n\n")
    if at < 0:
        raise BadNote("it has no signatures")
    text, rest = whole[: at + 1], whole[at + 2 :]
    _check_text(text)
    if not rest.endswith("\n"):
        raise BadNote("it breaks off")
    lines = rest[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise BadNote("it has too many signatures")
    note = Note(text, tuple(_signature(line) for line in lines))
    if note.data != data:  # base64 has more than one spelling; a note has one
        raise BadNote("a signature is not written as it should be")
    return note


def verified(note: Note, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
    """The keys among ``keys`` that signed the note, empty when none did: signatures of other keys are ignored.

    Raises BadNote when a signature that claims to be of one of ``keys`` does not hold.
    """
    known: dict[tuple[str, bytes], VerifierKey] = {(key.name, key.key_id): key for key in keys}
    message = note.text.encode()
    found: list[VerifierKey] = []
    for item in note.signatures:
        key = known.get((item.name, item.key_id))
        if key is None or key in found:
            continue
        if not key.holds(message, item.value):
            raise BadNote("a signature does not hold")
        found.append(key)
    return tuple(found)


def _signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not _is_name(name):
        raise BadNote("a line after the text is no signature")
    raw = _decoded(encoded)
    if raw is None or len(raw) < 5:
        raise BadNote("a signature is no base64 of an id and a value")
    return Signature(name, raw[:4], raw[4:])


def _check_text(text: str) -> None:
    if not text.endswith("\n") or _CONTROL.search(text):
        raise BadNote("its text does not end in a newline, or holds control characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadNote("its text is no UTF-8") from None


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(char.isspace() for char in name) and not _CONTROL.search(name)


def _key_parts(text: str) -> tuple[str, bytes]:
    """Name and 32 bytes of a key's text; whether the id fits is for the caller, who writes the text anew."""
    name, _, rest = text.partition("+")
    _, plus, encoded = rest.partition("+")
    raw = _decoded(encoded)
    if not plus or not _is_name(name) or raw is None or len(raw) != 33 or raw[:1] != _ED25519:
        raise BadKey("it is no Ed25519 key of this format")
    return name, raw[1:]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
