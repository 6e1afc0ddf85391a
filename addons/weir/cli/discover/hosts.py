"""``weir discover --hosts``: whose service a bare host name is, one JSON line for each line that goes in."""

from __future__ import annotations

import codecs
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from weir.cli.output import fail

if TYPE_CHECKING:
    from weir.shadow.opinion import Opinion

__all__ = ["LINE_MAX", "classify_hosts", "discover_hosts", "place_of"]

LINE_MAX = 64 << 10  # bytes of one line that are looked at
_CHUNK = 1 << 18
_SHOWN_MAX = 253  # characters of what is no host name, in the answer
_PLAIN = re.compile(rb"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\Z")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|//")
_PORT = re.compile(r":[0-9]{0,5}\Z")
_NOBODY = ',"service":null,"category":null,"status":null,"score":null}\n'
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\Z")


def discover_hosts(file: str, policy: Path | None) -> None:
    """Answer the lines of ``file`` (``-``: standard input) on stdout, with the status that ``policy`` gives.

    Ends the command with a word about it when the file or the policy can't be read.
    """
    from weir.cli.scan import load_policy
    from weir.shadow.catalogue import Catalogue
    from weir.shadow.opinion import Opinion

    opinion = Opinion(Catalogue.load(), load_policy("discover", policy).services)
    out = sys.stdout.buffer
    if file == "-":
        classify_hosts(sys.stdin.buffer, out.write, opinion)
        return
    try:
        with Path(file).open("rb") as source:
            classify_hosts(source, out.write, opinion)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise fail("discover", f"{file} cannot be read ({error.strerror or type(error).__name__})", 2) from None


def classify_hosts(source: BinaryIO, write: Callable[[bytes], object], opinion: Opinion) -> int:
    """Write an answer for each line of ``source``, in their order; returns how many lines there were.

    A line is a host name or an address of a page; what is neither gets an answer without a service. Lines of any
    length are bounded in memory; nothing that stands in them raises. ``write`` gets whole lines, many at a time.
    """
    tails: dict[str, str] = {}
    seen: dict[bytes, str] = {}
    lines = 0
    for batch in _batches(source):
        lines += len(batch)
        answers = []
        for line in batch:
            # Logs repeat themselves; what is kept of that is bounded by count and length.
            answer = seen.get(line)
            if answer is None:
                answer = _answer(line, opinion, tails)
                if len(line) <= _SHOWN_MAX:
                    if len(seen) >= 50_000:
                        seen.clear()
                    seen[line] = answer
            answers.append(answer)
        write("".join(answers).encode())
    return lines


def place_of(line: bytes) -> tuple[str, str | None]:
    """(host in small letters, path or None) of a line; what stands in a host's place, cut, when that is none.

    A user's name and password before the host are left out, and so is what follows a path.
    """
    line = line.strip()
    if len(line) <= _SHOWN_MAX and _PLAIN.match(line):
        return line.decode("ascii").lower(), None
    text = line.decode("utf-8", "replace").strip().strip("\"'\ufeff").strip()
    rest = text[scheme.end() :] if (scheme := _SCHEME.match(text)) else text
    end = min((at for sign in "/?#\\" if (at := rest.find(sign)) >= 0), default=len(rest))
    host, path = rest[:end], rest[end:]
    host = host.rpartition("@")[2]
    if not host.startswith("["):
        host = _PORT.sub("", host) if host.count(":") == 1 else host
    name = _ascii(host.rstrip("."))
    if _NAME.match(name) and len(name) <= _SHOWN_MAX:
        return name, path if path.startswith("/") else None
    return host[:_SHOWN_MAX], None


def _ascii(host: str) -> str:
    if host.isascii():
        return host.lower()
    try:
        # Bounded before: the codec takes longer than it should for long labels.
        return host.encode("idna").decode("ascii").lower() if len(host) <= _SHOWN_MAX else ""
    except UnicodeError:
        return ""


def _answer(line: bytes, opinion: Opinion, tails: dict[str, str]) -> str:
    host, path = place_of(line)
    found = opinion.of(host, path) if _NAME.match(host) else None
    if found is None:
        tail = _NOBODY
    elif (tail := tails.get(found.service.id, "")) == "":
        service = found.service
        said = {"service": service.id, "category": service.category, "status": str(service.status)}
        tail = "," + json.dumps({**said, "score": found.rating.score}, separators=(",", ":"))[1:] + "\n"
        tails[service.id] = tail
    # Escaped beyond ASCII: nothing that stands in a log moves a terminal's cursor or turns its text round.
    return f'{{"host":{json.dumps(host)}{tail}'


def _batches(source: BinaryIO) -> Iterator[list[bytes]]:
    """Lines without their ends, many at a time, each cut to ``LINE_MAX``."""
    decoder: codecs.IncrementalDecoder | None = None
    rest, cut, first = b"", False, True
    while chunk := source.read(_CHUNK):
        if first:
            first = False
            if chunk[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                decoder = codecs.getincrementaldecoder("utf-16")("replace")
            chunk = chunk.removeprefix(codecs.BOM_UTF8)
        if decoder is not None:
            chunk = decoder.decode(chunk).encode("utf-8", "replace")
        *whole, last = chunk.split(b"\n")
        if whole:
            whole[0], rest, cut = rest if cut else rest + whole[0], b"", False
            yield [line[:LINE_MAX] for line in whole]
        if not cut:
            rest += last
            cut = len(rest) > LINE_MAX
            rest = rest[:LINE_MAX]
    if rest:
        yield [rest]
