"""What a file is: by its first bytes, and only where these say nothing by its name and the type it was declared as."""

from __future__ import annotations

import re
from typing import Final

from weir.magic import SURE, contained, is_sound

__all__ = ["CONTAINERS", "HEAVY", "PDF_HEAD", "detect", "is_tar", "text_kind"]

_STARTS: Final = (
    *SURE,
    (b"%PDF-", "pdf"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"{\\rtf", "rtf"),
    (b"\x00\x00\x01\x00", "image"),
    (b"\x01\x00\x00\x00", "image"),  # EMF
    (b"\xd7\xcd\xc6\x9a", "image"),  # WMF
    (b"8BPS", "image"),
    (b"FORM", "audio"),
    (b"MThd", "audio"),
    (b"\x00\x00\x01\xba", "video"),
    (b"FLV\x01", "video"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video"),
    (b"MZ", "executable"),
    (b"\x7fELF", "executable"),
    (b"\xcf\xfa\xed\xfe", "executable"),
    (b"\xca\xfe\xba\xbe", "executable"),
    (b"\x00asm", "executable"),
    (b"SQLite format 3\x00", "database"),
    (b"PAR1", "database"),
)
_SPOKEN: Final = frozenset({"pdf", "rtf"})  # begin with words, and go on with words
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x80-\xff]")
_HEAD: Final = 256  # a text may begin with the letters MZ, but not go on like a program
PDF_HEAD: Final = 1024  # readers look for the mark this far in
_TAR_BLOCK: Final = 512

# Kinds with files or many parts inside, and all whose readers deserve a process of their own.
CONTAINERS: Final = frozenset({"zip", "tar", "gzip", "bzip2", "xz", "zstd", "mail"})
HEAVY: Final = CONTAINERS | {"pdf"}

_BY_NAME: Final = {
    "json": "json", "ipynb": "json", "jsonl": "json", "ndjson": "json", "csv": "text", "tsv": "text", "xml": "markup",
    "svg": "markup", "html": "markup", "htm": "markup", "xhtml": "markup", "eml": "mail", "mbox": "mail",
    "mht": "mail", "mhtml": "mail", "rtf": "rtf",
}  # fmt: skip
_BY_TYPE: Final = {
    "application/json": "json",
    "application/jsonl": "json",
    "application/x-ndjson": "json",
    "text/html": "markup",
    "text/xml": "markup",
    "application/xml": "markup",
    "application/xhtml+xml": "markup",
    "image/svg+xml": "markup",
    "message/rfc822": "mail",
    "application/mbox": "mail",
    "application/rtf": "rtf",
    "text/rtf": "rtf",
}
_MAIL = re.compile(r"(?:From \S.*\r?\n)?(?:[A-Za-z][A-Za-z0-9-]{1,60}:[ \t].*\r?\n(?:[ \t].*\r?\n)*){3}")
_MAIL_WORD = re.compile(
    r"^(?:received|return-path|mime-version|message-id|delivered-to|content-transfer-encoding):", re.IGNORECASE | re.M
)
_MAIL_HEAD: Final = 8192
_MARKUP = re.compile(r"\s*<(?:\?xml|!doctype|!--|[A-Za-z][\w:.-]*[\s/>])", re.IGNORECASE)


def detect(data: bytes) -> str:
    """The kind that the bytes themselves prove; ``""`` when they may be text or anything else."""
    for start, kind in _STARTS:
        if data.startswith(start) and (kind in _SPOKEN or not start.isalnum() or _BINARY.search(data[:_HEAD])):
            return kind
    if seen := contained(data, riff="video"):
        return seen
    if b"%PDF-" in data[:PDF_HEAD]:
        return "pdf"
    if is_tar(data):
        return "tar"
    return "audio" if is_sound(data) else ""


def is_tar(data: bytes) -> bool:
    """True when the first block has the checksum of a tar header: older ones have no mark."""
    block = data[:_TAR_BLOCK]
    if len(block) < _TAR_BLOCK or not block[0]:
        return False
    stated = block[148:156].strip(b" \x00")
    if not stated or not all(48 <= byte < 56 for byte in stated):
        return False
    return int(stated, 8) == sum(block) - sum(block[148:156]) + 8 * 32


def text_kind(text: str, name: str, media_type: str) -> str:
    """How a text is to be read: json, markup, mail, rtf or text. Its beginning outranks what is declared."""
    head = text[:_MAIL_HEAD].lstrip("\ufeff \t\r\n")
    if head.startswith("{\\rtf"):
        return "rtf"
    if _MARKUP.match(head):
        return "markup"
    if _MAIL.match(head) and _MAIL_WORD.search(head):
        return "mail"
    if head[:1] in ("{", "["):
        return "json"
    declared = media_type.partition(";")[0].strip().lower()
    found = _BY_TYPE.get(declared) or _BY_NAME.get(name.rpartition(".")[2].lower(), "")
    if not found and declared.endswith(("+json", "/json")):
        return "json"
    if not found and declared.endswith("+xml"):
        return "markup"
    return found or "text"
