"""The files of a request, read: their texts join its segments, and what was not seen of them is said."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import hyperscan

from weir.dlp.core.compiled import compiled
from weir.dlp.core.patterns import Deadline
from weir.dlp.files.job import FileLimits
from weir.dlp.files.kinds import detect
from weir.dlp.files.pool import read_file
from weir.model import Attachment, Exchange, Inspection, Segment

__all__ = ["FILE", "attach", "holds_files"]

UNOPENED = frozenset(
    {"encrypted file", "file: old or encrypted office format", "file: archive of a kind that is not read"}
)
FILE = "#file"  # pointers of texts in a file begin so: they are read, never edited
# How PDF, ZIP, old office files, gzip and 7z begin in base64.
_STARTS = ("JVBERi", "UEsDB", "0M8R4KGx", "H4sI", "N3q8rycc")
_LINE = r"(?:\\[rn]|[\r\n])+[ \t]*"  # the end of a line, in JSON within a text too
_RUN = re.compile(
    rf"(?<![A-Za-z0-9+/_-])(?:{'|'.join(_STARTS)})(?:[A-Za-z0-9+/_-]{{30,}}+{_LINE})*+[A-Za-z0-9+/_-]*+={{0,2}}"
)
_FOLD = re.compile(r"[\\][rn]|[\r\n \t]")
_WRITTEN_MAX = 100
_SEARCHED_CHARS_MIN = 512  # in less, plain searches one after the other are done sooner
_NAME_CHARS_MIN = 6  # the shortest thing that any detector looks for


def attach(exchange: Exchange, limits: FileLimits, deadline: Deadline | None = None) -> Exchange:
    """``exchange`` with a segment for each text of its attachments, which are gone from it then. Does not raise.

    A text of file ``n`` has the pointer ``#file/<n>/<where>``, the part ``file:<n>`` and the attachment's role. A file
    that is not seen whole makes the exchange partial; one that is locked or of a kind that nobody here opens, unparsed;
    one that a limit, the time or damage kept us out of, failed.
    ``limits.bytes_max`` and ``limits.members_max`` hold for all files together.
    """
    written = written_files(exchange.segments)
    if not exchange.attachments and not written:
        return exchange
    segments = list(exchange.segments)
    reasons = [exchange.reason] if exchange.reason else []
    worst = exchange.inspection
    left = limits.bytes_max
    names: list[Segment] = []  # after all texts: what one file ends with may go on in the next
    for number, attachment in enumerate((*exchange.attachments, *written)):
        bounds = replace(limits, bytes_max=max(0, left))
        found = read_file(
            attachment.data, name=attachment.name, media_type=attachment.media_type, limits=bounds, deadline=deadline
        )
        left -= found.bytes_made
        texts = [(text.where, text.text) for text in found.texts]
        if len(attachment.name) >= _NAME_CHARS_MIN:
            names.append(Segment(f"{FILE}/{number}/name", attachment.role, attachment.name, part=f"file:{number}"))
        segments += (
            Segment(f"{FILE}/{number}/{where}", attachment.role, text, part=f"file:{number}") for where, text in texts
        )
        if not found.complete:
            # Of a file within a text, where it ends is a guess: what is damaged there is no proof of anything.
            guess = number >= len(exchange.attachments) and "damaged" in found.reason
            worst = _worse(worst, Inspection.FAILED if found.failed and not guess else _seen(found.reason))
            reasons += [word for word in found.reason.split("; ") if word not in reasons]
    return replace(
        exchange,
        segments=(*segments, *names),
        attachments=(),
        inspection=worst,
        reason="; ".join(dict.fromkeys(reasons)),
    )


def written_files(segments: Sequence[Segment]) -> tuple[Attachment, ...]:
    """Documents and archives that stand in texts as base64, in one run or in lines."""
    found: list[Attachment] = []
    for segment in segments:
        if not holds_files(segment.text):
            continue
        for run in _RUN.finditer(segment.text):
            plain = _FOLD.sub("", run[0]).replace("-", "+").replace("_", "/").rstrip("=")
            plain = plain[: len(plain) - (len(plain) % 4 == 1)]
            data = base64.b64decode(plain + "=" * (-len(plain) % 4))
            if detect(data) and len(found) < _WRITTEN_MAX:
                found.append(Attachment(segment.pointer, data, role=segment.role))
    return tuple(found)


def holds_files(text: str) -> bool:
    """True when ``text`` may hold such a file: a quick look."""
    if len(text) < _SEARCHED_CHARS_MIN:
        return any(start in text for start in _STARTS)
    return _search().finds(text.encode("utf-8", "surrogatepass"))


class _Search:
    """Looks for all beginnings at once, which is ten times as fast. Safe to use from several threads."""

    def __init__(self) -> None:
        flags = hyperscan.HS_FLAG_SINGLEMATCH
        self._made = compiled({number: (start.encode(), flags) for number, start in enumerate(_STARTS)})
        self._threads = threading.local()

    def finds(self, data: bytes) -> bool:
        """Whether any of them is in ``data``."""
        database = self._made.database
        assert database is not None
        scratch: hyperscan.Scratch | None = getattr(self._threads, "scratch", None)
        if scratch is None:
            scratch = self._threads.scratch = hyperscan.Scratch(database)
        found: list[int] = []

        def note(number: int, _start: int, _end: int, _flags: int, _context: object) -> bool:
            found.append(number)
            return True  # one is enough

        try:
            database.scan(data, match_event_handler=note, scratch=scratch)
        except hyperscan.ScanTerminated:
            if not found:
                raise  # it was not we who ended it
        return bool(found)


@cache
def _search() -> _Search:
    return _Search()


def _seen(reason: str) -> Inspection:
    """What a file is that was not seen whole: a container that nobody here can open is as dark as an unknown body."""
    return Inspection.UNPARSED if UNOPENED & set(reason.split("; ")) else Inspection.PARTIAL


_ORDER = (Inspection.INSPECTED, Inspection.PARTIAL, Inspection.UNPARSED, Inspection.FAILED)


def _worse(one: Inspection, other: Inspection) -> Inspection:
    """The one that says that less was seen."""
    return max(one, other, key=lambda word: _ORDER.index(word) if word in _ORDER else len(_ORDER))
