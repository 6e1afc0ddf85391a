"""Mail messages and mailboxes: headers as people read them, bodies decoded, attachments as files of their own."""

from __future__ import annotations

import email
import email.policy
import re
from email.header import decode_header, make_header
from email.message import Message
from typing import Final

from weir.dlp.files.job import Job

__all__ = ["read_mail"]

_BOX = re.compile(rb"^From \S[^\r\n]*\r?\n", re.MULTILINE)
_RAW_MAX: Final = 1 << 16  # an encoded body longer than this is read for what it encodes only
_FAULTS: Final = (AttributeError, IndexError, LookupError, TypeError, ValueError)


def read_mail(job: Job, data: bytes, where: str) -> str:
    """Read a message, or all messages of a mailbox. Raises Stop."""
    job.enter()
    starts = [found.start() for found in _BOX.finditer(data)] if data.startswith(b"From ") else [0]
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(data)], strict=True)):
        job.member()
        message = email.message_from_bytes(data[start:end], policy=email.policy.compat32)
        _message(job, message, f"{where}message/{number}/" if len(starts) > 1 else where)
    return "mail"


def _message(job: Job, message: Message, where: str) -> None:
    for number, part in enumerate(message.walk()):
        job.member()
        lines = [f"{name}: {_words(str(value))}" for name, value in part.items()]
        lines.append("\n".join(text for text in (part.preamble, part.epilogue) if text))
        job.add(f"{where}headers/{number}", "\n".join(lines))
        if part.is_multipart():
            continue
        body = part.get_payload(decode=True)
        raw = part.get_payload()
        if isinstance(raw, str) and (part.defects or (len(raw) <= _RAW_MAX and raw.encode("utf-8", "replace") != body)):
            # A reader that forgives other mistakes than this one, or takes no notice of encodings, sees another body.
            job.add(f"{where}raw/{number}", raw)
        if isinstance(body, bytes) and body:
            job.take(len(body))
            job.nested(body, f"{where}part/{number}/", _name(part), _type(part))


def _words(value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except _FAULTS:
        return value


def _name(part: Message) -> str:
    try:
        return part.get_filename() or ""
    except _FAULTS:
        return ""


def _type(part: Message) -> str:
    try:
        charset = part.get_content_charset() or ""
    except _FAULTS:
        charset = ""
    return f"{part.get_content_type()}; charset={charset}" if charset else part.get_content_type()
